//! Due diligence and what it leaves behind: verdicts with the lists' versions, likely matches, the register of sole
//! proprietors. Never the entries of a list themselves; those are in `lists`.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, EvidenceId, ParkedStepId, ScreeningMatchId};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// The result of due diligence on one occasion.
#[derive(Clone, Debug, PartialEq)]
pub struct DueDiligence {
    /// The application.
    pub application_id: ApplicationId,
    /// `assessment` or `payment`.
    pub occasion: String,
    /// The verdict, with the ground of a refusal.
    pub verdict: Value,
    /// `standard` or `high`.
    pub risk_level: String,
    /// Whether the client said that he holds a public office.
    pub politically_exposed: bool,
    /// Category, version and checksum of each list that was searched.
    pub list_versions: Value,
    /// When.
    pub decided_at: DateTime<Utc>,
}

/// Stores the result of due diligence.
///
/// # Errors
/// [`StorageError::Driver`], also where the occasion has a result.
pub async fn insert_due_diligence(connection: &mut PgConnection, new: &DueDiligence) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO due_diligence (application_id, occasion, verdict, risk_level, politically_exposed, list_versions, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.application_id.as_uuid(),
        new.occasion,
        new.verdict,
        new.risk_level,
        new.politically_exposed,
        new.list_versions,
        new.decided_at,
    )
    .execute(connection)
    .await
    .during("due_diligence.insert")?;
    ensure_rows("due_diligence.insert", &written, 1)
}

/// The result of due diligence on an occasion.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn due_diligence(
    pool: &PgPool,
    id: ApplicationId,
    occasion: &str,
) -> Result<Option<DueDiligence>, StorageError> {
    let row = sqlx::query!(
        "SELECT verdict, risk_level, politically_exposed, list_versions, decided_at FROM due_diligence
         WHERE application_id = $1 AND occasion = $2",
        id.as_uuid(),
        occasion,
    )
    .fetch_optional(pool)
    .await
    .during("due_diligence.get")?;
    Ok(row.map(|row| DueDiligence {
        application_id: id,
        occasion: occasion.to_owned(),
        verdict: row.verdict,
        risk_level: row.risk_level,
        politically_exposed: row.politically_exposed,
        list_versions: row.list_versions,
        decided_at: row.decided_at,
    }))
}

/// A likely match to be opened for compliance to decide on.
#[derive(Clone, Copy, Debug)]
pub struct NewMatch<'a> {
    /// Its id.
    pub id: ScreeningMatchId,
    /// The application.
    pub application_id: ApplicationId,
    /// `assessment` or `payment`.
    pub occasion: &'a str,
    /// Which of its occasion, counted from 1.
    pub number: i32,
    /// The entries that look like the client, as JSON of the domain's matches.
    pub matches: &'a Value,
    /// Category, version and checksum of each list that was searched.
    pub list_versions: &'a Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// A likely match with a list, and what compliance decided on it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScreeningMatch {
    /// Its id.
    pub id: ScreeningMatchId,
    /// `assessment` or `payment`.
    pub occasion: String,
    /// Which of its occasion, counted from 1.
    pub number: i32,
    /// The entries that look like the client, as JSON of the domain's matches.
    pub matches: Value,
    /// Category, version and checksum of each list that was searched.
    pub list_versions: Value,
    /// `false_positive` or `confirmed`, once decided.
    pub decision: Option<String>,
}

/// Opens a likely match for compliance to decide on.
///
/// # Errors
/// [`StorageError::Driver`], also where the occasion has a match of this number.
pub async fn open_match(connection: &mut PgConnection, new: &NewMatch<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO screening_matches (id, application_id, occasion, number, matches, list_versions, opened_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.as_uuid(),
        new.application_id.as_uuid(),
        new.occasion,
        new.number,
        new.matches,
        new.list_versions,
        new.at,
    )
    .execute(connection)
    .await
    .during("screening_matches.insert")?;
    ensure_rows("screening_matches.insert", &written, 1)
}

/// All matches of an application, in the order in which they were found.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn matches(pool: &PgPool, id: ApplicationId) -> Result<Vec<ScreeningMatch>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, occasion, number, matches, list_versions, decision FROM screening_matches
         WHERE application_id = $1 ORDER BY occasion, number",
        id.as_uuid(),
    )
    .fetch_all(pool)
    .await
    .during("screening_matches.get")?;
    let found = rows.into_iter().map(|row| ScreeningMatch {
        id: ScreeningMatchId::from_uuid(row.id),
        occasion: row.occasion,
        number: row.number,
        matches: row.matches,
        list_versions: row.list_versions,
        decision: row.decision,
    });
    Ok(found.collect())
}

/// A person's decision on something that waits for one.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The decision's stable name.
    pub decision: &'a str,
    /// `issuer|subject` of who decided.
    pub decided_by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// Stores the decision on a match of an application, with the parked step that it lets go on; it is decided once.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was decided before or is another application's; [`StorageError::Driver`].
pub async fn decide_match(
    connection: &mut PgConnection,
    application_id: ApplicationId,
    id: ScreeningMatchId,
    decision: &Decision<'_>,
    parked_step: Option<ParkedStepId>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE screening_matches
         SET decision = $3, decided_by = $4, decision_reason = $5, decided_at = $6, parked_step_id = $7
         WHERE id = $1 AND application_id = $2 AND decision IS NULL",
        id.as_uuid(),
        application_id.as_uuid(),
        decision.decision,
        decision.decided_by,
        decision.reason,
        decision.at,
        parked_step.as_ref().map(ParkedStepId::as_uuid),
    )
    .execute(connection)
    .await
    .during("screening_matches.decide")?;
    ensure_rows("screening_matches.decide", &updated, 1)
}

/// What the register of sole proprietors said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoleProprietorCheck {
    /// Whether the client is registered.
    pub registered: bool,
    /// The register's record.
    pub record_id: String,
    /// Its answer.
    pub evidence_id: EvidenceId,
    /// When.
    pub checked_at: DateTime<Utc>,
}

/// Stores what the register of sole proprietors said.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_sole_proprietor_check(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &SoleProprietorCheck,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO sole_proprietor_checks (application_id, registered, record_id, evidence_id, checked_at)
         VALUES ($1, $2, $3, $4, $5)",
        id.as_uuid(),
        new.registered,
        new.record_id,
        new.evidence_id.as_uuid(),
        new.checked_at,
    )
    .execute(connection)
    .await
    .during("sole_proprietor_checks.insert")?;
    ensure_rows("sole_proprietor_checks.insert", &written, 1)
}

/// What the register of sole proprietors said of an application's client, if it was asked.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn sole_proprietor_check(
    pool: &PgPool,
    id: ApplicationId,
) -> Result<Option<SoleProprietorCheck>, StorageError> {
    let row = sqlx::query!(
        "SELECT registered, record_id, evidence_id, checked_at FROM sole_proprietor_checks WHERE application_id = $1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("sole_proprietor_checks.get")?;
    Ok(row.map(|row| SoleProprietorCheck {
        registered: row.registered,
        record_id: row.record_id,
        evidence_id: EvidenceId::from_uuid(row.evidence_id),
        checked_at: row.checked_at,
    }))
}
