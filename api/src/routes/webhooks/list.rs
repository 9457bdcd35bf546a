//! The endpoints, and one of them with its secrets' terms and how it is doing. Never a secret.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use nesie_storage::webhooks::{endpoints, log, secrets};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::EndpointView;
use crate::app::App;
use crate::auth::{Allowed, WebhookReaders};
use crate::parse::{Id, Parameters};
use crate::problem::Problem;
use crate::routes::page::PageQuery;

/// A page of endpoints.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookEndpoints {
    items: Vec<EndpointView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// One endpoint and how it is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookEndpointStanding {
    endpoint: EndpointView,
    /// The secrets that sign now, the current one first.
    secrets: Vec<SecretView>,
    /// Deliveries on their way.
    pending: i64,
    /// Since when the oldest of them is.
    oldest_pending_at: Option<DateTime<Utc>>,
    /// Deliveries that were given up; a replay sends them again.
    exhausted: i64,
}

/// A secret without itself.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecretTerms)]
pub(crate) struct SecretView {
    id: Uuid,
    created_at: DateTime<Utc>,
    /// Until when it signs; null: it is the current one.
    expires_at: Option<DateTime<Utc>>,
}

/// Адреса уведомлений
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "webhooks", params(PageQuery), responses((status = 200, body = WebhookEndpoints)))]
pub(crate) async fn list(
    _allowed: Allowed<WebhookReaders>,
    State(app): State<App>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<WebhookEndpoints>, Problem> {
    let page = query.read()?;
    let mut rows = endpoints::list(&app.pool, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |endpoint| (endpoint.created_at, endpoint.id.as_uuid()));
    Ok(Json(WebhookEndpoints { items: rows.into_iter().map(EndpointView::new).collect(), next }))
}

/// Адрес уведомлений
#[utoipa::path(
    get, path = "/v1/webhook-endpoints/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookEndpointStanding))
)]
pub(crate) async fn get(
    _allowed: Allowed<WebhookReaders>,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Json<WebhookEndpointStanding>, Problem> {
    let endpoint = endpoints::get(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let valid = secrets::valid(&app.pool, id, crate::time::now()).await?;
    let standing = log::standing(&app.pool, id).await?;
    Ok(Json(WebhookEndpointStanding {
        endpoint: EndpointView::new(endpoint),
        secrets: valid
            .into_iter()
            .map(|secret| SecretView { id: secret.id, created_at: secret.created_at, expires_at: secret.expires_at })
            .collect(),
        pending: standing.pending,
        oldest_pending_at: standing.oldest_pending_at,
        exhausted: standing.exhausted,
    }))
}
