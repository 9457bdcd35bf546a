//! The way of one application from submission to money, as a durable workflow.
//! Never I/O: each step is an activity of the contract, each act of a person an update whose handler is the guard.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

mod act;
mod clock;
mod leak;
mod steps;

use std::time::Duration;

use futures::FutureExt as _;
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::ids::{ApplicationId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    CancellableFuture as _, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination, workflows,
};

pub use act::{Act, ActOutcome, What};
use clock::Clock;
use steps::{
    End, Stop, ask, begin_disbursing, close, enter, receive, refused, sleep_until, step, wait_for_payment_news,
};

use crate::contract::{Agreement, Assessment, CreditVerdict, Disbursement, Screening, Transfer};
use crate::options::RetryBudget;
pub use crate::parking::PARKED;
use crate::parking::{ParkedStep, now};

/// Set when the application is closed, to the outcome's stable name.
pub const OUTCOME: SearchAttributeKey<String> = SearchAttributeKey::keyword("NesieOutcome");

/// The patch of a client's clock that stands still while he can do nothing.
const CLOCK_STANDS: &str = "clock-stands-still";

/// The workflow's id: the start is the idempotent step.
#[must_use]
pub fn workflow_id(application_id: ApplicationId) -> String {
    format!("application/{application_id}")
}

/// What a run starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginationInput {
    /// The application, stored before.
    pub application_id: ApplicationId,
    /// How long the client may take in all, in seconds; after that the application expires.
    pub valid_for_seconds: u64,
    /// How often steps that ask a provider are tried.
    pub budget: RetryBudget,
    /// The longest wait for a transfer that the provider is still working on, in seconds, before a person is asked.
    pub payment_patience_seconds: u64,
}

/// One application.
#[workflow]
pub struct LoanOrigination {
    input: OriginationInput,
    stage: Stage,
    claimed: Option<Act>,
    withdrawal: Option<SubmissionId>,
    expired: bool,
    parked: Vec<ParkedStep>,
    payment_callbacks: u32,
    verified: u32,
    clock: Clock,
}

pub(crate) type Context = WorkflowContext<LoanOrigination>;

#[workflow_methods]
impl LoanOrigination {
    #[init]
    fn new(_context: &WorkflowContextView, input: OriginationInput) -> Self {
        Self {
            input,
            stage: Stage::Assessing,
            claimed: None,
            withdrawal: None,
            expired: false,
            parked: Vec::new(),
            payment_callbacks: 0,
            verified: 0,
            clock: Clock::default(),
        }
    }

    /// Originates one microcredit, or ends in a refusal, a withdrawal or an expiry.
    #[run(name = "LoanOrigination")]
    pub async fn run(context: &mut WorkflowContext<Self>) -> WorkflowResult<Outcome> {
        let context = &*context;
        let end = originate_in_time(context).await?;
        close(context, &end).await?;
        context.wait_condition(|_| context.all_handlers_finished()).await?;
        Ok(end.outcome)
    }

    /// An act of a person. A step that is under way is waited for, since its end may have been seen in PostgreSQL
    /// before it is seen here; then the stage is asked and claimed with nothing in between: of two acts, one is accepted.
    #[update]
    pub async fn act(context: &mut WorkflowContext<Self>, act: Act) -> ActOutcome {
        // Cancelled: the claim then says what is expected of the cancelled application.
        let _ = context.wait_condition(|state| state.can_answer(&act)).await;
        context.state_mut(|state| state.claim(act))
    }

    /// The payment provider called back. It only wakes the status query (design invariant 6).
    #[signal]
    pub fn payment_callback(&mut self, _context: &mut SyncWorkflowContext<Self>) {
        self.payment_callbacks += 1;
    }

    /// Something was recorded of the client whose data was leaked. It only wakes the question whether he may go on.
    #[signal]
    pub fn client_verified(&mut self, _context: &mut SyncWorkflowContext<Self>) {
        self.verified += 1;
    }

    /// Where the application stands, for people who look at the workflow itself; pages read PostgreSQL.
    #[query]
    pub fn stage(&self, _context: &WorkflowContextView) -> Stage {
        self.stage.clone()
    }
}

/// The business, a step a line.
async fn originate(context: &Context) -> Result<Outcome, Stop> {
    assess_client(context).await?;
    leak::hold_if_flagged(context).await?;
    step(context, || Assessment::draft_offer).await?;
    receive(context, ActKind::Acknowledge, || Agreement::record_acknowledgement).await?;
    receive(context, ActKind::ChooseSchedule, || Agreement::record_schedule_choice).await?;
    receive(context, ActKind::ChooseDisbursementMethod, || Agreement::check_disbursement_method).await?;
    step(context, || Agreement::freeze_contract).await?;
    receive(context, ActKind::Identify, || Agreement::identify_client).await?;
    receive(context, ActKind::Sign, || Agreement::verify_signature).await?;
    cool_off(context).await?;
    receive(context, ActKind::IdentifyForPayment, || Agreement::identify_client).await?;
    reserve(context).await?;
    transfer_money(context).await?;
    enter(context, Stage::Recording);
    ask(context, || Disbursement::record_loan).await?;
    Ok(Outcome::Granted)
}

/// Reserves and checks. The step looks for a leak before it reserves anything, so it is the gate of whatever was in flight
/// when the leak became known: the client is held with nothing reserved, and may withdraw.
async fn reserve(context: &Context) -> Result<(), Stop> {
    loop {
        begin_disbursing(context)?;
        step(context, || Disbursement::reserve_and_check).await?;
        if context.state(|state| state.stage == Stage::Disbursing) {
            return Ok(());
        }
        leak::hold(context).await?;
    }
}

/// Due diligence beside the credit report (paras 8(1), 8(8), 10). A likely match waits for compliance.
async fn assess_client(context: &Context) -> Result<(), Stop> {
    let (screening, credit) =
        workflows::join!(ask(context, || Assessment::screen_client), ask(context, || Assessment::fetch_credit_report));
    match (screening?, credit?) {
        (Screening::Refuse { ground }, _) | (_, CreditVerdict::Refuse { ground }) => Err(refused(context, ground)),
        (Screening::Clear, CreditVerdict::Eligible) => Ok(()),
        (Screening::Match { match_id }, CreditVerdict::Eligible) => {
            enter(context, Stage::AwaitingScreeningDecision { match_id });
            receive(context, ActKind::DecideScreeningMatch, || Assessment::record_screening_decision).await
        }
    }
}

/// Waits out the cooling-off period where policy set one, and then for renewed consent (domain.md §10). The client's own clock
/// stands still meanwhile.
async fn cool_off(context: &Context) -> Result<(), Stop> {
    let Stage::CoolingOff { until } = context.state(|state| state.stage.clone()) else { return Ok(()) };
    let since = now(context);
    context.state_mut(|state| state.clock.stop(since));
    sleep_until(context, until).await?;
    step(context, || Agreement::ask_renewed_consent).await?;
    let over = now(context);
    context.state_mut(|state| state.clock.go_on(over));
    receive(context, ActKind::RenewConsent, || Agreement::record_renewed_consent).await
}

/// Money moves at most once: asks until the provider has said yes or no, however long that takes.
async fn transfer_money(context: &Context) -> Result<(), Stop> {
    let mut waited = Duration::ZERO;
    loop {
        match ask(context, || Disbursement::transfer_money).await? {
            Transfer::Confirmed => return Ok(()),
            Transfer::Rejected => return Err(Stop::refused(RefusalGround::PaymentRejected)),
            Transfer::Stopped { ground } => return Err(Stop::refused(ground)),
            Transfer::Pending => wait_for_payment_news(context, &mut waited).await?,
        }
    }
}

/// Lets the business run until it ends. The timer of the application's validity only sets a mark, which the waits of
/// the business look at: it never cuts a step off in its middle. It runs on for as long as the client's clock stood still.
async fn originate_in_time(context: &Context) -> Result<End, WorkflowTermination> {
    let validity = Duration::from_secs(context.state(|state| state.input.valid_for_seconds));
    let mut expiry = context.timer(TimerOptions::builder(validity).summary("application expires".to_string()).build());
    let mut business = Box::pin(originate(context).fuse());
    let mut given = Duration::ZERO;
    let result = loop {
        workflows::select! {
            result = business => break result,
            _ = expiry => {
                let stood = context.state(|state| !state.clock.runs() || state.clock.stood() > given);
                if !(stood && context.patched(CLOCK_STANDS)) {
                    context.state_mut(|state| state.expired = true);
                    continue;
                }
                let due = now(context);
                let mut goes_on = context.wait_condition(|state| state.clock.runs());
                workflows::select! {
                    result = business => break result,
                    cancelled = goes_on => cancelled?,
                }
                let stood = context.state(|state| state.clock.stood());
                // What has passed since it was due has passed while the clock stood.
                let passed = (now(context) - due).to_std().unwrap_or_default();
                let more = (stood - given).saturating_sub(passed);
                given = stood;
                expiry = context.timer(TimerOptions::builder(more).summary("application expires".to_string()).build());
            }
        }
    };
    expiry.cancel();
    match result {
        Ok(outcome) => Ok(End { outcome, submission_id: None }),
        Err(Stop::End(end)) => Ok(end),
        Err(Stop::Terminated(termination)) => Err(termination),
    }
}
