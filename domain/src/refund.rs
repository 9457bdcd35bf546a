//! What is refunded when a debt is written off (para 13 ¶4; A13). Never an amount: the books tell it.

use serde::{Deserialize, Serialize};

use crate::duty::DutyKind;

/// Which of the client's payments: each is refunded by a payment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundKind {
    /// What the lender collected.
    Collected,
    /// What the client paid of his own accord.
    Paid,
}

impl RefundKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Collected, Self::Paid];

    /// The stable name, as in SQL; references of payments follow from it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "refund_collected",
            Self::Paid => "refund_paid",
        }
    }

    /// The duty that the refund meets.
    #[must_use]
    pub const fn duty(self) -> DutyKind {
        match self {
            Self::Collected => DutyKind::RefundCollected,
            Self::Paid => DutyKind::RefundPaid,
        }
    }

    /// Whether payments that the lender collected are the ones that it refunds.
    #[must_use]
    pub const fn of_collected(self) -> bool {
        matches!(self, Self::Collected)
    }
}
