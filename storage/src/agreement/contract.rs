//! The frozen contract: its exact text and hash, and the schedule that it holds, written once and never changed (R-073, R-090,
//! R-111).

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, ContractId, DraftId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A contract to be frozen.
#[derive(Clone, Copy, Debug)]
pub struct NewContract<'a> {
    /// Its id.
    pub id: ContractId,
    /// Its number.
    pub number: &'a str,
    /// The exact text, sealed for [`contract_place`](crate::bodies::contract_place).
    pub content_sealed: &'a [u8],
    /// SHA-256 of the text's UTF-8.
    pub sha256: &'a [u8],
    /// The draft that was chosen.
    pub draft_id: DraftId,
    /// The schedule of that draft as of the contract's day, as JSON of the domain's type.
    pub schedule: &'a Value,
    /// Of that schedule, percent a year, to one decimal.
    pub annual_effective_rate: Decimal,
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
        "INSERT INTO contracts (id, application_id, number, content_sealed, sha256, draft_id, schedule, annual_effective_rate
             , frozen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id.as_uuid(),
        id.as_uuid(),
        new.number,
        new.content_sealed,
        new.sha256,
        new.draft_id.as_uuid(),
        new.schedule,
        new.annual_effective_rate,
        at,
    )
    .execute(connection)
    .await
    .during("contracts.insert")?;
    ensure_rows("contracts.insert", &written, 1)
}

/// The schedule that was agreed.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// As JSON of the domain's type.
    pub schedule: Value,
    /// Percent a year, to one decimal.
    pub annual_effective_rate: Decimal,
}

/// The schedule of an application: the loan's once the money moved, before that the contract's, none before there is one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn agreed(pool: &PgPool, id: ApplicationId) -> Result<Option<Agreed>, StorageError> {
    sqlx::query_as!(
        Agreed,
        r#"SELECT COALESCE(l.schedule, k.schedule) AS "schedule!"
                , COALESCE(l.annual_effective_rate, k.annual_effective_rate) AS "annual_effective_rate!"
           FROM contracts AS k LEFT JOIN loans AS l ON l.application_id = k.application_id WHERE k.application_id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("contracts.agreed")
}
