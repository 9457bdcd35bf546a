//! PostgreSQL: the only crate with SQL. One file a table group; functions take a connection, so that callers compose
//! one transaction, or a pool where they only read. Never knows HTTP or Temporal, never reads a clock.

pub mod agreement;
pub mod applications;
pub mod approvals;
pub mod audit;
pub mod backlog;
pub mod bodies;
pub mod calendar;
pub mod cases;
pub mod channels;
pub mod credit;
pub mod duties;
pub mod error;
pub mod evidence;
pub mod facts;
pub mod holds;
pub mod idempotency;
pub mod inbox;
pub mod incidents;
pub mod leaks;
pub mod lists;
pub mod loans;
pub mod locks;
pub mod migrate;
pub mod money;
pub mod notices;
pub mod parked;
pub mod policy;
pub mod pool;
pub mod publication;
pub mod recorded;
pub mod refunds;
pub mod screening;
pub mod statistics;
pub mod submissions;
pub mod sweeps;
pub mod timeline;
pub mod views;
pub mod webhooks;

pub use error::StorageError;
pub use sqlx::{PgConnection, PgPool, Postgres, Transaction};
