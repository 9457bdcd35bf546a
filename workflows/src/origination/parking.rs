//! Failed steps made visible: a step that fails its budget waits here until a person has decided.
//! Never lost in retries, and never decided by the system.

use std::time::Duration;

use chrono::{DateTime, Utc};
use nesie_domain::application::Outcome;
use nesie_domain::ids::{ApplicationId, ParkedStepId, SubmissionId};
use temporalio_common::ActivityDefinition;
use temporalio_common::error::IncomingError;
use temporalio_workflow::{ActivityExecutionError, TimerOptions, WorkflowTermination};
use uuid::Uuid;

use super::steps::{End, Stop, now, stop_if_withdrawn};
use super::{Context, PARKED};
use crate::contract::{FailureDetails, ParkInput, ParkedDecision, Parking, ResolveInput};
use crate::options;

/// How long an own write that failed for good waits for somebody to mend what it failed on.
const OWN_WRITE_PAUSE: Duration = Duration::from_secs(60);

/// What the search attribute says once every parked step is decided on: the pinned server refuses an unset one.
const NOTHING_PARKED: &str = "none";

/// A step that waits, or waited, for a person.
#[derive(Debug)]
pub(super) struct ParkedStep {
    id: ParkedStepId,
    step: String,
    may_fail: bool,
    pub(super) decision: Option<(ParkedDecision, SubmissionId)>,
    pub(super) resolved: bool,
}

impl ParkedStep {
    /// Whether this is the step that is meant, and it still waits.
    pub(super) fn is_open(&self, id: ParkedStepId) -> bool {
        self.id == id && self.decision.is_none() && !self.resolved
    }

    /// Whether the decision is possible: a step whose money may have moved can not be failed.
    pub(super) fn allows(&self, decision: ParkedDecision) -> bool {
        self.may_fail || decision == ParkedDecision::Retry
    }
}

/// Tries a step within its budget; parks it when the budget is used up, and tries again when a person says so.
pub(super) async fn attempt<A>(
    context: &Context,
    activity: impl Fn() -> A,
    input: impl Fn(DateTime<Utc>) -> A::Input,
) -> Result<A::Output, Stop>
where
    A: ActivityDefinition,
{
    let budget = context.state(|state| state.input.budget);
    loop {
        stop_if_withdrawn(context)?;
        match context.execute_activity(activity(), input(now(context)), options::step(budget)).await {
            Ok(output) => return Ok(output),
            Err(ActivityExecutionError::Cancelled(_)) => {
                return Err(Stop::Terminated(WorkflowTermination::cancelled()));
            }
            Err(failure) => park(context, activity().name(), details_of(&failure)).await?,
        }
    }
}

/// Parks a step and waits for a decision. Returns where it is to be tried again.
pub(super) async fn park(context: &Context, step: &str, failure: FailureDetails) -> Result<(), Stop> {
    let application_id = context.state(|state| state.input.application_id);
    let occasion = context.state(|state| state.parked.iter().filter(|parked| parked.step == step).count()) + 1;
    let occasion = u16::try_from(occasion).unwrap_or(u16::MAX);
    let parked_step_id = parked_step_id(application_id, step, occasion);
    let may_fail = ParkedDecision::possible_on(step).contains(&ParkedDecision::FailAndCompensate);
    let input = ParkInput {
        application_id,
        parked_step_id,
        step: step.to_string(),
        occasion,
        provider: failure.provider,
        failure_code: failure.code,
        retry_is_safe: failure.retry_is_safe,
        may_fail,
        at: now(context),
    };
    context.upsert_search_attributes([PARKED.value_set(step.to_string())]);
    // Open before the row is there: a decision can only come from somebody who has seen the row.
    context.state_mut(|state| {
        state.parked.push(ParkedStep {
            id: parked_step_id,
            step: step.to_string(),
            may_fail,
            decision: None,
            resolved: false,
        });
    });
    own_write(context, || Parking::park_step, || input.clone()).await?;
    context
        .wait_condition(|state| {
            // A client does not lose his application to the clock while it is we who are broken.
            let withdrawn = state.withdrawal.is_some() && state.stage.may_withdraw();
            withdrawn || state.parked.iter().any(|parked| parked.id == parked_step_id && parked.decision.is_some())
        })
        .await?;
    context.state_mut(|state| {
        for parked in state.parked.iter_mut().filter(|parked| parked.id == parked_step_id) {
            parked.resolved = true;
        }
    });
    if context.state(|state| state.parked.iter().all(|parked| parked.resolved)) {
        context.upsert_search_attributes([PARKED.value_set(NOTHING_PARKED.to_string())]);
    }
    let decision = context.state(|state| {
        state.parked.iter().find(|parked| parked.id == parked_step_id).and_then(|parked| parked.decision)
    });
    let Some((decision, submission_id)) = decision else { return stop_if_withdrawn(context) };
    let resolved = ResolveInput { application_id, parked_step_id, submission_id, decision, at: now(context) };
    own_write(context, || Parking::resolve_parked_step, || resolved.clone()).await?;
    match decision {
        ParkedDecision::Retry => Ok(()),
        ParkedDecision::FailAndCompensate => {
            Err(Stop::End(End { outcome: Outcome::Failed { step: step.to_string() }, submission_id: None }))
        }
    }
}

/// A write of our own. It can not be parked, since parking is such a write, and it must not fail the workflow, since
/// money may be on its way: whatever goes wrong, it is tried again, and the failures stand in history.
pub(super) async fn own_write<A>(
    context: &Context,
    activity: impl Fn() -> A,
    input: impl Fn() -> A::Input,
) -> Result<(), Stop>
where
    A: ActivityDefinition<Output = ()>,
{
    loop {
        match context.execute_activity(activity(), input(), options::own_write()).await {
            Ok(()) => return Ok(()),
            Err(ActivityExecutionError::Cancelled(_)) => {
                return Err(Stop::Terminated(WorkflowTermination::cancelled()));
            }
            Err(_) => {
                let pause = TimerOptions::builder(OWN_WRITE_PAUSE).summary("own write failed".to_string()).build();
                context.timer(pause).await;
            }
        }
    }
}

/// The same for the same application, step and occasion, so that a repeat finds its row.
fn parked_step_id(application_id: ApplicationId, step: &str, occasion: u16) -> ParkedStepId {
    ParkedStepId::from_uuid(Uuid::new_v5(&application_id.as_uuid(), format!("parked:{step}:{occasion}").as_bytes()))
}

/// What the failed activity said of itself; a time-out or a panic said nothing, so a retry is not known to be safe.
fn details_of(failure: &ActivityExecutionError) -> FailureDetails {
    if let Some(IncomingError::Application(application)) = failure.cause()
        && let Ok(Some(details)) = application.details::<FailureDetails>()
    {
        return details;
    }
    let code = if failure.as_timeout().is_some() { "step.timed_out" } else { "step.failed" };
    FailureDetails { provider: None, code: code.to_string(), retry_is_safe: false }
}
