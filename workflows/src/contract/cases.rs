//! What every case asks of the world: its duties watched, its end recorded. Each kind declares its own steps beside.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::ids::{CaseId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;
use uuid::Uuid;

pub use cases::{CloseCase, WatchDuties, WithdrawCase};

/// A step of a case that the system takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseStep {
    /// The case.
    pub case_id: CaseId,
    /// The workflow's own time: the instant that the step stores (design invariant 11).
    pub at: DateTime<Utc>,
}

/// A step that works on what people sent, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseActs {
    /// The case.
    pub case_id: CaseId,
    /// What was sent, stored before.
    pub submission_ids: Vec<SubmissionId>,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// What became of acts, in their order, and where the case stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseActsDone {
    /// One answer an act.
    pub answers: Vec<CaseAnswer>,
    /// The stage that was stored.
    pub stage: CaseStage,
}

/// The answer to an act on a case. A refusal is an answer, not an error: its type must reach the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum CaseAnswer {
    /// Done, and recorded.
    Done {
        /// What was made by it, such as the request for a second person.
        #[serde(default)]
        made: Option<Uuid>,
    },
    /// Refused: nothing was changed.
    Refused {
        /// A stable code, such as `duty.not_open`.
        code: String,
        /// What is expected instead, or what the caller must know: no personal data.
        #[serde(default)]
        detail: Option<String>,
    },
}

impl CaseAnswer {
    /// Done, and nothing of its own was made.
    pub const DONE: Self = Self::Done { made: None };
}

/// What two people are asked to decide on a case that was opened in error: the proposal of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// The case.
    pub case_id: CaseId,
    /// The act that asked for it.
    pub submission_id: SubmissionId,
}

/// The end of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseEnd {
    /// The case.
    pub case_id: CaseId,
    /// How it ended.
    pub outcome: CaseOutcome,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// When the watch over the duties of a case has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The next rung or due instant of an open duty, if there is one.
    pub next_at: Option<DateTime<Utc>>,
    /// How many duties are open.
    pub open: u32,
}

/// Marks of the activities.
pub struct Cases;

#[activity_definitions]
impl Cases {
    /// Re-reads the open duties of a case, claims each rung that has passed, in order, and tells of it.
    #[activity(name = "watch_duties")]
    pub fn watch_duties(input: CaseStep) -> Result<Wake, ActivityError> {
        unimplemented!()
    }

    /// Does what two people decided: the case was opened in error. What can be undone is; where something was done meanwhile
    /// that can not, the case stays where it is.
    #[activity(name = "withdraw_case")]
    pub fn withdraw_case(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Records the end of a case; duties that are still open are cancelled together with it where it was withdrawn.
    #[activity(name = "close_case")]
    pub fn close_case(input: CaseEnd) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
