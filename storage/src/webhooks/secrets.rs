//! Secrets of endpoints, sealed: one is current, the one before it may still be valid for a while.
//! Never in the clear, and never more than two valid at once.

use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// The place that a secret is sealed for; the associated data of the seal.
#[must_use]
pub fn place(id: Uuid) -> String {
    format!("webhook_secret|{id}")
}

/// A secret as stored.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its id.
    pub id: Uuid,
    /// Sealed for [`place`].
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it signs; `None`: it is the current one.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes a secret the current one. The one that was current signs until `previous_until`; any older one no more.
///
/// # Errors
/// [`StorageError::RowsAffected`] when there was none although one is rotated; [`StorageError::Driver`].
pub async fn put(
    connection: &mut PgConnection,
    endpoint_id: WebhookEndpointId,
    new: &Secret,
    created_by: &str,
    previous_until: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    if let Some(until) = previous_until {
        sqlx::query!(
            "UPDATE webhook_secrets SET expires_at = $2 WHERE endpoint_id = $1 AND expires_at > $2",
            endpoint_id.as_uuid(),
            new.created_at,
        )
        .execute(&mut *connection)
        .await
        .during("webhooks.secrets.expire")?;
        let updated = sqlx::query!(
            "UPDATE webhook_secrets SET expires_at = $2 WHERE endpoint_id = $1 AND expires_at IS NULL",
            endpoint_id.as_uuid(),
            until,
        )
        .execute(&mut *connection)
        .await
        .during("webhooks.secrets.rotate")?;
        ensure_rows("webhooks.secrets.rotate", &updated, 1)?;
    }
    let written = sqlx::query!(
        "INSERT INTO webhook_secrets (id, endpoint_id, secret_sealed, created_by, created_at) VALUES ($1, $2, $3, $4, $5)",
        new.id,
        endpoint_id.as_uuid(),
        new.sealed,
        created_by,
        new.created_at,
    )
    .execute(connection)
    .await
    .during("webhooks.secrets.put")?;
    ensure_rows("webhooks.secrets.put", &written, 1)
}

/// The secrets that sign at an instant, the current one first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn valid(
    executor: impl PgExecutor<'_>,
    endpoint_id: WebhookEndpointId,
    at: DateTime<Utc>,
) -> Result<Vec<Secret>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, secret_sealed, created_at, expires_at FROM webhook_secrets
         WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY expires_at NULLS FIRST",
        endpoint_id.as_uuid(),
        at,
    )
    .fetch_all(executor)
    .await
    .during("webhooks.secrets.valid")?;
    Ok(rows
        .into_iter()
        .map(|row| Secret {
            id: row.id,
            sealed: row.secret_sealed,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
        .collect())
}
