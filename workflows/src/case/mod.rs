//! What all cases share: acts that wait to be worked on, steps that can be parked, and the watch over their duties.
//! Never a rule of one kind of case: those stand in the file of the kind.

mod definition;
mod waits;
mod workflow;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::ids::{CaseId, Owner, ParkedStepId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityDefinition;
use temporalio_workflow::{WorkflowCancellationError, WorkflowContext, WorkflowTermination, workflows};

pub use definition::{ActOnCase, AnyCase, Stirred, Watched};
use waits::arrived;
pub(crate) use waits::{News, receive, receive_or_stirred, receive_or_told, record};
pub(crate) use workflow::case_workflow;

use crate::contract::{CaseAnswer, CaseEnd, CaseStep, Cases, ParkedDecision};
use crate::duty;
use crate::options::RetryBudget;
use crate::parking::{self, ParkedStep, Parks, attempt, now, own_write};

/// The patch of cases that go on as new runs before their history grows too long.
const RENEWED: &str = "case-goes-on-as-a-new-run";

/// The patch of the watch that looks once more after a case ended with duties open.
const STIRRED_BY_END: &str = "case-end-stirs-the-watch";

/// The workflow's id: the start is the idempotent step.
#[must_use]
pub fn workflow_id(case_id: CaseId) -> String {
    format!("case/{case_id}")
}

/// The name of the workflow of a kind of case.
#[must_use]
pub fn workflow_type(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::ChannelNotice => "ChannelNotice",
        CaseKind::FraudIncident => "FraudIncident",
        CaseKind::AccrualSuspension => "AccrualSuspension",
        CaseKind::WriteOff => "WriteOff",
        CaseKind::DataLeak => "DataLeak",
    }
}

/// What a run starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseInput {
    /// The case, stored before.
    pub case_id: CaseId,
    /// How often steps that ask a provider are tried.
    pub budget: RetryBudget,
    /// Events after which the case goes on as a new run, where its kind can; [`EVENTS_MAX`] where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_max: Option<u32>,
    /// What the run before hands on; nothing for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
}

/// What a run hands on to the one that goes on with its case. Everything else stands in rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Where the case stands.
    pub stage: CaseStage,
    /// How often each step was parked: the next occasion has the next number.
    pub parked: BTreeMap<String, u16>,
}

/// Events after which a case goes on as a new run: the server warns at 10,240.
pub const EVENTS_MAX: u32 = 8_000;

/// An act of a person on a case, by the id of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseAct {
    /// What was sent, stored before.
    pub submission_id: SubmissionId,
    /// What is being done.
    #[serde(flatten)]
    pub what: CaseWhat,
}

/// What is being done to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum CaseWhat {
    /// An act of the kind's own; which one stands in the submission.
    Record,
    /// Operations decided on a parked step.
    DecideParkedStep {
        /// Which step.
        parked_step_id: ParkedStepId,
        /// What was decided.
        decision: ParkedDecision,
    },
    /// Two people decided that the case was opened in error; the request is read anew before anything is done.
    Withdraw,
}

/// What every case remembers while it runs.
#[derive(Debug)]
pub(crate) struct CaseState {
    pub(crate) input: CaseInput,
    pub(crate) stage: CaseStage,
    arrived: VecDeque<SubmissionId>,
    answers: BTreeMap<SubmissionId, CaseAnswer>,
    parked: Vec<ParkedStep>,
    /// Two people decided to withdraw the case, and nothing has been done about it yet.
    withdrawing: bool,
    /// Counts what may have changed the duties: the watch looks again.
    pub(crate) stirred: u32,
    /// How often the case was told from outside, as of a decision of two people, and how often it looked.
    pub(crate) told: u32,
    looked: u32,
    /// Until when the watch sleeps; `None` before its first look or when nothing is due.
    pub(crate) armed: Option<DateTime<Utc>>,
    pub(crate) over: bool,
}

impl CaseState {
    pub(crate) fn new(input: CaseInput) -> Self {
        let owner = Owner::from(input.case_id);
        let carried = input.carried.as_ref();
        Self {
            stage: carried.map_or(CaseStage::Opening, |carried| carried.stage),
            parked: carried.map(|carried| parking::past(owner, &carried.parked)).unwrap_or_default(),
            input,
            arrived: VecDeque::new(),
            answers: BTreeMap::new(),
            withdrawing: false,
            stirred: 0,
            told: 0,
            looked: 0,
            armed: None,
            over: false,
        }
    }
}

/// What the case goes on with as a new run, where its history has grown long and nothing is under way; otherwise `None`, and
/// it is asked again at the next occasion. The kind says whether it has nothing under way of its own. Acts and signals that
/// come at that moment are not lost: the server refuses the command and the task is done again with them, or the caller is
/// told that nothing is known and repeats under the same key.
pub(crate) async fn next_run<W: Case>(
    context: &WorkflowContext<W>,
    is_idle: impl Fn(&W) -> bool,
) -> Result<Option<CaseInput>, CaseStop> {
    let events_max = context.state(|state| state.case().input.events_max.unwrap_or(EVENTS_MAX));
    if context.history_length() < events_max {
        return Ok(None);
    }
    // Whoever waits for the answer that has just been found gets it first.
    context.wait_condition(|state| arrived(state) || context.all_handlers_finished()).await?;
    let parked = |state: &W| state.case().parked.iter().any(|step| !step.resolved);
    let busy = context.state(|state| arrived(state) || parked(state) || !is_idle(state));
    if busy || !context.patched(RENEWED) {
        return Ok(None);
    }
    Ok(Some(context.state(|state| {
        let case = state.case();
        let mut parked = BTreeMap::new();
        for step in &case.parked {
            *parked.entry(step.name().to_string()).or_insert(0) += 1;
        }
        CaseInput { carried: Some(Carried { stage: case.stage, parked }), ..case.input.clone() }
    })))
}

/// A workflow of a case.
pub(crate) trait Case: Sized + 'static {
    /// What it shares with the others.
    fn case(&self) -> &CaseState;
    /// The same, to be changed.
    fn case_mut(&mut self) -> &mut CaseState;
}

/// Why the business of a case stops before its last step.
#[derive(Debug)]
pub(crate) enum CaseStop {
    /// An ordinary end.
    End(CaseOutcome),
    /// The workflow itself was cancelled, evicted, or goes on as a new run.
    Terminated(WorkflowTermination),
}

impl From<WorkflowTermination> for CaseStop {
    fn from(termination: WorkflowTermination) -> Self {
        Self::Terminated(termination)
    }
}

impl From<WorkflowCancellationError> for CaseStop {
    fn from(cancellation: WorkflowCancellationError) -> Self {
        Self::Terminated(cancellation.into())
    }
}

impl<W: Case> Parks for W {
    type Stop = CaseStop;

    fn owner(&self) -> Owner {
        self.case().input.case_id.into()
    }

    fn budget(&self) -> RetryBudget {
        self.case().input.budget
    }

    fn parked(&self) -> &[ParkedStep] {
        &self.case().parked
    }

    fn parked_mut(&mut self) -> &mut Vec<ParkedStep> {
        &mut self.case_mut().parked
    }

    fn given_up(&self) -> Option<CaseStop> {
        None
    }

    /// No step of a case can be given up: the law's duties stay. See [`ParkedDecision::possible_on`].
    fn failed(_step: &str) -> CaseStop {
        CaseStop::End(CaseOutcome::Withdrawn)
    }
}

/// Runs the business of a case beside the watch over its duties; ends when both have.
pub(crate) async fn run<W: Case>(
    context: &WorkflowContext<W>,
    business: impl Future<Output = Result<CaseOutcome, CaseStop>>,
) -> Result<CaseOutcome, WorkflowTermination> {
    let business = async {
        let ended = business.await;
        context.state_mut(|state| {
            state.case_mut().over = true;
            state.case_mut().stirred += 1;
        });
        match ended {
            Ok(outcome) | Err(CaseStop::End(outcome)) => {
                close(context, outcome).await.map_err(termination)?;
                // Its duties ended with the case: the watch need not wait until one would have fallen due.
                if outcome != CaseOutcome::Completed && context.patched(STIRRED_BY_END) {
                    stir(context);
                }
                Ok(outcome)
            }
            Err(CaseStop::Terminated(termination)) => Err(termination),
        }
    };
    let watch = async { duty::watch(context).await.map_err(termination) };
    // The first failure ends the other too: a run that goes on as a new one does not wait for its own watch.
    let mut business = Box::pin(futures::FutureExt::fuse(business));
    let mut watch = Box::pin(futures::FutureExt::fuse(watch));
    let mut outcome = None;
    let mut watched = false;
    while outcome.is_none() || !watched {
        workflows::select! {
            ended = business => outcome = Some(ended?),
            ended = watch => { ended?; watched = true; }
        }
    }
    if let Err(cancellation) = context.wait_condition(|_| context.all_handlers_finished()).await {
        return Err(cancellation.into());
    }
    Ok(outcome.expect("the loop ends with an outcome"))
}

fn termination(stop: CaseStop) -> WorkflowTermination {
    match stop {
        CaseStop::Terminated(termination) => termination,
        CaseStop::End(_) => WorkflowTermination::cancelled(),
    }
}

/// An act arrives: a decision on a parked step is claimed here and now; the others wait their turn and get the answer of
/// the step that works on them, one batch after the other, so no two acts pass the same question at once.
pub(crate) async fn act<W: Case>(context: &WorkflowContext<W>, act: CaseAct) -> CaseAnswer {
    let refused = |code: &str| CaseAnswer::Refused { code: code.to_string(), detail: None };
    if let CaseWhat::DecideParkedStep { parked_step_id, decision } = act.what {
        let claimed = context.state_mut(|state| parking::decide(state, parked_step_id, decision, act.submission_id));
        return if claimed { CaseAnswer::DONE } else { refused("parked_step.not_open") };
    }
    if context.state(|state| state.case().over) {
        return refused("case.closed");
    }
    if act.what == CaseWhat::Withdraw {
        context.state_mut(|state| state.case_mut().withdrawing = true);
        return CaseAnswer::DONE;
    }
    context.state_mut(|state| state.case_mut().arrived.push_back(act.submission_id));
    let answered = |state: &W| state.case().answers.contains_key(&act.submission_id) || state.case().over;
    // Cancelled: then nothing answers any more.
    let _ = context.wait_condition(answered).await;
    let answer = context.state_mut(|state| state.case_mut().answers.remove(&act.submission_id));
    answer.unwrap_or_else(|| refused("case.closed"))
}

/// Takes a step that the system takes by itself, and the stage that it stored.
pub(crate) async fn step<W: Case, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
) -> Result<CaseStage, CaseStop>
where
    A: ActivityDefinition<Input = CaseStep, Output = CaseStage>,
{
    let case_id = context.state(|state| state.case().input.case_id);
    let stage = attempt(context, activity, |at| CaseStep { case_id, at }).await?;
    enter(context, stage);
    Ok(stage)
}

/// Asks an activity that answers with something of its own.
pub(crate) async fn ask<W: Case, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
) -> Result<A::Output, CaseStop>
where
    A: ActivityDefinition<Input = CaseStep>,
{
    let case_id = context.state(|state| state.case().input.case_id);
    let answer = attempt(context, activity, |at| CaseStep { case_id, at }).await?;
    stir(context);
    Ok(answer)
}

/// Takes the stage that a step stored; duties may have been opened or ended with it.
pub(crate) fn enter<W: Case>(context: &WorkflowContext<W>, stage: CaseStage) {
    context.state_mut(|state| state.case_mut().stage = stage);
    stir(context);
}

/// Something may have changed the duties: the watch looks again.
pub(crate) fn stir<W: Case>(context: &WorkflowContext<W>) {
    context.state_mut(|state| state.case_mut().stirred += 1);
}

async fn close<W: Case>(context: &WorkflowContext<W>, outcome: CaseOutcome) -> Result<(), CaseStop> {
    let case_id = context.state(|state| state.case().input.case_id);
    let at = now(context);
    own_write(context, || Cases::close_case, || CaseEnd { case_id, outcome, at }).await
}
