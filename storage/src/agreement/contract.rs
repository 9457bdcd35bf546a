//! The frozen contract: its exact text and hash, written once and never changed.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, ContractId, DraftId};
use sqlx::PgConnection;

use crate::error::{During, StorageError, ensure_rows};

/// A contract to be frozen.
#[derive(Clone, Copy, Debug)]
pub struct NewContract<'a> {
    /// Its id.
    pub id: ContractId,
    /// Its number.
    pub number: &'a str,
    /// The exact text.
    pub content: &'a str,
    /// SHA-256 of the text's UTF-8.
    pub sha256: &'a [u8],
    /// The schedule that it holds.
    pub draft_id: DraftId,
}

/// Freezes the contract of an application.
///
/// # Errors
/// [`StorageError::Driver`], also where there is a contract.
pub async fn insert(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewContract<'_>,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO contracts (id, application_id, number, content, sha256, draft_id, frozen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.as_uuid(),
        id.as_uuid(),
        new.number,
        new.content,
        new.sha256,
        new.draft_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("contracts.insert")?;
    ensure_rows("contracts.insert", &written, 1)
}
