//! Refunds of a write-off (para 13 ¶4): the client's confirmed accounts, and each refund as a payment of its own.
//! Never a transition of its own: a refund moves through [`crate::money`] like every payment (design invariant 6).

use chrono::{DateTime, Utc};
use nesie_domain::ids::{CaseId, PaymentReference};
use nesie_domain::money::Money;
use nesie_domain::refund::{RefundKind, RefundRound};
use sqlx::{PgConnection, PgExecutor, PgPool};
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

/// Keeps that a refund covers payments of the client's. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where one of them is covered already: nothing is refunded twice.
pub async fn cover(
    connection: &mut PgConnection,
    loan_reference: &str,
    payment_ids: &[String],
    (case_id, kind, round): (CaseId, RefundKind, RefundRound),
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO refunded_payments (loan_reference, payment_id, case_id, intent, round, found_at)
         SELECT $1, covered.id, $3, $4, $5, $6 FROM unnest($2::text[]) AS covered (id)",
        loan_reference,
        payment_ids,
        case_id.as_uuid(),
        kind.as_str(),
        number(round.0),
        at,
    )
    .execute(connection)
    .await
    .during("refunded_payments.insert")?;
    ensure_rows("refunded_payments.insert", &written, payment_ids.len() as u64)
}

/// The payments of a loan that refunds cover, by the accounting's ids.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn covered(pool: &PgPool, loan_reference: &str) -> Result<Vec<String>, StorageError> {
    sqlx::query_scalar!("SELECT payment_id FROM refunded_payments WHERE loan_reference = $1", loan_reference)
        .fetch_all(pool)
        .await
        .during("refunded_payments.of_loan")
}

/// A refund as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The payment.
    pub payment: Payment,
    /// Which look at the books found what it refunds.
    pub round: RefundRound,
    /// Which try it is, from 0: another one only where it is certain that the one before moved no money.
    pub generation: u32,
    /// Where it goes.
    pub account_id: Uuid,
}

/// Reserves a refund. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where there is one of its kind and round that may move money.
pub async fn reserve(
    connection: &mut PgConnection,
    case_id: CaseId,
    kind: RefundKind,
    new: &Refund,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO payments (our_reference, method, payment_profile, amount_tiyn, state, reserved_at, updated_at
            , case_id, intent, round, generation, account_id)
         VALUES ($1, $2, $3, $4, 'reserved', $5, $5, $6, $7, $8, $9, $10)",
        new.payment.our_reference.as_uuid(),
        new.payment.method,
        new.payment.payment_profile,
        new.payment.amount.tiyn(),
        at,
        case_id.as_uuid(),
        kind.as_str(),
        number(new.round.0),
        number(new.generation),
        new.account_id,
    )
    .execute(connection)
    .await
    .during("refunds.reserve")?;
    ensure_rows("refunds.reserve", &written, 1)
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

struct Row {
    our_reference: Uuid,
    method: String,
    payment_profile: String,
    amount_tiyn: i64,
    state: String,
    provider_reference: Option<String>,
    sent_at: Option<DateTime<Utc>>,
    confirmed_at: Option<DateTime<Utc>>,
    round: i32,
    generation: i32,
    account_id: Uuid,
}

impl Row {
    fn read(self) -> Result<Refund, StorageError> {
        let row = self.our_reference.to_string();
        let inconsistent = |column| StorageError::Inconsistent { table: "payments", column, row: row.clone() };
        Ok(Refund {
            round: RefundRound(u32::try_from(self.round).map_err(|_| inconsistent("round"))?),
            generation: u32::try_from(self.generation).map_err(|_| inconsistent("generation"))?,
            account_id: self.account_id,
            payment: Payment {
                state: PaymentState::parse(&self.state).ok_or_else(|| inconsistent("state"))?,
                our_reference: PaymentReference::from_uuid(self.our_reference),
                method: self.method,
                payment_profile: self.payment_profile,
                amount: Money::from_tiyn(self.amount_tiyn),
                provider_reference: self.provider_reference,
                sent_at: self.sent_at,
                confirmed_at: self.confirmed_at,
            },
        })
    }
}

/// The last try of a refund.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an unknown state.
pub async fn latest(
    pool: &PgPool,
    case_id: CaseId,
    kind: RefundKind,
    round: RefundRound,
) -> Result<Option<Refund>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT our_reference, method, payment_profile, amount_tiyn, state, provider_reference, sent_at, confirmed_at, round
                , generation AS "generation!", account_id AS "account_id!"
           FROM payments WHERE case_id = $1 AND intent = $2 AND round = $3 ORDER BY generation DESC LIMIT 1"#,
        case_id.as_uuid(),
        kind.as_str(),
        number(round.0),
    )
    .fetch_optional(pool)
    .await
    .during("refunds.latest")?;
    row.map(Row::read).transpose()
}

/// The refund of a kind of which the provider may have been called, and nothing certain is known. Rounds follow one another,
/// so there is one at most.
///
/// # Errors
/// As [`latest`].
pub async fn in_doubt(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
    kind: RefundKind,
) -> Result<Option<Refund>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT our_reference, method, payment_profile, amount_tiyn, state, provider_reference, sent_at, confirmed_at, round
                , generation AS "generation!", account_id AS "account_id!"
           FROM payments WHERE case_id = $1 AND intent = $2 AND state IN ('sent', 'unknown')
           ORDER BY round, generation LIMIT 1"#,
        case_id.as_uuid(),
        kind.as_str(),
    )
    .fetch_optional(executor)
    .await
    .during("refunds.in_doubt")?;
    row.map(Row::read).transpose()
}
