//! Loans by the reference that lender and outside documents name them by. Never what is owed: accounting keeps that.

use nesie_domain::ids::ApplicationId;
use sqlx::PgExecutor;

use crate::error::{During, StorageError};

/// A loan that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLoan {
    /// Our reference of it.
    pub loan_reference: String,
    /// The application that led to it.
    pub application_id: ApplicationId,
    /// Keyed hash of the borrower's IIN.
    pub iin_index: Vec<u8>,
}

/// The loans of these references, as far as there are such.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn known(executor: impl PgExecutor<'_>, references: &[String]) -> Result<Vec<KnownLoan>, StorageError> {
    let rows = sqlx::query!(
        "SELECT l.loan_reference, l.application_id, a.iin_index
         FROM loans l JOIN applications a ON a.id = l.application_id
         WHERE l.loan_reference = ANY($1) ORDER BY l.loan_reference",
        references,
    )
    .fetch_all(executor)
    .await
    .during("loans.known")?;
    let read = rows.into_iter().map(|row| KnownLoan {
        loan_reference: row.loan_reference,
        application_id: ApplicationId::from_uuid(row.application_id),
        iin_index: row.iin_index,
    });
    Ok(read.collect())
}
