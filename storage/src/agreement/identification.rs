//! One-time challenges and the identifications that answered them (R-090, R-097, R-114, R-214).

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, ChallengeId, SubmissionId};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// A challenge of control movements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// `contract`, `payment` or `leak`.
    pub purpose: String,
    /// Its number among the application's challenges of this purpose, from 1.
    pub number: i32,
    /// The movements, in order.
    pub movements: Vec<String>,
    /// From when.
    pub issued_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// The submission that used it up.
    pub used_by: Option<SubmissionId>,
    /// The flag that it is bound to, where the purpose is `leak`.
    pub flag_id: Option<Uuid>,
}

/// Issues a challenge.
///
/// # Errors
/// [`StorageError::Driver`], also where the number is taken.
pub async fn insert_challenge(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &Challenge,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO challenges (id, application_id, purpose, try, movements, issued_at, expires_at, flag_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.as_uuid(),
        id.as_uuid(),
        new.purpose,
        new.number,
        &new.movements,
        new.issued_at,
        new.expires_at,
        new.flag_id,
    )
    .execute(connection)
    .await
    .during("challenges.insert")?;
    ensure_rows("challenges.insert", &written, 1)
}

/// The newest challenge of an application for a purpose: the only one that can be answered.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn newest_challenge(
    pool: &PgPool,
    id: ApplicationId,
    purpose: &str,
) -> Result<Option<Challenge>, StorageError> {
    let row = sqlx::query!(
        "SELECT id, try, movements, issued_at, expires_at, used_by, flag_id FROM challenges
         WHERE application_id = $1 AND purpose = $2 ORDER BY try DESC LIMIT 1",
        id.as_uuid(),
        purpose,
    )
    .fetch_optional(pool)
    .await
    .during("challenges.newest")?;
    Ok(row.map(|row| Challenge {
        id: ChallengeId::from_uuid(row.id),
        purpose: purpose.to_owned(),
        number: row.r#try,
        movements: row.movements,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        used_by: row.used_by.map(SubmissionId::from_uuid),
        flag_id: row.flag_id,
    }))
}

/// Uses a challenge up; it is used once (R-114).
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was used before; [`StorageError::Driver`].
pub async fn use_challenge(
    connection: &mut PgConnection,
    id: ChallengeId,
    submission_id: SubmissionId,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE challenges SET used_by = $2 WHERE id = $1 AND used_by IS NULL",
        id.as_uuid(),
        submission_id.as_uuid(),
    )
    .execute(connection)
    .await
    .during("challenges.use")?;
    ensure_rows("challenges.use", &updated, 1)
}

/// The result of an identification.
#[derive(Clone, Debug)]
pub struct NewIdentification<'a> {
    /// The challenge that was answered.
    pub challenge_id: ChallengeId,
    /// What the client sent.
    pub submission_id: SubmissionId,
    /// Who compared.
    pub vendor: &'a str,
    /// The likeness, 0 to 1, where there was a reference image.
    pub score: Option<Decimal>,
    /// What policy asks for.
    pub threshold: Decimal,
    /// Whether a live person was seen, where it was judged.
    pub liveness: Option<bool>,
    /// The stable code of the failure; nothing when it passed.
    pub failure: Option<&'a str>,
    /// What it was for: the contract's hash, or our payment reference.
    pub bound_to: &'a str,
    /// When.
    pub identified_at: DateTime<Utc>,
}

/// Stores the result of an identification through ЦОИД.
///
/// # Errors
/// [`StorageError::Driver`], also where the challenge or the submission has one.
pub async fn insert_identification(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewIdentification<'_>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO identifications (challenge_id, application_id, submission_id, method, vendor, score, threshold, liveness
            , passed, failure, bound_to, identified_at)
         VALUES ($1, $2, $3, 'coid', $4, $5, $6, $7, $8, $9, $10, $11)",
        new.challenge_id.as_uuid(),
        id.as_uuid(),
        new.submission_id.as_uuid(),
        new.vendor,
        new.score,
        new.threshold,
        new.liveness,
        new.failure.is_none(),
        new.failure,
        new.bound_to,
        new.identified_at,
    )
    .execute(connection)
    .await
    .during("identifications.insert")?;
    ensure_rows("identifications.insert", &written, 1)
}

/// Whether an identification passed that is bound to this very thing.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn has_passed(pool: &PgPool, id: ApplicationId, bound_to: &str) -> Result<bool, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM identifications WHERE application_id = $1 AND bound_to = $2 AND passed) AS "passed!""#,
        id.as_uuid(),
        bound_to,
    )
    .fetch_one(pool)
    .await
    .during("identifications.has_passed")
}
