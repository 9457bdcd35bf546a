//! Reading what became of deliveries: per endpoint in numbers, and one by one with every attempt. Never a body.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::{During, StorageError};

/// How an endpoint is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Deliveries on their way.
    pub pending: i64,
    /// Since when the oldest of them is.
    pub oldest_pending_at: Option<DateTime<Utc>>,
    /// Deliveries that were given up.
    pub exhausted: i64,
}

/// A delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The event's id: `webhook-id`, but for its prefix.
    pub event_id: Uuid,
    /// The event's name.
    pub event: String,
    /// The event's place in the outbox.
    pub sequence: i64,
    /// `pending`, `delivered` or `exhausted`.
    pub state: String,
    /// How often it was replayed.
    pub round: i32,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it is tried next, while pending.
    pub next_attempt_at: DateTime<Utc>,
    /// When it was delivered or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Every attempt that ended, oldest first.
    pub attempts: Vec<Attempt>,
}

/// An attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The replay that it belongs to; 0 for the first round.
    pub round: i32,
    /// Its number in the round.
    pub number: i32,
    /// When it began.
    pub attempted_at: DateTime<Utc>,
    /// How long it took.
    pub milliseconds: i64,
    /// The HTTP status, where there was an answer.
    pub status: Option<i32>,
    /// Why it failed; `None`: it was delivered.
    pub failure: Option<String>,
}

/// How an endpoint is doing.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn standing(pool: &PgPool, id: WebhookEndpointId) -> Result<Standing, StorageError> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'pending') AS "pending!",
             min(queued_at) FILTER (WHERE state = 'pending') AS oldest,
             count(*) FILTER (WHERE state = 'exhausted') AS "exhausted!"
           FROM webhook_deliveries WHERE endpoint_id = $1 AND state IN ('pending', 'exhausted')"#,
        id.as_uuid(),
    )
    .fetch_one(pool)
    .await
    .during("webhooks.log.standing")?;
    Ok(Standing { pending: row.pending, oldest_pending_at: row.oldest, exhausted: row.exhausted })
}

/// The deliveries to an endpoint, newest first, from after the given position, in one state where one is given.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn deliveries(
    pool: &PgPool,
    id: WebhookEndpointId,
    state: Option<&str>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Delivery>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        "SELECT d.id, o.event_id, o.event, d.sequence, d.state, d.round, d.queued_at, d.next_attempt_at, d.ended_at
         FROM webhook_deliveries AS d JOIN outbox AS o ON o.sequence = d.sequence
         WHERE d.endpoint_id = $1 AND ($2::text IS NULL OR d.state = $2)
           AND ($3::timestamptz IS NULL OR (d.queued_at, d.id) < ($3, $4::uuid))
         ORDER BY d.queued_at DESC, d.id DESC LIMIT $5",
        id.as_uuid(),
        state,
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("webhooks.log.deliveries")?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut attempts = attempts_of(pool, &ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| Delivery {
            attempts: attempts.remove(&row.id).unwrap_or_default(),
            id: row.id,
            event_id: row.event_id,
            event: row.event,
            sequence: row.sequence,
            state: row.state,
            round: row.round,
            queued_at: row.queued_at,
            next_attempt_at: row.next_attempt_at,
            ended_at: row.ended_at,
        })
        .collect())
}

async fn attempts_of(pool: &PgPool, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Attempt>>, StorageError> {
    let rows = sqlx::query!(
        "SELECT delivery_id, round, number, attempted_at, milliseconds, status, failure FROM webhook_attempts
         WHERE delivery_id = ANY($1) ORDER BY round, number",
        ids,
    )
    .fetch_all(pool)
    .await
    .during("webhooks.log.attempts")?;
    let mut attempts: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    for row in rows {
        attempts.entry(row.delivery_id).or_default().push(Attempt {
            round: row.round,
            number: row.number,
            attempted_at: row.attempted_at,
            milliseconds: row.milliseconds,
            status: row.status,
            failure: row.failure,
        });
    }
    Ok(attempts)
}
