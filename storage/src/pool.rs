//! Connections: pools for the processes, a transaction to compose writes in. Never retries on its own.

use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres, Transaction};

use crate::error::{During, StorageError};

/// Statements that a connection keeps prepared: more than a process of ours has, so that none is parsed twice.
const STATEMENTS_KEPT: usize = 500;

/// How long a connection that was just found in order is taken without another test.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A pool for one process. `name` is shown in the server's list of connections.
///
/// # Errors
/// [`StorageError::Driver`] when the URL cannot be read or no connection can be made in time.
pub async fn connect(url: &str, name: &str, connections_max: u32) -> Result<PgPool, StorageError> {
    let options = PgConnectOptions::from_str(url).during("pool.parse_url")?.application_name(name).options([
        ("statement_timeout", "15s"),
        ("lock_timeout", "10s"),
        ("timezone", "UTC"),
    ]);
    let options = options.statement_cache_capacity(STATEMENTS_KEPT);
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(5))
        // The pool tests every connection when it is given back; testing it again when it is taken a moment later would
        // double that. One that lay idle may have lost its server meanwhile.
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                if known.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .during("pool.connect")
}

/// One connection, for several reads in a row: giving one back costs a test of it.
///
/// # Errors
/// [`StorageError::Driver`] when none is free in time.
pub async fn acquire(pool: &PgPool) -> Result<PoolConnection<Postgres>, StorageError> {
    pool.acquire().await.during("pool.acquire")
}

/// Begins a transaction; it rolls back unless committed by [`commit`].
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StorageError> {
    pool.begin().await.during("pool.begin")
}

/// Commits a transaction.
///
/// # Errors
/// [`StorageError::Driver`]; the transaction may or may not have been committed when the connection broke.
pub async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StorageError> {
    transaction.commit().await.during("pool.commit")
}

/// Whether the database answers.
///
/// # Errors
/// [`StorageError::Driver`] when it does not.
pub async fn ping(pool: &PgPool) -> Result<(), StorageError> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await.during("pool.ping")?;
    Ok(())
}
