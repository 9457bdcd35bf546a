//! Payments of applications, and refunds of cases beside them: one row a reference, for ever, states only forward (design
//! invariant 6).
//! Every transition names the states that it may start from; a row that is in none of them is an error, never ignored.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, PaymentReference};
use nesie_domain::money::Money;
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// The reference is stored; the provider has certainly not been called.
    Reserved,
    /// The provider may have been called.
    Sent,
    /// The provider was called and nothing certain is known.
    Unknown,
    /// The provider confirmed that the money moved.
    Confirmed,
    /// The provider rejected the transfer for good; no money moved.
    Rejected,
    /// It was given up before the provider was called.
    Released,
}

impl PaymentState {
    /// The stable name, as in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Released => "released",
        }
    }

    /// Whether it is certain that no money moved or will move under this reference.
    #[must_use]
    pub const fn is_void(self) -> bool {
        matches!(self, Self::Rejected | Self::Released)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Reserved, Self::Sent, Self::Unknown, Self::Confirmed, Self::Rejected, Self::Released]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// A payment as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Our reference.
    pub our_reference: PaymentReference,
    /// `account`, `card` or `merchant`.
    pub method: String,
    /// Which of the lender's contracted providers pays.
    pub payment_profile: String,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: PaymentState,
    /// The provider's own reference, once it told one.
    pub provider_reference: Option<String>,
    /// When the provider was called for the transfer, the last time.
    pub sent_at: Option<DateTime<Utc>>,
    /// When the money is known to have moved.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// Reserves the payment of an application. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where there is a payment.
pub async fn reserve(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &Payment,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO payments (application_id, our_reference, method, payment_profile, amount_tiyn, state, reserved_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, 'reserved', $6, $6)",
        id.as_uuid(),
        new.our_reference.as_uuid(),
        new.method,
        new.payment_profile,
        new.amount.tiyn(),
        at,
    )
    .execute(connection)
    .await
    .during("payments.reserve")?;
    ensure_rows("payments.reserve", &written, 1)
}

/// The payment of an application.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an unknown state.
pub async fn payment(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Option<Payment>, StorageError> {
    let row = sqlx::query!(
        "SELECT our_reference, method, payment_profile, amount_tiyn, state, provider_reference, sent_at, confirmed_at
         FROM payments WHERE application_id = $1",
        id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("payments.get")?;
    row.map(|row| {
        let state = PaymentState::parse(&row.state).ok_or_else(|| StorageError::Inconsistent {
            table: "payments",
            column: "state",
            row: id.to_string(),
        })?;
        Ok(Payment {
            our_reference: PaymentReference::from_uuid(row.our_reference),
            method: row.method,
            payment_profile: row.payment_profile,
            amount: Money::from_tiyn(row.amount_tiyn),
            state,
            provider_reference: row.provider_reference,
            sent_at: row.sent_at,
            confirmed_at: row.confirmed_at,
        })
    })
    .transpose()
}

/// From *reserved* to *sent*: committed by the caller before the provider is called. Of two callers one succeeds.
///
/// # Errors
/// [`StorageError::RowsAffected`] when the payment is not *reserved*; [`StorageError::Driver`].
pub async fn mark_sent(
    connection: &mut PgConnection,
    reference: PaymentReference,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET state = 'sent', sent_at = $2, updated_at = $2 WHERE our_reference = $1 AND state = 'reserved'",
        reference.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("payments.mark_sent")?;
    ensure_rows("payments.mark_sent", &updated, 1)
}

/// Notes that the provider is called once more for a payment that it does not know, before it is.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it is neither *sent* nor *unknown*; [`StorageError::Driver`].
pub async fn mark_sent_again(
    pool: &PgPool,
    reference: PaymentReference,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET sent_at = $2, updated_at = $2 WHERE our_reference = $1 AND state IN ('sent', 'unknown')",
        reference.as_uuid(),
        at,
    )
    .execute(pool)
    .await
    .during("payments.mark_sent_again")?;
    ensure_rows("payments.mark_sent_again", &updated, 1)
}

/// From *sent* to *unknown*: the provider was called and nothing certain is known. A payment that another attempt has
/// since learnt the end of stays as it is; the returned flag says whether this one was changed.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn mark_unknown(
    connection: &mut PgConnection,
    reference: PaymentReference,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET state = 'unknown', updated_at = $2 WHERE our_reference = $1 AND state IN ('sent', 'unknown')",
        reference.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("payments.mark_unknown")?;
    Ok(updated.rows_affected() == 1)
}

/// To *confirmed*: the provider said that the money moved.
///
/// # Errors
/// [`StorageError::RowsAffected`] unless the payment may have been sent; [`StorageError::Driver`].
pub async fn mark_confirmed(
    connection: &mut PgConnection,
    reference: PaymentReference,
    provider_reference: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET state = 'confirmed', provider_reference = $2, confirmed_at = $3, updated_at = $3
         WHERE our_reference = $1 AND state IN ('sent', 'unknown')",
        reference.as_uuid(),
        provider_reference,
        at,
    )
    .execute(connection)
    .await
    .during("payments.mark_confirmed")?;
    ensure_rows("payments.mark_confirmed", &updated, 1)
}

/// To *rejected*: the provider said that no money moved, and that this is final.
///
/// # Errors
/// [`StorageError::RowsAffected`] unless the payment may have been sent; [`StorageError::Driver`].
pub async fn mark_rejected(
    connection: &mut PgConnection,
    reference: PaymentReference,
    provider_reference: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET state = 'rejected', provider_reference = $2, updated_at = $3
         WHERE our_reference = $1 AND state IN ('sent', 'unknown')",
        reference.as_uuid(),
        provider_reference,
        at,
    )
    .execute(connection)
    .await
    .during("payments.mark_rejected")?;
    ensure_rows("payments.mark_rejected", &updated, 1)
}

/// From *reserved* to *released*: the application ends, or a refund's account is the client's no longer, and the provider
/// was never called.
///
/// # Errors
/// [`StorageError::RowsAffected`] when the payment is not *reserved*; [`StorageError::Driver`].
pub async fn release(
    connection: &mut PgConnection,
    reference: PaymentReference,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE payments SET state = 'released', updated_at = $2 WHERE our_reference = $1 AND state = 'reserved'",
        reference.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("payments.release")?;
    ensure_rows("payments.release", &updated, 1)
}

/// A loan that accounting and bureau know of (law art. 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    /// Our reference of the loan.
    pub loan_reference: String,
    /// Accounting's id.
    pub accounting_id: String,
    /// The bureau's receipt.
    pub bureau_receipt: String,
    /// The contract's schedule as of the day on which the money moved, as JSON of the domain's type.
    pub schedule: Value,
    /// Of that schedule, percent a year, to one decimal.
    pub annual_effective_rate: Decimal,
}

/// Stores the loan of an application.
///
/// # Errors
/// [`StorageError::Driver`], also where there is a loan.
pub async fn insert_loan(
    connection: &mut PgConnection,
    id: ApplicationId,
    loan: &Loan,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO loans (application_id, loan_reference, accounting_id, bureau_receipt, schedule, annual_effective_rate
             , recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        loan.loan_reference,
        loan.accounting_id,
        loan.bureau_receipt,
        loan.schedule,
        loan.annual_effective_rate,
        at,
    )
    .execute(connection)
    .await
    .during("loans.insert")?;
    ensure_rows("loans.insert", &written, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::applications::tests::insert_one;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    async fn attempt(pool: &PgPool, id: PaymentReference, to: PaymentState) -> bool {
        let mut connection = pool.acquire().await.expect("a connection");
        let moved = match to {
            PaymentState::Sent => mark_sent(&mut connection, id, AT).await,
            PaymentState::Confirmed => mark_confirmed(&mut connection, id, "p-1", AT).await,
            PaymentState::Rejected => mark_rejected(&mut connection, id, Some("p-1"), AT).await,
            PaymentState::Released => release(&mut connection, id, AT).await,
            PaymentState::Unknown => return mark_unknown(&mut connection, id, AT).await.expect("asked"),
            PaymentState::Reserved => unreachable!("nothing leads back to reserved"),
        };
        match moved {
            Ok(()) => true,
            Err(StorageError::RowsAffected { expected: 1, actual: 0, .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn states_only_go_forward_and_an_end_is_an_end(pool: PgPool) {
        use PaymentState::{Confirmed, Rejected, Released, Reserved, Sent, Unknown};
        let id = insert_one(&pool).await;
        let new = Payment {
            our_reference: PaymentReference::for_application(id, 0),
            method: "account".to_owned(),
            payment_profile: "plain".to_owned(),
            amount: Money::from_tiyn(30_000_000),
            state: Reserved,
            provider_reference: None,
            sent_at: None,
            confirmed_at: None,
        };
        let mut connection = pool.acquire().await.expect("a connection");
        reserve(&mut connection, id, &new, AT).await.expect("reserved");
        assert_eq!(payment(&pool, id).await.expect("read"), Some(new.clone()));
        assert!(reserve(&mut connection, id, &new, AT).await.is_err(), "one payment an application");
        for from in [Reserved, Sent, Unknown, Confirmed, Rejected, Released] {
            for to in [Sent, Unknown, Confirmed, Rejected, Released] {
                sqlx::query("UPDATE payments SET state = $1").bind(from.as_str()).execute(&pool).await.expect("set");
                let may = matches!(
                    (from, to),
                    (Reserved, Sent | Released) | (Sent | Unknown, Unknown | Confirmed | Rejected)
                );
                assert_eq!(attempt(&pool, new.our_reference, to).await, may, "{from:?} to {to:?}");
                let state = payment(&pool, id).await.expect("read").expect("there").state;
                assert_eq!(state, if may { to } else { from }, "{from:?} to {to:?}");
            }
        }
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn of_two_that_send_at_once_one_succeeds(pool: PgPool) {
        let id = insert_one(&pool).await;
        sqlx::query("INSERT INTO payments (our_reference, application_id, method, payment_profile, amount_tiyn, state, reserved_at, updated_at) SELECT id, id, 'card', 'dedup', 1, 'reserved', now(), now() FROM applications")
            .execute(&pool)
            .await
            .expect("reserved");
        // The row's reference is the application's own id.
        let id = PaymentReference::from_uuid(id.as_uuid());
        let mut first = pool.begin().await.expect("a transaction");
        mark_sent(&mut first, id, AT).await.expect("the first");
        let (second, committed) = tokio::join!(attempt(&pool, id, PaymentState::Sent), first.commit());
        committed.expect("committed");
        assert!(!second, "the second waits for the first and then finds it sent");
    }
}
