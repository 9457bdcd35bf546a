//! Documents of the criminal process on which accrual is suspended (para 13 ¶2; R-140), and how far overdue a loan was.
//! Never what a document says beyond its particulars.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::schedule::Instalment;

/// Which document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldingDocument {
    /// A representation under article 200 of the Code of Criminal Procedure.
    RepresentationArt200,
    /// A ruling under article 71 of it, by which the borrower is recognised as victim.
    VictimRulingArt71,
}

impl HoldingDocument {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::RepresentationArt200, Self::VictimRulingArt71];

    /// The stable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RepresentationArt200 => "representation_art200",
            Self::VictimRulingArt71 => "victim_ruling_art71",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How many days the oldest unpaid instalment was overdue on a day, given the principal that was still owed then. Days of
/// a suspension that begins on that day do not count (reading A11).
#[must_use]
pub fn overdue_days(instalments: &[Instalment], principal_owed: Money, on: NaiveDate) -> u32 {
    let lent: i64 = instalments.iter().map(|instalment| instalment.principal.tiyn()).sum();
    let repaid = lent - principal_owed.tiyn();
    let mut due = 0;
    for instalment in instalments {
        due += instalment.principal.tiyn();
        if due > repaid && instalment.due_on < on {
            return u32::try_from((on - instalment.due_on).num_days()).unwrap_or(0);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in HoldingDocument::ALL {
            assert_eq!(HoldingDocument::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a kind is JSON"), kind.as_str());
        }
    }

    #[test]
    fn the_oldest_unpaid_instalment_counts() {
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).expect("a day");
        let instalment = |number, due_on, tiyn| Instalment {
            number,
            due_on,
            principal: Money::from_tiyn(tiyn),
            interest: Money::ZERO,
            total: Money::from_tiyn(tiyn),
            balance_after: Money::ZERO,
        };
        let schedule = [instalment(1, day(1, 10), 100), instalment(2, day(2, 10), 200)];
        let owed = Money::from_tiyn;
        assert_eq!(overdue_days(&schedule, owed(300), day(1, 10)), 0, "the due day itself is not late");
        assert_eq!(overdue_days(&schedule, owed(300), day(1, 15)), 5);
        assert_eq!(overdue_days(&schedule, owed(200), day(1, 15)), 0, "the first is paid");
        assert_eq!(overdue_days(&schedule, owed(150), day(2, 12)), 2, "the second is paid in part");
        assert_eq!(overdue_days(&schedule, owed(0), day(3, 1)), 0);
    }
}
