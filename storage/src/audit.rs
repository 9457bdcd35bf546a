//! The audit log of acts and denials that the API sees; facts of activities write theirs in `facts`.
//! Append-only by the grants of the migrations; there is no hash chain over it yet.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, Owner, SubmissionId};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// One entry: who, what, on what, why. Never personal data.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// `issuer|subject` of the token, or `anonymous` when there was no valid one.
    pub actor: &'a str,
    /// Roles of the token.
    pub roles: &'a [String],
    /// What was tried, for example `submit_application` or `GET /v1/parked-steps`.
    pub action: &'a str,
    /// On what, for example `application/<id>`.
    pub object: &'a str,
    /// Why, in the person's words or as a stable code.
    pub reason: &'a str,
    /// The request's id.
    pub request_id: Option<&'a str>,
    /// Ids and codes.
    pub details: Value,
}

/// The name of an application in the audit log.
#[must_use]
pub fn application_object(id: ApplicationId) -> String {
    format!("application/{id}")
}

/// The name of an application or a case in the audit log.
#[must_use]
pub fn object_of(owner: Owner) -> String {
    match owner {
        Owner::Application(id) => application_object(id),
        Owner::Case(id) => format!("case/{id}"),
    }
}

/// Records an act in the caller's transaction.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn record(connection: &mut PgConnection, entry: &Entry<'_>) -> Result<(), StorageError> {
    write(connection, entry, true, None).await
}

/// Records a denial. It stands alone: what was denied wrote nothing.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn record_denial(pool: &PgPool, entry: &Entry<'_>) -> Result<(), StorageError> {
    let mut connection = pool.acquire().await.during("audit.acquire")?;
    write(&mut connection, entry, false, None).await
}

/// As [`record_denial`], in the caller's transaction.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn record_denial_in(connection: &mut PgConnection, entry: &Entry<'_>) -> Result<(), StorageError> {
    write(connection, entry, false, None).await
}

/// Records the denial of an act on a case, once: the step that denies it writes it with its answer, and the API, which may
/// be answered by the workflow alone, where that has not been done.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn record_denial_of(
    connection: &mut PgConnection,
    entry: &Entry<'_>,
    submission_id: SubmissionId,
) -> Result<(), StorageError> {
    write(connection, entry, false, Some(&format!("denied:{submission_id}"))).await
}

/// Under a key an entry is written once an object; without one it is always written.
async fn write(
    connection: &mut PgConnection,
    entry: &Entry<'_>,
    permitted: bool,
    key: Option<&str>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO audit (occurred_at, actor, roles, action, object, allowed, reason, request_id, fact_key, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (object, fact_key) WHERE fact_key IS NOT NULL DO NOTHING",
        entry.occurred_at,
        entry.actor,
        entry.roles,
        entry.action,
        entry.object,
        permitted,
        entry.reason,
        entry.request_id,
        key,
        entry.details,
    )
    .execute(connection)
    .await
    .during("audit.write")?;
    if key.is_some() { Ok(()) } else { ensure_rows("audit.write", &written, 1) }
}
