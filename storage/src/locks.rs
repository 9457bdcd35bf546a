//! Advisory locks: several API processes send one act per application at a time (design invariant 4), of two cases one at a
//! time suspends or resumes a loan, and of two contracts of one client one at a time is signed. Never held longer than a
//! transaction.

use nesie_domain::ids::ApplicationId;
use sqlx::PgConnection;

use crate::error::{During, StorageError};

/// Tries to take the application's lock until the end of the caller's transaction; `false` when another one holds it.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn try_application(connection: &mut PgConnection, id: ApplicationId) -> Result<bool, StorageError> {
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "locked!""#, key(id))
        .fetch_one(connection)
        .await
        .during("locks.try_application")
}

/// Takes the application's lock until the end of the caller's transaction; waits for the pool's lock time-out at most.
///
/// # Errors
/// [`StorageError::Driver`], also when the lock was not to be had in time.
pub async fn application(connection: &mut PgConnection, id: ApplicationId) -> Result<(), StorageError> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", key(id))
        .fetch_one(connection)
        .await
        .during("locks.application")?;
    Ok(())
}

/// Takes the lock of a loan until the end of the caller's transaction: of two cases that suspend and resume one loan at
/// once, the second sees what the first has done.
///
/// # Errors
/// [`StorageError::Driver`], also when the lock was not to be had in time.
pub async fn loan(connection: &mut PgConnection, loan_reference: &str) -> Result<(), StorageError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('loan|' || $1::text, 0))", loan_reference)
        .fetch_one(connection)
        .await
        .during("locks.loan")?;
    Ok(())
}

/// Takes the lock of a client, by the keyed hash of his number, until the end of the caller's transaction: of two contracts that
/// he signs at once the second counts the first, and a call and a check of his phone see each other.
///
/// # Errors
/// [`StorageError::Driver`], also when the lock was not to be had in time.
pub async fn client(connection: &mut PgConnection, iin_index: &[u8]) -> Result<(), StorageError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('client|' || encode($1::bytea, 'hex'), 0))", iin_index)
        .fetch_one(connection)
        .await
        .during("locks.client")?;
    Ok(())
}

/// As [`client`], of the client of an application.
///
/// # Errors
/// As [`client`].
pub async fn client_of(connection: &mut PgConnection, id: ApplicationId) -> Result<(), StorageError> {
    let iin_index = crate::leaks::iin_index(&mut *connection, id).await?;
    client(connection, &iin_index).await
}

/// Folds the id to the lock's 64 bits: two applications that share a lock only wait for each other.
fn key(id: ApplicationId) -> i64 {
    let (high, low) = id.as_uuid().as_u64_pair();
    i64::from_ne_bytes((high ^ low).to_ne_bytes())
}
