//! What is sealed of write-offs: the verdict as it was reported, and each act on the case.
//! Never printed: what is personal here masks itself.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::iban::Iban;
use nesie_domain::iin::Iin;
use serde::{Deserialize, Serialize};

use super::PaymentProfile;
use super::cases::DocumentReference;

/// A court's verdict in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which court.
    pub court: String,
    /// The number of the act.
    pub number: String,
    /// When it was given.
    pub issued_on: NaiveDate,
    /// When it entered into force.
    pub in_force_on: NaiveDate,
}

/// A verdict that establishes that the client never received the microcredit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReport {
    /// The verdict.
    pub verdict: Verdict,
    /// When the lender received it.
    pub received_at: DateTime<Utc>,
    /// The client.
    pub iin: Iin,
    /// Our reference of the loan.
    pub loan: String,
    /// Who, a lawyer, confirmed that the verdict finds it so.
    pub confirmed_by_lawyer: String,
}

/// An act on a write-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum WriteOffAct {
    /// The debt is to be written off: a second person is asked.
    Decide,
    /// The client's account for refunds.
    GiveRefundAccount {
        /// The account.
        iban: Iban,
        /// Which provider pays.
        payment_profile: PaymentProfile,
    },
    /// A court found the client's own guilt: the claim is reopened.
    Reopen {
        /// The court act.
        verdict: Verdict,
        /// What proves it.
        documents: Vec<DocumentReference>,
    },
    /// It was opened in error: a second person is asked.
    Withdraw,
}
