//! Legal terms to be kept: which there are, from which paragraph, how long, and when somebody is warned.
//! Never counts days: that is the calendar's.

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use crate::paragraph::Paragraph;

/// What is to be done within a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyKind {
    /// Send the regulator the notice of a channel before it opens.
    NotifyOfOpening,
    /// Send the regulator the notice of a change before it takes effect.
    NotifyOfChange,
    /// Inform an affected client of fraud.
    InformClient,
    /// Inform the regulator of fraud.
    InformRegulator,
    /// Take measures against causes and consequences.
    TakeMeasures,
    /// Suspend accrual of interest.
    SuspendAccrual,
    /// Suspend collection.
    SuspendCollection,
    /// Suspend claims and litigation.
    SuspendClaims,
    /// Suspend reporting to credit bureaus.
    SuspendBureauReporting,
    /// Send the client the written notice of suspension.
    NotifyOfSuspension,
    /// Decide to write the debt off.
    DecideWriteOff,
    /// Correct the credit history at a bureau.
    CorrectCreditHistory,
    /// Refund what was collected.
    RefundCollected,
    /// Refund what the client paid himself.
    RefundPaid,
}

impl DutyKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::NotifyOfOpening,
        Self::NotifyOfChange,
        Self::InformClient,
        Self::InformRegulator,
        Self::TakeMeasures,
        Self::SuspendAccrual,
        Self::SuspendCollection,
        Self::SuspendClaims,
        Self::SuspendBureauReporting,
        Self::NotifyOfSuspension,
        Self::DecideWriteOff,
        Self::CorrectCreditHistory,
        Self::RefundCollected,
        Self::RefundPaid,
    ];

    /// Paragraph, requirements (R-numbers of the requirement table) and working days; negative: before the anchor.
    #[must_use]
    pub fn legal_basis(self) -> (Paragraph, &'static [&'static str], i32) {
        match self {
            Self::NotifyOfOpening => (Paragraph::P4, &["R-030", "R-031", "R-032"], -10),
            Self::NotifyOfChange => (Paragraph::P5, &["R-036"], -10),
            Self::InformClient => (Paragraph::P13_1, &["R-132"], 1),
            Self::InformRegulator => (Paragraph::P13_1, &["R-133"], 1),
            Self::TakeMeasures => (Paragraph::P13_1, &["R-131"], 2),
            Self::SuspendAccrual => (Paragraph::P13_2, &["R-141"], 3),
            Self::SuspendCollection => (Paragraph::P13_2, &["R-142"], 3),
            Self::SuspendClaims => (Paragraph::P13_2, &["R-143"], 3),
            Self::SuspendBureauReporting => (Paragraph::P13_2, &["R-144"], 3),
            Self::NotifyOfSuspension => (Paragraph::P13_2, &["R-145"], 3),
            Self::DecideWriteOff => (Paragraph::P13_4, &["R-150"], 15),
            Self::CorrectCreditHistory => (Paragraph::P13_4, &["R-151"], 15),
            Self::RefundCollected => (Paragraph::P13_4, &["R-152"], 15),
            Self::RefundPaid => (Paragraph::P13_4, &["R-153"], 15),
        }
    }

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotifyOfOpening => "notify_of_opening",
            Self::NotifyOfChange => "notify_of_change",
            Self::InformClient => "inform_client",
            Self::InformRegulator => "inform_regulator",
            Self::TakeMeasures => "take_measures",
            Self::SuspendAccrual => "suspend_accrual",
            Self::SuspendCollection => "suspend_collection",
            Self::SuspendClaims => "suspend_claims",
            Self::SuspendBureauReporting => "suspend_bureau_reporting",
            Self::NotifyOfSuspension => "notify_of_suspension",
            Self::DecideWriteOff => "decide_write_off",
            Self::CorrectCreditHistory => "correct_credit_history",
            Self::RefundCollected => "refund_collected",
            Self::RefundPaid => "refund_paid",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// When somebody is warned before a duty falls due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Its name, unique within a ladder.
    pub rung: String,
    /// When.
    #[serde(flatten)]
    pub when: RungTime,
}

/// The instant of a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case")]
pub enum RungTime {
    /// On the nth counted working day, at a time of Almaty's clocks.
    OnWorkingDay {
        /// Which, from 1.
        day: u32,
        /// When on that day.
        at: NaiveTime,
    },
    /// At the end (24:00) of the nth counted working day.
    AtEndOfWorkingDay {
        /// Which, from 1.
        day: u32,
    },
    /// So many seconds after the duty was opened.
    AfterOpening {
        /// Seconds.
        seconds: u32,
    },
}

/// The ladder that is in force unless policy says otherwise (domain.md §12.1, column "Escalate at").
#[must_use]
pub fn default_ladder(kind: DutyKind) -> Vec<Rung> {
    let end = |day| Rung { rung: format!("day_{day}_end"), when: RungTime::AtEndOfWorkingDay { day } };
    match kind {
        DutyKind::NotifyOfOpening | DutyKind::NotifyOfChange => Vec::new(),
        DutyKind::InformClient | DutyKind::InformRegulator => {
            let noon = NaiveTime::from_hms_opt(12, 0, 0).expect("noon is a time");
            vec![Rung { rung: "due_day_noon".to_string(), when: RungTime::OnWorkingDay { day: 1, at: noon } }]
        }
        DutyKind::TakeMeasures => vec![end(1)],
        DutyKind::SuspendAccrual
        | DutyKind::SuspendCollection
        | DutyKind::SuspendClaims
        | DutyKind::SuspendBureauReporting
        | DutyKind::NotifyOfSuspension => vec![end(1), end(2)],
        DutyKind::DecideWriteOff
        | DutyKind::CorrectCreditHistory
        | DutyKind::RefundCollected
        | DutyKind::RefundPaid => vec![end(10)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_every_duty_has_a_basis() {
        for kind in DutyKind::ALL {
            assert_eq!(DutyKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a kind is JSON"), kind.as_str());
            let (_, requirements, days) = kind.legal_basis();
            assert!(!requirements.is_empty() && days != 0, "{kind:?}");
        }
    }

    #[test]
    fn rungs_read_back() {
        for kind in DutyKind::ALL {
            let ladder = default_ladder(kind);
            let text = serde_json::to_string(&ladder).expect("a ladder is JSON");
            assert_eq!(serde_json::from_str::<Vec<Rung>>(&text).expect("and back"), ladder);
        }
    }
}
