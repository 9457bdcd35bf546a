//! Failed steps made visible: a step that fails its budget waits here until a person has decided (design invariant 7).
//! Never lost in retries, and never decided by the system. Shared by every process of the lender.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nesie_domain::ids::{Owner, ParkedStepId, SubmissionId};
use temporalio_common::ActivityDefinition;
use temporalio_common::error::IncomingError;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_workflow::{
    ActivityExecutionError, TimerOptions, WorkflowCancellationError, WorkflowContext, WorkflowTermination,
};
use uuid::Uuid;

use crate::contract::{FailureDetails, ParkInput, ParkedDecision, Parking, ResolveInput};
use crate::options::{self, RetryBudget};

/// Set to the step's name while it is parked, then to `none`.
pub const PARKED: SearchAttributeKey<String> = SearchAttributeKey::keyword("NesieParked");

/// How long an own write that failed for good waits for somebody to mend what it failed on: at first, and then twice as long
/// from time to time, up to 64 times. A history has room for months of that.
const OWN_WRITE_PAUSE: Duration = Duration::from_secs(60);
const OWN_WRITE_DOUBLINGS_MAX: u32 = 6;

/// The patch of pauses that grow; before it they did not, and a history was full within days.
const OWN_WRITE_WAITS_LONGER: &str = "own-write-waits-longer";

/// The patch of payouts that can be given up where nothing was sent.
const GIVEN_UP_BEFORE_MONEY: &str = "payout-given-up-before-money";

/// What the search attribute says once every parked step is decided on: the pinned server refuses an unset one.
const NOTHING_PARKED: &str = "none";

/// A process whose steps can be parked.
pub(crate) trait Parks: Sized + 'static {
    /// Why its business stops before its last step.
    type Stop: From<WorkflowCancellationError> + From<WorkflowTermination>;

    /// Whose steps they are.
    fn owner(&self) -> Owner;
    /// How often a step is tried before it is parked.
    fn budget(&self) -> RetryBudget;
    /// The steps that wait, or waited, for a person.
    fn parked(&self) -> &[ParkedStep];
    /// The same, to be changed.
    fn parked_mut(&mut self) -> &mut Vec<ParkedStep>;
    /// Why no step is to be tried any more, if so.
    fn given_up(&self) -> Option<Self::Stop>;
    /// Operations gave this step up.
    fn failed(step: &str) -> Self::Stop;
    /// Stops the clock of whoever must not lose time while it is we who are broken; where there is one.
    fn stop_clock(&mut self, _at: DateTime<Utc>) {}
    /// Lets it go on.
    fn clock_goes_on(&mut self, _at: DateTime<Utc>) {}
}

/// A step that waits, or waited, for a person.
#[derive(Debug)]
pub(crate) struct ParkedStep {
    id: ParkedStepId,
    step: String,
    nothing_sent: bool,
    decision: Option<(ParkedDecision, SubmissionId)>,
    pub(crate) resolved: bool,
}

impl ParkedStep {
    /// The step's name.
    pub(crate) fn name(&self) -> &str {
        &self.step
    }
}

/// The occasions on which steps were parked in runs before this one: over, and only counted.
pub(crate) fn past(owner: Owner, occasions: &BTreeMap<String, u16>) -> Vec<ParkedStep> {
    let all = occasions.iter().flat_map(|(step, count)| (1..=*count).map(move |occasion| (step, occasion)));
    all.map(|(step, occasion)| ParkedStep {
        id: parked_step_id(owner, step, occasion),
        step: step.clone(),
        nothing_sent: false,
        decision: None,
        resolved: true,
    })
    .collect()
}

/// Takes a decision on a parked step that is open and on which it is possible; `false` where it is not.
pub(crate) fn decide<W: Parks>(
    process: &mut W,
    id: ParkedStepId,
    decision: ParkedDecision,
    submission_id: SubmissionId,
) -> bool {
    let open = process.parked_mut().iter_mut().find(|step| {
        step.id == id
            && step.decision.is_none()
            && !step.resolved
            && ParkedDecision::possible_on(&step.step, step.nothing_sent).contains(&decision)
    });
    let Some(step) = open else { return false };
    step.decision = Some((decision, submission_id));
    true
}

/// The workflow's own time.
pub(crate) fn now<W>(context: &WorkflowContext<W>) -> DateTime<Utc> {
    context.workflow_time().map(DateTime::<Utc>::from).expect("every workflow task carries its time")
}

/// Tries a step within its budget; parks it when the budget is used up, and tries again when a person says so.
pub(crate) async fn attempt<W: Parks, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
    input: impl Fn(DateTime<Utc>) -> A::Input,
) -> Result<A::Output, W::Stop>
where
    A: ActivityDefinition,
{
    let budget = context.state(Parks::budget);
    loop {
        stop_if_given_up(context)?;
        match context.execute_activity(activity(), input(now(context)), options::step(budget)).await {
            Ok(output) => return Ok(output),
            Err(ActivityExecutionError::Cancelled(_)) => return Err(WorkflowTermination::cancelled().into()),
            Err(failure) => park(context, activity().name(), details_of(&failure)).await?,
        }
    }
}

/// Parks a step and waits for a decision. Returns where it is to be tried again.
pub(crate) async fn park<W: Parks>(
    context: &WorkflowContext<W>,
    step: &str,
    failure: FailureDetails,
) -> Result<(), W::Stop> {
    let owner = context.state(Parks::owner);
    let occasion = context.state(|state| state.parked().iter().filter(|parked| parked.step == step).count()) + 1;
    let occasion = u16::try_from(occasion).unwrap_or(u16::MAX);
    let parked_step_id = parked_step_id(owner, step, occasion);
    // A run whose step was parked by code that did not know of this keeps refusing, as that code did.
    let nothing_sent = failure.nothing_sent && context.patched(GIVEN_UP_BEFORE_MONEY);
    let input = ParkInput {
        owner,
        parked_step_id,
        step: step.to_string(),
        occasion,
        provider: failure.provider,
        failure_code: failure.code,
        retry_is_safe: failure.retry_is_safe,
        nothing_sent,
        may_fail: ParkedDecision::possible_on(step, nothing_sent).contains(&ParkedDecision::FailAndCompensate),
        at: now(context),
    };
    context.upsert_search_attributes([PARKED.value_set(step.to_string())]);
    // Open before the row is there: a decision can only come from somebody who has seen the row.
    context.state_mut(|state| {
        let step =
            ParkedStep { id: parked_step_id, step: step.to_string(), nothing_sent, decision: None, resolved: false };
        state.parked_mut().push(step);
        state.stop_clock(input.at);
    });
    own_write(context, || Parking::park_step, || input.clone()).await?;
    context
        .wait_condition(|state| {
            // A client does not lose his application to the clock while it is we who are broken.
            let decided = |parked: &ParkedStep| parked.id == parked_step_id && parked.decision.is_some();
            state.given_up().is_some() || state.parked().iter().any(decided)
        })
        .await?;
    let decided_at = now(context);
    context.state_mut(|state| {
        for parked in state.parked_mut().iter_mut().filter(|parked| parked.id == parked_step_id) {
            parked.resolved = true;
        }
        state.clock_goes_on(decided_at);
    });
    if context.state(|state| state.parked().iter().all(|parked| parked.resolved)) {
        context.upsert_search_attributes([PARKED.value_set(NOTHING_PARKED.to_string())]);
    }
    let decision = context.state(|state| {
        state.parked().iter().find(|parked| parked.id == parked_step_id).and_then(|parked| parked.decision)
    });
    let Some((decision, submission_id)) = decision else { return stop_if_given_up(context) };
    let resolved = ResolveInput { owner, parked_step_id, submission_id, decision, at: now(context) };
    own_write(context, || Parking::resolve_parked_step, || resolved.clone()).await?;
    match decision {
        // Completed by hand: the next try finds what was recorded. Corrected: it finds the correction.
        ParkedDecision::Retry | ParkedDecision::CompleteByHand | ParkedDecision::RetryCorrected => Ok(()),
        ParkedDecision::FailAndCompensate => Err(W::failed(step)),
    }
}

/// A write of our own. It can not be parked, since parking is such a write, and it must not fail the workflow, since
/// money may be on its way: whatever goes wrong, it is tried again, and the failures stand in history.
pub(crate) async fn own_write<W: Parks, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
    input: impl Fn() -> A::Input,
) -> Result<A::Output, W::Stop>
where
    A: ActivityDefinition,
{
    let mut doublings = 0;
    loop {
        match context.execute_activity(activity(), input(), options::own_write()).await {
            Ok(output) => return Ok(output),
            Err(ActivityExecutionError::Cancelled(_)) => return Err(WorkflowTermination::cancelled().into()),
            Err(_) => {
                let pause = OWN_WRITE_PAUSE * 2_u32.pow(doublings);
                context.timer(TimerOptions::builder(pause).summary("own write failed".to_string()).build()).await;
                if doublings < OWN_WRITE_DOUBLINGS_MAX && context.patched(OWN_WRITE_WAITS_LONGER) {
                    doublings += 1;
                }
            }
        }
    }
}

fn stop_if_given_up<W: Parks>(context: &WorkflowContext<W>) -> Result<(), W::Stop> {
    context.state(Parks::given_up).map_or(Ok(()), Err)
}

/// The same for the same owner, step and occasion, so that a repeat finds its row.
fn parked_step_id(owner: Owner, step: &str, occasion: u16) -> ParkedStepId {
    ParkedStepId::from_uuid(Uuid::new_v5(&owner.as_uuid(), format!("parked:{step}:{occasion}").as_bytes()))
}

/// What the failed activity said of itself; a time-out or a panic said nothing, so a retry is not known to be safe.
fn details_of(failure: &ActivityExecutionError) -> FailureDetails {
    if let Some(IncomingError::Application(application)) = failure.cause()
        && let Ok(Some(details)) = application.details::<FailureDetails>()
    {
        return details;
    }
    let code = if failure.as_timeout().is_some() { "step.timed_out" } else { "step.failed" };
    FailureDetails { provider: None, code: code.to_string(), retry_is_safe: false, nothing_sent: false }
}
