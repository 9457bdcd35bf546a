//! How the money is to be paid out, every try of it, with the check of ownership.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, SubmissionId};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A try that the client made.
#[derive(Clone, Copy, Debug)]
pub struct NewDisbursementMethod<'a> {
    /// What the client sent.
    pub submission_id: SubmissionId,
    /// `account`, `card` or `merchant`.
    pub method: &'a str,
    /// Which of the lender's contracted providers pays.
    pub payment_profile: &'a str,
    /// The details, sealed.
    pub destination_sealed: &'a [u8],
    /// Whether account or card is the client's, or the merchant under contract.
    pub confirmed: bool,
    /// The provider's id of the check.
    pub check_id: &'a str,
    /// When.
    pub checked_at: DateTime<Utc>,
}

/// Stores a try under the next number.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewDisbursementMethod<'_>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO disbursement_methods (application_id, try, submission_id, method, payment_profile, destination_sealed
            , ownership, check_id, checked_at)
         SELECT $1, COALESCE(max(try), 0) + 1, $2, $3, $4, $5, $6, $7, $8
         FROM disbursement_methods WHERE application_id = $1",
        id.as_uuid(),
        new.submission_id.as_uuid(),
        new.method,
        new.payment_profile,
        new.destination_sealed,
        if new.confirmed { "confirmed" } else { "not_confirmed" },
        new.check_id,
        new.checked_at,
    )
    .execute(connection)
    .await
    .during("disbursement_methods.insert")?;
    ensure_rows("disbursement_methods.insert", &written, 1)
}

/// The method that was confirmed.
#[derive(Clone, Debug)]
pub struct ConfirmedMethod {
    /// `account`, `card` or `merchant`.
    pub method: String,
    /// Which of the lender's contracted providers pays.
    pub payment_profile: String,
    /// The details, sealed.
    pub destination_sealed: Vec<u8>,
}

/// The confirmed method of an application: the last try, and only if it was confirmed.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn confirmed(pool: &PgPool, id: ApplicationId) -> Result<Option<ConfirmedMethod>, StorageError> {
    let row = sqlx::query!(
        "SELECT method, payment_profile, destination_sealed, ownership FROM disbursement_methods
         WHERE application_id = $1 ORDER BY try DESC LIMIT 1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("disbursement_methods.confirmed")?;
    Ok(row.filter(|row| row.ownership == "confirmed").map(|row| ConfirmedMethod {
        method: row.method,
        payment_profile: row.payment_profile,
        destination_sealed: row.destination_sealed,
    }))
}
