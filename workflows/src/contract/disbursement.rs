//! Money: reserved, checked once more, moved at most once (design invariant 6).
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use super::{StepInput, Verdict};
use nesie_domain::application::RefusalGround;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use disbursement::{RecordLoan, ReserveAndCheck, TransferMoney};

/// What is known of the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "transfer", rename_all = "snake_case")]
pub enum Transfer {
    /// The provider confirmed it.
    Confirmed,
    /// The provider is working on it; ask again.
    Pending,
    /// The provider rejected it for good: no money moved.
    Rejected,
    /// Nothing was sent, and nothing will be: what was checked before no longer holds.
    Stopped {
        /// Why.
        ground: RefusalGround,
    },
}

/// Marks of the activities.
pub struct Disbursement;

#[activity_definitions]
impl Disbursement {
    /// Reserves under our own reference, then checks voluntary refusal, lists and ownership once more.
    #[activity(name = "reserve_and_check")]
    pub fn reserve_and_check(input: StepInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// Sends the transfer, or asks for the status of one that may have been sent.
    #[activity(name = "transfer_money")]
    pub fn transfer_money(input: StepInput) -> Result<Transfer, ActivityError> {
        unimplemented!()
    }

    /// Loan accounting and the credit bureau, side by side (law art. 4).
    #[activity(name = "record_loan")]
    pub fn record_loan(input: StepInput) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
