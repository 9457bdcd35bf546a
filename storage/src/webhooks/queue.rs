//! From the outbox to deliveries: each event once to each enabled endpoint that wants it, in one transaction.
//! Never the event itself again: a delivery points to its row.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::endpoints;
use crate::error::{During, StorageError, ensure_rows};

/// Tells of something that is neither an application's nor a case's, such as of an endpoint.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn tell(
    connection: &mut PgConnection,
    key: &str,
    event: &str,
    payload: &Value,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO outbox (fact_key, event, payload, occurred_at) VALUES ($1, $2, $3, $4)",
        key,
        event,
        payload,
        at,
    )
    .execute(connection)
    .await
    .during("webhooks.queue.tell")?;
    ensure_rows("webhooks.queue.tell", &written, 1)
}

/// Queues the oldest events that are not queued yet. Returns how many events were seen; the caller commits.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an endpoint's pattern that is none.
pub async fn fan_out(connection: &mut PgConnection, limit: i64, now: DateTime<Utc>) -> Result<usize, StorageError> {
    let events = sqlx::query!(
        "SELECT sequence, event FROM outbox WHERE fanned_out_at IS NULL ORDER BY sequence LIMIT $1
         FOR UPDATE SKIP LOCKED",
        limit,
    )
    .fetch_all(&mut *connection)
    .await
    .during("webhooks.queue.events")?;
    if events.is_empty() {
        return Ok(0);
    }
    let wanting = endpoints::enabled(&mut *connection).await?;
    let (mut endpoint_ids, mut sequences) = (Vec::<Uuid>::new(), Vec::<i64>::new());
    for event in &events {
        for endpoint in wanting.iter().filter(|endpoint| endpoint.wants(&event.event)) {
            endpoint_ids.push(endpoint.id.as_uuid());
            sequences.push(event.sequence);
        }
    }
    if !sequences.is_empty() {
        // A replay may have been quicker: then the event is on its way already.
        sqlx::query!(
            "INSERT INTO webhook_deliveries (endpoint_id, sequence, queued_at, next_attempt_at)
             SELECT endpoint_id, sequence, $3, $3 FROM UNNEST($1::uuid[], $2::bigint[]) AS wanted (endpoint_id, sequence)
             ON CONFLICT (endpoint_id, sequence) DO NOTHING",
            &endpoint_ids,
            &sequences,
            now,
        )
        .execute(&mut *connection)
        .await
        .during("webhooks.queue.deliveries")?;
    }
    let seen: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    let updated = sqlx::query!("UPDATE outbox SET fanned_out_at = $2 WHERE sequence = ANY($1)", &seen, now)
        .execute(&mut *connection)
        .await
        .during("webhooks.queue.seen")?;
    let expected = u64::try_from(seen.len()).unwrap_or(u64::MAX);
    ensure_rows("webhooks.queue.seen", &updated, expected)?;
    Ok(seen.len())
}
