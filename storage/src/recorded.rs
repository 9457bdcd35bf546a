//! What a fact said that was recorded before: how a repeated step learns that it was done. Never writes.

use chrono::{DateTime, Utc};
use nesie_domain::ids::Owner;
use serde_json::Value;
use sqlx::PgPool;

use crate::error::{During, StorageError};

/// A fact as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedFact {
    /// What happened, a stable name.
    pub kind: String,
    /// Ids, hashes and verdicts.
    pub details: Value,
    /// When, by the workflow's clock.
    pub occurred_at: DateTime<Utc>,
}

/// The fact of an application or a case under a key.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn fact(
    pool: &PgPool,
    owner: impl Into<Owner>,
    fact_key: &str,
) -> Result<Option<RecordedFact>, StorageError> {
    sqlx::query_as!(
        RecordedFact,
        "SELECT kind, details, occurred_at FROM timeline WHERE owner_id = $1 AND fact_key = $2",
        owner.into().as_uuid(),
        fact_key,
    )
    .fetch_optional(pool)
    .await
    .during("recorded.fact")
}
