//! Notices of channels and the channels that are open by them (paras 4, 5). What a notice says, and its
//! receipt and term, are in `notice`.
//! Never decides whether a channel may open: that is `nesie_domain::channel`.

mod notice;

use chrono::{DateTime, Utc};
use nesie_domain::channel::ChannelOperation;
use nesie_domain::ids::{CaseId, DocumentId};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

pub use notice::{
    NoticeVersion, Receipt, Term, insert_receipt, insert_term, insert_version, latest_version, receipt, term,
    terms_of_other_versions,
};

use crate::error::{During, StorageError};

fn names(operations: &[ChannelOperation]) -> Vec<String> {
    operations.iter().map(|operation| operation.as_str().to_owned()).collect()
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

/// How many notices of a channel are over: what tells a new notice of it from a repeat of the open one. One that did what it
/// was for is over, its case closed or about to be: the channel stands by it, or was opened by it and stands by a later one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn notices_over(executor: impl PgExecutor<'_>, code: &str, kind: &str) -> Result<i64, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM cases
           WHERE cases.kind = 'channel_notice' AND summary ->> 'code' = $1 AND summary ->> 'kind' = $2
             AND (closed_at IS NOT NULL OR EXISTS (
                 SELECT FROM channels c
                 WHERE c.code = $1 AND (c.case_id = cases.id OR summary ->> 'notice' = 'opening')))"#,
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
    use chrono::NaiveDate;
    use nesie_domain::case::{CaseKind, CasePolicy};
    use nesie_domain::channel::{ChannelKind, NoticeContents, NoticeKind, NoticeSubject};
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
            content_index: b"content",
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

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_notice_by_which_its_channel_stands_is_over_before_its_case_is_closed(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let id = notice(&mut connection, b"one").await;
        let attached = document(&mut connection, id).await;
        let opening = version(1, NoticeKind::Opening, attached);
        assert!(open(&mut connection, id, &opening, "test", DateTime::UNIX_EPOCH).await.expect("opened"));
        assert_eq!(notices_over(&pool, "web", "web_resource").await.expect("counted"), 1);
        sqlx::query("UPDATE cases SET closed_at = now()").execute(&pool).await.expect("closed");
        assert_eq!(notices_over(&pool, "web", "web_resource").await.expect("counted"), 1, "the same one, once");
    }
}
