//! What steps work with, and the one place where each step is handed to Temporal under its definition.
//! Never a decision: a step's body stands in the file of its capability.

#![expect(missing_docs, reason = "the macro makes a constant of each step and hands no comment on")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use nesie_platform::protection::Protection;
use nesie_storage::PgPool;
use nesie_workflows::contract::{
    ActInput, CloseInput, CreditVerdict, ListsRefreshed, ParkInput, ResolveInput, Screening, StepInput, Transfer,
    Verdict,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::lists::PreparedLists;
use crate::providers::Providers;
use crate::{
    agreement, closing, contract, credit, disbursement_method, identification, lists, loan, offer, parking, payment,
    renewed_consent, screening, signature, transfer,
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
        Self { pool, providers, protection, callback_url, build, prepared_lists: PreparedLists::default() }
    }
}

#[activities]
impl World {
    /// The step `screen_client`, as `contract::ScreenClient` declares it.
    #[activity(definition = nesie_workflows::contract::ScreenClient)]
    pub async fn screen_client(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Screening, ActivityError> {
        screening::screen_client(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `record_screening_decision`, as `contract::RecordScreeningDecision` declares it.
    #[activity(definition = nesie_workflows::contract::RecordScreeningDecision)]
    pub async fn record_screening_decision(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        screening::record_screening_decision(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `fetch_credit_report`, as `contract::FetchCreditReport` declares it.
    #[activity(definition = nesie_workflows::contract::FetchCreditReport)]
    pub async fn fetch_credit_report(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<CreditVerdict, ActivityError> {
        credit::fetch_credit_report(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `draft_offer`, as `contract::DraftOffer` declares it.
    #[activity(definition = nesie_workflows::contract::DraftOffer)]
    pub async fn draft_offer(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        offer::draft_offer(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `record_acknowledgement`, as `contract::RecordAcknowledgement` declares it.
    #[activity(definition = nesie_workflows::contract::RecordAcknowledgement)]
    pub async fn record_acknowledgement(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        agreement::record_acknowledgement(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `record_schedule_choice`, as `contract::RecordScheduleChoice` declares it.
    #[activity(definition = nesie_workflows::contract::RecordScheduleChoice)]
    pub async fn record_schedule_choice(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        agreement::record_schedule_choice(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `check_disbursement_method`, as `contract::CheckDisbursementMethod` declares it.
    #[activity(definition = nesie_workflows::contract::CheckDisbursementMethod)]
    pub async fn check_disbursement_method(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        disbursement_method::check_disbursement_method(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `freeze_contract`, as `contract::FreezeContract` declares it.
    #[activity(definition = nesie_workflows::contract::FreezeContract)]
    pub async fn freeze_contract(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        contract::freeze_contract(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `identify_client`, as `contract::IdentifyClient` declares it.
    #[activity(definition = nesie_workflows::contract::IdentifyClient)]
    pub async fn identify_client(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        identification::identify_client(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `verify_signature`, as `contract::VerifySignature` declares it.
    #[activity(definition = nesie_workflows::contract::VerifySignature)]
    pub async fn verify_signature(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        signature::verify_signature(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `ask_renewed_consent`, as `contract::AskRenewedConsent` declares it.
    #[activity(definition = nesie_workflows::contract::AskRenewedConsent)]
    pub async fn ask_renewed_consent(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        renewed_consent::ask_renewed_consent(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `record_renewed_consent`, as `contract::RecordRenewedConsent` declares it.
    #[activity(definition = nesie_workflows::contract::RecordRenewedConsent)]
    pub async fn record_renewed_consent(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ActInput,
    ) -> Result<Verdict, ActivityError> {
        renewed_consent::record_renewed_consent(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `reserve_and_check`, as `contract::ReserveAndCheck` declares it.
    #[activity(definition = nesie_workflows::contract::ReserveAndCheck)]
    pub async fn reserve_and_check(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Verdict, ActivityError> {
        payment::reserve_and_check(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `transfer_money`, as `contract::TransferMoney` declares it.
    #[activity(definition = nesie_workflows::contract::TransferMoney)]
    pub async fn transfer_money(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<Transfer, ActivityError> {
        transfer::transfer_money(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `record_loan`, as `contract::RecordLoan` declares it.
    #[activity(definition = nesie_workflows::contract::RecordLoan)]
    pub async fn record_loan(
        self: Arc<Self>,
        _context: ActivityContext,
        input: StepInput,
    ) -> Result<(), ActivityError> {
        loan::record_loan(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `park_step`, as `contract::ParkStep` declares it.
    #[activity(definition = nesie_workflows::contract::ParkStep)]
    pub async fn park_step(self: Arc<Self>, _context: ActivityContext, input: ParkInput) -> Result<(), ActivityError> {
        parking::park_step(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `resolve_parked_step`, as `contract::ResolveParkedStep` declares it.
    #[activity(definition = nesie_workflows::contract::ResolveParkedStep)]
    pub async fn resolve_parked_step(
        self: Arc<Self>,
        _context: ActivityContext,
        input: ResolveInput,
    ) -> Result<(), ActivityError> {
        parking::resolve_parked_step(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `close_application`, as `contract::CloseApplication` declares it.
    #[activity(definition = nesie_workflows::contract::CloseApplication)]
    pub async fn close_application(
        self: Arc<Self>,
        _context: ActivityContext,
        input: CloseInput,
    ) -> Result<(), ActivityError> {
        closing::close_application(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `notify_client`, as `contract::NotifyClient` declares it.
    #[activity(definition = nesie_workflows::contract::NotifyClient)]
    pub async fn notify_client(
        self: Arc<Self>,
        _context: ActivityContext,
        input: CloseInput,
    ) -> Result<(), ActivityError> {
        closing::notify_client(&self, input).await.map_err(ActivityError::from)
    }

    /// The step `refresh_aml_lists`, as `contract::RefreshAmlLists` declares it.
    #[activity(definition = nesie_workflows::contract::RefreshAmlLists)]
    pub async fn refresh_aml_lists(
        self: Arc<Self>,
        _context: ActivityContext,
        at: DateTime<Utc>,
    ) -> Result<ListsRefreshed, ActivityError> {
        lists::refresh_aml_lists(&self, at).await.map_err(ActivityError::from)
    }
}
