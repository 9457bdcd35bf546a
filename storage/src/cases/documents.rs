//! Documents that came with cases and acts on them. Append-only; sealed as they came in.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{CaseId, DocumentId};
use sqlx::{PgConnection, PgExecutor};

use crate::error::{During, StorageError, ensure_rows};

/// The place that a document is sealed for.
#[must_use]
pub fn document_place(id: DocumentId) -> String {
    format!("document|{id}")
}

/// A document that came with a case or an act.
#[derive(Clone, Debug)]
pub struct CaseDocument<'a> {
    /// Its id.
    pub id: DocumentId,
    /// The case.
    pub case_id: CaseId,
    /// Its name, as given; no personal data is asked for in it.
    pub name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// The bytes as received, sealed for [`document_place`].
    pub content_sealed: &'a [u8],
    /// SHA-256 of the bytes as received.
    pub sha256: &'a [u8],
    /// When.
    pub received_at: DateTime<Utc>,
}

/// Stores a document.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert_document(connection: &mut PgConnection, new: &CaseDocument<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO case_documents (id, case_id, name, content_type, content_sealed, sha256, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.as_uuid(),
        new.case_id.as_uuid(),
        new.name,
        new.content_type,
        new.content_sealed,
        new.sha256,
        new.received_at,
    )
    .execute(connection)
    .await
    .during("case_documents.insert")?;
    ensure_rows("case_documents.insert", &written, 1)
}

/// What lists show of a document.
#[derive(Clone, Debug)]
pub struct DocumentLine {
    /// Its id.
    pub id: DocumentId,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// SHA-256 of the bytes as received.
    pub sha256: Vec<u8>,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// The documents of a case, oldest first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn documents(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Vec<DocumentLine>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, name, content_type, sha256, received_at FROM case_documents WHERE case_id = $1 ORDER BY received_at, id",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("case_documents.list")?;
    Ok(rows
        .into_iter()
        .map(|row| DocumentLine {
            id: DocumentId::from_uuid(row.id),
            name: row.name,
            content_type: row.content_type,
            sha256: row.sha256,
            received_at: row.received_at,
        })
        .collect())
}
