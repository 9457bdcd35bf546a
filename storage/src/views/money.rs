//! Reading the payment of an application.

use nesie_domain::ids::{ApplicationId, PaymentReference};
use sqlx::PgPool;

use crate::error::{During, StorageError};

/// Where the money of an application is.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Our reference, the same for ever.
    pub our_reference: PaymentReference,
    /// `reserved`, `sent`, `unknown`, `confirmed`, `rejected` or `released`.
    pub state: String,
    /// `account`, `card` or `merchant`.
    pub method: String,
}

/// The payment of an application, once money was reserved.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn payment(pool: &PgPool, id: ApplicationId) -> Result<Option<Payment>, StorageError> {
    let row = sqlx::query!("SELECT our_reference, state, method FROM payments WHERE application_id = $1", id.as_uuid())
        .fetch_optional(pool)
        .await
        .during("views.payment")?;
    Ok(row.map(|row| Payment {
        our_reference: PaymentReference::from_uuid(row.our_reference),
        state: row.state,
        method: row.method,
    }))
}
