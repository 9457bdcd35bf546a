//! Registering an endpoint: its address is judged, on the addresses that its name resolves to, and its first secret is
//! shown once. Never registers an address of an internal network.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nesie_domain::ids::WebhookEndpointId;
use nesie_domain::webhook::EventPattern;
use nesie_platform::outward::{self, TargetError};
use nesie_storage::webhooks::endpoints::{self, Endpoint};
use nesie_storage::webhooks::secrets;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::keyed::{Begun, Keyed};
use super::{EndpointView, new_secret};
use crate::app::App;
use crate::auth::{Allowed, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields};
use crate::problem::{Problem, internal};

const PATTERNS_MAX: usize = 32;
const DESCRIPTION_CHARACTERS_MAX: usize = 200;

/// A new endpoint.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct NewWebhookEndpoint {
    /// https, on the public internet.
    #[schema(example = "https://hooks.example.kz/nesie")]
    url: String,
    /// Which events: `*`, `duty.*`, `duty.breached`.
    events: Vec<String>,
    /// What it is.
    description: Option<String>,
}

/// A registered endpoint, with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegisteredWebhookEndpoint {
    endpoint: EndpointView,
    /// Shown in this one answer; a repeat of the request is answered with null.
    secret: Option<String>,
}

/// Зарегистрировать адрес уведомлений
#[utoipa::path(
    post, path = "/v1/webhook-endpoints", tag = "webhooks", params(("idempotency-key" = String, Header)),
    request_body = NewWebhookEndpoint,
    responses((status = 201, body = RegisteredWebhookEndpoint), (status = 422, description = "Адрес или события не подходят", content_type = "application/problem+json"))
)]
pub(crate) async fn register(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let keyed = Keyed::new(&app, &allowed.caller, &key, "POST /v1/webhook-endpoints".to_owned(), &body);
    if let Some(answer) = keyed.answered().await? {
        return Ok(answer);
    }
    let new = read(&body)?;
    if let Err(error) = judge(&app, &new.url).await {
        // The address itself is the caller's text; that it was refused is what counts.
        keyed.deny("register_webhook_endpoint", None, code(error), json!({})).await?;
        return Err(Problem::field("/url", code(error), message(error)));
    }
    let endpoint = Endpoint {
        id: WebhookEndpointId::from_uuid(Uuid::now_v7()),
        url: new.url,
        events: new.events,
        description: new.description,
        created_by: allowed.caller.actor.clone(),
        created_at: keyed.received_at,
        disabled_at: None,
    };
    let mut transaction = match keyed.begin(endpoint.id.as_uuid()).await? {
        Begun::Answered(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let (secret, shown) = new_secret(&app, keyed.received_at);
    endpoints::insert(&mut transaction, &endpoint).await?;
    secrets::put(&mut transaction, endpoint.id, &secret, &allowed.caller.actor, None).await?;
    let details = json!({ "secret_id": secret.id });
    keyed.audit(&mut transaction, "register_webhook_endpoint", endpoint.id, "", details).await?;
    let registered = RegisteredWebhookEndpoint { endpoint: EndpointView::new(endpoint), secret: None };
    let body = serde_json::to_value(registered).map_err(|error| internal(&error, "an endpoint is no JSON"))?;
    keyed.finish(transaction, StatusCode::CREATED, body, Some(shown)).await
}

struct New {
    url: String,
    events: Vec<EventPattern>,
    description: String,
}

fn read(body: &[u8]) -> Result<New, Problem> {
    let mut fields = Fields::read(body)?;
    let url = fields.text("/url");
    let count = fields.list("/events", PATTERNS_MAX);
    let events: Vec<_> =
        (0..count).filter_map(|place| fields.parsed(&format!("/events/{place}"), EventPattern::parse)).collect();
    let description = fields.optional_text("/description").unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        let message = format!("Не больше {DESCRIPTION_CHARACTERS_MAX} знаков");
        fields.refuse("/description", "description.length", message);
    }
    fields.finish(url.map(|url| New { url, events, description }))
}

async fn judge(app: &App, url: &str) -> Result<(), TargetError> {
    let url = outward::parse(url, app.inside)?;
    outward::check(&url, app.inside, &outward::system_lookup()).await
}

fn code(error: TargetError) -> &'static str {
    match error {
        TargetError::Malformed => "url.malformed",
        TargetError::Scheme => "url.scheme",
        TargetError::Parts => "url.parts",
        TargetError::Internal => "url.internal",
        TargetError::Unresolved => "url.unresolved",
    }
}

fn message(error: TargetError) -> &'static str {
    match error {
        TargetError::Malformed => "Нужен полный адрес вида https://…",
        TargetError::Scheme => "Допускается только https",
        TargetError::Parts => "Адрес не может содержать имя, пароль или фрагмент",
        TargetError::Internal => "Адрес ведёт во внутреннюю сеть",
        TargetError::Unresolved => "Имя в адресе не находится",
    }
}
