//! Documents of the criminal process that hold a loan: each its row, released once (para 13 ¶2–3; A12).
//! Never what is owed, and never the document itself: that is sealed with its case.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::CaseId;
use sqlx::{PgConnection, PgExecutor};

use crate::error::{During, StorageError, ensure_rows};

/// A hold on a loan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Our reference of the loan.
    pub loan_reference: String,
    /// The first day without interest that this document asks for.
    pub effective_from: NaiveDate,
    /// The first day without interest in the books while it lasts: this one's, or an earlier one of another document.
    /// `None` until the books have suspended accrual.
    pub suspended_from: Option<NaiveDate>,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When it was released.
    pub released_at: Option<DateTime<Utc>>,
    /// Whether collection and claims were resumed with the release.
    pub collection_resumed: Option<bool>,
}

/// Places a hold. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where the case holds the loan already.
pub async fn place(
    connection: &mut PgConnection,
    case_id: CaseId,
    loan_reference: &str,
    effective_from: NaiveDate,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO loan_holds (case_id, loan_reference, effective_from, placed_at) VALUES ($1, $2, $3, $4)",
        case_id.as_uuid(),
        loan_reference,
        effective_from,
        at,
    )
    .execute(connection)
    .await
    .during("loan_holds.place")?;
    ensure_rows("loan_holds.place", &written, 1)
}

/// The holds of a case, by loan.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn of_case(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Vec<Hold>, StorageError> {
    sqlx::query_as!(
        Hold,
        "SELECT loan_reference, effective_from, suspended_from, placed_at, released_at, collection_resumed
         FROM loan_holds WHERE case_id = $1 ORDER BY loan_reference",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("loan_holds.of_case")
}

/// How many other cases hold a loan.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn others(connection: &mut PgConnection, case_id: CaseId, loan_reference: &str) -> Result<i64, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM loan_holds
           WHERE loan_reference = $2 AND case_id <> $1 AND released_at IS NULL"#,
        case_id.as_uuid(),
        loan_reference,
    )
    .fetch_one(connection)
    .await
    .during("loan_holds.others")
}

/// The first day without interest that the books have by the documents that hold a loan; `None` where none suspended it yet.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn suspended_since(
    connection: &mut PgConnection,
    loan_reference: &str,
) -> Result<Option<NaiveDate>, StorageError> {
    sqlx::query_scalar!(
        "SELECT min(suspended_from) FROM loan_holds WHERE loan_reference = $1 AND released_at IS NULL",
        loan_reference,
    )
    .fetch_one(connection)
    .await
    .during("loan_holds.suspended_since")
}

/// The day from which accrual on a loan went on after the last suspension that has ended; `None` where none has.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn resumed_on(
    connection: &mut PgConnection,
    loan_reference: &str,
) -> Result<Option<NaiveDate>, StorageError> {
    sqlx::query_scalar!(
        "SELECT max((t.details ->> 'effective_on')::date) FROM loan_holds h
         JOIN timeline t ON t.case_id = h.case_id AND t.fact_key = 'resume:' || h.loan_reference
         WHERE h.loan_reference = $1 AND h.released_at IS NOT NULL AND t.kind = 'accrual_resumed'",
        loan_reference,
    )
    .fetch_one(connection)
    .await
    .during("loan_holds.resumed_on")
}

/// Keeps that the books suspend accrual for a document from a day, and that all others that hold the loan begin no later.
///
/// # Errors
/// [`StorageError::RowsAffected`] where the document holds the loan no longer; [`StorageError::Driver`].
pub async fn suspended(
    connection: &mut PgConnection,
    case_id: CaseId,
    loan_reference: &str,
    from: NaiveDate,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE loan_holds SET suspended_from = $3
         WHERE case_id = $1 AND loan_reference = $2 AND released_at IS NULL",
        case_id.as_uuid(),
        loan_reference,
        from,
    )
    .execute(&mut *connection)
    .await
    .during("loan_holds.suspended")?;
    ensure_rows("loan_holds.suspended", &updated, 1)?;
    sqlx::query!(
        "UPDATE loan_holds SET suspended_from = $2
         WHERE loan_reference = $1 AND released_at IS NULL AND suspended_from > $2",
        loan_reference,
        from,
    )
    .execute(connection)
    .await
    .during("loan_holds.moved")?;
    Ok(())
}

/// Releases the hold of a case on a loan. The caller has recorded the fact in the same transaction, once. Documents that hold
/// the loan on take its first day over: the books know one suspension, whoever began it.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it is not in force; [`StorageError::Driver`].
pub async fn release(
    connection: &mut PgConnection,
    case_id: CaseId,
    loan_reference: &str,
    collection_resumed: bool,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE loan_holds SET released_at = $4, collection_resumed = $3
         WHERE case_id = $1 AND loan_reference = $2 AND released_at IS NULL",
        case_id.as_uuid(),
        loan_reference,
        collection_resumed,
        at,
    )
    .execute(&mut *connection)
    .await
    .during("loan_holds.release")?;
    ensure_rows("loan_holds.release", &updated, 1)?;
    sqlx::query!(
        "UPDATE loan_holds AS o SET suspended_from = least(o.suspended_from, r.suspended_from)
         FROM loan_holds AS r
         WHERE r.case_id = $1 AND r.loan_reference = $2 AND r.suspended_from IS NOT NULL
           AND o.loan_reference = $2 AND o.released_at IS NULL",
        case_id.as_uuid(),
        loan_reference,
    )
    .execute(connection)
    .await
    .during("loan_holds.hand_down")?;
    Ok(())
}
