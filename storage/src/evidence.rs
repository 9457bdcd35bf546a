//! What providers answered, sealed, and every call to them, counted by us. Both are append-only.
//! Never sees a plain answer: content comes in sealed, with the hash of what was received.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{EvidenceId, Owner};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_count, ensure_rows};

/// A piece of evidence to be stored (R-088, R-211, R-213).
#[derive(Clone, Debug)]
pub struct NewEvidence<'a> {
    /// Its id, derived from owner, step, kind and hash: a repeat has the same.
    pub id: EvidenceId,
    /// Whose it is.
    pub owner: Owner,
    /// The step that received it.
    pub step: &'a str,
    /// What it is, for example `bureau.report`.
    pub kind: &'a str,
    /// The content type as received.
    pub content_type: &'a str,
    /// The bytes as received, sealed.
    pub content_sealed: &'a [u8],
    /// SHA-256 of the bytes as received.
    pub sha256: &'a [u8],
    /// When.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a piece of evidence; the same piece again changes nothing.
///
/// # Errors
/// [`StorageError::Conflict`] when the id names another piece; [`StorageError::Driver`].
pub async fn insert(connection: &mut PgConnection, new: &NewEvidence<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO evidence (id, application_id, case_id, step, kind, content_type, content_sealed, sha256, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        new.id.as_uuid(),
        new.owner.application(),
        new.owner.case(),
        new.step,
        new.kind,
        new.content_type,
        new.content_sealed,
        new.sha256,
        new.recorded_at,
    )
    .execute(&mut *connection)
    .await
    .during("evidence.insert")?;
    if written.rows_affected() == 1 { Ok(()) } else { compare(connection, new).await }
}

/// Stores the answer to a call, and that the call ended with it, as one statement.
///
/// # Errors
/// As [`insert`].
pub async fn keep_answer(
    connection: &mut PgConnection,
    new: &NewEvidence<'_>,
    call: &ProviderCall<'_>,
    attempt: i32,
    result: &str,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        r#"WITH kept AS (
               INSERT INTO evidence (id, application_id, case_id, step, kind, content_type, content_sealed, sha256, recorded_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id
           ), ended AS (
               INSERT INTO provider_calls (application_id, case_id, step, provider, operation, key, attempt, result, called_at)
               VALUES ($2, $3, $4, $10, $11, $12, $13, $14, $9) RETURNING attempt
           )
           SELECT (SELECT count(*) FROM kept) AS "kept!", (SELECT count(*) FROM ended) AS "ended!""#,
        new.id.as_uuid(),
        new.owner.application(),
        new.owner.case(),
        new.step,
        new.kind,
        new.content_type,
        new.content_sealed,
        new.sha256,
        new.recorded_at,
        call.provider,
        call.operation,
        call.key,
        attempt,
        result,
    )
    .fetch_one(&mut *connection)
    .await
    .during("evidence.keep_answer")?;
    ensure_count("provider_calls.end", written.ended, 1)?;
    if written.kept == 1 { Ok(()) } else { compare(connection, new).await }
}

/// What stands under the id is this very piece.
async fn compare(connection: &mut PgConnection, new: &NewEvidence<'_>) -> Result<(), StorageError> {
    let same = sqlx::query_scalar!(
        r#"SELECT (owner_id = $2 AND step = $3 AND kind = $4 AND sha256 = $5) AS "same!" FROM evidence WHERE id = $1"#,
        new.id.as_uuid(),
        new.owner.as_uuid(),
        new.step,
        new.kind,
        new.sha256,
    )
    .fetch_optional(connection)
    .await
    .during("evidence.compare")?;
    if same == Some(true) { Ok(()) } else { Err(StorageError::Conflict { operation: "evidence.insert" }) }
}

/// One event of a call to a provider.
#[derive(Clone, Copy, Debug)]
pub struct ProviderCall<'a> {
    /// Whose it is.
    pub owner: Owner,
    /// The step that calls.
    pub step: &'a str,
    /// The provider.
    pub provider: &'a str,
    /// The provider's operation.
    pub operation: &'a str,
    /// The idempotency key or our own reference.
    pub key: &'a str,
    /// When, by the workflow's clock.
    pub at: DateTime<Utc>,
}

/// The `result` of a call that was begun; its end is a second row with the same attempt.
pub const BEGUN: &str = "begun";

/// The `result` of a call in whose answer the provider says that it can not tell.
pub const UNDETERMINED: &str = "undetermined";

/// A call that is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedCall {
    /// The key under which it is made.
    pub key: String,
    /// The attempt's number under this key, from 1.
    pub attempt: i32,
}

/// Notes, before a call, that it is about to be made. A begun call without an end is one of which nothing is known.
/// A call that `renews` goes under a key of its own for every time that the provider could not tell under this one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn begin_call(pool: &PgPool, call: &ProviderCall<'_>, renews: bool) -> Result<NotedCall, StorageError> {
    let key = if renews { key_after_undetermined(pool, call).await? } else { call.key.to_owned() };
    let attempt = sqlx::query_scalar!(
        "INSERT INTO provider_calls (application_id, case_id, step, provider, operation, key, attempt, result, called_at)
         SELECT $8, $9, $2, $3, $4, $5, count(*)::integer + 1, $6, $7 FROM provider_calls AS before
         WHERE before.owner_id = $1 AND before.key = $5 AND before.step = $2 AND before.operation = $4
           AND before.result = $6
         RETURNING attempt",
        call.owner.as_uuid(),
        call.step,
        call.provider,
        call.operation,
        key,
        BEGUN,
        call.at,
        call.owner.application(),
        call.owner.case(),
    )
    .fetch_one(pool)
    .await
    .during("provider_calls.begin")?;
    Ok(NotedCall { key, attempt })
}

async fn key_after_undetermined(pool: &PgPool, call: &ProviderCall<'_>) -> Result<String, StorageError> {
    let undetermined = sqlx::query_scalar!(
        r#"SELECT count(*) AS "undetermined!" FROM provider_calls
           WHERE owner_id = $1 AND step = $2 AND provider = $3 AND operation = $4 AND result = $5
             AND starts_with(key, $6)"#,
        call.owner.as_uuid(),
        call.step,
        call.provider,
        call.operation,
        UNDETERMINED,
        call.key,
    )
    .fetch_one(pool)
    .await
    .during("provider_calls.undetermined")?;
    Ok(if undetermined > 0 { format!("{}:{}", call.key, undetermined + 1) } else { call.key.to_owned() })
}

/// The key of the first call of an owner whose key begins so; none where there was no such call.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn first_key(pool: &PgPool, owner: impl Into<Owner>, prefix: &str) -> Result<Option<String>, StorageError> {
    sqlx::query_scalar!(
        "SELECT key FROM provider_calls WHERE owner_id = $1 AND starts_with(key, $2) ORDER BY sequence LIMIT 1",
        owner.into().as_uuid(),
        prefix,
    )
    .fetch_optional(pool)
    .await
    .during("provider_calls.first_key")
}

/// Notes how a call ended: `answered`, or the failure's code.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn end_call(pool: &PgPool, call: &ProviderCall<'_>, attempt: i32, result: &str) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO provider_calls (application_id, case_id, step, provider, operation, key, attempt, result, called_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        call.owner.application(),
        call.owner.case(),
        call.step,
        call.provider,
        call.operation,
        call.key,
        attempt,
        result,
        call.at,
    )
    .execute(pool)
    .await
    .during("provider_calls.end")?;
    ensure_rows("provider_calls.end", &written, 1)
}

/// A piece of evidence as stored.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The content, sealed.
    pub content_sealed: Vec<u8>,
    /// SHA-256 of the content as received.
    pub sha256: Vec<u8>,
}

/// Reads a piece of evidence.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn get(pool: &PgPool, id: EvidenceId) -> Result<Option<Evidence>, StorageError> {
    sqlx::query_as!(Evidence, "SELECT content_sealed, sha256 FROM evidence WHERE id = $1", id.as_uuid())
        .fetch_optional(pool)
        .await
        .during("evidence.get")
}
