//! Reading what waits for staff: parked steps and likely matches with lists that nobody decided yet.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, CaseId, Owner, ParkedStepId, ScreeningMatchId};
use serde_json::Value;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError};

/// A step that failed its budget and waits for a decision (design invariant 7).
#[derive(Clone, Debug)]
pub struct ParkedStep {
    /// Its id.
    pub id: ParkedStepId,
    /// Whose workflow waits.
    pub owner: Owner,
    /// The step's stable name.
    pub step: String,
    /// The provider, if one is involved.
    pub provider: Option<String>,
    /// The last failure's stable code.
    pub failure_code: String,
    /// Whether trying again can do no harm.
    pub retry_is_safe: bool,
    /// Whether it is known that no money was sent, of a step that sends some.
    pub nothing_sent: bool,
    /// What is known.
    pub explanation: String,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// Whether it was decided.
    pub decided: bool,
}

/// A likely match of an applicant with an AML list.
#[derive(Clone, Debug)]
pub struct ScreeningMatch {
    /// Its id.
    pub id: ScreeningMatchId,
    /// The application whose workflow waits.
    pub application_id: ApplicationId,
    /// `assessment` or `payment`.
    pub occasion: String,
    /// The list's entries with score and reason.
    pub matches: Value,
    /// Category, version and checksum of each list that was searched.
    pub list_versions: Value,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// Whether it was decided.
    pub decided: bool,
}

/// Parked steps that wait, oldest first, from after the given position.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn parked_steps(
    pool: &PgPool,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<ParkedStep>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        // A step of an application that has ended waits for nobody, but for the notice of that end; nor does one of a case
        // that was withdrawn.
        "SELECT p.id, application_id, case_id, step, provider, failure_code, retry_is_safe, nothing_sent, explanation, parked_at
         FROM parked_steps AS p LEFT JOIN applications AS a ON a.id = p.application_id
         LEFT JOIN cases AS c ON c.id = p.case_id
         WHERE decision IS NULL AND (a.outcome IS NULL OR step = 'notify_client') AND c.closed_at IS NULL
           AND ($1::timestamptz IS NULL OR (parked_at, p.id) > ($1, $2::uuid))
         ORDER BY parked_at, p.id LIMIT $3",
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("views.parked_steps")?;
    rows.into_iter()
        .map(|row| {
            Ok(ParkedStep {
                id: ParkedStepId::from_uuid(row.id),
                owner: owner(row.id, row.application_id, row.case_id)?,
                step: row.step,
                provider: row.provider,
                failure_code: row.failure_code,
                retry_is_safe: row.retry_is_safe,
                nothing_sent: row.nothing_sent,
                explanation: row.explanation,
                parked_at: row.parked_at,
                decided: false,
            })
        })
        .collect()
}

/// The parked steps of one application that wait, oldest first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn parked_steps_of(
    executor: impl PgExecutor<'_>,
    id: ApplicationId,
) -> Result<Vec<ParkedStep>, StorageError> {
    let rows = sqlx::query!(
        // As in the list: a step of an application that has ended waits for nobody, but for the notice of that end.
        "SELECT p.id, step, provider, failure_code, retry_is_safe, nothing_sent, explanation, parked_at
         FROM parked_steps AS p JOIN applications AS a ON a.id = p.application_id
         WHERE a.id = $1 AND decision IS NULL AND (a.outcome IS NULL OR step = 'notify_client')
         ORDER BY parked_at, p.id",
        id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("views.parked_steps_of")?;
    Ok(rows
        .into_iter()
        .map(|row| ParkedStep {
            id: ParkedStepId::from_uuid(row.id),
            owner: id.into(),
            step: row.step,
            provider: row.provider,
            failure_code: row.failure_code,
            retry_is_safe: row.retry_is_safe,
            nothing_sent: row.nothing_sent,
            explanation: row.explanation,
            parked_at: row.parked_at,
            decided: false,
        })
        .collect())
}

/// One parked step, decided or not.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn parked_step(pool: &PgPool, id: ParkedStepId) -> Result<Option<ParkedStep>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT id, application_id, case_id, step, provider, failure_code, retry_is_safe, nothing_sent, explanation, parked_at
                , (decision IS NOT NULL) AS "decided!"
           FROM parked_steps WHERE id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("views.parked_step")?;
    row.map(|row| {
        Ok(ParkedStep {
            id: ParkedStepId::from_uuid(row.id),
            owner: owner(row.id, row.application_id, row.case_id)?,
            step: row.step,
            provider: row.provider,
            failure_code: row.failure_code,
            retry_is_safe: row.retry_is_safe,
            nothing_sent: row.nothing_sent,
            explanation: row.explanation,
            parked_at: row.parked_at,
            decided: row.decided,
        })
    })
    .transpose()
}

fn owner(row: Uuid, application: Option<Uuid>, case: Option<Uuid>) -> Result<Owner, StorageError> {
    application
        .map(|id| ApplicationId::from_uuid(id).into())
        .or_else(|| case.map(|id| CaseId::from_uuid(id).into()))
        .ok_or_else(|| StorageError::Inconsistent { table: "parked_steps", column: "owner_id", row: row.to_string() })
}

/// Likely matches that wait, oldest first, from after the given position.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn screening_matches(
    pool: &PgPool,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<ScreeningMatch>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        "SELECT m.id, application_id, occasion, matches, list_versions, opened_at
         FROM screening_matches AS m JOIN applications AS a ON a.id = m.application_id
         WHERE decision IS NULL AND a.outcome IS NULL
           AND ($1::timestamptz IS NULL OR (opened_at, m.id) > ($1, $2::uuid))
         ORDER BY opened_at, m.id LIMIT $3",
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("views.screening_matches")?;
    Ok(rows
        .into_iter()
        .map(|row| ScreeningMatch {
            id: ScreeningMatchId::from_uuid(row.id),
            application_id: ApplicationId::from_uuid(row.application_id),
            occasion: row.occasion,
            matches: row.matches,
            list_versions: row.list_versions,
            opened_at: row.opened_at,
            decided: false,
        })
        .collect())
}

/// One likely match, decided or not.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn screening_match(pool: &PgPool, id: ScreeningMatchId) -> Result<Option<ScreeningMatch>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT id, application_id, occasion, matches, list_versions, opened_at, (decision IS NOT NULL) AS "decided!"
           FROM screening_matches WHERE id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("views.screening_match")?;
    Ok(row.map(|row| ScreeningMatch {
        id: ScreeningMatchId::from_uuid(row.id),
        application_id: ApplicationId::from_uuid(row.application_id),
        occasion: row.occasion,
        matches: row.matches,
        list_versions: row.list_versions,
        opened_at: row.opened_at,
        decided: row.decided,
    }))
}

/// The parked step to which the decision on a match from just before the payout is an answer: the one that waits, or, once
/// it is decided, the one that went on by it. `None` while the step is being tried again, or is not parked yet.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn step_of_match(
    pool: &PgPool,
    id: ScreeningMatchId,
    failure_code: &str,
) -> Result<Option<ParkedStepId>, StorageError> {
    let step = sqlx::query_scalar!(
        r#"SELECT p.id AS "id!" FROM screening_matches AS m JOIN parked_steps AS p ON p.owner_id = m.application_id
           WHERE m.id = $1
             AND (p.id = m.parked_step_id OR (m.decision IS NULL AND p.decision IS NULL AND p.failure_code = $2))"#,
        id.as_uuid(),
        failure_code,
    )
    .fetch_optional(pool)
    .await
    .during("views.step_of_match")?;
    Ok(step.map(ParkedStepId::from_uuid))
}
