//! A calendar version put in force in mid-term, and the sweep that proves that nobody can lose a duty.
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApprovalId, CaseId, DutyId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use uuid::Uuid;

pub use calendar::{PublishCalendarVersion, RecomputeDuties, RecordDutySweep, SweepDuties, WakeChangedCases};

/// A version that two people agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicationStep {
    /// The request that was approved.
    pub approval_id: ApprovalId,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "publication", rename_all = "snake_case")]
pub enum Publication {
    /// It is the one in force.
    Published {
        /// Its name.
        version: String,
    },
    /// It was not published; nothing was changed.
    Refused {
        /// A stable code, such as `calendar.version_taken`.
        code: String,
    },
}

/// A page of open duties, to be counted anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecomputePage {
    /// The version by which they are counted.
    pub version: String,
    /// Only those after this one.
    pub after: Option<DutyId>,
    /// How many at most.
    pub limit: u32,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// What a page brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecomputedPage {
    /// Where the next page begins; `None` after the last.
    pub next: Option<DutyId>,
    /// How many duties moved.
    pub changed: u32,
}

/// Cases whose duties were moved, to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeChanged {
    /// The version that moved them.
    pub version: String,
    /// How many cases at most.
    pub limit: u32,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// A page of cases, whose timers are compared with their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepPage {
    /// Only those after this one.
    pub after: Option<CaseId>,
    /// How many at most.
    pub limit: u32,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// What a page of a sweep brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptPage {
    /// Where the next page begins; `None` after the last.
    pub next: Option<CaseId>,
    /// How many cases were looked at.
    pub cases: u32,
    /// How many open duties they have.
    pub duties: u32,
    /// What is not as it must be.
    pub findings: Vec<SweepFinding>,
}

/// A case whose timer and rows do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepFinding {
    /// The case.
    pub case_id: CaseId,
    /// A stable code, such as `timer.missing`.
    pub finding: String,
}

/// A whole sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutySweepDone {
    /// Its id: that of its run.
    pub id: Uuid,
    /// How many cases were looked at.
    pub cases: u32,
    /// How many open duties they have.
    pub duties: u32,
    /// What is not as it must be, the first of them.
    pub findings: Vec<SweepFinding>,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// Marks of the activities.
pub struct Calendar;

#[activity_definitions]
impl Calendar {
    /// Puts an approved version in force.
    #[activity(name = "publish_calendar_version")]
    pub fn publish_calendar_version(input: PublicationStep) -> Result<Publication, ActivityError> {
        unimplemented!()
    }

    /// Counts a page of open duties anew; one whose due instant moves is superseded. After the last page the terms of
    /// notices are counted anew.
    #[activity(name = "recompute_duties")]
    pub fn recompute_duties(input: RecomputePage) -> Result<RecomputedPage, ActivityError> {
        unimplemented!()
    }

    /// Tells cases whose terms moved to look again. Returns how many were told.
    #[activity(name = "wake_changed_cases")]
    pub fn wake_changed_cases(input: WakeChanged) -> Result<u32, ActivityError> {
        unimplemented!()
    }

    /// Compares the timers of a page of cases with their rows, and wakes those that do not agree.
    #[activity(name = "sweep_duties")]
    pub fn sweep_duties(input: SweepPage) -> Result<SweptPage, ActivityError> {
        unimplemented!()
    }

    /// Keeps what a sweep found, and says when the calendar ends soon.
    #[activity(name = "record_duty_sweep")]
    pub fn record_duty_sweep(input: DutySweepDone) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
