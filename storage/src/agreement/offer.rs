//! Disclosures and drafts as they were shown, what was acknowledged, and what was chosen.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, DraftId, SubmissionId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

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

/// Stores texts that are shown from now on.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_disclosures(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &[NewDisclosure<'_>],
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let kinds: Vec<&str> = new.iter().map(|text| text.kind).collect();
    let versions: Vec<&str> = new.iter().map(|text| text.version).collect();
    let hashes: Vec<&[u8]> = new.iter().map(|text| text.sha256).collect();
    let contents: Vec<&str> = new.iter().map(|text| text.content).collect();
    let written = sqlx::query!(
        "INSERT INTO disclosures (application_id, kind, text_version, sha256, content, shown_at)
         SELECT $1, kind, text_version, sha256, content, $2
         FROM unnest($3::text[], $4::text[], $5::bytea[], $6::text[]) AS new (kind, text_version, sha256, content)",
        id.as_uuid(),
        at,
        &kinds as &[&str],
        &versions as &[&str],
        &hashes as &[&[u8]],
        &contents as &[&str],
    )
    .execute(connection)
    .await
    .during("disclosures.insert")?;
    ensure_rows("disclosures.insert", &written, new.len() as u64)
}

/// A text that the client acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged<'a> {
    /// `rules`, `payments`, `rights`, or what else was shown.
    pub kind: &'a str,
    /// SHA-256 of what was shown.
    pub sha256: &'a [u8],
}

/// Stores what the client acknowledged, by the hash of what was shown.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_acknowledgements(
    connection: &mut PgConnection,
    id: ApplicationId,
    acknowledged: &[Acknowledged<'_>],
    submission_id: SubmissionId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let kinds: Vec<&str> = acknowledged.iter().map(|text| text.kind).collect();
    let hashes: Vec<&[u8]> = acknowledged.iter().map(|text| text.sha256).collect();
    let written = sqlx::query!(
        "INSERT INTO acknowledgements (application_id, kind, sha256, submission_id, acknowledged_at)
         SELECT $1, kind, sha256, $2, $3 FROM unnest($4::text[], $5::bytea[]) AS acknowledged (kind, sha256)",
        id.as_uuid(),
        submission_id.as_uuid(),
        at,
        &kinds as &[&str],
        &hashes as &[&[u8]],
    )
    .execute(connection)
    .await
    .during("acknowledgements.insert")?;
    ensure_rows("acknowledgements.insert", &written, acknowledged.len() as u64)
}

/// A draft of a schedule by one method.
#[derive(Clone, Debug)]
pub struct NewDraft {
    /// Its id.
    pub id: DraftId,
    /// `annuity`, `differentiated` or `bullet`.
    pub method: &'static str,
    /// The schedule as JSON of the domain's type.
    pub schedule: Value,
    /// SHA-256 of the schedule's canonical bytes.
    pub sha256: [u8; 32],
    /// Percent a year, to one decimal.
    pub annual_effective_rate: Option<Decimal>,
    /// Why it can not be chosen; empty when it can.
    pub breaches: Value,
}

/// Stores drafts.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_drafts(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &[NewDraft],
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let ids: Vec<Uuid> = new.iter().map(|draft| draft.id.as_uuid()).collect();
    let methods: Vec<&str> = new.iter().map(|draft| draft.method).collect();
    let schedules: Vec<&Value> = new.iter().map(|draft| &draft.schedule).collect();
    let hashes: Vec<&[u8]> = new.iter().map(|draft| draft.sha256.as_slice()).collect();
    let rates: Vec<Option<Decimal>> = new.iter().map(|draft| draft.annual_effective_rate).collect();
    let breaches: Vec<&Value> = new.iter().map(|draft| &draft.breaches).collect();
    let written = sqlx::query!(
        "INSERT INTO schedule_drafts (id, application_id, method, schedule, sha256, annual_effective_rate, breaches, drafted_at)
         SELECT id, $1, method, schedule, sha256, annual_effective_rate, breaches, $2
         FROM unnest($3::uuid[], $4::text[], $5::jsonb[], $6::bytea[], $7::numeric[], $8::jsonb[])
             AS new (id, method, schedule, sha256, annual_effective_rate, breaches)",
        id.as_uuid(),
        at,
        &ids,
        &methods as &[&str],
        &schedules as &[&Value],
        &hashes as &[&[u8]],
        &rates as &[Option<Decimal>],
        &breaches as &[&Value],
    )
    .execute(connection)
    .await
    .during("schedule_drafts.insert")?;
    ensure_rows("schedule_drafts.insert", &written, new.len() as u64)
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
