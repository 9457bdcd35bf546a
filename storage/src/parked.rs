//! Parked steps: made visible once an occasion, decided once (design invariant 7). Lists of them are in `views`.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApprovalId, Owner, ParkedStepId, SubmissionId};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};
use crate::screening::Decision;

/// A step to be parked.
#[derive(Clone, Copy, Debug)]
pub struct NewParkedStep<'a> {
    /// Its id, derived from owner, step and occasion.
    pub id: ParkedStepId,
    /// Whose step it is.
    pub owner: Owner,
    /// The activity's name.
    pub step: &'a str,
    /// How many times this step has been parked, this time included.
    pub occasion: i32,
    /// The provider, where one was asked.
    pub provider: Option<&'a str>,
    /// The failure's stable code.
    pub failure_code: &'a str,
    /// Whether a retry can do no harm.
    pub retry_is_safe: bool,
    /// Whether it is known that no money was sent, of a step that sends some.
    pub nothing_sent: bool,
    /// What happened and what can be done, for operations.
    pub explanation: &'a str,
    /// When.
    pub parked_at: DateTime<Utc>,
}

/// Makes a failed step visible.
///
/// # Errors
/// [`StorageError::Driver`], also where the occasion has a row.
pub async fn insert(connection: &mut PgConnection, new: &NewParkedStep<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO parked_steps (id, application_id, case_id, step, occasion, provider, failure_code, retry_is_safe, nothing_sent, explanation, parked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.id.as_uuid(),
        new.owner.application(),
        new.owner.case(),
        new.step,
        new.occasion,
        new.provider,
        new.failure_code,
        new.retry_is_safe,
        new.nothing_sent,
        new.explanation,
        new.parked_at,
    )
    .execute(connection)
    .await
    .during("parked_steps.insert")?;
    ensure_rows("parked_steps.insert", &written, 1)
}

/// Stores the decision on a parked step of its owner; it is decided once.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was decided before or is somebody else's; [`StorageError::Driver`].
pub async fn decide(
    connection: &mut PgConnection,
    owner: impl Into<Owner>,
    id: ParkedStepId,
    decision: &Decision<'_>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE parked_steps SET decision = $3, decided_by = $4, decision_reason = $5, decided_at = $6
         WHERE id = $1 AND owner_id = $2 AND decision IS NULL",
        id.as_uuid(),
        owner.into().as_uuid(),
        decision.decision,
        decision.decided_by,
        decision.reason,
        decision.at,
    )
    .execute(connection)
    .await
    .during("parked_steps.decide")?;
    ensure_rows("parked_steps.decide", &updated, 1)
}

/// As [`decide`], where two people decided: the request stands beside.
///
/// # Errors
/// As [`decide`].
pub async fn decide_by_two(
    connection: &mut PgConnection,
    owner: impl Into<Owner>,
    id: ParkedStepId,
    decision: &Decision<'_>,
    approval: ApprovalId,
) -> Result<(), StorageError> {
    decide(connection, owner, id, decision).await?;
    let updated =
        sqlx::query!("UPDATE parked_steps SET approval_id = $2 WHERE id = $1", id.as_uuid(), approval.as_uuid())
            .execute(connection)
            .await
            .during("parked_steps.decide_by_two")?;
    ensure_rows("parked_steps.decide_by_two", &updated, 1)
}

/// What the last correction of a step's input was submitted by, if two people corrected it.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn correction(
    pool: &PgPool,
    owner: impl Into<Owner>,
    step: &str,
) -> Result<Option<SubmissionId>, StorageError> {
    let id = sqlx::query_scalar!(
        r#"SELECT (a.proposal ->> 'submission_id')::uuid AS "submission_id!"
           FROM parked_steps AS p JOIN approvals AS a ON a.id = p.approval_id
           WHERE p.owner_id = $1 AND p.step = $2 AND p.decision = 'retry_corrected' AND a.state = 'approved'
           ORDER BY p.occasion DESC LIMIT 1"#,
        owner.into().as_uuid(),
        step,
    )
    .fetch_optional(pool)
    .await
    .during("parked_steps.correction")?;
    Ok(id.map(SubmissionId::from_uuid))
}
