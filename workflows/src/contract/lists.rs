//! The AML lists, refreshed on a schedule of Temporal.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use screening_lists::RefreshAmlLists;

/// What a refresh found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsRefreshed {
    /// The versions now in use, financing first.
    pub versions: Vec<String>,
    /// Entries in all.
    pub entries: u32,
    /// Whether any list changed.
    pub changed: bool,
}

/// Marks of the activities.
pub struct ScreeningLists;

#[activity_definitions]
impl ScreeningLists {
    /// Fetches both categories, checks their checksums, and puts a changed version in use.
    #[activity(name = "refresh_aml_lists")]
    pub fn refresh_aml_lists(at: DateTime<Utc>) -> Result<ListsRefreshed, ActivityError> {
        unimplemented!()
    }
}
