//! The clients whose data was leaked, each with the state of the three measures.
//! Never a number or a phone: whoever needs them has them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::CaseId;
use nesie_storage::leaks::{self, FlagLine};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::KIND;
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::cases::find;
use crate::parse::{Id, Parameters};
use crate::problem::Problem;
use crate::routes::page::PageQuery;

/// A page of flagged clients.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeakedClients {
    /// The clients, by the instant of their flag.
    items: Vec<LeakedClientView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A flagged client.
#[derive(Serialize, ToSchema)]
#[schema(as = LeakedClientLine)]
pub(crate) struct LeakedClientView {
    client_id: Uuid,
    flagged_at: DateTime<Utc>,
    /// When the client repeated the identification (para 36(1)).
    identified_at: Option<DateTime<Utc>>,
    /// When the phone was found to be the client's (para 36(2)).
    phone_checked_at: Option<DateTime<Utc>>,
    /// By which base: `mobile-operators` or `egov-mobile`.
    phone_source: Option<String>,
    /// When the client was called and reached (para 36(3)).
    called_at: Option<DateTime<Utc>>,
    /// Since when nothing is missing; until then the client's operations wait.
    cleared_at: Option<DateTime<Utc>>,
    /// When the flag was taken off because the leak was reported in error.
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<FlagLine> for LeakedClientView {
    fn from(line: FlagLine) -> Self {
        Self {
            client_id: line.id,
            flagged_at: line.flagged_at,
            identified_at: line.identified_at,
            phone_checked_at: line.phone_checked_at,
            phone_source: line.phone_source,
            called_at: line.called_at,
            cleared_at: line.cleared_at,
            withdrawn_at: line.withdrawn_at,
        }
    }
}

/// Клиенты, чьи данные распространяются, и меры по ним
#[utoipa::path(get, path = "/v1/data-leaks/{id}/clients", tag = "cases", params(("id" = String, Path), PageQuery), responses((status = 200, body = LeakedClients)))]
pub(crate) async fn clients(
    _allowed: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<LeakedClients>, Problem> {
    let page = query.read()?;
    find(&app, KIND, id).await?;
    let mut rows = leaks::page(&app.pool, id, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.flagged_at, row.id));
    Ok(Json(LeakedClients { items: rows.into_iter().map(LeakedClientView::from).collect(), next }))
}
