//! The story of an application, fact by fact. What would tell of an AML list is for compliance and audit only.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::ApplicationId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Id;
use crate::problem::Problem;
use crate::view;

/// The story of an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// The facts, oldest first.
    items: Vec<TimelineItem>,
}

/// One fact.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimelineItem {
    /// What happened.
    kind: String,
    /// When.
    occurred_at: DateTime<Utc>,
    /// Ids, hashes and verdicts.
    details: Value,
}

/// История заявки
#[utoipa::path(get, path = "/v1/applications/{id}/timeline", tag = "applications", params(("id" = String, Path)), responses((status = 200, body = Timeline)))]
pub(crate) async fn timeline(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
) -> Result<Json<Timeline>, Problem> {
    acts::visible(&app, &allowed.caller, "GET /v1/applications/{id}/timeline", id).await?;
    let sees_aml = allowed.caller.sees_aml();
    let facts = nesie_storage::timeline::of_owner(&app.pool, id.into()).await?;
    let items = facts.into_iter().filter_map(|fact| {
        let details = view::fact(&fact.kind, fact.details, sees_aml)?;
        Some(TimelineItem { kind: fact.kind, occurred_at: fact.occurred_at, details })
    });
    Ok(Json(Timeline { items: items.collect() }))
}
