//! The list of likely matches that wait for compliance, oldest first. Nobody else learns that there are any.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_storage::views::open_work;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, MatchReaders};
use crate::parse::Parameters;
use crate::problem::Problem;
use crate::routes::page::PageQuery;

/// A page of likely matches.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScreeningMatches {
    /// The matches.
    items: Vec<ScreeningMatchView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A likely match with a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ScreeningMatch)]
pub(crate) struct ScreeningMatchView {
    id: Uuid,
    application_id: Uuid,
    /// `assessment` or `payment`.
    occasion: String,
    /// Entries of the lists with score and reason.
    matches: Value,
    /// Category, version and checksum of each list that was searched.
    lists: Value,
    opened_at: DateTime<Utc>,
}

/// Вероятные совпадения с перечнями, ожидающие решения
#[utoipa::path(get, path = "/v1/screening-matches", tag = "compliance", params(PageQuery), responses((status = 200, body = ScreeningMatches)))]
pub(crate) async fn list(
    _: Allowed<MatchReaders>,
    State(app): State<App>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<ScreeningMatches>, Problem> {
    let page = query.read()?;
    let mut rows = open_work::screening_matches(&app.pool, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |found| (found.opened_at, found.id.as_uuid()));
    let items = rows.into_iter().map(|found| ScreeningMatchView {
        id: found.id.as_uuid(),
        application_id: found.application_id.as_uuid(),
        occasion: found.occasion,
        matches: found.matches,
        lists: found.list_versions,
        opened_at: found.opened_at,
    });
    Ok(Json(ScreeningMatches { items: items.collect(), next }))
}
