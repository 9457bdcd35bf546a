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

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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

/// Which look at the books found what a refund covers: 0 is the first, each later one found payments that came since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefundRound(pub u32);

impl RefundRound {
    /// What the first look found.
    pub const FIRST: Self = Self(0);

    /// The subject of the duty of this round.
    #[must_use]
    pub fn subject(self) -> String {
        if self == Self::FIRST { String::new() } else { self.0.to_string() }
    }

    /// The round of a duty's subject.
    #[must_use]
    pub fn of_subject(subject: &str) -> Option<Self> {
        if subject.is_empty() { Some(Self::FIRST) } else { subject.parse().ok().filter(|round| *round > 0).map(Self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_subjects_read_back() {
        for kind in RefundKind::ALL {
            assert_eq!(RefundKind::parse(kind.as_str()), Some(kind));
        }
        for round in [RefundRound::FIRST, RefundRound(1), RefundRound(12)] {
            assert_eq!(RefundRound::of_subject(&round.subject()), Some(round));
        }
        assert_eq!(RefundRound::of_subject("0"), None, "the first has no subject");
        assert_eq!(RefundRound::of_subject("bureau"), None);
    }
}
