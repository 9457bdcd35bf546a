//! What became of each delivery to an endpoint, newest first, with every attempt. Never a body.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use nesie_storage::webhooks::{endpoints, log};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, WebhookReaders};
use crate::parse::{Id, Parameters};
use crate::problem::Problem;
use crate::routes::page::PageQuery;

const STATES: [&str; 3] = ["pending", "delivered", "exhausted"];

/// Which deliveries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// How many entries at most, 1 to 200; 50 when absent.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// `pending`, `delivered` or `exhausted`; all when absent.
    state: Option<String>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookDeliveries {
    items: Vec<DeliveryView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryView {
    id: Uuid,
    /// The header `webhook-id`: the same in every attempt and replay.
    webhook_id: String,
    event: String,
    /// The event's place among all events.
    sequence: i64,
    /// `pending`, `delivered` or `exhausted`.
    state: String,
    /// How often it was sent again on request.
    replays: i32,
    queued_at: DateTime<Utc>,
    /// When it is tried next, while it is pending.
    next_attempt_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    attempts: Vec<AttemptView>,
}

/// An attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub(crate) struct AttemptView {
    /// The replay that it belongs to; 0 for the first round.
    replay: i32,
    number: i32,
    at: DateTime<Utc>,
    milliseconds: i64,
    /// The HTTP status, where there was an answer.
    status: Option<i32>,
    /// `status`, `timed_out`, `not_connected`, `address_refused`, `broken` or `secret_unreadable`; null: delivered.
    failure: Option<String>,
}

/// Журнал доставки
#[utoipa::path(
    get, path = "/v1/webhook-endpoints/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path), DeliveryQuery), responses((status = 200, body = WebhookDeliveries))
)]
pub(crate) async fn deliveries(
    _allowed: Allowed<WebhookReaders>,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
    Parameters(query): Parameters<DeliveryQuery>,
) -> Result<Json<WebhookDeliveries>, Problem> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.read()?;
    if query.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::field("?state", "state.unknown", "Допустимые значения: pending, delivered, exhausted"));
    }
    endpoints::get(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let mut rows = log::deliveries(&app.pool, id, query.state.as_deref(), page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |delivery| (delivery.queued_at, delivery.id));
    Ok(Json(WebhookDeliveries { items: rows.into_iter().map(view).collect(), next }))
}

fn view(delivery: log::Delivery) -> DeliveryView {
    let pending = delivery.state == "pending";
    DeliveryView {
        id: delivery.id,
        webhook_id: format!("evt_{}", delivery.event_id),
        event: delivery.event,
        sequence: delivery.sequence,
        state: delivery.state,
        replays: delivery.round,
        queued_at: delivery.queued_at,
        next_attempt_at: pending.then_some(delivery.next_attempt_at),
        ended_at: delivery.ended_at,
        attempts: delivery
            .attempts
            .into_iter()
            .map(|attempt| AttemptView {
                replay: attempt.round,
                number: attempt.number,
                at: attempt.attempted_at,
                milliseconds: attempt.milliseconds,
                status: attempt.status,
                failure: attempt.failure,
            })
            .collect(),
    }
}
