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
    transfer, tried, withdrawal, write_off,
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
    let mut step = pin!(tried::from(context.info().started_time, step));
    loop {
        match tokio::time::timeout(HEARTBEAT, &mut step).await {
            Ok(ended) => return ended.map_err(ActivityError::from),
            // Nobody may hear it: the server says so by giving the step to another worker.
            Err(_elapsed) => drop(context.record_heartbeat(()).await),
        }
    }
}

/// Hands each step to Temporal under its definition in the contract: its name, what it takes and gives, and what does it.
macro_rules! steps {
    ($($name:ident: $definition:ident($input:ty) -> $output:ty = $step:path $(, $more:expr)*;)+) => {
        /// The steps that there are, each of which goes through the harness of `testing/idempotence.rs`.
        #[cfg(test)]
        pub(crate) const STEPS: &[&str] = &[$(stringify!($name)),+];

        #[activities]
        impl World {
            $(
                #[doc = concat!("The step `", stringify!($name), "`, as `contract::", stringify!($definition), "` declares it.")]
                #[activity(definition = nesie_workflows::contract::$definition)]
                pub async fn $name(
                    self: Arc<Self>,
                    context: ActivityContext,
                    input: $input,
                ) -> Result<$output, ActivityError> {
                    alive(&context, $step(&self, input $(, $more)*)).await
                }
            )+
        }
    };
}

steps! {
    screen_client: ScreenClient(StepInput) -> Screening = screening::screen_client;
    record_screening_decision: RecordScreeningDecision(ActInput) -> Verdict = screening::record_screening_decision;
    fetch_credit_report: FetchCreditReport(StepInput) -> CreditVerdict = credit::fetch_credit_report;
    draft_offer: DraftOffer(StepInput) -> Verdict = offer::draft_offer;
    record_acknowledgement: RecordAcknowledgement(ActInput) -> Verdict = agreement::record_acknowledgement;
    record_schedule_choice: RecordScheduleChoice(ActInput) -> Verdict = agreement::record_schedule_choice;
    check_disbursement_method: CheckDisbursementMethod(ActInput) -> Verdict = disbursement_method::check_disbursement_method;
    freeze_contract: FreezeContract(StepInput) -> Verdict = contract::freeze_contract;
    identify_client: IdentifyClient(ActInput) -> Verdict = identification::identify_client;
    verify_signature: VerifySignature(ActInput) -> Verdict = signature::verify_signature;
    ask_renewed_consent: AskRenewedConsent(StepInput) -> Verdict = renewed_consent::ask_renewed_consent;
    record_renewed_consent: RecordRenewedConsent(ActInput) -> Verdict = renewed_consent::record_renewed_consent;
    reserve_and_check: ReserveAndCheck(StepInput) -> Verdict = payment::reserve_and_check;
    transfer_money: TransferMoney(StepInput) -> Transfer = transfer::transfer_money;
    record_loan: RecordLoan(StepInput) -> () = loan::record_loan;
    park_step: ParkStep(ParkInput) -> () = parking::park_step;
    resolve_parked_step: ResolveParkedStep(ResolveInput) -> () = parking::resolve_parked_step;
    close_application: CloseApplication(CloseInput) -> () = closing::close_application;
    notify_client: NotifyClient(CloseInput) -> () = closing::notify_client;
    refresh_aml_lists: RefreshAmlLists(DateTime<Utc>) -> ListsRefreshed = lists::refresh_aml_lists;
    watch_duties: WatchDuties(CaseStep) -> Wake = duties::watch_duties;
    withdraw_case: WithdrawCase(CaseStep) -> CaseStage = withdrawal::withdraw_case;
    close_case: CloseCase(CaseEnd) -> () = case::close_case;
    open_incident: OpenIncident(CaseStep) -> CaseStage = fraud::open_incident;
    inform_clients: InformClients(CaseStep) -> Informed = fraud::inform_clients;
    record_fraud_acts: RecordFraudActs(CaseActs) -> CaseActsDone = fraud::record_fraud_acts;
    open_suspension: OpenSuspension(CaseStep) -> CaseStage = suspension::open_suspension;
    suspend_accrual: SuspendAccrual(CaseStep) -> () = suspension::suspend_accrual;
    suspend_bureau_reporting: SuspendBureauReporting(CaseStep) -> () = suspension::suspend_bureau_reporting;
    notify_of_suspension: NotifyOfSuspension(CaseStep) -> () = suspension::notify_of_suspension;
    record_suspension_acts: RecordSuspensionActs(CaseActs) -> CaseActsDone = suspension::record_suspension_acts;
    apply_resumption: ApplyResumption(CaseStep) -> CaseStage = suspension::apply_resumption;
    open_write_off: OpenWriteOff(CaseStep) -> CaseStage = write_off::open_write_off;
    record_write_off_acts: RecordWriteOffActs(CaseActs) -> CaseActsDone = write_off::record_write_off_acts;
    apply_write_off_decision: ApplyWriteOffDecision(CaseStep) -> bool = write_off::apply_write_off_decision;
    correct_credit_history: CorrectCreditHistory(CaseStep) -> () = write_off::correct_credit_history;
    refund_collected: RefundCollected(CaseStep) -> Refunded = write_off::refund, RefundKind::Collected;
    refund_paid: RefundPaid(CaseStep) -> Refunded = write_off::refund, RefundKind::Paid;
    finish_write_off: FinishWriteOff(CaseStep) -> CaseStage = write_off::finish_write_off;
    open_data_leak: OpenDataLeak(CaseStep) -> CaseStage = leak::open_data_leak;
    record_leak_acts: RecordLeakActs(CaseActs) -> CaseActsDone = leak::record_leak_acts;
    check_leak_flag: CheckLeakFlag(StepInput) -> bool = leak::check_leak_flag;
    verify_after_leak: VerifyAfterLeak(StepInput) -> Verdict = leak::verify_after_leak;
    publish_calendar_version: PublishCalendarVersion(PublicationStep) -> Publication = publication::publish_calendar_version;
    recompute_duties: RecomputeDuties(RecomputePage) -> RecomputedPage = publication::recompute_duties;
    wake_changed_cases: WakeChangedCases(WakeChanged) -> u32 = publication::wake_changed_cases;
    sweep_duties: SweepDuties(SweepPage) -> SweptPage = sweep::sweep_duties;
    record_duty_sweep: RecordDutySweep(DutySweepDone) -> () = sweep::record_duty_sweep;
    open_channel_notice: OpenChannelNotice(CaseStep) -> CaseStage = channel::open_channel_notice;
    record_channel_acts: RecordChannelActs(CaseActs) -> CaseActsDone = channel::record_channel_acts;
    send_notice: SendNotice(CaseStep) -> CaseStage = channel::send_notice;
    count_notice_term: CountNoticeTerm(CaseStep) -> CaseStage = channel::count_notice_term;
    tell_of_term: TellOfTerm(CaseStep) -> () = channel::tell_of_term;
}
