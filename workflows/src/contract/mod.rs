//! What workflows ask of the world: names, inputs and outputs of activities, declared once.
//! Never an implementation: `activities/` implements each by its marker, so a mismatch does not compile.
//! Inputs and outputs carry ids, hashes and verdicts only; they stand in history.

mod agreement;
mod assessment;
mod calendar;
mod cases;
mod channel;
mod closing;
mod disbursement;
mod failure;
mod fraud;
mod leak;
mod lists;
mod parking;
mod suspension;
mod write_off;

use chrono::{DateTime, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::ids::{ApplicationId, SubmissionId};
use serde::{Deserialize, Serialize};

pub use agreement::*;
pub use assessment::*;
pub use calendar::*;
pub use cases::*;
pub use channel::*;
pub use closing::*;
pub use disbursement::*;
pub use failure::*;
pub use fraud::*;
pub use leak::*;
pub use lists::*;
pub use parking::*;
pub use suspension::*;
pub use write_off::*;

/// A step that the system takes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInput {
    /// The application.
    pub application_id: ApplicationId,
    /// The workflow's own time: the instant that the step stores (design invariant 11).
    pub at: DateTime<Utc>,
}

/// A step that works on what a person sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActInput {
    /// The application.
    pub application_id: ApplicationId,
    /// What was sent, stored before.
    pub submission_id: SubmissionId,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// How a step ended, where it may end the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Go on; the stage has been stored with the facts of the step.
    Next {
        /// The stage that the step stored.
        stage: Stage,
    },
    /// The application ends in a refusal, which is still to be recorded.
    Refuse {
        /// Why.
        ground: RefusalGround,
    },
}
