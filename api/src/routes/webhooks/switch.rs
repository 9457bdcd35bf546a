//! Disabling an endpoint and enabling it again, with a reason. While it is disabled nothing is sent to it and nothing new
//! is queued for it; what was queued before waits. Never sends what was missed: a replay does.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nesie_domain::ids::WebhookEndpointId;
use nesie_storage::webhooks::endpoints;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::EndpointView;
use super::keyed::{Begun, Keyed};
use crate::app::App;
use crate::auth::{Allowed, Caller, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{Problem, internal};
use crate::reason::read_reason;

/// Why an endpoint is disabled or enabled.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct WebhookSwitch {
    /// Why.
    reason: String,
}

/// Which way.
#[derive(Clone, Copy)]
enum Switch {
    Off,
    On,
}

/// Отключить адрес уведомлений
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/disablement", tag = "webhooks",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = WebhookSwitch,
    responses((status = 200, body = EndpointView), (status = 409, description = "Уже отключён", content_type = "application/problem+json"))
)]
pub(crate) async fn disable(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    switch(&app, &allowed.caller, &key, id, &body, Switch::Off).await
}

/// Включить адрес уведомлений
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/enablement", tag = "webhooks",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = WebhookSwitch,
    responses((status = 200, body = EndpointView), (status = 409, description = "Уже включён", content_type = "application/problem+json"))
)]
pub(crate) async fn enable(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    switch(&app, &allowed.caller, &key, id, &body, Switch::On).await
}

async fn switch(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    id: WebhookEndpointId,
    body: &[u8],
    switch: Switch,
) -> Result<Response, Problem> {
    let (action, act, opposite) = match switch {
        Switch::Off => ("disable_webhook_endpoint", "disablement", "enablement"),
        Switch::On => ("enable_webhook_endpoint", "enablement", "disablement"),
    };
    let keyed = Keyed::new(app, caller, key, format!("POST /v1/webhook-endpoints/{id}/{act}"), body);
    if let Some(answer) = keyed.answered().await? {
        return Ok(answer);
    }
    keyed.endpoint(id).await?;
    let mut fields = Fields::read(body)?;
    let reason = read_reason(&mut fields);
    let reason = fields.finish(reason)?;
    let mut transaction = match keyed.begin(id.as_uuid()).await? {
        Begun::Answered(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let switched = match switch {
        Switch::Off => endpoints::disable(&mut transaction, id, &caller.actor, keyed.received_at).await?,
        Switch::On => endpoints::enable(&mut transaction, id).await?,
    };
    if !switched {
        drop(transaction);
        keyed.deny(action, Some(id), "act_not_expected", json!({})).await?;
        let path = format!("/v1/webhook-endpoints/{id}/{opposite}");
        return Err(Problem::ActNotExpected(json!({ "act": opposite, "method": "POST", "path": path })));
    }
    keyed.audit(&mut transaction, action, id, &reason, json!({})).await?;
    let endpoint = endpoints::get(&mut *transaction, id).await?.ok_or(Problem::NotFound)?;
    let body = serde_json::to_value(EndpointView::new(endpoint));
    let body = body.map_err(|error| internal(&error, "an endpoint is no JSON"))?;
    keyed.finish(transaction, StatusCode::OK, body, None).await
}
