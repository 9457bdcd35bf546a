//! What people sent for cases, and the answer that each got. Sealed as it came in.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{CaseId, SubmissionId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// What a person sent for a case.
#[derive(Clone, Debug)]
pub struct CaseSubmission {
    /// Its id.
    pub id: SubmissionId,
    /// The case.
    pub case_id: CaseId,
    /// The act's stable name.
    pub act: String,
    /// The body as sealed JSON, for the place of [`crate::bodies::submission_place`].
    pub body_sealed: Vec<u8>,
    /// HMAC-SHA-256 under the index key of the body as it was before sealing.
    pub body_sha256: Vec<u8>,
    /// `issuer|subject` of the token.
    pub submitted_by: String,
    /// Roles of the token.
    pub roles: Vec<String>,
    /// The reason in the person's words, or empty.
    pub reason: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// The answer of the case's workflow, once there is one.
    pub answer: Option<Value>,
}

/// Stores what a person sent.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert_submission(connection: &mut PgConnection, new: &CaseSubmission) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO case_submissions (id, case_id, act, body_sealed, body_sha256, submitted_by, roles, reason, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id.as_uuid(),
        new.case_id.as_uuid(),
        new.act,
        new.body_sealed,
        new.body_sha256,
        new.submitted_by,
        &new.roles,
        new.reason,
        new.received_at,
    )
    .execute(connection)
    .await
    .during("case_submissions.insert")?;
    ensure_rows("case_submissions.insert", &written, 1)
}

/// Reads what people sent for a case, by ids, in the order of the ids.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::RowsAffected`] when one is missing or another case's.
pub async fn submissions(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
    ids: &[SubmissionId],
) -> Result<Vec<CaseSubmission>, StorageError> {
    let uuids: Vec<Uuid> = ids.iter().map(SubmissionId::as_uuid).collect();
    let rows = sqlx::query!(
        "SELECT s.id, case_id, act, body_sealed, body_sha256, submitted_by, roles, reason, received_at, answer
         FROM case_submissions s JOIN unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place) ON wanted.id = s.id
         WHERE case_id = $1 ORDER BY wanted.place",
        case_id.as_uuid(),
        &uuids,
    )
    .fetch_all(executor)
    .await
    .during("case_submissions.get")?;
    let (expected, actual) = (ids.len() as u64, rows.len() as u64);
    if expected != actual {
        return Err(StorageError::RowsAffected { operation: "case_submissions.get", expected, actual });
    }
    Ok(rows
        .into_iter()
        .map(|row| CaseSubmission {
            id: SubmissionId::from_uuid(row.id),
            case_id: CaseId::from_uuid(row.case_id),
            act: row.act,
            body_sealed: row.body_sealed,
            body_sha256: row.body_sha256,
            submitted_by: row.submitted_by,
            roles: row.roles,
            reason: row.reason,
            received_at: row.received_at,
            answer: row.answer,
        })
        .collect())
}

/// Keeps the answer that the case's workflow gave to an act, once; the same answer again changes nothing.
///
/// # Errors
/// [`StorageError::Conflict`] for another answer; [`StorageError::Driver`].
pub async fn answer_submission(
    connection: &mut PgConnection,
    id: SubmissionId,
    answer: &Value,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE case_submissions SET answer = $2, answered_at = COALESCE(answered_at, $3)
         WHERE id = $1 AND (answer IS NULL OR answer = $2)",
        id.as_uuid(),
        answer,
        at,
    )
    .execute(connection)
    .await
    .during("case_submissions.answer")?;
    if updated.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StorageError::Conflict { operation: "case_submissions.answer" })
    }
}
