//! One application from its first request to its outcome, as the client and the lender's front end live it.
//! It follows what the API says is expected next, and knows no stage by heart but the one where a client withdraws.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Run;
use super::book::{Behaviour, MatchedBy, Method};
use super::front::Answer;
use super::prepare::Story;
use super::staff::ProgrammedFault;

/// How long an application may take before the demonstration gives it up.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often a front end looks again.
const PAUSE: Duration = Duration::from_millis(150);
/// How often in a row an act may be told that it is not expected although the application says that it is.
const CONTRADICTIONS_MAX: u32 = 40;
/// A picture of one point: the provider of biometrics is the sandbox, which looks at no picture.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// What became of an application.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its id, once it was submitted.
    pub(super) id: Option<String>,
    /// The application as the API showed it last.
    pub(super) application: Value,
    /// Where the money was to go, as it was last said.
    pub(super) destination: Option<String>,
    /// The annual effective rate of the draft that was chosen.
    pub(super) chosen_rate: Option<String>,
    /// Under what the verifier of signatures was called for it.
    pub(super) signature_keys: Vec<String>,
    /// How often an act that the API had said it expects was refused as not expected.
    pub(super) contradictions: u32,
    pub(super) seconds: f64,
    /// What went otherwise than the book says.
    pub(super) unexpected: Vec<String>,
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = if self.unexpected.is_empty() { String::new() } else { ", UNEXPECTED".to_owned() };
        write!(formatter, "{}{ending} in {:.1} s", outcome(&self.application), self.seconds)
    }
}

/// The outcome in a word or two.
pub(super) fn outcome(application: &Value) -> String {
    let outcome = &application["outcome"];
    let detail = outcome["ground"].as_str().or_else(|| outcome["step"].as_str());
    match (outcome["outcome"].as_str(), detail) {
        (Some(outcome), Some(detail)) => format!("{outcome}: {detail}"),
        (Some(outcome), None) => outcome.to_owned(),
        (None, _) => "no outcome".to_owned(),
    }
}

/// Tells one story to its end. `opened` is set as soon as its assessment is over.
pub(super) fn tell(run: &Run, story: &Story, opened: &AtomicBool) -> Told {
    let begun = Instant::now();
    let mut teller = Teller { run, story, told: Told::default(), acts: 0, attempts: 0 };
    if let Err(error) = teller.live(opened).and_then(|()| teller.compare()) {
        teller.told.unexpected.push(format!("{error:#}"));
    }
    teller.told.seconds = begun.elapsed().as_secs_f64();
    teller.told
}

struct Teller<'a> {
    run: &'a Run,
    story: &'a Story,
    told: Told,
    /// How many requests were sent under a key of their own.
    acts: u32,
    /// How often details of disbursement were given.
    attempts: usize,
}

impl Teller<'_> {
    fn live(&mut self, opened: &AtomicBool) -> Result<()> {
        let begun = Instant::now();
        self.arrange()?;
        let id = self.submit()?;
        let path = format!("/v1/applications/{id}");
        let mut answered = Value::Null;
        loop {
            let application = self.run.client.get(&path)?;
            let stage = application["stage"].clone();
            if stage["stage"] != "assessing" {
                opened.store(true, Ordering::SeqCst);
            }
            self.told.application = application;
            if !self.told.application["outcome"].is_null() {
                return Ok(());
            }
            if let Some(doom) = self.run.desk.doom_of(&id) {
                bail!("{doom}");
            }
            if begun.elapsed() > PATIENCE {
                bail!("no outcome within {} seconds; it stands at {stage}", PATIENCE.as_secs());
            }
            let expected = self.told.application["expected"].clone();
            let acts = self.story.planned.client != Behaviour::DoesNothing && expected["of"] == "client";
            // A stage with the same data has been answered: it was read before the act was recorded.
            if acts && stage != answered && self.act(&id, &expected)? {
                answered = stage;
            }
            self.run.signals.pause(PAUSE)?;
        }
    }

    /// What providers know, and what goes wrong with them, before anything is asked of them.
    fn arrange(&self) -> Result<()> {
        let facts = json!(self.story.planned.world);
        if facts != json!({}) {
            self.run.sandbox.set_person(&self.story.iin, &facts)?;
        }
        if self.story.planned.disbursement.method == Method::Merchant {
            self.run.sandbox.set_merchant(&self.story.destination(1))?;
        }
        Ok(())
    }

    fn submit(&mut self) -> Result<String> {
        let key = self.next_key();
        self.program(MatchedBy::Iin, &self.story.iin)?;
        let answer = self.run.client.act("POST", "/v1/applications", &key, &self.story.application())?;
        let Answer::Accepted(answer) = answer else { bail!("the application was answered 409") };
        let id = answer["id"].as_str().context("the answer to the application has no id")?.to_owned();
        self.run.desk.open(&id, self.story.index);
        self.program(MatchedBy::Application, &id)?;
        self.told.id = Some(id.clone());
        self.run.progress.tell(&self.story.planned.name, format_args!("applied for {} ₸", self.story.planned.amount));
        Ok(id)
    }

    fn program(&self, by: MatchedBy, value: &str) -> Result<()> {
        for fault in self.story.planned.faults.iter().filter(|fault| fault.matched_by == by) {
            let mut rule = json!({
                "provider": fault.provider, "operation": fault.operation, "fault": fault.fault, "times": fault.times,
            });
            rule[if by == MatchedBy::Iin { "iin" } else { "key_contains" }] = value.into();
            let id = self.run.sandbox.set_fault(&rule)?;
            let name = &self.story.planned.name;
            let what = format!("{name}: {} at {}/{}", fault.fault["kind"], fault.provider, fault.operation);
            self.run.desk.keep_fault(self.story.index, ProgrammedFault { id, what, counted: fault.times.is_some() });
        }
        Ok(())
    }

    /// Does what is expected. Whether it was accepted; otherwise the application is read anew.
    fn act(&mut self, id: &str, expected: &Value) -> Result<bool> {
        let text = |field: &str| expected[field].as_str().unwrap_or_default().to_owned();
        let (act, mut method, mut path) = (text("act"), text("method"), text("path"));
        let own = format!("/v1/applications/{id}");
        let body = match act.as_str() {
            "acknowledge" => self.acknowledgements(&own)?,
            "choose_schedule" => self.choice(&own)?,
            "choose_disbursement_method" => self.details(),
            "identify" | "identify_for_payment" | "identify_after_leak" => {
                json!({ "challenge_id": expected["challenge"]["id"], "image": PICTURE, "image_type": "image/png" })
            }
            "sign" if self.story.planned.client == Behaviour::WithdrawsBeforeSigning => {
                (method, path) = ("POST".to_owned(), format!("{own}/withdrawal"));
                json!({ "reason": "передумал" })
            }
            "sign" => self.signature(&own)?,
            other => bail!("the API expects `{other}`, which this client does not know"),
        };
        let key = self.next_key();
        match self.run.client.act(&method, &path, &key, &body).with_context(|| act.clone())? {
            Answer::Accepted(_) => Ok(true),
            Answer::NotExpected(problem) => {
                self.told.contradictions += 1;
                if self.told.contradictions > CONTRADICTIONS_MAX {
                    bail!("{act}: expected by the application, and refused: {problem}");
                }
                Ok(false)
            }
        }
    }

    fn acknowledgements(&self, own: &str) -> Result<Value> {
        let shown = self.run.client.get(&format!("{own}/disclosures"))?;
        let shown = shown.as_array().context("the disclosures are no list")?;
        let acknowledged: Vec<Value> =
            shown.iter().map(|text| json!({ "kind": text["kind"], "sha256": text["sha256"] })).collect();
        Ok(json!({ "acknowledged": acknowledged }))
    }

    fn choice(&mut self, own: &str) -> Result<Value> {
        let method = self.story.planned.repayment.key();
        let schedules = self.run.client.get(&format!("{own}/schedules"))?;
        let drafts = schedules["drafts"].as_array().context("the schedules have no drafts")?;
        let draft = drafts.iter().find(|draft| draft["method"] == method);
        let draft = draft.with_context(|| format!("there is no draft by {method}"))?;
        if draft["within_limits"] != true {
            bail!("the draft by {method} is not within the limits: {}", draft["breaches"]);
        }
        self.told.chosen_rate = draft["annual_effective_rate"].as_str().map(str::to_owned);
        Ok(json!({ "draft_id": draft["draft_id"] }))
    }

    fn details(&mut self) -> Value {
        self.attempts += 1;
        let destination = self.story.destination(self.attempts);
        let details = self.story.disbursement(&destination);
        self.told.destination = Some(destination);
        details
    }

    fn signature(&mut self, own: &str) -> Result<Value> {
        let contract = self.run.client.get(&format!("{own}/contract"))?;
        let content = contract["content"].as_str().context("the contract has no text")?;
        if contract["sha256"] != hex(&Sha256::digest(content)) {
            bail!("the contract's hash is not that of its text");
        }
        let cms = self.run.sandbox.sign(&self.story.iin, &STANDARD.encode(content))?;
        self.told.signature_keys.push(hex(&Sha256::digest(&cms))[..16].to_owned());
        Ok(json!({ "cms": cms }))
    }

    /// Compares what happened with what the book says.
    fn compare(&mut self) -> Result<()> {
        let planned = &self.story.planned;
        let (outcome, expected) = (self.told.application["outcome"].clone(), json!(planned.expected));
        if outcome != expected {
            self.told.unexpected.push(format!("the outcome is {outcome}, not {expected}"));
        }
        let Some(id) = self.told.id.clone() else { return Ok(()) };
        let (by_operations, by_compliance) = self.run.desk.decisions_on(&id);
        if planned.operator.is_some() && by_operations == 0 {
            self.told.unexpected.push("no step was parked".to_owned());
        }
        if planned.compliance.is_some() && by_compliance == 0 {
            self.told.unexpected.push("no likely match came up".to_owned());
        }
        if let Some(ground) = &planned.compliance_sees {
            let seen = self.run.compliance.get(&format!("/v1/applications/{id}"))?;
            if seen["outcome"]["ground"] != ground.as_str() {
                self.told.unexpected.push(format!("compliance sees {}, not {ground}", seen["outcome"]));
            }
        }
        Ok(())
    }

    fn next_key(&mut self) -> String {
        self.acts += 1;
        self.story.key(self.acts)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_told_with_its_ground_or_step() {
        let told = |outcome: Value| super::outcome(&json!({ "outcome": outcome }));
        assert_eq!(told(json!({ "outcome": "granted" })), "granted");
        assert_eq!(told(json!({ "outcome": "refused", "ground": "overdue" })), "refused: overdue");
        assert_eq!(told(json!({ "outcome": "failed", "step": "record_loan" })), "failed: record_loan");
        assert_eq!(told(Value::Null), "no outcome");
    }

    #[test]
    fn the_picture_is_a_picture() {
        let bytes = STANDARD.decode(PICTURE).expect("base64");
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"));
    }
}
