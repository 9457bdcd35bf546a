//! The list of applications, newest first. A service sees what it submitted itself, staff see all.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_storage::applications::{self, Filter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Parameters;
use crate::problem::Problem;
use crate::routes::page::PageQuery;
use crate::view;

/// Which applications.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many entries at most, 1 to 200; 50 when absent.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only those in this stage.
    stage: Option<String>,
    /// Only those with this outcome.
    outcome: Option<String>,
}

/// A page of applications.
#[derive(Serialize, ToSchema)]
pub(crate) struct Applications {
    /// The applications.
    items: Vec<ApplicationLine>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// One application of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicationLine {
    id: Uuid,
    /// The stage, by `stage` with its data.
    stage: Value,
    /// The outcome, by `outcome` with its data, once closed.
    outcome: Option<Value>,
    amount: String,
    received_at: DateTime<Utc>,
    links: Value,
}

/// Список заявок
#[utoipa::path(get, path = "/v1/applications", tag = "applications", params(ListQuery), responses((status = 200, body = Applications)))]
pub(crate) async fn list(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Applications>, Problem> {
    let caller = &allowed.caller;
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.read()?;
    let sees_aml = caller.sees_aml();
    let filter = Filter {
        submitted_by: (!caller.is_staff()).then_some(caller.actor.as_str()),
        stage: query.stage.as_deref(),
        neutral: !sees_aml,
        outcome: query.outcome.as_deref(),
        after: page.after,
    };
    let mut rows = applications::page(&app.pool, &filter, page.fetch()).await?;
    let next = page.cut(&mut rows, |line| (line.received_at, line.id.as_uuid()));
    let items = rows.into_iter().map(|line| ApplicationLine {
        id: line.id.as_uuid(),
        stage: view::stage(&line.stage, line.contract_frozen, sees_aml),
        outcome: line.outcome.as_ref().map(|outcome| view::outcome(Some(outcome), sees_aml)),
        amount: view::money(line.amount_tiyn),
        received_at: line.received_at,
        links: view::links(line.id),
    });
    Ok(Json(Applications { items: items.collect(), next }))
}
