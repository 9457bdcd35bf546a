//! The lender's staff during the demonstration: operations look at parked steps, compliance at likely matches.
//! They decide what the book says; whatever the book does not speak of dooms its application, and is reported.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Run;
use super::front::{Answer, Front};
use super::prepare::Story;
use super::sandbox::{Removed, Sandbox};
use super::signals::locked;

/// How often staff look at their lists.
const PAUSE: Duration = Duration::from_millis(300);

/// What staff know of the applications of this run.
#[derive(Default)]
pub(super) struct Desk {
    files: Mutex<HashMap<String, File>>,
    /// Faults in force, each with the story that it is for: some are there before their application is.
    faults: Mutex<Vec<(usize, ProgrammedFault)>>,
}

#[derive(Default)]
struct File {
    story: usize,
    operator_decided: u32,
    compliance_decided: u32,
    doomed: Option<String>,
}

/// A fault of this run.
pub(super) struct ProgrammedFault {
    /// The sandbox's name for it.
    pub(super) id: String,
    /// For a message.
    pub(super) what: String,
    /// Whether it ends by itself once it has met its calls.
    pub(super) counted: bool,
}

impl Desk {
    /// An application of this run.
    pub(super) fn open(&self, application_id: &str, story: usize) {
        locked(&self.files).entry(application_id.to_owned()).or_default().story = story;
    }

    /// The application of a story, once it was submitted.
    pub(super) fn application_of(&self, story: usize) -> Option<String> {
        locked(&self.files).iter().find(|(_, file)| file.story == story).map(|(id, _)| id.clone())
    }

    /// A fault that was programmed for a story.
    pub(super) fn keep_fault(&self, story: usize, fault: ProgrammedFault) {
        locked(&self.faults).push((story, fault));
    }

    /// Why the application cannot come to its expected end any more.
    pub(super) fn doom_of(&self, application_id: &str) -> Option<String> {
        locked(&self.files).get(application_id)?.doomed.clone()
    }

    /// How often operations and compliance decided on it.
    pub(super) fn decisions_on(&self, application_id: &str) -> (u32, u32) {
        locked(&self.files).get(application_id).map_or((0, 0), |file| (file.operator_decided, file.compliance_decided))
    }

    /// Ends the faults that are left, and gives those that never met what they were for.
    pub(super) fn sweep(&self, sandbox: &Sandbox) -> Result<Vec<String>> {
        let mut never_met = Vec::new();
        for (_, fault) in locked(&self.faults).drain(..) {
            if sandbox.remove_fault(&fault.id)? == Removed::WasInForce && fault.counted {
                never_met.push(fault.what);
            }
        }
        Ok(never_met)
    }

    /// Ends the faults of one story: its providers are well again.
    fn mend(&self, sandbox: &Sandbox, story: usize) -> Result<()> {
        let mut faults = locked(&self.faults);
        for (_, fault) in faults.iter().filter(|(of, _)| *of == story) {
            sandbox.remove_fault(&fault.id)?;
        }
        faults.retain(|(of, _)| *of != story);
        Ok(())
    }

    fn story_of(&self, application_id: &str) -> Option<usize> {
        locked(&self.files).get(application_id).map(|file| file.story)
    }

    fn with<T>(&self, application_id: &str, change: impl FnOnce(&mut File) -> T) -> T {
        change(locked(&self.files).entry(application_id.to_owned()).or_default())
    }
}

/// Looks at both lists until the demonstration is over.
pub(super) fn work(run: &Run, stories: &[Story]) {
    let (mut seen, mut said) = (HashSet::new(), String::new());
    while run.signals.pause(PAUSE).is_ok() {
        let trouble = round(run, stories, &mut seen).err().map(|error| format!("{error:#}")).unwrap_or_default();
        if trouble != said && !trouble.is_empty() && !run.signals.stopped() {
            run.progress.tell("staff", &trouble);
        }
        said = trouble;
    }
}

fn round(run: &Run, stories: &[Story], seen: &mut HashSet<String>) -> Result<()> {
    for step in run.operations.list("/v1/parked-steps")? {
        let Some((step_id, application_id, story)) = ours(run, stories, &step, seen) else { continue };
        if let Err(error) = operate(run, story, application_id, step_id, &step) {
            run.desk.with(application_id, |file| file.doomed = Some(format!("{error:#}")));
        }
        seen.insert(step_id.to_owned());
    }
    for found in run.compliance.list("/v1/screening-matches")? {
        let Some((match_id, application_id, story)) = ours(run, stories, &found, seen) else { continue };
        match judge(run, story, application_id, match_id) {
            // The credit report may still be under way, and the decision is expected only then.
            Ok(Decided::NotYet) => continue,
            Ok(Decided::Done) => {}
            Err(error) => run.desk.with(application_id, |file| file.doomed = Some(format!("{error:#}"))),
        }
        seen.insert(match_id.to_owned());
    }
    Ok(())
}

/// The entry's id, its application and its story, if it is of this run and new.
fn ours<'a, 'b>(
    run: &Run,
    stories: &'b [Story],
    entry: &'a Value,
    seen: &HashSet<String>,
) -> Option<(&'a str, &'a str, &'b Story)> {
    let (id, application_id) = (entry["id"].as_str()?, entry["application_id"].as_str()?);
    if seen.contains(id) {
        return None;
    }
    let story = stories.get(run.desk.story_of(application_id)?)?;
    Some((id, application_id, story))
}

fn operate(run: &Run, story: &Story, application_id: &str, step_id: &str, step: &Value) -> Result<()> {
    let text = |field: &str| step[field].as_str().unwrap_or_default();
    let (name, code) = (text("step"), text("failure_code"));
    run.progress.tell(&story.planned.name, format_args!("parked at {name} ({code})"));
    let plan = story.planned.operator.as_ref().filter(|plan| plan.step == name);
    let plan = plan.with_context(|| format!("parked at {name} ({code}), which the book does not expect"))?;
    let again = run.desk.with(application_id, |file| {
        file.operator_decided += 1;
        file.operator_decided > 1
    });
    anyhow::ensure!(!again, "parked at {name} ({code}) again after the operator's decision");
    run.desk.mend(&run.sandbox, story.index)?;
    let decision = json!(plan.decision);
    let body = json!({ "decision": decision, "reason": "демонстрация: поставщик проверен" });
    let path = format!("/v1/parked-steps/{step_id}/decision");
    match decide(&run.operations, &path, &format!("demo-{:06}-{step_id}", run.number), &body)? {
        Answer::Accepted(_) => {
            run.progress.tell(&story.planned.name, format_args!("operator decided on {name}: {decision}"));
            Ok(())
        }
        Answer::NotExpected(problem) => anyhow::bail!("the operator's decision on {name} was refused: {problem}"),
    }
}

enum Decided {
    Done,
    NotYet,
}

fn judge(run: &Run, story: &Story, application_id: &str, match_id: &str) -> Result<Decided> {
    let decision = story.planned.compliance.context("a likely match with a list, which the book does not expect")?;
    let attempt = run.desk.with(application_id, |file| {
        file.compliance_decided += 1;
        file.compliance_decided
    });
    let body = json!({ "decision": decision, "reason": "демонстрация: сверено с документом" });
    let path = format!("/v1/screening-matches/{match_id}/decision");
    // A refused decision keeps its key: the next one is a new decision.
    let key = format!("demo-{:06}-{match_id}-{attempt}", run.number);
    match decide(&run.compliance, &path, &key, &body)? {
        Answer::Accepted(_) => {
            run.progress.tell(&story.planned.name, format_args!("compliance decided on a match: {}", json!(decision)));
            Ok(Decided::Done)
        }
        Answer::NotExpected(_) => Ok(Decided::NotYet),
    }
}

fn decide(front: &Front, path: &str, key: &str, body: &Value) -> Result<Answer> {
    front.act("POST", path, key, body)
}
