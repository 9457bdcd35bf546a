//! Notices of channels and the channels that are open by them (paras 4, 5). Versions, receipts and terms are append-only.
//! Never decides whether a channel may open: that is `nesie_domain::channel`.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::channel::{ChannelOperation, NoticeContents, NoticeSubject};
use nesie_domain::ids::{CaseId, DocumentId, EvidenceId, SubmissionId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

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

fn names(operations: &[ChannelOperation]) -> Vec<String> {
    operations.iter().map(|operation| operation.as_str().to_owned()).collect()
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

/// Opens a channel as notified. `false` where one of that code is open already.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn open(
    connection: &mut PgConnection,
    case_id: CaseId,
    notified: &NoticeVersion,
    source: &str,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO channels (code, name, kind, operations, active_from, source, case_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (code) DO NOTHING",
        notified.subject.code.as_str(),
        notified.contents.name,
        notified.subject.kind.as_str(),
        &names(&notified.contents.operations),
        at,
        source,
        case_id.as_uuid(),
    )
    .execute(connection)
    .await
    .during("channels.open")?;
    Ok(written.rows_affected() == 1)
}

/// Puts a notified change of an open channel in effect. `false` where no such channel is open.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn change(
    connection: &mut PgConnection,
    case_id: CaseId,
    notified: &NoticeVersion,
    source: &str,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "UPDATE channels SET name = $3, operations = $4, source = $5, case_id = $6, changed_at = $7
         WHERE code = $1 AND kind = $2",
        notified.subject.code.as_str(),
        notified.subject.kind.as_str(),
        notified.contents.name,
        &names(&notified.contents.operations),
        source,
        case_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("channels.change")?;
    Ok(written.rows_affected() == 1)
}

/// An open channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLine {
    /// Its code.
    pub code: String,
    /// Its name, or a terminal's location.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// What it may be used for.
    pub operations: Vec<String>,
    /// Since when.
    pub active_from: DateTime<Utc>,
    /// When a notified change last took effect.
    pub changed_at: Option<DateTime<Utc>>,
    /// The notice that it stands as it is by.
    pub case_id: Option<CaseId>,
}

/// Every channel, by code: there are a few.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn list(pool: &PgPool) -> Result<Vec<ChannelLine>, StorageError> {
    let rows = sqlx::query!(
        "SELECT code, name, kind, operations, active_from, changed_at, case_id FROM channels ORDER BY code",
    )
    .fetch_all(pool)
    .await
    .during("channels.list")?;
    let read = rows.into_iter().map(|row| ChannelLine {
        code: row.code,
        name: row.name,
        kind: row.kind,
        operations: row.operations,
        active_from: row.active_from,
        changed_at: row.changed_at,
        case_id: row.case_id.map(CaseId::from_uuid),
    });
    Ok(read.collect())
}

/// How many notices of a channel are over: what tells a new notice of it from a repeat of the open one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn notices_over(executor: impl PgExecutor<'_>, code: &str, kind: &str) -> Result<i64, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM cases
           WHERE cases.kind = 'channel_notice' AND summary ->> 'code' = $1 AND summary ->> 'kind' = $2
             AND closed_at IS NOT NULL"#,
        code,
        kind,
    )
    .fetch_one(executor)
    .await
    .during("cases.channel_notices_over")
}

/// An attached document with its content.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its id.
    pub id: DocumentId,
    /// Its name.
    pub name: String,
    /// The bytes as received, sealed for [`crate::cases::document_place`].
    pub content_sealed: Vec<u8>,
    /// SHA-256 of the bytes as received.
    pub sha256: Vec<u8>,
}

/// Documents of a case by ids, in their order.
///
/// # Errors
/// [`StorageError::RowsAffected`] where one is missing or another case's; [`StorageError::Driver`].
pub async fn attachments(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
    ids: &[DocumentId],
) -> Result<Vec<Attachment>, StorageError> {
    let uuids: Vec<Uuid> = ids.iter().map(DocumentId::as_uuid).collect();
    let rows = sqlx::query!(
        "SELECT d.id, name, content_sealed, sha256
         FROM case_documents d JOIN unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place) ON wanted.id = d.id
         WHERE case_id = $1 ORDER BY wanted.place",
        case_id.as_uuid(),
        &uuids,
    )
    .fetch_all(executor)
    .await
    .during("case_documents.contents")?;
    let (expected, actual) = (ids.len() as u64, rows.len() as u64);
    if expected != actual {
        return Err(StorageError::RowsAffected { operation: "case_documents.contents", expected, actual });
    }
    let read = rows.into_iter().map(|row| Attachment {
        id: DocumentId::from_uuid(row.id),
        name: row.name,
        content_sealed: row.content_sealed,
        sha256: row.sha256,
    });
    Ok(read.collect())
}

#[cfg(test)]
mod tests {
    use nesie_domain::case::{CaseKind, CasePolicy};
    use nesie_domain::channel::{ChannelKind, NoticeKind};
    use nesie_domain::person::Channel;
    use serde_json::json;

    use super::*;
    use crate::cases::{self, CaseDocument, NewCase, documents};

    async fn notice(connection: &mut PgConnection, natural_key: &[u8]) -> CaseId {
        let new = NewCase {
            id: CaseId::from_uuid(Uuid::now_v7()),
            kind: CaseKind::ChannelNotice,
            submitted_by: "issuer|aigul",
            natural_key,
            details_sealed: b"sealed",
            summary: &json!({"code": "web", "kind": "web_resource"}),
            policy: &CasePolicy::default(),
            ruleset: "2025-01-01",
            build: "test",
            received_at: DateTime::UNIX_EPOCH,
        };
        cases::insert(connection, &new).await.expect("a case").0
    }

    async fn document(connection: &mut PgConnection, case_id: CaseId) -> DocumentId {
        let id = DocumentId::from_uuid(Uuid::now_v7());
        let new = CaseDocument {
            id,
            case_id,
            name: "policy.pdf",
            content_type: "application/pdf",
            content_sealed: b"sealed",
            sha256: &[7; 32],
            received_at: DateTime::UNIX_EPOCH,
        };
        cases::insert_document(connection, &new).await.expect("a document");
        id
    }

    fn version(number: i32, notice: NoticeKind, document: DocumentId) -> NoticeVersion {
        NoticeVersion {
            version: number,
            subject: NoticeSubject {
                notice,
                code: Channel::parse("web").expect("a code"),
                kind: ChannelKind::WebResource,
            },
            contents: NoticeContents {
                name: format!("nesie.kz {number}"),
                operations: vec![ChannelOperation::MicrocreditCard],
                security_procedures: "политика".to_owned(),
                planned_on: None,
            },
            document_ids: vec![document],
            submission_id: None,
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn versions_receipts_and_terms_read_back_and_a_notice_has_one_receipt(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let id = notice(&mut connection, b"one").await;
        let attached = document(&mut connection, id).await;
        assert_eq!(latest_version(&pool, id).await.expect("read"), None);
        let versions = [1, 2].map(|number| version(number, NoticeKind::Opening, attached));
        for version in &versions {
            insert_version(&mut connection, id, version).await.expect("stored");
        }
        assert_eq!(latest_version(&pool, id).await.expect("read").as_ref(), versions.last());
        assert!(insert_version(&mut connection, id, &versions[0]).await.is_err(), "a version is never written twice");

        let new = Receipt {
            version: 2,
            sent_outside: true,
            receipt_number: "ЗТ-1".to_owned(),
            received_at: DateTime::UNIX_EPOCH,
            counted_from: NaiveDate::from_ymd_opt(2026, 1, 12).expect("a date"),
            evidence_id: None,
            recorded_at: DateTime::UNIX_EPOCH,
        };
        insert_receipt(&mut connection, id, &new).await.expect("stored");
        assert!(insert_receipt(&mut connection, id, &new).await.is_err(), "one notice, one receipt");
        assert_eq!(receipt(&pool, id).await.expect("read"), Some(new));
        let counted = Term {
            generation: 0,
            strict: true,
            earliest_on: NaiveDate::from_ymd_opt(2026, 1, 27).expect("a date"),
            calendar_version: "kz-test".to_owned(),
            counted: json!({}),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        insert_term(&mut connection, id, &counted).await.expect("stored");
        assert!(insert_term(&mut connection, id, &counted).await.is_err(), "a term is never written twice");
        assert_eq!(term(&pool, id).await.expect("read"), Some(counted.clone()));
        let anew = Term { generation: 1, calendar_version: "kz-test-2".to_owned(), ..counted };
        insert_term(&mut connection, id, &anew).await.expect("stored");
        assert_eq!(term(&pool, id).await.expect("read"), Some(anew), "the last count");

        let found = attachments(&pool, id, &[attached]).await.expect("read");
        assert_eq!((found[0].name.as_str(), found[0].sha256.as_slice()), ("policy.pdf", &[7_u8; 32][..]));
        let other = notice(&mut connection, b"two").await;
        assert!(attachments(&pool, other, &[attached]).await.is_err(), "another case's document is none of it");
        assert_eq!(documents(&pool, other).await.expect("read").len(), 0);
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_channel_opens_once_and_changes_only_when_it_is_open(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let id = notice(&mut connection, b"one").await;
        let attached = document(&mut connection, id).await;
        let (opening, at) = (version(1, NoticeKind::Opening, attached), DateTime::UNIX_EPOCH);
        let changed = version(2, NoticeKind::Change, attached);
        assert!(!change(&mut connection, id, &changed, "test", at).await.expect("asked"), "nothing is open");
        assert!(open(&mut connection, id, &opening, "test", at).await.expect("opened"));
        assert!(!open(&mut connection, id, &opening, "test", at).await.expect("asked"), "open already");
        assert!(change(&mut connection, id, &changed, "test", at).await.expect("changed"));
        let channels = list(&pool).await.expect("listed");
        assert_eq!(channels.len(), 1);
        assert_eq!((channels[0].name.as_str(), channels[0].case_id), ("nesie.kz 2", Some(id)));
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn only_notices_that_are_over_make_the_next_one_another(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        notice(&mut connection, b"one").await;
        assert_eq!(notices_over(&pool, "web", "web_resource").await.expect("counted"), 0);
        sqlx::query("UPDATE cases SET closed_at = now()").execute(&pool).await.expect("closed");
        assert_eq!(notices_over(&pool, "web", "web_resource").await.expect("counted"), 1);
        assert_eq!(notices_over(&pool, "mobile", "web_resource").await.expect("counted"), 0);
    }
}
