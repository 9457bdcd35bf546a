//! What can go wrong in storage, named by the operation. Never holds a row's content: errors reach logs.

use sqlx::postgres::PgQueryResult;

/// A failed storage operation.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database or the connection to it failed.
    #[error("storage: {operation} failed")]
    Driver {
        /// What was being done.
        operation: &'static str,
        /// The driver's own error.
        #[source]
        source: sqlx::Error,
    },
    /// A statement touched another number of rows than it must.
    #[error("storage: {operation} touched {actual} rows instead of {expected}")]
    RowsAffected {
        /// What was being done.
        operation: &'static str,
        /// How many rows it must touch.
        expected: u64,
        /// How many it touched.
        actual: u64,
    },
    /// A stored value cannot be what it is there.
    #[error("storage: {table}.{column} of row {row} is inconsistent")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key; never personal data.
        row: String,
    },
    /// The same key was used before with different content (design invariant 2).
    #[error("storage: {operation}: the same key was stored with different content")]
    Conflict {
        /// What was being done.
        operation: &'static str,
    },
    /// A value could not be written as JSON.
    #[error("storage: {operation}: the value cannot be written as JSON")]
    Encode {
        /// What was being done.
        operation: &'static str,
        /// The serializer's own error.
        #[source]
        source: serde_json::Error,
    },
    /// A migration could not be applied.
    #[error("storage: migrations could not be applied")]
    Migrate {
        /// The migrator's own error.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The schema is not the one that this build was made for; run the migrate command of the matching build.
    #[error("storage: this build needs the schema {expected}, the database is at {}: run the migrate command of the matching build", found.map_or_else(|| "none".to_owned(), |version| version.to_string()))]
    Schema {
        /// The version that this build was made for.
        expected: i64,
        /// The newest version in the database, if any was applied.
        found: Option<i64>,
    },
}

impl StorageError {
    /// Whether the database could not be reached or did not answer in time: trying again later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let Self::Driver { source, .. } = self else { return false };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => true,
            // Classes 08 (connection), 53 (resources), 57 (shutdown, time-out), and 55P03 (lock not available).
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                code.starts_with("08") || code.starts_with("53") || code.starts_with("57") || code == "55P03"
            }),
            _ => false,
        }
    }
}

/// Names the operation on the driver's errors.
pub trait During<T> {
    /// Turns a driver error into a [`StorageError::Driver`] that names the operation.
    ///
    /// # Errors
    /// The same error, named.
    fn during(self, operation: &'static str) -> Result<T, StorageError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, operation: &'static str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Driver { operation, source })
    }
}

impl<T> During<T> for Result<T, serde_json::Error> {
    fn during(self, operation: &'static str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Encode { operation, source })
    }
}

/// Asserts how many rows a write touched.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it is another number.
pub fn ensure_rows(operation: &'static str, result: &PgQueryResult, expected: u64) -> Result<(), StorageError> {
    ensure(operation, result.rows_affected(), expected)
}

/// Asserts how many rows a part of a statement touched, as the statement itself counted them.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it is another number.
pub fn ensure_count(operation: &'static str, counted: i64, expected: u64) -> Result<(), StorageError> {
    ensure(operation, counted.unsigned_abs(), expected)
}

fn ensure(operation: &'static str, actual: u64, expected: u64) -> Result<(), StorageError> {
    if actual == expected { Ok(()) } else { Err(StorageError::RowsAffected { operation, expected, actual }) }
}
