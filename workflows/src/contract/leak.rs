//! What a leak of personal data asks of the world (para 36): clients flagged, and held until three measures are taken.
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseStage;
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{CaseActs, CaseActsDone, CaseStep, StepInput, Verdict};

pub use leak::{CheckLeakFlag, OpenDataLeak, RecordLeakActs, VerifyAfterLeak};

/// Marks of the activities.
pub struct Leak;

#[activity_definitions]
impl Leak {
    /// Flags the clients that were reported.
    #[activity(name = "open_data_leak")]
    pub fn open_data_leak(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Works on what compliance sent: calls to clients, clients found later, the closure.
    #[activity(name = "record_leak_acts")]
    pub fn record_leak_acts(input: CaseActs) -> Result<CaseActsDone, ActivityError> {
        unimplemented!()
    }

    /// Whether a flag is in force on the client: a look that records nothing.
    #[activity(name = "check_leak_flag")]
    pub fn check_leak_flag(input: StepInput) -> Result<bool, ActivityError> {
        unimplemented!()
    }

    /// Takes the next of the measures that are the system's, or says which is awaited of whom; the stage is *processing*
    /// once no flag is in force.
    #[activity(name = "verify_after_leak")]
    pub fn verify_after_leak(input: StepInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }
}
