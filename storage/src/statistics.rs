//! PostgreSQL's own counters, for the bench: statements, transactions, rows. Never a fact of the business, and never
//! read by the API or the worker.

use sqlx::PgPool;

use crate::error::{During, StorageError};

/// What the database has done since its counters began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Transactions that ended, either way. The server may be a second late with it, and with the rows.
    pub transactions: i64,
    /// Rows inserted, updated or deleted.
    pub rows_written: i64,
    /// Statements by everybody but the role that asks, where the server counts them.
    pub statements: Option<Statements>,
}

/// Statements by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// `SELECT` and the like.
    pub reads: i64,
    /// `INSERT`, `UPDATE`, `DELETE`.
    pub writes: i64,
    /// `BEGIN`, `COMMIT`, `SET` and other utility statements.
    pub control: i64,
}

impl Statements {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> i64 {
        self.reads + self.writes + self.control
    }
}

impl Work {
    /// What was done since an earlier look.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        self.with(before, |now, before| now - before)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    fn with(self, other: Self, combine: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            transactions: combine(self.transactions, other.transactions),
            rows_written: combine(self.rows_written, other.rows_written),
            statements: self.statements.zip(other.statements).map(|(one, other)| Statements {
                reads: combine(one.reads, other.reads),
                writes: combine(one.writes, other.writes),
                control: combine(one.control, other.control),
            }),
        }
    }
}

/// Lets the server show how often each statement ran, and says whether it does: it must have been started with
/// `shared_preload_libraries=pg_stat_statements`, and the asking role may have to be the server's owner.
pub async fn count_statements(pool: &PgPool) -> bool {
    // Not checked at build time, like all of this file: the extension is not part of our schema.
    let made = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").execute(pool).await;
    made.is_ok() && statements(pool).await.is_ok()
}

/// What the database has done so far; statements only where [`count_statements`] said yes.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn work(pool: &PgPool, statements_counted: bool) -> Result<Work, StorageError> {
    let (transactions, rows_written) = sqlx::query_as::<_, (i64, i64)>(
        "SELECT xact_commit + xact_rollback, tup_inserted + tup_updated + tup_deleted
         FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(pool)
    .await
    .during("statistics.work")?;
    let statements = if statements_counted { Some(statements(pool).await?) } else { None };
    Ok(Work { transactions, rows_written, statements })
}

async fn statements(pool: &PgPool) -> Result<Statements, StorageError> {
    let (reads, writes, control) = sqlx::query_as::<_, (i64, i64, i64)>(
        r"SELECT COALESCE(SUM(calls) FILTER (WHERE kind = 'read'), 0)::bigint
               , COALESCE(SUM(calls) FILTER (WHERE kind = 'write'), 0)::bigint
               , COALESCE(SUM(calls) FILTER (WHERE kind = 'control'), 0)::bigint
          FROM (
              SELECT calls
                   , CASE
                         WHEN query ~* '\m(INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\M' THEN 'write'
                         WHEN query ~* '^\s*(SELECT|WITH|VALUES|TABLE)\M' THEN 'read'
                         ELSE 'control'
                     END AS kind
              FROM pg_stat_statements
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND userid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
          ) AS statements",
    )
    .fetch_one(pool)
    .await
    .during("statistics.statements")?;
    Ok(Statements { reads, writes, control })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(transactions: i64, reads: Option<i64>) -> Work {
        let statements = reads.map(|reads| Statements { reads, writes: 1, control: 2 });
        Work { transactions, rows_written: 10, statements }
    }

    #[test]
    fn differences_and_sums_are_taken_figure_by_figure() {
        let since = work(9, Some(30)).since(work(4, Some(20)));
        assert_eq!(
            since,
            Work {
                transactions: 5,
                rows_written: 0,
                statements: Some(Statements { reads: 10, writes: 0, control: 0 })
            }
        );
        assert_eq!(work(9, Some(30)).and(work(4, Some(20))).statements.map(|statements| statements.all()), Some(56));
        assert_eq!(work(1, None).since(work(1, Some(1))).statements, None, "not counted at one of two looks");
    }
}
