//! Asking for one event or a range of time to be sent again; the worker's relay does it. Receivers see the same ids, so
//! they tell the repeats. Never a new event.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Datelike as _, Utc};
use nesie_domain::ids::{EventId, WebhookEndpointId};
use nesie_storage::webhooks::endpoints::Endpoint;
use nesie_storage::webhooks::replays::{self, NewReplay, What};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::keyed::{Begun, Keyed};
use crate::app::App;
use crate::auth::{Allowed, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{Problem, internal};
use crate::reason::read_reason;

/// What is to be sent again: one event, or else what happened from `from` on, before `to`.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct WebhookReplay {
    /// Why.
    reason: String,
    /// The `webhook-id` that the receiver has, or that the list of deliveries shows.
    event_id: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// A replay that will be carried out.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedWebhookReplay {
    /// `accepted`
    status: String,
    replay_id: Uuid,
}

/// Отправить уведомления повторно
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/replays", tag = "webhooks",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = WebhookReplay,
    responses((status = 202, body = AcceptedWebhookReplay), (status = 422, description = "Нет такого события или пустой промежуток", content_type = "application/problem+json"))
)]
pub(crate) async fn replay(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/webhook-endpoints/{id}/replays");
    let keyed = Keyed::new(&app, &allowed.caller, &key, route, &body);
    if let Some(answer) = keyed.answered().await? {
        return Ok(answer);
    }
    let endpoint = keyed.endpoint(id).await?;
    let (what, reason) = read(&body)?;
    check(&app, &endpoint, what).await?;
    let new = NewReplay {
        id: Uuid::now_v7(),
        endpoint_id: id,
        what,
        requested_by: &allowed.caller.actor,
        reason: &reason,
        requested_at: keyed.received_at,
    };
    let mut transaction = match keyed.begin(new.id).await? {
        Begun::Answered(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    replays::insert(&mut transaction, &new).await?;
    let details = match what {
        What::Event(event_id) => json!({ "replay_id": new.id, "event_id": event_id }),
        What::Between(from, to) => json!({ "replay_id": new.id, "from": from, "to": to }),
    };
    keyed.audit(&mut transaction, "replay_webhooks", id, &reason, details).await?;
    let accepted = AcceptedWebhookReplay { status: "accepted".to_owned(), replay_id: new.id };
    let body = serde_json::to_value(accepted).map_err(|error| internal(&error, "a replay is no JSON"))?;
    keyed.finish(transaction, StatusCode::ACCEPTED, body, None).await
}

fn read(body: &[u8]) -> Result<(What, String), Problem> {
    let mut fields = Fields::read(body)?;
    let reason = read_reason(&mut fields);
    let event = fields.optional_text("/event_id");
    let (from, to) = (instant(&mut fields, "/from"), instant(&mut fields, "/to"));
    let ranged = fields.has("/from") || fields.has("/to");
    let what = match (event, from, to) {
        (Some(text), _, _) => {
            let id = text.strip_prefix("evt_").unwrap_or(&text).parse::<EventId>().ok();
            if ranged {
                fields.refuse("/event_id", "replay.both", "Укажите либо event_id, либо from и to");
            } else if id.is_none() {
                fields.refuse("/event_id", "event_id.malformed", "Укажите webhook-id события");
            }
            id.map(What::Event)
        }
        (None, Some(from), Some(to)) if from < to => Some(What::Between(from, to)),
        (None, Some(_), Some(_)) => {
            fields.refuse("/to", "replay.empty", "Конец промежутка должен быть позже начала");
            None
        }
        (None, ..) => {
            if !ranged {
                fields.refuse("/event_id", "required", "Укажите event_id или from и to");
            } else if from.is_none() && !fields.has("/from") {
                fields.refuse("/from", "required", "Обязательное поле");
            } else if to.is_none() && !fields.has("/to") {
                fields.refuse("/to", "required", "Обязательное поле");
            }
            None
        }
    };
    fields.finish(what.zip(reason))
}

/// An instant, if it is there: RFC 3339, of years that PostgreSQL and people mean.
fn instant(fields: &mut Fields, pointer: &str) -> Option<DateTime<Utc>> {
    let text = fields.optional_text(pointer)?;
    let instant = DateTime::parse_from_rfc3339(&text).ok().map(|instant| instant.to_utc());
    let instant = instant.filter(|instant| (2000..=9999).contains(&instant.year()));
    if instant.is_none() {
        fields.refuse(pointer, "instant.format", "Момент записывается по RFC 3339, например 2026-11-25T09:00:00Z");
    }
    instant
}

/// One event must be there, and be one that the endpoint wants: else nothing would ever come of it.
async fn check(app: &App, endpoint: &Endpoint, what: What) -> Result<(), Problem> {
    let What::Event(id) = what else { return Ok(()) };
    match replays::event_name(&app.pool, id).await? {
        None => Err(Problem::field("/event_id", "event_id.unknown", "Такого события нет")),
        Some(event) if !endpoint.wants(&event) => {
            Err(Problem::field("/event_id", "event_id.not_wanted", "Этот адрес не подписан на такое событие"))
        }
        Some(_) => Ok(()),
    }
}
