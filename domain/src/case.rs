//! Cases of the Rules beside applications: their kinds, their stages, and the policy that binds one.
//! Never I/O and never a clock: an instant that a stage carries was given to it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::duty::{DutyKind, Rung, default_ladder};

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// Notice to the regulator of a channel that is to open or to change (paras 4, 5).
    ChannelNotice,
    /// Unauthorised access, change or acts, or other fraud (para 13 ¶1).
    FraudIncident,
    /// Accrual, collection and claims suspended on a document of the criminal process (para 13 ¶2–3).
    AccrualSuspension,
    /// A verdict says that the client never received the microcredit (para 13 ¶4–5).
    WriteOff,
    /// The client's personal data is spread illegally (para 36).
    DataLeak,
}

impl CaseKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::ChannelNotice, Self::FraudIncident, Self::AccrualSuspension, Self::WriteOff, Self::DataLeak];

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChannelNotice => "channel_notice",
            Self::FraudIncident => "fraud_incident",
            Self::AccrualSuspension => "accrual_suspension",
            Self::WriteOff => "write_off",
            Self::DataLeak => "data_leak",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum CaseStage {
    /// Received; its duties are being opened.
    Opening,
    /// A channel notice is being prepared.
    Draft,
    /// A channel notice is with the regulator; the channel may open, or the change take effect, from this day on.
    AwaitingTerm {
        /// The first day.
        earliest_on: NaiveDate,
    },
    /// A channel is open, or its change in effect, as notified.
    InEffect,
    /// What the Rules ask for is being done.
    Handling,
    /// Everything is suspended; the case waits for a cancellation.
    Suspended,
    /// The debt is written off, corrected and refunded; only a court act of the client's own guilt goes on from here.
    WrittenOff,
    /// The document was cancelled; two people decide on back-accrual and resumption.
    AwaitingResumption,
    /// The end.
    Closed {
        /// How it ended.
        outcome: CaseOutcome,
    },
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// Everything was done.
    Completed,
    /// It was withdrawn, with a reason.
    Withdrawn,
    /// A later case took its place.
    Superseded,
}

impl CaseStage {
    /// The stable names of all stages, the last one last.
    pub const NAMES: [&'static str; 9] = [
        "opening",
        "draft",
        "awaiting_term",
        "in_effect",
        "handling",
        "suspended",
        "written_off",
        "awaiting_resumption",
        "closed",
    ];

    /// Whether nothing more happens.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    /// The stable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Draft => "draft",
            Self::AwaitingTerm { .. } => "awaiting_term",
            Self::InEffect => "in_effect",
            Self::Handling => "handling",
            Self::Suspended => "suspended",
            Self::WrittenOff => "written_off",
            Self::AwaitingResumption => "awaiting_resumption",
            Self::Closed { .. } => "closed",
        }
    }
}

/// From which instant the 15 working days of a verdict run (domain.md §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictClock {
    /// From its receipt.
    Received,
    /// From its entry into force.
    EnteredIntoForce,
}

/// From which day accrual is suspended (A21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionStart {
    /// From the day on which the document was received: most favourable to the client.
    Receipt,
    /// From the day on which it is acted on.
    Act,
}

/// The readings and ladders that bind a case from its receipt on, whatever comes later (design invariant 12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CasePolicy {
    /// Warnings before each duty falls due.
    pub ladders: BTreeMap<DutyKind, Vec<Rung>>,
    /// Whether ten full working days must lie between notice and opening (A7).
    pub strict_clear_days: bool,
    /// Where the clock of a verdict starts.
    pub verdict_clock_start: VerdictClock,
    /// Where a suspension starts (A21).
    pub suspension_start: SuspensionStart,
    /// Whether penalty stands still too (A16).
    pub suspend_penalty: bool,
    /// Whether reporting to bureaus resumes with the cancellation (A11).
    pub resume_bureau_reporting: bool,
    /// How long a request waits for its second person, in hours.
    pub approval_valid_hours: u32,
}

impl Default for CasePolicy {
    fn default() -> Self {
        Self {
            ladders: DutyKind::ALL.into_iter().map(|kind| (kind, default_ladder(kind))).collect(),
            strict_clear_days: true,
            verdict_clock_start: VerdictClock::Received,
            suspension_start: SuspensionStart::Receipt,
            suspend_penalty: true,
            resume_bureau_reporting: true,
            approval_valid_hours: 72,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in CaseKind::ALL {
            assert_eq!(CaseKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a kind is JSON"), kind.as_str());
        }
        let stage = CaseStage::Closed { outcome: CaseOutcome::Completed };
        assert_eq!(serde_json::to_value(stage).expect("a stage is JSON")["stage"], stage.as_str());
        assert!(stage.is_closed() && !CaseStage::Handling.is_closed());
    }

    #[test]
    fn the_names_of_the_stages_are_those_that_json_knows() {
        let error = serde_json::from_value::<CaseStage>(serde_json::json!({"stage": "?"})).expect_err("no stage");
        // Serde names every stage that it has, each between backquotes, after the one that it does not.
        let said = error.to_string();
        let names: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        assert_eq!(names, CaseStage::NAMES);
    }

    #[test]
    fn a_policy_with_some_fields_takes_the_defaults_for_the_others() {
        let policy: CasePolicy = serde_json::from_str(r#"{"suspend_penalty": false}"#).expect("a policy");
        assert_eq!(policy, CasePolicy { suspend_penalty: false, ..CasePolicy::default() });
        let text = serde_json::to_string(&policy).expect("JSON");
        assert_eq!(serde_json::from_str::<CasePolicy>(&text).expect("and back"), policy);
    }
}
