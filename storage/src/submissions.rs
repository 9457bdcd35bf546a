//! What a person sent with an act: stored sealed before it is sent on; workflows see only its id.
//! Kept for ever: the application role can neither change nor delete it.

use chrono::{DateTime, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A submission to be stored.
#[derive(Clone, Debug)]
pub struct NewSubmission<'a> {
    /// Its id.
    pub id: SubmissionId,
    /// The application that it is for.
    pub application_id: ApplicationId,
    /// The act.
    pub act: ActKind,
    /// The body as sealed JSON.
    pub body_sealed: &'a [u8],
    /// HMAC-SHA-256 under the index key of the body as it was before sealing.
    pub body_sha256: &'a [u8],
    /// `issuer|subject` of the token.
    pub submitted_by: &'a str,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// A submission as stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its id.
    pub id: SubmissionId,
    /// The application that it is for.
    pub application_id: ApplicationId,
    /// The act's stable name.
    pub act: String,
    /// The body as sealed JSON.
    pub body_sealed: Vec<u8>,
    /// HMAC-SHA-256 under the index key of the body as it was before sealing.
    pub body_sha256: Vec<u8>,
    /// `issuer|subject` of the token.
    pub submitted_by: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// Stores a submission.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert(connection: &mut PgConnection, new: &NewSubmission<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO submissions (id, application_id, act, body_sealed, body_sha256, submitted_by, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.as_uuid(),
        new.application_id.as_uuid(),
        new.act.as_str(),
        new.body_sealed,
        new.body_sha256,
        new.submitted_by,
        new.received_at,
    )
    .execute(connection)
    .await
    .during("submissions.insert")?;
    ensure_rows("submissions.insert", &written, 1)
}

/// Reads one submission.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn get(pool: &PgPool, id: SubmissionId) -> Result<Option<Submission>, StorageError> {
    let row = sqlx::query!(
        "SELECT id, application_id, act, body_sealed, body_sha256, submitted_by, received_at
         FROM submissions WHERE id = $1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("submissions.get")?;
    Ok(row.map(|row| Submission {
        id: SubmissionId::from_uuid(row.id),
        application_id: ApplicationId::from_uuid(row.application_id),
        act: row.act,
        body_sealed: row.body_sealed,
        body_sha256: row.body_sha256,
        submitted_by: row.submitted_by,
        received_at: row.received_at,
    }))
}
