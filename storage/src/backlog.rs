//! What waits for the relays, in one look: a stack at rest asks PostgreSQL one question a round instead of one per relay.
//! Never takes a row: another worker may have taken it before the relay comes.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::error::{During, StorageError};

/// Whether anything waits, by relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Applications without a workflow.
    pub applications: bool,
    /// Cases without a workflow.
    pub cases: bool,
    /// Callbacks that nobody was woken for.
    pub callbacks: bool,
    /// Requests for a second person that were decided, or waited too long.
    pub approvals: bool,
    /// Events that no delivery was made of.
    pub events: bool,
    /// Replays that are not carried out.
    pub replays: bool,
    /// Deliveries that are due.
    pub deliveries: bool,
}

/// Looks.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn look(pool: &PgPool, now: DateTime<Utc>) -> Result<Backlog, StorageError> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT
             EXISTS (SELECT FROM applications WHERE started_at IS NULL) AS "applications!",
             EXISTS (SELECT FROM cases WHERE started_at IS NULL) AS "cases!",
             EXISTS (SELECT FROM inbox WHERE passed_on_at IS NULL) AS "callbacks!",
             EXISTS (SELECT FROM approvals WHERE decided_at IS NOT NULL AND passed_on_at IS NULL)
               OR EXISTS (SELECT FROM approvals WHERE state = 'pending' AND expires_at <= $1) AS "approvals!",
             EXISTS (SELECT FROM outbox WHERE fanned_out_at IS NULL) AS "events!",
             EXISTS (SELECT FROM webhook_replays WHERE finished_at IS NULL) AS "replays!",
             EXISTS (SELECT FROM webhook_endpoints AS e WHERE e.disabled_at IS NULL AND EXISTS (
               SELECT FROM webhook_deliveries AS d
               WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.next_attempt_at <= $1)) AS "deliveries!""#,
        now,
    )
    .fetch_one(pool)
    .await
    .during("backlog.look")
}
