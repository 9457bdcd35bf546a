//! Credit reports: what the bureau said on each occasion, and what followed from it.
//! An unknown voluntary refusal is never stored: the table does not take it.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, EvidenceId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A credit report, and the verdict on it.
#[derive(Clone, Debug, PartialEq)]
pub struct CreditReport {
    /// `assessment`, `signing` or `payment`.
    pub occasion: String,
    /// The bureau's id of the report.
    pub report_id: String,
    /// `ACTIVE` or `NONE`.
    pub voluntary_refusal: String,
    /// Days overdue now.
    pub overdue_days_current: i32,
    /// The most days overdue in twelve months.
    pub overdue_days_max_12m: i32,
    /// All payments over income, where it was computed.
    pub debt_burden: Option<Decimal>,
    /// What followed.
    pub verdict: Value,
    /// The report as received.
    pub evidence_id: EvidenceId,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// Stores a credit report.
///
/// # Errors
/// [`StorageError::Driver`], also where the occasion has a report.
pub async fn insert(connection: &mut PgConnection, id: ApplicationId, new: &CreditReport) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO credit_reports (application_id, occasion, report_id, voluntary_refusal, overdue_days_current
            , overdue_days_max_12m, debt_burden, verdict, evidence_id, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id.as_uuid(),
        new.occasion,
        new.report_id,
        new.voluntary_refusal,
        new.overdue_days_current,
        new.overdue_days_max_12m,
        new.debt_burden,
        new.verdict,
        new.evidence_id.as_uuid(),
        new.received_at,
    )
    .execute(connection)
    .await
    .during("credit_reports.insert")?;
    ensure_rows("credit_reports.insert", &written, 1)
}

/// The report of an application on an occasion.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn get(pool: &PgPool, id: ApplicationId, occasion: &str) -> Result<Option<CreditReport>, StorageError> {
    let row = sqlx::query!(
        "SELECT occasion, report_id, voluntary_refusal, overdue_days_current, overdue_days_max_12m, debt_burden, verdict
              , evidence_id, received_at
         FROM credit_reports WHERE application_id = $1 AND occasion = $2",
        id.as_uuid(),
        occasion,
    )
    .fetch_optional(pool)
    .await
    .during("credit_reports.get")?;
    Ok(row.map(|row| CreditReport {
        occasion: row.occasion,
        report_id: row.report_id,
        voluntary_refusal: row.voluntary_refusal,
        overdue_days_current: row.overdue_days_current,
        overdue_days_max_12m: row.overdue_days_max_12m,
        debt_burden: row.debt_burden,
        verdict: row.verdict,
        evidence_id: EvidenceId::from_uuid(row.evidence_id),
        received_at: row.received_at,
    }))
}
