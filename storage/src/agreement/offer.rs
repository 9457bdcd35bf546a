//! Disclosures and drafts as they were shown, what was acknowledged, and what was chosen.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, DraftId, SubmissionId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A text to be shown.
#[derive(Clone, Copy, Debug)]
pub struct NewDisclosure<'a> {
    /// `rules`, `payments` or `rights`.
    pub kind: &'a str,
    /// The text's version.
    pub version: &'a str,
    /// SHA-256 of the content.
    pub sha256: &'a [u8],
    /// The exact content.
    pub content: &'a str,
}

/// Stores a text that is shown from now on.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_disclosure(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewDisclosure<'_>,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO disclosures (application_id, kind, text_version, sha256, content, shown_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id.as_uuid(),
        new.kind,
        new.version,
        new.sha256,
        new.content,
        at,
    )
    .execute(connection)
    .await
    .during("disclosures.insert")?;
    ensure_rows("disclosures.insert", &written, 1)
}

/// Stores what the client acknowledged, by the hash of what was shown.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_acknowledgement(
    connection: &mut PgConnection,
    id: ApplicationId,
    kind: &str,
    sha256: &[u8],
    submission_id: SubmissionId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO acknowledgements (application_id, kind, sha256, submission_id, acknowledged_at)
         VALUES ($1, $2, $3, $4, $5)",
        id.as_uuid(),
        kind,
        sha256,
        submission_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("acknowledgements.insert")?;
    ensure_rows("acknowledgements.insert", &written, 1)
}

/// A draft of a schedule by one method.
#[derive(Clone, Copy, Debug)]
pub struct NewDraft<'a> {
    /// Its id.
    pub id: DraftId,
    /// `annuity`, `differentiated` or `bullet`.
    pub method: &'a str,
    /// The schedule as JSON of the domain's type.
    pub schedule: &'a Value,
    /// SHA-256 of the schedule's canonical bytes.
    pub sha256: &'a [u8],
    /// Percent a year, to one decimal.
    pub annual_effective_rate: Option<Decimal>,
    /// Why it can not be chosen; empty when it can.
    pub breaches: &'a Value,
}

/// Stores a draft.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_draft(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewDraft<'_>,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO schedule_drafts (id, application_id, method, schedule, sha256, annual_effective_rate, breaches, drafted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.as_uuid(),
        id.as_uuid(),
        new.method,
        new.schedule,
        new.sha256,
        new.annual_effective_rate,
        new.breaches,
        at,
    )
    .execute(connection)
    .await
    .during("schedule_drafts.insert")?;
    ensure_rows("schedule_drafts.insert", &written, 1)
}

/// Stores the client's choice.
///
/// # Errors
/// [`StorageError::Driver`], also where there is a choice.
pub async fn insert_choice(
    connection: &mut PgConnection,
    id: ApplicationId,
    draft_id: DraftId,
    submission_id: SubmissionId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO schedule_choices (application_id, draft_id, submission_id, chosen_at) VALUES ($1, $2, $3, $4)",
        id.as_uuid(),
        draft_id.as_uuid(),
        submission_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("schedule_choices.insert")?;
    ensure_rows("schedule_choices.insert", &written, 1)
}

/// The draft that was chosen.
#[derive(Clone, Debug)]
pub struct ChosenDraft {
    /// Its id.
    pub id: DraftId,
    /// The schedule as JSON of the domain's type.
    pub schedule: Value,
    /// Percent a year, to one decimal.
    pub annual_effective_rate: Option<Decimal>,
}

/// The chosen draft of an application.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn chosen(pool: &PgPool, id: ApplicationId) -> Result<Option<ChosenDraft>, StorageError> {
    let row = sqlx::query!(
        "SELECT d.id, d.schedule, d.annual_effective_rate
         FROM schedule_choices c JOIN schedule_drafts d ON d.id = c.draft_id WHERE c.application_id = $1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("schedule_choices.get")?;
    Ok(row.map(|row| ChosenDraft {
        id: DraftId::from_uuid(row.id),
        schedule: row.schedule,
        annual_effective_rate: row.annual_effective_rate,
    }))
}
