//! Replays: what operations asked to be sent again, carried out by the relay a batch after the other.
//! Never a new event: the receiver sees the same ids again.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{EventId, WebhookEndpointId};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::endpoints;
use crate::error::{During, StorageError, ensure_rows};

/// What is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One event.
    Event(EventId),
    /// What happened from the first instant on, before the second.
    Between(DateTime<Utc>, DateTime<Utc>),
}

/// A request to send again.
#[derive(Clone, Debug)]
pub struct NewReplay<'a> {
    /// Its id.
    pub id: Uuid,
    /// To which endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// What.
    pub what: What,
    /// `issuer|subject` of the token.
    pub requested_by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub requested_at: DateTime<Utc>,
}

/// The name of an event, if there is one of this id.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn event_name(executor: impl PgExecutor<'_>, id: EventId) -> Result<Option<String>, StorageError> {
    sqlx::query_scalar!("SELECT event FROM outbox WHERE event_id = $1", id.as_uuid())
        .fetch_optional(executor)
        .await
        .during("webhooks.replays.event_name")
}

/// Stores a request.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(connection: &mut PgConnection, new: &NewReplay<'_>) -> Result<(), StorageError> {
    let (event_id, from_at, to_at) = match new.what {
        What::Event(id) => (Some(id.as_uuid()), None, None),
        What::Between(from, to) => (None, Some(from), Some(to)),
    };
    let written = sqlx::query!(
        "INSERT INTO webhook_replays (id, endpoint_id, event_id, from_at, to_at, requested_by, reason, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id,
        new.endpoint_id.as_uuid(),
        event_id,
        from_at,
        to_at,
        new.requested_by,
        new.reason,
        new.requested_at,
    )
    .execute(connection)
    .await
    .during("webhooks.replays.insert")?;
    ensure_rows("webhooks.replays.insert", &written, 1)
}

/// Carries out one batch of the oldest request that waits. Returns how many events were looked at, which is less than
/// the limit when the request is done, or `None` when none waits; the caller commits.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an endpoint that is none.
pub async fn carry_out(
    connection: &mut PgConnection,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Option<usize>, StorageError> {
    let replay = sqlx::query!(
        "SELECT id, endpoint_id, event_id, from_at, to_at, after_sequence FROM webhook_replays WHERE finished_at IS NULL
         ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *connection)
    .await
    .during("webhooks.replays.next")?;
    let Some(replay) = replay else { return Ok(None) };
    let endpoint_id = WebhookEndpointId::from_uuid(replay.endpoint_id);
    let inconsistent =
        || StorageError::Inconsistent { table: "webhook_replays", column: "endpoint_id", row: replay.id.to_string() };
    let endpoint = endpoints::get(&mut *connection, endpoint_id).await?.ok_or_else(inconsistent)?;
    let events = sqlx::query!(
        "SELECT sequence, event FROM outbox
         WHERE sequence > $1 AND (event_id = $2 OR (occurred_at >= $3 AND occurred_at < $4))
         ORDER BY sequence LIMIT $5",
        replay.after_sequence,
        replay.event_id,
        replay.from_at,
        replay.to_at,
        limit,
    )
    .fetch_all(&mut *connection)
    .await
    .during("webhooks.replays.events")?;
    let wanted: Vec<i64> =
        events.iter().filter(|event| endpoint.wants(&event.event)).map(|event| event.sequence).collect();
    send_again(&mut *connection, endpoint_id, &wanted, now).await?;
    let done = i64::try_from(events.len()).unwrap_or(i64::MAX) < limit;
    let updated = sqlx::query!(
        "UPDATE webhook_replays SET after_sequence = $2, replayed = replayed + $3, finished_at = $4 WHERE id = $1",
        replay.id,
        events.last().map_or(replay.after_sequence, |event| event.sequence),
        i64::try_from(wanted.len()).unwrap_or(i64::MAX),
        done.then_some(now),
    )
    .execute(&mut *connection)
    .await
    .during("webhooks.replays.advance")?;
    ensure_rows("webhooks.replays.advance", &updated, 1)?;
    Ok(Some(events.len()))
}

/// A new round of each delivery, due now, with all its attempts before it. An attempt under way keeps its claim.
async fn send_again(
    connection: &mut PgConnection,
    endpoint_id: WebhookEndpointId,
    sequences: &[i64],
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO webhook_deliveries AS d (endpoint_id, sequence, queued_at, next_attempt_at)
         SELECT $1, sequence, $3, $3 FROM UNNEST($2::bigint[]) AS wanted (sequence) ORDER BY sequence
         ON CONFLICT (endpoint_id, sequence) DO UPDATE
         SET round = d.round + 1, attempts = 0, state = 'pending', ended_at = NULL, next_attempt_at = $3",
        endpoint_id.as_uuid(),
        sequences,
        now,
    )
    .execute(connection)
    .await
    .during("webhooks.replays.send_again")?;
    ensure_rows("webhooks.replays.send_again", &written, u64::try_from(sequences.len()).unwrap_or(u64::MAX))
}
