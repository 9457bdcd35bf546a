//! The end of an application, and the notice of it.
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use nesie_domain::application::Outcome;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use closing::{CloseApplication, NotifyClient};

/// How the application ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseInput {
    /// The application.
    pub application_id: ApplicationId,
    /// The outcome.
    pub outcome: Outcome,
    /// What the client sent, where he withdrew.
    pub submission_id: Option<SubmissionId>,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// Marks of the activities.
pub struct Closing;

#[activity_definitions]
impl Closing {
    /// Outcome, release of what was reserved, timeline, audit and outbox in one transaction.
    #[activity(name = "close_application")]
    pub fn close_application(input: CloseInput) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Tells the client; the wording never gives a confidential ground away.
    #[activity(name = "notify_client")]
    pub fn notify_client(input: CloseInput) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
