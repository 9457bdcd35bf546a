//! From the client's acknowledgement to his signature: what he did, checked and recorded.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use super::{ActInput, StepInput, Verdict};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use agreement::{
    AskRenewedConsent, CheckDisbursementMethod, FreezeContract, IdentifyClient, RecordAcknowledgement,
    RecordRenewedConsent, RecordScheduleChoice, VerifySignature,
};

/// Marks of the activities.
pub struct Agreement;

#[activity_definitions]
impl Agreement {
    /// Rules, payments and rights acknowledged, each by the hash of what was shown.
    #[activity(name = "record_acknowledgement")]
    pub fn record_acknowledgement(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// One draft chosen.
    #[activity(name = "record_schedule_choice")]
    pub fn record_schedule_choice(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// Method and details, with the check that the account or card is the client's.
    #[activity(name = "check_disbursement_method")]
    pub fn check_disbursement_method(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// A fresh voluntary-refusal check where policy wants one, then the contract's exact text, its hash, and the
    /// challenge of the identification.
    #[activity(name = "freeze_contract")]
    pub fn freeze_contract(input: StepInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// Biometric identification against the one-time challenge of the stage.
    #[activity(name = "identify_client")]
    pub fn identify_client(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// The EDS over the frozen contract.
    #[activity(name = "verify_signature")]
    pub fn verify_signature(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// The cooling-off period is over: consent is asked for once more.
    #[activity(name = "ask_renewed_consent")]
    pub fn ask_renewed_consent(input: StepInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// The client confirmed his consent.
    #[activity(name = "record_renewed_consent")]
    pub fn record_renewed_consent(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }
}
