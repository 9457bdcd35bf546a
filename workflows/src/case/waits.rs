//! What a case waits for: acts, being told from outside, an instant. Acts are worked on in batches, in their order.
//! Never a rule of one kind of case.

use std::time::Duration;

use chrono::{DateTime, Utc};
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::ids::SubmissionId;
use temporalio_common::ActivityDefinition;
use temporalio_workflow::{CancellableFuture as _, TimerOptions, WorkflowContext, workflows};

use super::{Case, CaseStop, enter, step};
use crate::contract::{CaseActs, CaseActsDone, CaseStep, Cases};
use crate::parking::{attempt, now};

/// Most acts that one step works on.
const BATCH: usize = 200;

/// Works on acts until the case has its outcome.
pub(crate) async fn record<W: Case, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
) -> Result<CaseOutcome, CaseStop>
where
    A: ActivityDefinition<Input = CaseActs, Output = CaseActsDone>,
{
    loop {
        if let CaseStage::Closed { outcome } = receive(context, &activity).await? {
            return Ok(outcome);
        }
    }
}

/// Waits for acts and lets an activity work on all that have come; each gets its answer. Returns the stage after them.
pub(crate) async fn receive<W: Case, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
) -> Result<CaseStage, CaseStop>
where
    A: ActivityDefinition<Input = CaseActs, Output = CaseActsDone>,
{
    context.wait_condition(arrived).await?;
    work(context, activity).await
}

/// What ended a wait.
pub(crate) enum News {
    /// Acts came; the stage after them.
    Acts(CaseStage),
    /// The case was told from outside: rows may have changed.
    Told,
    /// The instant came.
    Instant,
}

/// As [`receive`], or until an instant comes or the case is told from outside: both only wake. `patch` names the change with
/// which a case of the kind listens to being told.
pub(crate) async fn receive_or_told<W: Case, A>(
    context: &WorkflowContext<W>,
    activity: impl Fn() -> A,
    until: Option<DateTime<Utc>>,
    patch: &str,
) -> Result<News, CaseStop>
where
    A: ActivityDefinition<Input = CaseActs, Output = CaseActsDone>,
{
    let acts = match until {
        _ if context.state(arrived) => true,
        None => acts_or_told(context, patch).await?,
        Some(until) => {
            let left = (until - now(context)).to_std().unwrap_or(Duration::ZERO);
            if left.is_zero() {
                return Ok(News::Instant);
            }
            let mut timer = context.timer(TimerOptions::builder(left).summary("term".to_string()).build());
            let mut news = Box::pin(futures::FutureExt::fuse(acts_or_told(context, patch)));
            workflows::select! {
                came = news => { timer.cancel(); came? }
                _ = timer => return Ok(News::Instant),
            }
        }
    };
    if acts { work(context, activity).await.map(News::Acts) } else { Ok(News::Told) }
}

/// Waits for acts, `true`, or to be told from outside, `false`; a run that began before it listened waits on.
async fn acts_or_told<W: Case>(context: &WorkflowContext<W>, patch: &str) -> Result<bool, CaseStop> {
    loop {
        context.wait_condition(|state| arrived(state) || told(state)).await?;
        if context.state(arrived) {
            return Ok(true);
        }
        context.state_mut(look);
        if context.patched(patch) {
            return Ok(false);
        }
    }
}

/// Whether there is something to work on: an act, or the decision of two people to withdraw the case.
pub(super) fn arrived<W: Case>(state: &W) -> bool {
    state.case().withdrawing || !state.case().arrived.is_empty()
}

/// Whether the case was told from outside since it looked.
fn told<W: Case>(state: &W) -> bool {
    state.case().told != state.case().looked
}

fn look<W: Case>(state: &mut W) {
    let case = state.case_mut();
    case.looked = case.told;
}

/// Waits for acts, or to be told from outside, and lets the activity that it came to look; acts come first.
pub(crate) async fn receive_or_stirred<W: Case, A, D>(
    context: &WorkflowContext<W>,
    acts: impl Fn() -> A,
    decided: impl Fn() -> D,
) -> Result<CaseStage, CaseStop>
where
    A: ActivityDefinition<Input = CaseActs, Output = CaseActsDone>,
    D: ActivityDefinition<Input = CaseStep, Output = CaseStage>,
{
    context.wait_condition(|state| arrived(state) || told(state)).await?;
    if context.state(arrived) {
        return work(context, acts).await;
    }
    context.state_mut(look);
    step(context, decided).await
}

async fn work<W: Case, A>(context: &WorkflowContext<W>, activity: impl Fn() -> A) -> Result<CaseStage, CaseStop>
where
    A: ActivityDefinition<Input = CaseActs, Output = CaseActsDone>,
{
    if context.state(|state| state.case().withdrawing) {
        context.state_mut(|state| state.case_mut().withdrawing = false);
        return step(context, || Cases::withdraw_case).await;
    }
    let case_id = context.state(|state| state.case().input.case_id);
    let submission_ids: Vec<SubmissionId> = context.state_mut(|state| {
        let arrived = &mut state.case_mut().arrived;
        let count = arrived.len().min(BATCH);
        arrived.drain(..count).collect()
    });
    let input = |at| CaseActs { case_id, submission_ids: submission_ids.clone(), at };
    let done = attempt(context, activity, input).await?;
    context.state_mut(|state| state.case_mut().answers.extend(submission_ids.iter().copied().zip(done.answers)));
    enter(context, done.stage);
    Ok(done.stage)
}
