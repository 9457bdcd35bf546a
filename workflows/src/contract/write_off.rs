//! What a write-off asks of the world (para 13 ¶4–5).
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseStage;
use nesie_domain::ids::CaseId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{CaseActs, CaseActsDone, CaseStep};

pub use write_offs::{
    ApplyWriteOffDecision, CorrectCreditHistory, FinishWriteOff, OpenWriteOff, RecordWriteOffActs, RefundCollected,
    RefundPaid,
};

/// What two people are asked to decide on: the proposal of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOffProposal {
    /// The case.
    pub case_id: CaseId,
    /// Our reference of the loan whose debt is to be written off.
    pub loan: String,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refunded {
    /// The duty is met: the money moved, or there is nothing to refund.
    Done,
    /// An account of the client's is wanted, or another one after a rejection.
    AwaitingAccount,
    /// The provider is working on it; ask again.
    Pending,
}

/// Marks of the activities.
pub struct WriteOffs;

#[activity_definitions]
impl WriteOffs {
    /// Opens the four duties of 15 working days each.
    #[activity(name = "open_write_off")]
    pub fn open_write_off(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Works on what compliance sent: the decision asked for, an account for refunds, a claim reopened.
    #[activity(name = "record_write_off_acts")]
    pub fn record_write_off_acts(input: CaseActs) -> Result<CaseActsDone, ActivityError> {
        unimplemented!()
    }

    /// Writes the debt off where two people decided so; `false` as long as they have not.
    #[activity(name = "apply_write_off_decision")]
    pub fn apply_write_off_decision(input: CaseStep) -> Result<bool, ActivityError> {
        unimplemented!()
    }

    /// Tells each bureau that nothing is owed and nothing overdue.
    #[activity(name = "correct_credit_history")]
    pub fn correct_credit_history(input: CaseStep) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Refunds what the lender collected: money, at most once.
    #[activity(name = "refund_collected")]
    pub fn refund_collected(input: CaseStep) -> Result<Refunded, ActivityError> {
        unimplemented!()
    }

    /// Refunds what the client paid of his own accord: money, at most once.
    #[activity(name = "refund_paid")]
    pub fn refund_paid(input: CaseStep) -> Result<Refunded, ActivityError> {
        unimplemented!()
    }

    /// Records that everything that the verdict asks for is done; another stage where a last look at the books found payments
    /// that are to be refunded first.
    #[activity(name = "finish_write_off")]
    pub fn finish_write_off(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }
}
