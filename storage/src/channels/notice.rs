//! What a notice of a channel says, that the regulator has it, and the term that runs from then. Append-only.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::channel::{NoticeContents, NoticeSubject};
use nesie_domain::ids::{CaseId, DocumentId, EvidenceId, SubmissionId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::names;
use crate::error::{During, StorageError, ensure_rows};

/// A version of what a notice says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeVersion {
    /// 1, then one more each time that the draft is amended.
    pub version: i32,
    /// Which channel it is about.
    pub subject: NoticeSubject,
    /// What it says.
    pub contents: NoticeContents,
    /// What is attached.
    pub document_ids: Vec<DocumentId>,
    /// The amendment that made it.
    pub submission_id: Option<SubmissionId>,
    /// When.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a version.
///
/// # Errors
/// [`StorageError::Driver`], also for a version that exists.
pub async fn insert_version(
    connection: &mut PgConnection,
    case_id: CaseId,
    new: &NoticeVersion,
) -> Result<(), StorageError> {
    let operations = names(&new.contents.operations);
    let documents: Vec<Uuid> = new.document_ids.iter().map(DocumentId::as_uuid).collect();
    let written = sqlx::query!(
        "INSERT INTO channel_notice_versions (case_id, version, notice, code, kind, name, operations, security_procedures
            , planned_on, document_ids, submission_id, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        case_id.as_uuid(),
        new.version,
        new.subject.notice.as_str(),
        new.subject.code.as_str(),
        new.subject.kind.as_str(),
        new.contents.name,
        &operations,
        new.contents.security_procedures,
        new.contents.planned_on,
        &documents,
        new.submission_id.map(|id| id.as_uuid()),
        new.recorded_at,
    )
    .execute(connection)
    .await
    .during("channel_notice_versions.insert")?;
    ensure_rows("channel_notice_versions.insert", &written, 1)
}

/// The newest version of a notice, once its case has been taken up.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`].
pub async fn latest_version(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
) -> Result<Option<NoticeVersion>, StorageError> {
    let row = sqlx::query!(
        "SELECT version, notice, code, kind, name, operations, security_procedures, planned_on, document_ids
              , submission_id, recorded_at
         FROM channel_notice_versions WHERE case_id = $1 ORDER BY version DESC LIMIT 1",
        case_id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("channel_notice_versions.latest")?;
    let Some(row) = row else { return Ok(None) };
    let inconsistent =
        |column| StorageError::Inconsistent { table: "channel_notice_versions", column, row: case_id.to_string() };
    let operations = row.operations.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>();
    Ok(Some(NoticeVersion {
        version: row.version,
        subject: NoticeSubject {
            notice: row.notice.parse().map_err(|_| inconsistent("notice"))?,
            code: row.code.parse().map_err(|_| inconsistent("code"))?,
            kind: row.kind.parse().map_err(|_| inconsistent("kind"))?,
        },
        contents: NoticeContents {
            name: row.name,
            operations: operations.map_err(|_| inconsistent("operations"))?,
            security_procedures: row.security_procedures,
            planned_on: row.planned_on,
        },
        document_ids: row.document_ids.into_iter().map(DocumentId::from_uuid).collect(),
        submission_id: row.submission_id.map(SubmissionId::from_uuid),
        recorded_at: row.recorded_at,
    }))
}

/// That the regulator has a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The version that it has.
    pub version: i32,
    /// Whether it was sent before this system existed.
    pub sent_outside: bool,
    /// The regulator's number.
    pub receipt_number: String,
    /// When the regulator received it.
    pub received_at: DateTime<Utc>,
    /// The day from which the term is counted.
    pub counted_from: NaiveDate,
    /// The regulator's answer as it came; `None` where it was sent outside.
    pub evidence_id: Option<EvidenceId>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a receipt; a notice has one.
///
/// # Errors
/// [`StorageError::Driver`], also for a second one.
pub async fn insert_receipt(connection: &mut PgConnection, case_id: CaseId, new: &Receipt) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO channel_notice_receipts (case_id, version, sent_outside, receipt_number, received_at, counted_from
            , evidence_id, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        case_id.as_uuid(),
        new.version,
        new.sent_outside,
        new.receipt_number,
        new.received_at,
        new.counted_from,
        new.evidence_id.map(|id| id.as_uuid()),
        new.recorded_at,
    )
    .execute(connection)
    .await
    .during("channel_notice_receipts.insert")?;
    ensure_rows("channel_notice_receipts.insert", &written, 1)
}

/// The receipt of a notice.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn receipt(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Option<Receipt>, StorageError> {
    let row = sqlx::query!(
        "SELECT version, sent_outside, receipt_number, received_at, counted_from, evidence_id, recorded_at
         FROM channel_notice_receipts WHERE case_id = $1",
        case_id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("channel_notice_receipts.get")?;
    Ok(row.map(|row| Receipt {
        version: row.version,
        sent_outside: row.sent_outside,
        receipt_number: row.receipt_number,
        received_at: row.received_at,
        counted_from: row.counted_from,
        evidence_id: row.evidence_id.map(EvidenceId::from_uuid),
        recorded_at: row.recorded_at,
    }))
}

/// The term of a notice: as it was counted when the regulator had it, or anew by a calendar that came into force later.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// 0, then one more each time that a calendar moved it.
    pub generation: i32,
    /// Whether ten full working days lie between.
    pub strict: bool,
    /// The first day on which the channel may open, or the change take effect.
    pub earliest_on: NaiveDate,
    /// The calendar by which it was counted.
    pub calendar_version: String,
    /// Day by day.
    pub counted: Value,
    /// When.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a term. One that was stored before is never edited: a later generation takes its place.
///
/// # Errors
/// [`StorageError::Driver`], also for a second one of a generation.
pub async fn insert_term(connection: &mut PgConnection, case_id: CaseId, new: &Term) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO channel_notice_terms (case_id, generation, strict, earliest_on, calendar_version, counted, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        case_id.as_uuid(),
        new.generation,
        new.strict,
        new.earliest_on,
        new.calendar_version,
        new.counted,
        new.recorded_at,
    )
    .execute(connection)
    .await
    .during("channel_notice_terms.insert")?;
    ensure_rows("channel_notice_terms.insert", &written, 1)
}

/// The term of a notice, as it was counted last.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn term(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Option<Term>, StorageError> {
    sqlx::query_as!(
        Term,
        "SELECT generation, strict, earliest_on, calendar_version, counted, recorded_at FROM channel_notice_terms
         WHERE case_id = $1 ORDER BY generation DESC LIMIT 1",
        case_id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("channel_notice_terms.get")
}

/// Notices whose term runs, or has passed without anybody having acted on it, and was not counted by this version of the
/// calendar: there are a few.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn terms_of_other_versions(
    executor: impl PgExecutor<'_>,
    version: &str,
) -> Result<Vec<CaseId>, StorageError> {
    let ids = sqlx::query_scalar!(
        r#"SELECT c.id FROM cases c CROSS JOIN LATERAL (
               SELECT calendar_version FROM channel_notice_terms t WHERE t.case_id = c.id ORDER BY generation DESC LIMIT 1
           ) AS counted
           WHERE c.kind = 'channel_notice' AND c.stage_name = 'awaiting_term' AND counted.calendar_version <> $1
           ORDER BY c.id"#,
        version,
    )
    .fetch_all(executor)
    .await
    .during("channel_notice_terms.of_other_versions")?;
    Ok(ids.into_iter().map(CaseId::from_uuid).collect())
}
