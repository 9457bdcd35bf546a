//! What a person can do to an application, and who may expect it of whom.
//! Never what was sent with the act: that is stored first and travels by id.

use serde::{Deserialize, Serialize};

/// The kinds of acts, in the order in which an application meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Compliance says whether a likely match with a list is the client (para 8(1), 10).
    DecideScreeningMatch,
    /// The client acknowledges rules, payments and rights (para 8(2), 8(3), 8(5)).
    Acknowledge,
    /// The client chooses one of the drafted schedules (para 8(4)).
    ChooseSchedule,
    /// The client says how the money is to be paid out, with details (para 8(6), 8(7)).
    ChooseDisbursementMethod,
    /// The client passes biometric identification (para 9).
    Identify,
    /// The client signs the frozen contract with his EDS (para 9).
    Sign,
    /// The client confirms his consent after the cooling-off period (policy; off by default).
    RenewConsent,
    /// The client passes the identification that is bound to a payment to a merchant (para 9).
    IdentifyForPayment,
    /// The client repeats the identification after a leak of his data (para 36(1)).
    IdentifyAfterLeak,
    /// The client withdraws; possible until money is reserved.
    Withdraw,
    /// Operations decide on a parked step.
    DecideParkedStep,
}

impl ActKind {
    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DecideScreeningMatch => "decide_screening_match",
            Self::Acknowledge => "acknowledge",
            Self::ChooseSchedule => "choose_schedule",
            Self::ChooseDisbursementMethod => "choose_disbursement_method",
            Self::Identify => "identify",
            Self::Sign => "sign",
            Self::RenewConsent => "renew_consent",
            Self::IdentifyForPayment => "identify_for_payment",
            Self::IdentifyAfterLeak => "identify_after_leak",
            Self::Withdraw => "withdraw",
            Self::DecideParkedStep => "decide_parked_step",
        }
    }
}

/// Of whom something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The client, through the lender's front end.
    Client,
    /// Compliance staff.
    Compliance,
    /// Operations staff.
    Operations,
    /// Nobody: the system is at work.
    System,
}
