//! Deliveries: claimed for an attempt, and ended or put off by its result. A claim is a short statement of its own, so
//! that no transaction is open while an endpoint is waited for; a claim whose maker died lapses.
//! Never two claims of one delivery at once.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, CaseId, EventId, Owner, WebhookDeliveryId, WebhookEndpointId};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// A delivery that was claimed, with all that an attempt needs.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub id: WebhookDeliveryId,
    /// The claim.
    pub claim: Uuid,
    /// The replay that it belongs to; 0 for the first round.
    pub round: i32,
    /// The attempt's number in this round, 1 being the first.
    pub attempt: i32,
    /// To which endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Where it is.
    pub url: String,
    /// The event's id.
    pub event_id: EventId,
    /// The event's name.
    pub event: String,
    /// The event's place in the outbox.
    pub sequence: i64,
    /// Whose event it is; `None` for one of an endpoint.
    pub owner: Option<Owner>,
    /// Ids, hashes and verdicts.
    pub payload: Value,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// When it began.
    pub at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How long it took.
    pub milliseconds: i64,
    /// The HTTP status, where there was an answer.
    pub status: Option<i32>,
    /// Why it failed; `None`: it was delivered.
    pub failure: Option<&'static str>,
    /// When to try again; `None` after a failure: never.
    pub next_at: Option<DateTime<Utc>>,
}

/// The enabled endpoints to which something is due.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn endpoints_due(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<WebhookEndpointId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "SELECT e.id FROM webhook_endpoints AS e WHERE e.disabled_at IS NULL AND EXISTS (
             SELECT 1 FROM webhook_deliveries AS d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.next_attempt_at <= $1
               AND (d.claimed_until IS NULL OR d.claimed_until < $1))",
        now,
    )
    .fetch_all(pool)
    .await
    .during("webhooks.deliveries.due")?;
    Ok(ids.into_iter().map(WebhookEndpointId::from_uuid).collect())
}

/// Claims the deliveries to one endpoint that are due longest; those that another worker is claiming are skipped. The
/// attempt counts from now on, whatever becomes of its maker.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for an event of two.
pub async fn claim(
    pool: &PgPool,
    endpoint_id: WebhookEndpointId,
    limit: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Claimed>, StorageError> {
    let rows = sqlx::query!(
        r#"WITH due AS (
             SELECT d.id FROM webhook_deliveries AS d JOIN webhook_endpoints AS e ON e.id = d.endpoint_id
             WHERE d.endpoint_id = $1 AND e.disabled_at IS NULL AND d.state = 'pending' AND d.next_attempt_at <= $3
               AND (d.claimed_until IS NULL OR d.claimed_until < $3)
             ORDER BY d.next_attempt_at, d.sequence LIMIT $2 FOR UPDATE OF d SKIP LOCKED)
           UPDATE webhook_deliveries AS d
           SET claim = gen_random_uuid(), claimed_until = $4, attempts = d.attempts + 1
           FROM due, webhook_endpoints AS e, outbox AS o
           WHERE d.id = due.id AND e.id = d.endpoint_id AND o.sequence = d.sequence
           RETURNING d.id, d.claim AS "claim!", d.round, d.attempts, e.url, o.event_id, o.event, o.sequence,
             o.application_id, o.case_id, o.payload, o.occurred_at"#,
        endpoint_id.as_uuid(),
        limit,
        now,
        until,
    )
    .fetch_all(pool)
    .await
    .during("webhooks.deliveries.claim")?;
    rows.into_iter()
        .map(|row| {
            let owner = match (row.application_id, row.case_id) {
                (Some(id), None) => Some(Owner::Application(ApplicationId::from_uuid(id))),
                (None, Some(id)) => Some(Owner::Case(CaseId::from_uuid(id))),
                (None, None) => None,
                (Some(_), Some(_)) => {
                    let row = row.sequence.to_string();
                    return Err(StorageError::Inconsistent { table: "outbox", column: "owner_id", row });
                }
            };
            Ok(Claimed {
                id: WebhookDeliveryId::from_uuid(row.id),
                claim: row.claim,
                round: row.round,
                attempt: row.attempts,
                endpoint_id,
                url: row.url,
                event_id: EventId::from_uuid(row.event_id),
                event: row.event,
                sequence: row.sequence,
                owner,
                payload: row.payload,
                occurred_at: row.occurred_at,
            })
        })
        .collect()
}

/// Logs an attempt and moves its delivery on. `false` when the claim had lapsed: the attempt is logged, and the delivery
/// is its next claim's. One that was asked for again meanwhile stays pending for that.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn finish(
    connection: &mut PgConnection,
    claimed: &Claimed,
    attempted: &Attempted,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO webhook_attempts (delivery_id, round, number, attempted_at, milliseconds, status, failure)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        claimed.id.as_uuid(),
        claimed.round,
        claimed.attempt,
        attempted.at,
        attempted.milliseconds,
        attempted.status,
        attempted.failure,
    )
    .execute(&mut *connection)
    .await
    .during("webhooks.deliveries.log")?;
    ensure_rows("webhooks.deliveries.log", &written, 1)?;
    let state = match (attempted.failure, attempted.next_at) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "exhausted",
    };
    let updated = sqlx::query!(
        "UPDATE webhook_deliveries SET claim = NULL, claimed_until = NULL,
           state = CASE WHEN round = $3 THEN $4 ELSE state END,
           next_attempt_at = CASE WHEN round = $3 THEN COALESCE($5, next_attempt_at) ELSE next_attempt_at END,
           ended_at = CASE WHEN round = $3 AND $4 <> 'pending' THEN $6::timestamptz ELSE ended_at END
         WHERE id = $1 AND claim = $2",
        claimed.id.as_uuid(),
        claimed.claim,
        claimed.round,
        state,
        attempted.next_at,
        attempted.ended_at,
    )
    .execute(connection)
    .await
    .during("webhooks.deliveries.finish")?;
    Ok(updated.rows_affected() == 1)
}
