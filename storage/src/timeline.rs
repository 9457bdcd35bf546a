//! Reading the story of an application. Facts are written in `facts` only.

use chrono::{DateTime, Utc};
use nesie_domain::ids::ApplicationId;
use serde_json::Value;
use sqlx::PgPool;

use crate::error::{During, StorageError};

/// One fact of the story.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What happened.
    pub kind: String,
    /// Ids, hashes and verdicts.
    pub details: Value,
    /// When, by the workflow's clock.
    pub occurred_at: DateTime<Utc>,
}

/// All facts of an application in the order of their instants. An application has tens of them, so there are no pages.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn of_application(pool: &PgPool, id: ApplicationId) -> Result<Vec<Item>, StorageError> {
    sqlx::query_as!(
        Item,
        "SELECT kind, details, occurred_at FROM timeline WHERE application_id = $1 ORDER BY occurred_at, sequence",
        id.as_uuid(),
    )
    .fetch_all(pool)
    .await
    .during("timeline.of_application")
}
