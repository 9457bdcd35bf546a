//! Callbacks of providers: verified by the API, stored once, passed on by the relay. Never acted upon by themselves.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, CaseId, Owner, PaymentReference};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// A callback that waits to be passed on.
#[derive(Clone, Debug)]
pub struct ToPassOn {
    /// The provider.
    pub provider: String,
    /// The provider's id of the event.
    pub event_id: String,
    /// The application or case it is about; `None` when its reference was not known when it came.
    pub owner: Option<Owner>,
    /// The body.
    pub body: Value,
}

/// Stores a callback; `false` when this event of this provider was stored before.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(
    connection: &mut PgConnection,
    provider: &str,
    event_id: &str,
    owner: Option<Owner>,
    body: &Value,
    received_at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO inbox (provider, event_id, application_id, body, received_at, case_id) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (provider, event_id) DO NOTHING",
        provider,
        event_id,
        owner.and_then(Owner::application),
        body,
        received_at,
        owner.and_then(Owner::case),
    )
    .execute(connection)
    .await
    .during("inbox.insert")?;
    Ok(written.rows_affected() == 1)
}

/// Whose one of our payment references is.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn owner_of(pool: &PgPool, reference: PaymentReference) -> Result<Option<Owner>, StorageError> {
    let row =
        sqlx::query!("SELECT application_id, case_id FROM payments WHERE our_reference = $1", reference.as_uuid())
            .fetch_optional(pool)
            .await
            .during("inbox.owner_of")?;
    Ok(row.and_then(|row| owner(row.application_id, row.case_id)))
}

fn owner(application_id: Option<Uuid>, case_id: Option<Uuid>) -> Option<Owner> {
    let case = || case_id.map(|id| CaseId::from_uuid(id).into());
    application_id.map(|id| ApplicationId::from_uuid(id).into()).or_else(case)
}

/// The oldest callbacks that wait, locked for this transaction; those that another relay holds are skipped.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn to_pass_on(connection: &mut PgConnection, limit: i64) -> Result<Vec<ToPassOn>, StorageError> {
    let rows = sqlx::query!(
        "SELECT provider, event_id, application_id, case_id, body FROM inbox WHERE passed_on_at IS NULL
         ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )
    .fetch_all(connection)
    .await
    .during("inbox.to_pass_on")?;
    Ok(rows
        .into_iter()
        .map(|row| ToPassOn {
            provider: row.provider,
            event_id: row.event_id,
            owner: owner(row.application_id, row.case_id),
            body: row.body,
        })
        .collect())
}

/// Marks a callback as passed on (delivery state of the inbox relay).
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was marked already; [`StorageError::Driver`].
pub async fn mark(
    connection: &mut PgConnection,
    provider: &str,
    event_id: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE inbox SET passed_on_at = $3 WHERE provider = $1 AND event_id = $2 AND passed_on_at IS NULL",
        provider,
        event_id,
        at,
    )
    .execute(connection)
    .await
    .during("inbox.mark")?;
    ensure_rows("inbox.mark", &updated, 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_duplicate_is_stored_once_and_passed_on_once(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let at = DateTime::UNIX_EPOCH;
        assert!(insert(&mut connection, "payments", "e-1", None, &json!({}), at).await.expect("stored"));
        assert!(!insert(&mut connection, "payments", "e-1", None, &json!({}), at).await.expect("a duplicate"));
        let mut relay = pool.begin().await.expect("a transaction");
        assert_eq!(to_pass_on(&mut relay, 10).await.expect("read").len(), 1);
        mark(&mut relay, "payments", "e-1", at).await.expect("marked");
        relay.commit().await.expect("committed");
        assert!(to_pass_on(&mut connection, 10).await.expect("read").is_empty());
        assert!(matches!(mark(&mut connection, "payments", "e-1", at).await, Err(StorageError::RowsAffected { .. })));
    }
}
