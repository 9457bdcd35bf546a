//! Requests for a second person, the newest first, by state and kind. Straight from PostgreSQL.

use axum::Json;
use axum::extract::State;
use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_storage::approvals::{self, Filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::get::ApprovalView;
use crate::app::App;
use crate::auth::{Allowed, ApprovalReaders};
use crate::parse::Parameters;
use crate::problem::{FieldError, Problem};
use crate::routes::page::PageQuery;

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApprovalsQuery {
    /// `pending`, `approved`, `rejected` or `expired`; all when absent.
    state: Option<String>,
    /// `publish_calendar`, `write_off`, `resumption`, `complete_by_hand`, `retry_corrected` or `withdraw_case`; all when
    /// absent.
    kind: Option<String>,
    /// How many entries at most, 1 to 200; 50 when absent.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approvals {
    /// The requests.
    items: Vec<ApprovalView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Запросы на решение вторым лицом
#[utoipa::path(get, path = "/v1/approvals", tag = "governance", params(ApprovalsQuery), responses((status = 200, body = Approvals)))]
pub(crate) async fn list(
    _: Allowed<ApprovalReaders>,
    State(app): State<App>,
    Parameters(query): Parameters<ApprovalsQuery>,
) -> Result<Json<Approvals>, Problem> {
    let filter = filter(&query)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.read()?;
    let mut rows = approvals::page(&app.pool, filter, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.created_at, row.id.as_uuid()));
    Ok(Json(Approvals { items: rows.into_iter().map(ApprovalView::from).collect(), next }))
}

fn filter(query: &ApprovalsQuery) -> Result<Filter, Problem> {
    let mut errors = Vec::new();
    let mut refuse = |pointer: &str, known: String| {
        let message = format!("Допустимые значения: {known}");
        errors.push(FieldError { pointer: pointer.to_owned(), code: "value.unknown".to_owned(), message });
    };
    let state = query.state.as_deref().map(ApprovalState::parse);
    if state == Some(None) {
        refuse("?state", ApprovalState::ALL.map(ApprovalState::as_str).join(", "));
    }
    let kind = query.kind.as_deref().map(ApprovalKind::parse);
    if kind == Some(None) {
        refuse("?kind", ApprovalKind::ALL.map(ApprovalKind::as_str).join(", "));
    }
    if errors.is_empty() {
        Ok(Filter { state: state.flatten(), kind: kind.flatten() })
    } else {
        Err(Problem::Invalid(errors))
    }
}
