//! Refunds of a write-off (para 13 ¶4): the client's confirmed accounts, and each refund as a payment of its own.
//! Never a transition of its own: a refund moves through [`crate::money`] like every payment (design invariant 6).

use chrono::{DateTime, Utc};
use nesie_domain::ids::{CaseId, PaymentReference};
use nesie_domain::money::Money;
use nesie_domain::refund::RefundKind;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};
use crate::money::{Payment, PaymentState};

/// An account that was confirmed as the client's own.
#[derive(Clone, Debug)]
pub struct RefundAccount {
    /// Its id: the submission that gave it.
    pub id: Uuid,
    /// The account, sealed for [`account_place`].
    pub account_sealed: Vec<u8>,
    /// Which of the lender's contracted providers pays.
    pub payment_profile: String,
    /// The provider's id of the ownership check.
    pub check_id: String,
}

/// The place that an account is sealed for.
#[must_use]
pub fn account_place(id: Uuid) -> String {
    format!("refund-account|{id}")
}

/// Stores an account. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert_account(
    connection: &mut PgConnection,
    case_id: CaseId,
    new: &RefundAccount,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO refund_accounts (id, case_id, account_sealed, payment_profile, check_id, given_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        new.id,
        case_id.as_uuid(),
        new.account_sealed,
        new.payment_profile,
        new.check_id,
        at,
    )
    .execute(connection)
    .await
    .during("refund_accounts.insert")?;
    ensure_rows("refund_accounts.insert", &written, 1)
}

/// The account that was given last.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn latest_account(pool: &PgPool, case_id: CaseId) -> Result<Option<RefundAccount>, StorageError> {
    sqlx::query_as!(
        RefundAccount,
        "SELECT id, account_sealed, payment_profile, check_id FROM refund_accounts
         WHERE case_id = $1 ORDER BY sequence DESC LIMIT 1",
        case_id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("refund_accounts.latest")
}

/// An account of a case.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn account(pool: &PgPool, case_id: CaseId, id: Uuid) -> Result<Option<RefundAccount>, StorageError> {
    sqlx::query_as!(
        RefundAccount,
        "SELECT id, account_sealed, payment_profile, check_id FROM refund_accounts WHERE case_id = $1 AND id = $2",
        case_id.as_uuid(),
        id,
    )
    .fetch_optional(pool)
    .await
    .during("refund_accounts.get")
}

/// Keeps that a loan is written off by a case: once for ever, so that no second verdict refunds it a second time.
///
/// # Errors
/// [`StorageError::Driver`], also where it is written off already.
pub async fn mark_written_off(
    connection: &mut PgConnection,
    case_id: CaseId,
    loan_reference: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO written_off_loans (loan_reference, case_id, written_off_at) VALUES ($1, $2, $3)",
        loan_reference,
        case_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("written_off_loans.insert")?;
    ensure_rows("written_off_loans.insert", &written, 1)
}

/// Whether a loan is written off, by whichever case.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn is_written_off(pool: &PgPool, loan_reference: &str) -> Result<bool, StorageError> {
    let found = sqlx::query_scalar!("SELECT case_id FROM written_off_loans WHERE loan_reference = $1", loan_reference)
        .fetch_optional(pool)
        .await
        .during("written_off_loans.get")?;
    Ok(found.is_some())
}

/// A refund as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The payment.
    pub payment: Payment,
    /// Which try it is, from 0: another one only after the provider's final rejection.
    pub generation: u32,
    /// Where it goes.
    pub account_id: Uuid,
}

/// Reserves a refund. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where there is one of its kind that was not rejected for good.
pub async fn reserve(
    connection: &mut PgConnection,
    case_id: CaseId,
    kind: RefundKind,
    new: &Refund,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO payments (our_reference, method, payment_profile, amount_tiyn, state, reserved_at, updated_at
            , case_id, intent, generation, account_id)
         VALUES ($1, $2, $3, $4, 'reserved', $5, $5, $6, $7, $8, $9)",
        new.payment.our_reference.as_uuid(),
        new.payment.method,
        new.payment.payment_profile,
        new.payment.amount.tiyn(),
        at,
        case_id.as_uuid(),
        kind.as_str(),
        i32::try_from(new.generation).unwrap_or(i32::MAX),
        new.account_id,
    )
    .execute(connection)
    .await
    .during("refunds.reserve")?;
    ensure_rows("refunds.reserve", &written, 1)
}

/// The last try of a refund.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an unknown state.
pub async fn latest(pool: &PgPool, case_id: CaseId, kind: RefundKind) -> Result<Option<Refund>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT our_reference, method, payment_profile, amount_tiyn, state, provider_reference, confirmed_at
                , generation AS "generation!", account_id AS "account_id!"
           FROM payments WHERE case_id = $1 AND intent = $2 ORDER BY generation DESC LIMIT 1"#,
        case_id.as_uuid(),
        kind.as_str(),
    )
    .fetch_optional(pool)
    .await
    .during("refunds.latest")?;
    row.map(|row| {
        let inconsistent =
            |column| StorageError::Inconsistent { table: "payments", column, row: row.our_reference.to_string() };
        Ok(Refund {
            generation: u32::try_from(row.generation).map_err(|_| inconsistent("generation"))?,
            account_id: row.account_id,
            payment: Payment {
                state: PaymentState::parse(&row.state).ok_or_else(|| inconsistent("state"))?,
                our_reference: PaymentReference::from_uuid(row.our_reference),
                method: row.method,
                payment_profile: row.payment_profile,
                amount: Money::from_tiyn(row.amount_tiyn),
                provider_reference: row.provider_reference,
                confirmed_at: row.confirmed_at,
            },
        })
    })
    .transpose()
}
