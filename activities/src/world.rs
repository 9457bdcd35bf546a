//! What steps work with, and the one place where each step is handed to Temporal under its definition.
//! Never a decision: a step's body stands in the file of its capability.

#![expect(missing_docs, reason = "the macro makes a constant of each step and hands no comment on")]

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nesie_domain::case::CaseStage;
use nesie_domain::refund::RefundKind;
use nesie_platform::protection::Protection;
use nesie_storage::PgPool;
use nesie_workflows::contract::{
    ActInput, CaseActs, CaseActsDone, CaseEnd, CaseStep, CloseInput, CreditVerdict, DutySweepDone, Informed,
    ListsRefreshed, ParkInput, Publication, PublicationStep, RecomputePage, RecomputedPage, Refunded, ResolveInput,
    Screening, StepInput, SweepPage, SweptPage, Transfer, Verdict, Wake, WakeChanged,
};
use temporalio_client::Client;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::failure::Failure;
use crate::lists::PreparedLists;
use crate::providers::Providers;
use crate::{
    agreement, case, channel, closing, contract, credit, disbursement_method, duties, fraud, identification, leak,
    lists, loan, offer, parking, payment, publication, renewed_consent, screening, signature, suspension, sweep,
    transfer, withdrawal, write_off,
};

/// Everything that steps share; wired once in the worker.
#[derive(Debug)]
pub struct World {
    /// The database, as the role without DDL.
    pub pool: PgPool,
    /// The outside providers.
    pub providers: Providers,
    /// What seals personal data.
    pub protection: Protection,
    /// Where the payment provider may call back; it only wakes the status query.
    pub callback_url: Option<String>,
    /// The build that decides, stored with every decision (design invariant 12).
    pub build: &'static str,
    /// What wakes and asks the workflows of other cases; `None` where none run, as in tests of steps.
    pub(crate) temporal: Option<Client>,
    pub(crate) prepared_lists: PreparedLists,
}

impl World {
    /// A world over these parts.
    #[must_use]
    pub fn new(
        pool: PgPool,
        providers: Providers,
        protection: Protection,
        callback_url: Option<String>,
        build: &'static str,
    ) -> Self {
        let prepared_lists = PreparedLists::default();
        Self { pool, providers, protection, callback_url, build, temporal: None, prepared_lists }
    }

    /// The same world, which can reach workflows.
    #[must_use]
    pub fn with_temporal(self, client: Client) -> Self {
        Self { temporal: Some(client), ..self }
    }
}

/// How often a step under way says that it is alive; well below the heartbeat time-out of the workflows' options.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// Runs a step and heartbeats beside it, so that a step whose worker died is given to another within seconds. What a
/// step fails with becomes Temporal's failure here and nowhere else.
async fn alive<T>(
    context: &ActivityContext,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, ActivityError> {
    let mut step = pin!(step);
    loop {
        match tokio::time::timeout(HEARTBEAT, &mut step).await {
            Ok(ended) => return ended.map_err(ActivityError::from),
            // Nobody may hear it: the server says so by giving the step to another worker.
            Err(_elapsed) => drop(context.record_heartbeat(()).await),
        }
    }
}

#[activities]
impl World {
    /// The step `screen_client`, as `contract::ScreenClient` declares it.
    #[activity(definition = nesie_workflows::contract::ScreenClient)]
    pub async fn screen_client(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Screening, ActivityError> {
        alive(&context, screening::screen_client(&self, input)).await
    }

    /// The step `record_screening_decision`, as `contract::RecordScreeningDecision` declares it.
    #[activity(definition = nesie_workflows::contract::RecordScreeningDecision)]
    pub async fn record_screening_decision(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, screening::record_screening_decision(&self, input)).await
    }

    /// The step `fetch_credit_report`, as `contract::FetchCreditReport` declares it.
    #[activity(definition = nesie_workflows::contract::FetchCreditReport)]
    pub async fn fetch_credit_report(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<CreditVerdict, ActivityError> {
        alive(&context, credit::fetch_credit_report(&self, input)).await
    }

    /// The step `draft_offer`, as `contract::DraftOffer` declares it.
    #[activity(definition = nesie_workflows::contract::DraftOffer)]
    pub async fn draft_offer(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, offer::draft_offer(&self, input)).await
    }

    /// The step `record_acknowledgement`, as `contract::RecordAcknowledgement` declares it.
    #[activity(definition = nesie_workflows::contract::RecordAcknowledgement)]
    pub async fn record_acknowledgement(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, agreement::record_acknowledgement(&self, input)).await
    }

    /// The step `record_schedule_choice`, as `contract::RecordScheduleChoice` declares it.
    #[activity(definition = nesie_workflows::contract::RecordScheduleChoice)]
    pub async fn record_schedule_choice(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, agreement::record_schedule_choice(&self, input)).await
    }

    /// The step `check_disbursement_method`, as `contract::CheckDisbursementMethod` declares it.
    #[activity(definition = nesie_workflows::contract::CheckDisbursementMethod)]
    pub async fn check_disbursement_method(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, disbursement_method::check_disbursement_method(&self, input)).await
    }

    /// The step `freeze_contract`, as `contract::FreezeContract` declares it.
    #[activity(definition = nesie_workflows::contract::FreezeContract)]
    pub async fn freeze_contract(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, contract::freeze_contract(&self, input)).await
    }

    /// The step `identify_client`, as `contract::IdentifyClient` declares it.
    #[activity(definition = nesie_workflows::contract::IdentifyClient)]
    pub async fn identify_client(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, identification::identify_client(&self, input)).await
    }

    /// The step `verify_signature`, as `contract::VerifySignature` declares it.
    #[activity(definition = nesie_workflows::contract::VerifySignature)]
    pub async fn verify_signature(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, signature::verify_signature(&self, input)).await
    }

    /// The step `ask_renewed_consent`, as `contract::AskRenewedConsent` declares it.
    #[activity(definition = nesie_workflows::contract::AskRenewedConsent)]
    pub async fn ask_renewed_consent(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, renewed_consent::ask_renewed_consent(&self, input)).await
    }

    /// The step `record_renewed_consent`, as `contract::RecordRenewedConsent` declares it.
    #[activity(definition = nesie_workflows::contract::RecordRenewedConsent)]
    pub async fn record_renewed_consent(
        self: Arc<Self>,
        context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, renewed_consent::record_renewed_consent(&self, input)).await
    }

    /// The step `reserve_and_check`, as `contract::ReserveAndCheck` declares it.
    #[activity(definition = nesie_workflows::contract::ReserveAndCheck)]
    pub async fn reserve_and_check(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, payment::reserve_and_check(&self, input)).await
    }

    /// The step `transfer_money`, as `contract::TransferMoney` declares it.
    #[activity(definition = nesie_workflows::contract::TransferMoney)]
    pub async fn transfer_money(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Transfer, ActivityError> {
        alive(&context, transfer::transfer_money(&self, input)).await
    }

    /// The step `record_loan`, as `contract::RecordLoan` declares it.
    #[activity(definition = nesie_workflows::contract::RecordLoan)]
    pub async fn record_loan(self: Arc<Self>, context: ActivityContext, input: StepInput) -> Result<(), ActivityError> {
        alive(&context, loan::record_loan(&self, input)).await
    }

    /// The step `park_step`, as `contract::ParkStep` declares it.
    #[activity(definition = nesie_workflows::contract::ParkStep)]
    pub async fn park_step(self: Arc<Self>, context: ActivityContext, input: ParkInput) -> Result<(), ActivityError> {
        alive(&context, parking::park_step(&self, input)).await
    }

    /// The step `resolve_parked_step`, as `contract::ResolveParkedStep` declares it.
    #[activity(definition = nesie_workflows::contract::ResolveParkedStep)]
    pub async fn resolve_parked_step(
        self: Arc<Self>,
        context: ActivityContext,
        input: ResolveInput,
    ) -> Result<(), ActivityError> {
        alive(&context, parking::resolve_parked_step(&self, input)).await
    }

    /// The step `close_application`, as `contract::CloseApplication` declares it.
    #[activity(definition = nesie_workflows::contract::CloseApplication)]
    pub async fn close_application(
        self: Arc<Self>,
        context: ActivityContext,
        input: CloseInput,
    ) -> Result<(), ActivityError> {
        alive(&context, closing::close_application(&self, input)).await
    }

    /// The step `notify_client`, as `contract::NotifyClient` declares it.
    #[activity(definition = nesie_workflows::contract::NotifyClient)]
    pub async fn notify_client(
        self: Arc<Self>,
        context: ActivityContext,
        input: CloseInput,
    ) -> Result<(), ActivityError> {
        alive(&context, closing::notify_client(&self, input)).await
    }

    /// The step `refresh_aml_lists`, as `contract::RefreshAmlLists` declares it.
    #[activity(definition = nesie_workflows::contract::RefreshAmlLists)]
    pub async fn refresh_aml_lists(
        self: Arc<Self>,
        context: ActivityContext,
        at: DateTime<Utc>,
    ) -> Result<ListsRefreshed, ActivityError> {
        alive(&context, lists::refresh_aml_lists(&self, at)).await
    }

    /// The step `watch_duties`, as `contract::WatchDuties` declares it.
    #[activity(definition = nesie_workflows::contract::WatchDuties)]
    pub async fn watch_duties(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<Wake, ActivityError> {
        alive(&context, duties::watch_duties(&self, input)).await
    }

    /// The step `withdraw_case`, as `contract::WithdrawCase` declares it.
    #[activity(definition = nesie_workflows::contract::WithdrawCase)]
    pub async fn withdraw_case(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, withdrawal::withdraw_case(&self, input)).await
    }

    /// The step `close_case`, as `contract::CloseCase` declares it.
    #[activity(definition = nesie_workflows::contract::CloseCase)]
    pub async fn close_case(self: Arc<Self>, context: ActivityContext, input: CaseEnd) -> Result<(), ActivityError> {
        alive(&context, case::close_case(&self, input)).await
    }

    /// The step `open_incident`, as `contract::OpenIncident` declares it.
    #[activity(definition = nesie_workflows::contract::OpenIncident)]
    pub async fn open_incident(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, fraud::open_incident(&self, input)).await
    }

    /// The step `inform_clients`, as `contract::InformClients` declares it.
    #[activity(definition = nesie_workflows::contract::InformClients)]
    pub async fn inform_clients(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<Informed, ActivityError> {
        alive(&context, fraud::inform_clients(&self, input)).await
    }

    /// The step `record_fraud_acts`, as `contract::RecordFraudActs` declares it.
    #[activity(definition = nesie_workflows::contract::RecordFraudActs)]
    pub async fn record_fraud_acts(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseActs,
    ) -> Result<CaseActsDone, ActivityError> {
        alive(&context, fraud::record_fraud_acts(&self, input)).await
    }

    /// The step `open_suspension`, as `contract::OpenSuspension` declares it.
    #[activity(definition = nesie_workflows::contract::OpenSuspension)]
    pub async fn open_suspension(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, suspension::open_suspension(&self, input)).await
    }

    /// The step `suspend_accrual`, as `contract::SuspendAccrual` declares it.
    #[activity(definition = nesie_workflows::contract::SuspendAccrual)]
    pub async fn suspend_accrual(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<(), ActivityError> {
        alive(&context, suspension::suspend_accrual(&self, input)).await
    }

    /// The step `suspend_bureau_reporting`, as `contract::SuspendBureauReporting` declares it.
    #[activity(definition = nesie_workflows::contract::SuspendBureauReporting)]
    pub async fn suspend_bureau_reporting(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<(), ActivityError> {
        alive(&context, suspension::suspend_bureau_reporting(&self, input)).await
    }

    /// The step `notify_of_suspension`, as `contract::NotifyOfSuspension` declares it.
    #[activity(definition = nesie_workflows::contract::NotifyOfSuspension)]
    pub async fn notify_of_suspension(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<(), ActivityError> {
        alive(&context, suspension::notify_of_suspension(&self, input)).await
    }

    /// The step `record_suspension_acts`, as `contract::RecordSuspensionActs` declares it.
    #[activity(definition = nesie_workflows::contract::RecordSuspensionActs)]
    pub async fn record_suspension_acts(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseActs,
    ) -> Result<CaseActsDone, ActivityError> {
        alive(&context, suspension::record_suspension_acts(&self, input)).await
    }

    /// The step `apply_resumption`, as `contract::ApplyResumption` declares it.
    #[activity(definition = nesie_workflows::contract::ApplyResumption)]
    pub async fn apply_resumption(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, suspension::apply_resumption(&self, input)).await
    }

    /// The step `open_write_off`, as `contract::OpenWriteOff` declares it.
    #[activity(definition = nesie_workflows::contract::OpenWriteOff)]
    pub async fn open_write_off(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, write_off::open_write_off(&self, input)).await
    }

    /// The step `record_write_off_acts`, as `contract::RecordWriteOffActs` declares it.
    #[activity(definition = nesie_workflows::contract::RecordWriteOffActs)]
    pub async fn record_write_off_acts(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseActs,
    ) -> Result<CaseActsDone, ActivityError> {
        alive(&context, write_off::record_write_off_acts(&self, input)).await
    }

    /// The step `apply_write_off_decision`, as `contract::ApplyWriteOffDecision` declares it.
    #[activity(definition = nesie_workflows::contract::ApplyWriteOffDecision)]
    pub async fn apply_write_off_decision(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<bool, ActivityError> {
        alive(&context, write_off::apply_write_off_decision(&self, input)).await
    }

    /// The step `correct_credit_history`, as `contract::CorrectCreditHistory` declares it.
    #[activity(definition = nesie_workflows::contract::CorrectCreditHistory)]
    pub async fn correct_credit_history(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<(), ActivityError> {
        alive(&context, write_off::correct_credit_history(&self, input)).await
    }

    /// The step `refund_collected`, as `contract::RefundCollected` declares it.
    #[activity(definition = nesie_workflows::contract::RefundCollected)]
    pub async fn refund_collected(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<Refunded, ActivityError> {
        alive(&context, write_off::refund(&self, input, RefundKind::Collected)).await
    }

    /// The step `refund_paid`, as `contract::RefundPaid` declares it.
    #[activity(definition = nesie_workflows::contract::RefundPaid)]
    pub async fn refund_paid(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<Refunded, ActivityError> {
        alive(&context, write_off::refund(&self, input, RefundKind::Paid)).await
    }

    /// The step `finish_write_off`, as `contract::FinishWriteOff` declares it.
    #[activity(definition = nesie_workflows::contract::FinishWriteOff)]
    pub async fn finish_write_off(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, write_off::finish_write_off(&self, input)).await
    }

    /// The step `open_data_leak`, as `contract::OpenDataLeak` declares it.
    #[activity(definition = nesie_workflows::contract::OpenDataLeak)]
    pub async fn open_data_leak(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, leak::open_data_leak(&self, input)).await
    }

    /// The step `record_leak_acts`, as `contract::RecordLeakActs` declares it.
    #[activity(definition = nesie_workflows::contract::RecordLeakActs)]
    pub async fn record_leak_acts(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseActs,
    ) -> Result<CaseActsDone, ActivityError> {
        alive(&context, leak::record_leak_acts(&self, input)).await
    }

    /// The step `check_leak_flag`, as `contract::CheckLeakFlag` declares it.
    #[activity(definition = nesie_workflows::contract::CheckLeakFlag)]
    pub async fn check_leak_flag(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<bool, ActivityError> {
        alive(&context, leak::check_leak_flag(&self, input)).await
    }

    /// The step `verify_after_leak`, as `contract::VerifyAfterLeak` declares it.
    #[activity(definition = nesie_workflows::contract::VerifyAfterLeak)]
    pub async fn verify_after_leak(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        alive(&context, leak::verify_after_leak(&self, input)).await
    }

    /// The step `publish_calendar_version`, as `contract::PublishCalendarVersion` declares it.
    #[activity(definition = nesie_workflows::contract::PublishCalendarVersion)]
    pub async fn publish_calendar_version(
        self: Arc<Self>,
        context: ActivityContext,
        input: PublicationStep,
    ) -> Result<Publication, ActivityError> {
        alive(&context, publication::publish_calendar_version(&self, input)).await
    }

    /// The step `recompute_duties`, as `contract::RecomputeDuties` declares it.
    #[activity(definition = nesie_workflows::contract::RecomputeDuties)]
    pub async fn recompute_duties(
        self: Arc<Self>,
        context: ActivityContext,
        input: RecomputePage,
    ) -> Result<RecomputedPage, ActivityError> {
        alive(&context, publication::recompute_duties(&self, input)).await
    }

    /// The step `wake_changed_cases`, as `contract::WakeChangedCases` declares it.
    #[activity(definition = nesie_workflows::contract::WakeChangedCases)]
    pub async fn wake_changed_cases(
        self: Arc<Self>,
        context: ActivityContext,
        input: WakeChanged,
    ) -> Result<u32, ActivityError> {
        alive(&context, publication::wake_changed_cases(&self, input)).await
    }

    /// The step `sweep_duties`, as `contract::SweepDuties` declares it.
    #[activity(definition = nesie_workflows::contract::SweepDuties)]
    pub async fn sweep_duties(
        self: Arc<Self>,
        context: ActivityContext,
        input: SweepPage,
    ) -> Result<SweptPage, ActivityError> {
        alive(&context, sweep::sweep_duties(&self, input)).await
    }

    /// The step `record_duty_sweep`, as `contract::RecordDutySweep` declares it.
    #[activity(definition = nesie_workflows::contract::RecordDutySweep)]
    pub async fn record_duty_sweep(
        self: Arc<Self>,
        context: ActivityContext,
        input: DutySweepDone,
    ) -> Result<(), ActivityError> {
        alive(&context, sweep::record_duty_sweep(&self, input)).await
    }

    /// The step `open_channel_notice`, as `contract::OpenChannelNotice` declares it.
    #[activity(definition = nesie_workflows::contract::OpenChannelNotice)]
    pub async fn open_channel_notice(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, channel::open_channel_notice(&self, input)).await
    }

    /// The step `record_channel_acts`, as `contract::RecordChannelActs` declares it.
    #[activity(definition = nesie_workflows::contract::RecordChannelActs)]
    pub async fn record_channel_acts(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseActs,
    ) -> Result<CaseActsDone, ActivityError> {
        alive(&context, channel::record_channel_acts(&self, input)).await
    }

    /// The step `send_notice`, as `contract::SendNotice` declares it.
    #[activity(definition = nesie_workflows::contract::SendNotice)]
    pub async fn send_notice(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, channel::send_notice(&self, input)).await
    }

    /// The step `count_notice_term`, as `contract::CountNoticeTerm` declares it.
    #[activity(definition = nesie_workflows::contract::CountNoticeTerm)]
    pub async fn count_notice_term(
        self: Arc<Self>,
        context: ActivityContext,
        input: CaseStep,
    ) -> Result<CaseStage, ActivityError> {
        alive(&context, channel::count_notice_term(&self, input)).await
    }

    /// The step `tell_of_term`, as `contract::TellOfTerm` declares it.
    #[activity(definition = nesie_workflows::contract::TellOfTerm)]
    pub async fn tell_of_term(self: Arc<Self>, context: ActivityContext, input: CaseStep) -> Result<(), ActivityError> {
        alive(&context, channel::tell_of_term(&self, input)).await
    }
}
