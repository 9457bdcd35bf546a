//! What a suspension of accrual asks of the world (para 13 ¶2–3).
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseStage;
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{CaseActs, CaseActsDone, CaseStep};

pub use suspensions::{
    ApplyResumption, NotifyOfSuspension, OpenSuspension, RecordSuspensionActs, SuspendAccrual, SuspendBureauReporting,
};

/// Marks of the activities.
pub struct Suspensions;

#[activity_definitions]
impl Suspensions {
    /// Places the hold on each loan and opens the five duties of 3 working days.
    #[activity(name = "open_suspension")]
    pub fn open_suspension(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Suspends accrual in the accounting, loan by loan.
    #[activity(name = "suspend_accrual")]
    pub fn suspend_accrual(input: CaseStep) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Tells each bureau that information on each loan stops.
    #[activity(name = "suspend_bureau_reporting")]
    pub fn suspend_bureau_reporting(input: CaseStep) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Sends the client the written notice of suspension.
    #[activity(name = "notify_of_suspension")]
    pub fn notify_of_suspension(input: CaseStep) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Works on what compliance sent: proof that collection and claims stand still, the cancellation, the proposal of
    /// what follows it.
    #[activity(name = "record_suspension_acts")]
    pub fn record_suspension_acts(input: CaseActs) -> Result<CaseActsDone, ActivityError> {
        unimplemented!()
    }

    /// Does what two people decided after the cancellation, if they have: accrual, reporting and collection go on, or not
    ///
    #[activity(name = "apply_resumption")]
    pub fn apply_resumption(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }
}
