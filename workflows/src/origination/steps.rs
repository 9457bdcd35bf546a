//! The few ways in which the business takes a step: by itself, on an act of a person, after a wait.
//! Never a rule of the business. A step that fails its budget is parked in [`crate::parking`], and nowhere else.

use std::time::Duration;

use chrono::{DateTime, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::ids::{Owner, SubmissionId};
use temporalio_common::ActivityDefinition;
use temporalio_workflow::{
    CancellableFuture as _, TimerOptions, WorkflowCancellationError, WorkflowTermination, workflows,
};

use super::{Context, LoanOrigination, OUTCOME};
use crate::contract::{ActInput, CloseInput, Closing, FailureDetails, StepInput, Verdict};
use crate::options::RetryBudget;
use crate::parking::{ParkedStep, Parks, attempt, now, own_write, park};

/// How an application ends.
#[derive(Debug)]
pub(crate) struct End {
    /// The outcome.
    pub(super) outcome: Outcome,
    /// What the client sent, where he withdrew.
    pub(super) submission_id: Option<SubmissionId>,
}

/// Why the business stops before its last step.
pub(crate) enum Stop {
    /// An ordinary end.
    End(End),
    /// The workflow itself was cancelled or evicted.
    Terminated(WorkflowTermination),
}

impl Stop {
    pub(super) fn refused(ground: RefusalGround) -> Self {
        Self::End(End { outcome: Outcome::Refused { ground }, submission_id: None })
    }
}

impl From<WorkflowTermination> for Stop {
    fn from(termination: WorkflowTermination) -> Self {
        Self::Terminated(termination)
    }
}

impl From<WorkflowCancellationError> for Stop {
    fn from(cancellation: WorkflowCancellationError) -> Self {
        Self::Terminated(cancellation.into())
    }
}

impl Parks for LoanOrigination {
    type Stop = Stop;

    fn owner(&self) -> Owner {
        self.input.application_id.into()
    }

    fn budget(&self) -> RetryBudget {
        self.input.budget
    }

    fn parked(&self) -> &[ParkedStep] {
        &self.parked
    }

    fn parked_mut(&mut self) -> &mut Vec<ParkedStep> {
        &mut self.parked
    }

    /// The client has withdrawn, while that is still possible.
    fn given_up(&self) -> Option<Stop> {
        let submission_id = self.withdrawal.filter(|_| self.stage.may_withdraw())?;
        Some(Stop::End(End { outcome: Outcome::Withdrawn, submission_id: Some(submission_id) }))
    }

    fn stop_clock(&mut self, at: DateTime<Utc>) {
        self.clock.stop(at);
    }

    fn clock_goes_on(&mut self, at: DateTime<Utc>) {
        self.clock.go_on(at);
    }

    fn failed(step: &str) -> Stop {
        Stop::End(End { outcome: Outcome::Failed { step: step.to_string() }, submission_id: None })
    }
}

/// The patch of withdrawals that come before the refusal of a step that was under way.
const WITHDRAWN_FIRST: &str = "withdrawn-before-refusal";

/// The first pause between two questions about a pending transfer; it doubles up to the longest.
const PAYMENT_PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAYMENT_PAUSE_LONGEST: Duration = Duration::from_secs(300);

/// Takes the stage that a step stored.
pub(super) fn enter(context: &Context, stage: Stage) {
    context.state_mut(|state| state.stage = stage);
}

/// Asks an activity that answers with something of its own.
pub(super) async fn ask<A>(context: &Context, activity: impl Fn() -> A) -> Result<A::Output, Stop>
where
    A: ActivityDefinition<Input = StepInput>,
{
    let application_id = context.state(|state| state.input.application_id);
    attempt(context, activity, |at| StepInput { application_id, at }).await
}

/// Takes a step that says whether and where the application goes on.
pub(super) async fn step<A>(context: &Context, activity: impl Fn() -> A) -> Result<(), Stop>
where
    A: ActivityDefinition<Input = StepInput, Output = Verdict>,
{
    let verdict = ask(context, activity).await?;
    follow(context, verdict)
}

/// Waits for an act as long as the stage expects it, and works on each that comes.
pub(super) async fn receive<A>(context: &Context, kind: ActKind, activity: impl Fn() -> A) -> Result<(), Stop>
where
    A: ActivityDefinition<Input = ActInput, Output = Verdict>,
{
    let application_id = context.state(|state| state.input.application_id);
    while context.state(|state| state.stage.expected().act) == Some(kind) {
        context.wait_condition(|state| state.claimed.is_some() || state.is_ending()).await?;
        stop_if_withdrawn(context)?;
        let Some(act) = context.state_mut(|state| state.claimed.take()) else {
            stop_if_expired(context)?;
            continue;
        };
        let submission_id = act.submission_id;
        let verdict = attempt(context, &activity, |at| ActInput { application_id, submission_id, at }).await?;
        follow(context, verdict)?;
    }
    Ok(())
}

pub(super) fn follow(context: &Context, verdict: Verdict) -> Result<(), Stop> {
    match verdict {
        Verdict::Next { stage } => {
            enter(context, stage);
            Ok(())
        }
        Verdict::Refuse { ground } => Err(refused(context, ground)),
    }
}

/// The end by a refusal. Where the client withdrew while the step was under way, his word came first, and was accepted; but a
/// confidential ground stays on record as what it is.
pub(super) fn refused(context: &Context, ground: RefusalGround) -> Stop {
    let withdrawn = context.state(Parks::given_up).filter(|_| !ground.is_confidential());
    match withdrawn {
        Some(withdrawn) if context.patched(WITHDRAWN_FIRST) => withdrawn,
        _ => Stop::refused(ground),
    }
}

/// Ends the business where the client has withdrawn, while that is still possible.
pub(super) fn stop_if_withdrawn(context: &Context) -> Result<(), Stop> {
    context.state(Parks::given_up).map_or(Ok(()), Err)
}

/// Ends the business where the client let his time run out. Asked only where nothing of his is being worked on: an act
/// that was accepted in time is seen through.
pub(super) fn stop_if_expired(context: &Context) -> Result<(), Stop> {
    if context.state(|state| state.expired) {
        return Err(Stop::End(End { outcome: Outcome::Expired, submission_id: None }));
    }
    Ok(())
}

/// The point of no return, taken without an await between the question and the claim.
pub(super) fn begin_disbursing(context: &Context) -> Result<(), Stop> {
    stop_if_withdrawn(context)?;
    enter(context, Stage::Disbursing);
    Ok(())
}

/// Waits until an instant; a withdrawal ends the wait.
pub(super) async fn sleep_until(context: &Context, until: DateTime<Utc>) -> Result<(), Stop> {
    let left = (until - now(context)).to_std().unwrap_or(Duration::ZERO);
    let mut timer = context.timer(TimerOptions::builder(left).summary("cooling-off period".to_string()).build());
    let mut withdrawal = context.wait_condition(|state| state.withdrawal.is_some());
    workflows::select! {
        withdrawn = withdrawal => { withdrawn?; timer.cancel(); }
        _ = timer => {}
    }
    stop_if_withdrawn(context)
}

/// Waits for the provider's callback, or for a pause that grows; after the application's patience a person is asked.
pub(super) async fn wait_for_payment_news(context: &Context, waited: &mut Duration) -> Result<(), Stop> {
    let patience = Duration::from_secs(context.state(|state| state.input.payment_patience_seconds));
    if *waited >= patience {
        let details = FailureDetails {
            provider: Some("payments".to_string()),
            code: "payment.pending_too_long".to_string(),
            retry_is_safe: true,
            nothing_sent: false,
        };
        *waited = Duration::ZERO;
        return park(context, "transfer_money", details).await;
    }
    let pause = (*waited).clamp(PAYMENT_PAUSE_FIRST, PAYMENT_PAUSE_LONGEST);
    *waited += pause;
    let mut timer = context.timer(TimerOptions::builder(pause).summary("transfer is pending".to_string()).build());
    let mut called_back = context.wait_condition(|state| state.payment_callbacks > 0);
    workflows::select! {
        news = called_back => { news?; timer.cancel(); }
        _ = timer => {}
    }
    context.state_mut(|state| state.payment_callbacks = 0);
    Ok(())
}

/// Records the end and tells the client, side by side: a notice that can not be sent never holds the record up.
pub(super) async fn close(context: &Context, end: &End) -> Result<(), WorkflowTermination> {
    enter(context, Stage::Closed);
    context.upsert_search_attributes([OUTCOME.value_set(end.outcome.as_str().to_string())]);
    let application_id = context.state(|state| state.input.application_id);
    let input = |at| CloseInput { application_id, outcome: end.outcome.clone(), submission_id: end.submission_id, at };
    let (closed, notified) = workflows::join!(
        own_write(context, || Closing::close_application, || input(now(context))),
        attempt(context, || Closing::notify_client, input)
    );
    for ended in [closed, notified] {
        // Operations may give the notice up; the decision and its reason are recorded.
        if let Err(Stop::Terminated(termination)) = ended {
            return Err(termination);
        }
    }
    Ok(())
}
