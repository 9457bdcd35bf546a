//! Webhooks: where the lender's own systems are told of events, under which secrets, and what became of each delivery.
//! Operations act, auditors read too. Sends nothing: the worker's relay does.

mod deliveries;
mod keyed;
mod list;
mod register;
mod replay;
mod rotate;
mod switch;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use nesie_platform::webhook::WebhookSecret;
use nesie_storage::webhooks::endpoints::Endpoint;
use nesie_storage::webhooks::secrets::{self, Secret};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;

/// The routes of webhooks.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register::register, list::list))
        .routes(routes!(list::get))
        .routes(routes!(rotate::rotate))
        .routes(routes!(switch::disable))
        .routes(routes!(switch::enable))
        .routes(routes!(deliveries::deliveries))
        .routes(routes!(replay::replay))
}

/// An endpoint of webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointView {
    id: Uuid,
    /// Where events are sent.
    url: String,
    /// Which: `*`, `duty.*`, `duty.breached`.
    events: Vec<String>,
    description: String,
    created_by: String,
    created_at: DateTime<Utc>,
    /// Since when nothing is sent to it.
    disabled_at: Option<DateTime<Utc>>,
}

impl EndpointView {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id.as_uuid(),
            url: endpoint.url,
            events: endpoint.events.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            description: endpoint.description,
            created_by: endpoint.created_by,
            created_at: endpoint.created_at,
            disabled_at: endpoint.disabled_at,
        }
    }
}

/// A new secret: sealed for storage, and as it is shown this once.
fn new_secret(app: &App, created_at: DateTime<Utc>) -> (Secret, String) {
    let (id, secret) = (Uuid::now_v7(), WebhookSecret::generate());
    let sealed = app.protection.seal(&secrets::place(id), secret.as_bytes());
    (Secret { id, sealed, created_at, expires_at: None }, secret.reveal())
}
