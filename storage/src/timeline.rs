//! Reading the story of an application or a case. Facts are written in `facts` only.

use chrono::{DateTime, Utc};
use nesie_domain::ids::Owner;
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

/// The most facts that one answer holds: an application has tens of them, a case of a thousand clients thousands.
const FACTS_MAX: i64 = 10_000;

/// The facts of an application or a case in the order of their instants.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn of_owner(pool: &PgPool, owner: Owner) -> Result<Vec<Item>, StorageError> {
    sqlx::query_as!(
        Item,
        "SELECT kind, details, occurred_at FROM timeline WHERE owner_id = $1 ORDER BY occurred_at, sequence LIMIT $2",
        owner.as_uuid(),
        FACTS_MAX,
    )
    .fetch_all(pool)
    .await
    .during("timeline.of_owner")
}
