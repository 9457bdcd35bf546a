//! What every chapter needs: people with their tokens, keys of their own, acts that must be done or must be refused,
//! waits with an end. It never looks into the database.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::clock::Clock;
use super::required;
use crate::demo::book::Book;
use crate::demo::front::Front;
use crate::demo::http::Http;
use crate::demo::prepare::{self, Story};
use crate::demo::{BOOK, Run, story};
use crate::service::Name;
use crate::stack::Stack;
use crate::verbs::request_token;

/// How long anything may take that the system does by itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked.
const PAUSE: Duration = Duration::from_millis(100);

/// Everything that a chapter uses.
pub(super) struct Scene {
    /// The run: its front ends, the sandbox, its number.
    pub(super) run: Run,
    /// The second person.
    pub(super) approver: Front,
    /// The clocks of workflows.
    pub(super) clock: Clock,
    book: std::path::PathBuf,
    acts: Cell<u32>,
}

/// A case that was reported.
pub(super) struct Case {
    pub(super) id: String,
    pub(super) path: String,
}

impl Case {
    /// The workflow's id.
    pub(super) fn workflow(&self) -> String {
        format!("case/{}", self.id)
    }

    /// The path of an act.
    pub(super) fn at(&self, act: &str) -> String {
        format!("{}/{act}", self.path)
    }
}

/// A microcredit that was granted through the API.
pub(super) struct Granted {
    /// Its client's IIN.
    pub(super) iin: String,
    /// Its reference.
    pub(super) loan: String,
}

impl Scene {
    /// Tokens for everybody.
    pub(super) fn set(stack: &Stack) -> Result<Self> {
        let run = Run::begin(stack)?;
        let settings = &stack.settings;
        let token = request_token(settings, &["approver".to_owned()], "demo-approver")?;
        let approver = Front::new(Http::new(), settings.http_url(Name::Api), &token, run.signals.clone());
        let clock = Clock::of(settings, Http::new(), run.signals.clone(), run.number)?;
        Ok(Self { approver, clock, book: settings.root.join(BOOK), acts: Cell::new(0), run })
    }

    /// Says what just happened.
    pub(super) fn tell(&self, what: impl Display) {
        self.run.progress.tell("cases", what);
    }

    /// A name that is of this run only.
    pub(super) fn name(&self, stem: &str) -> String {
        format!("{stem}-{:06}", self.run.number)
    }

    /// The server's own time.
    pub(super) fn now(&self) -> Result<DateTime<Utc>> {
        let page = self.run.compliance.get("/v1/duties?limit=1")?;
        required(&page, "as_of")?.parse().context("the server's time")
    }

    /// An instant so long ago, as the API takes it.
    pub(super) fn ago(&self, seconds: i64) -> Result<String> {
        Ok((self.now()? - TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    /// Today in Almaty, as the API takes it.
    pub(super) fn today(&self) -> Result<String> {
        Ok(almaty(self.now()?).format("%Y-%m-%d").to_string())
    }

    /// Reports a case as compliance.
    pub(super) fn report(&self, kind: &str, body: &Value) -> Result<Case> {
        let path = format!("/v1/{kind}");
        let answer = self.done("POST", &path, body)?;
        let id = required(&answer, "id")?.to_owned();
        self.tell(format_args!("reported {path}/{id}"));
        Ok(Case { path: format!("{path}/{id}"), id })
    }

    /// An act of compliance that must be done.
    pub(super) fn done(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.done_by(&self.run.compliance, method, path, body)
    }

    /// An act that must be done.
    pub(super) fn done_by(&self, front: &Front, method: &str, path: &str, body: &Value) -> Result<Value> {
        let reply = front.answer(method, path, &self.key(), body)?;
        ensure!(reply.is_success(), "{method} {path}: {}, where it must be done", reply.text);
        self.tell(format_args!("done: {}", act_of(path)));
        reply.json()
    }

    /// An act of compliance that must be refused with this code; the refusal.
    pub(super) fn refused(&self, method: &str, path: &str, body: &Value, code: &str) -> Result<Value> {
        let reply = self.run.compliance.answer(method, path, &self.key(), body)?;
        let answer = reply.json()?;
        let named = answer["refusal"]["code"].as_str().or_else(|| answer["code"].as_str()).unwrap_or_default();
        ensure!(
            (400..500).contains(&reply.status) && named == code,
            "{method} {path}: {} {answer}, where it must be refused with {code}",
            reply.status
        );
        self.tell(format_args!("refused: {} ({code}) {}", act_of(path), answer["refusal"]["detail"]));
        Ok(answer["refusal"].clone())
    }

    /// The second person approves what was asked; the first one is refused.
    pub(super) fn approve(&self, asked: &Value) -> Result<()> {
        let path = format!("/v1/approvals/{}/decision", required(asked, "made")?);
        let decision = json!({ "decision": "approve", "reason": "демонстрация: проверено по документам" });
        let reply = self.run.compliance.answer("POST", &path, &self.key(), &decision)?;
        ensure!(reply.status == 403, "{path}: {}, where the first person must be refused", reply.text);
        self.done_by(&self.approver, "POST", &path, &decision).map(drop)
    }

    /// Waits until there is something.
    pub(super) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                bail!("{what}: not within {} seconds", PATIENCE.as_secs());
            }
            self.run.signals.pause(PAUSE)?;
        }
    }

    /// Waits until the case is in a stage; the case.
    pub(super) fn at_stage(&self, case: &Case, stage: &str) -> Result<Value> {
        let found = self.until(&format!("{} at {stage}", case.path), || {
            let found = self.run.compliance.get(&case.path)?;
            Ok((found["stage"]["stage"] == stage).then_some(found))
        })?;
        self.tell(format_args!("stage: {stage}"));
        Ok(found)
    }

    /// Waits until so many duties of the case are met.
    pub(super) fn met(&self, case: &Case, count: u64) -> Result<()> {
        self.until(&format!("{count} duties of {} are met", case.path), || {
            let found = self.run.compliance.get(&case.path)?;
            Ok((found["duty_counts"]["met"].as_u64() >= Some(count)).then_some(()))
        })
    }

    /// An application of the book, to be told; each name another client.
    pub(super) fn application(&self, name: &str) -> Result<Story> {
        let mut stories = prepare::stories(&Book::read(&self.book)?, self.run.number, &self.run.sandbox)?;
        let at = stories.iter().position(|story| story.planned.name == name);
        Ok(stories.swap_remove(at.with_context(|| format!("the book has no `{name}`"))?))
    }

    /// Has a microcredit granted to somebody of the book.
    pub(super) fn granted(&self, name: &str) -> Result<Granted> {
        let story = self.application(name)?;
        let told = story::tell(&self.run, &story, &AtomicBool::new(false));
        ensure!(told.unexpected.is_empty(), "granting `{name}`: {}", told.unexpected.join("; "));
        let id = told.id.context("an application has an id")?;
        let facts = self.run.compliance.get(&format!("/v1/applications/{id}/timeline"))?;
        let facts = facts["items"].as_array().cloned().unwrap_or_default();
        let recorded =
            facts.into_iter().find(|fact| fact["kind"] == "loan_recorded").context("no loan was recorded")?;
        let loan = required(&recorded["details"], "loan_reference")?.to_owned();
        self.tell(format_args!("granted: {loan}"));
        Ok(Granted { iin: story.iin, loan })
    }

    /// The facts of a case in one line.
    pub(super) fn print_story(&self, case: &Case) -> Result<()> {
        let story = self.run.compliance.get(&case.at("timeline"))?;
        let facts = story["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kinds: Vec<&str> = facts.iter().filter_map(|fact| fact["kind"].as_str()).collect();
        crate::console::say(format_args!("    facts      {}", kinds.join(", ")));
        Ok(())
    }

    fn key(&self) -> String {
        self.acts.set(self.acts.get() + 1);
        format!("demo-{:06}-cases-{}", self.run.number, self.acts.get())
    }
}

/// What proves an act, as requests bring it.
pub(super) fn document(name: &str) -> Value {
    json!({ "name": name, "content_type": "application/pdf", "content": "JVBERi0xLjc=" })
}

/// An instant by Almaty's clocks, +05:00 since 1 March 2024.
pub(super) fn almaty(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    const OFFSET: FixedOffset = FixedOffset::east_opt(5 * 3_600).expect("an offset of less than a day");
    at.with_timezone(&OFFSET)
}

/// The end of a path: which act it is.
fn act_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
