//! Reading what stands between disclosure and signature: disclosures, drafts, choice, contract, challenge.

use chrono::{DateTime, Utc};
use nesie_domain::hash::sha256;
use nesie_domain::ids::{ApplicationId, ChallengeId, ContractId, DraftId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgPool;

use crate::bodies::contract_place;
use crate::error::{During, StorageError};

/// A text as it was shown to the client of one application.
#[derive(Clone, Debug)]
pub struct Disclosure {
    /// `rules`, `payments` or `rights`.
    pub kind: String,
    /// The text's version.
    pub version: String,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// The exact content.
    pub content: String,
}

/// The disclosures of an application.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn disclosures(pool: &PgPool, id: ApplicationId) -> Result<Vec<Disclosure>, StorageError> {
    sqlx::query_as!(
        Disclosure,
        "SELECT kind, text_version AS version, sha256, content FROM disclosures WHERE application_id = $1 ORDER BY kind",
        id.as_uuid(),
    )
    .fetch_all(pool)
    .await
    .during("views.disclosures")
}

/// A draft of a schedule by one method.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its id.
    pub id: DraftId,
    /// `annuity`, `differentiated` or `bullet`.
    pub method: String,
    /// The schedule as JSON of the domain's type.
    pub schedule: Value,
    /// SHA-256 of the schedule's canonical bytes.
    pub sha256: Vec<u8>,
    /// Percent a year, to one decimal; absent when it could not be computed.
    pub annual_effective_rate: Option<Decimal>,
    /// Why it cannot be chosen; empty when it can.
    pub breaches: Value,
}

/// The drafts of an application, and the chosen one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn schedules(pool: &PgPool, id: ApplicationId) -> Result<(Vec<Draft>, Option<DraftId>), StorageError> {
    let rows = sqlx::query!(
        "SELECT id, method, schedule, sha256, annual_effective_rate, breaches FROM schedule_drafts
         WHERE application_id = $1 ORDER BY method",
        id.as_uuid(),
    )
    .fetch_all(pool)
    .await
    .during("views.schedules")?;
    let drafts = rows
        .into_iter()
        .map(|row| Draft {
            id: DraftId::from_uuid(row.id),
            method: row.method,
            schedule: row.schedule,
            sha256: row.sha256,
            annual_effective_rate: row.annual_effective_rate,
            breaches: row.breaches,
        })
        .collect();
    let chosen = sqlx::query_scalar!("SELECT draft_id FROM schedule_choices WHERE application_id = $1", id.as_uuid())
        .fetch_optional(pool)
        .await
        .during("views.choice")?;
    Ok((drafts, chosen.map(DraftId::from_uuid)))
}

/// Method and rate of the chosen draft.
#[derive(Clone, Debug)]
pub struct Choice {
    /// `annuity`, `differentiated` or `bullet`.
    pub method: String,
    /// Percent a year, to one decimal.
    pub annual_effective_rate: Option<Decimal>,
}

/// A frozen contract: the exact text that is shown and signed.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Its id.
    pub id: ContractId,
    /// Its number.
    pub number: String,
    /// The exact text.
    pub content: String,
    /// SHA-256 of the text's UTF-8.
    pub sha256: Vec<u8>,
    /// When it was frozen.
    pub frozen_at: DateTime<Utc>,
}

/// The contract of an application, once it is frozen. `open` opens what is sealed for a place.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] where the text is not the one that was frozen.
pub async fn contract(
    pool: &PgPool,
    id: ApplicationId,
    open: impl FnOnce(&str, &[u8]) -> Option<Vec<u8>>,
) -> Result<Option<Contract>, StorageError> {
    let row = sqlx::query!(
        "SELECT id, number, content, content_sealed, sha256, frozen_at FROM contracts WHERE application_id = $1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("views.contract")?;
    let Some(row) = row else { return Ok(None) };
    // One that was frozen before contracts were sealed has its text in the clear.
    let opened = |sealed: Vec<u8>| String::from_utf8(open(&contract_place(id), &sealed)?).ok();
    let content = row.content.or_else(|| row.content_sealed.and_then(opened));
    // Whoever reads it shows it, has it signed, or pays on it.
    let Some(content) = content.filter(|content| sha256(content.as_bytes()).as_slice() == row.sha256) else {
        return Err(StorageError::Inconsistent { table: "contracts", column: "content", row: id.to_string() });
    };
    Ok(Some(Contract {
        id: ContractId::from_uuid(row.id),
        number: row.number,
        content,
        sha256: row.sha256,
        frozen_at: row.frozen_at,
    }))
}

/// A one-time challenge for biometric identification (para 35).
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Its id.
    pub id: ChallengeId,
    /// `contract` or `payment`.
    pub purpose: String,
    /// The control movements, in order.
    pub movements: Vec<String>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

/// A challenge of an application by its id.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn challenge(
    pool: &PgPool,
    application: ApplicationId,
    id: ChallengeId,
) -> Result<Option<Challenge>, StorageError> {
    let row = sqlx::query!(
        "SELECT id, purpose, movements, expires_at FROM challenges WHERE application_id = $1 AND id = $2",
        application.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("views.challenge")?;
    Ok(row.map(|row| Challenge {
        id: ChallengeId::from_uuid(row.id),
        purpose: row.purpose,
        movements: row.movements,
        expires_at: row.expires_at,
    }))
}
