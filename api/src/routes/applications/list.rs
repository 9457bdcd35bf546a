//! The list of applications, newest first. A service sees what it submitted itself, staff see all.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::application::Stage;
use nesie_storage::applications::{self, Filter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Parameters;
use crate::problem::{FieldError, Problem};
use crate::routes::page::PageQuery;
use crate::view;

/// The names that `outcome` takes.
const OUTCOMES: [&str; 5] = ["granted", "refused", "withdrawn", "expired", "failed"];

/// Which applications.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
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
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.read();
    let page = Problem::and(check_names(query.stage.as_deref(), query.outcome.as_deref()), page)?;
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

/// Refuses names that no stage and no outcome has; each bad parameter is named.
fn check_names(stage: Option<&str>, outcome: Option<&str>) -> Result<(), Problem> {
    let refused = |pointer: &str, code: &str, known: &[&str]| FieldError {
        pointer: pointer.to_owned(),
        code: code.to_owned(),
        message: format!("Допустимые значения: {}", known.join(", ")),
    };
    let mut errors = Vec::new();
    if stage.is_some_and(|name| !Stage::NAMES.contains(&name)) {
        errors.push(refused("?stage", "stage.unknown", &Stage::NAMES));
    }
    if outcome.is_some_and(|name| !OUTCOMES.contains(&name)) {
        errors.push(refused("?outcome", "outcome.unknown", &OUTCOMES));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use nesie_domain::application::Outcome;
    use serde_json::json;

    use super::*;

    /// The names of an enum, from what serde says of a name that it does not have.
    fn names(error: &serde_json::Error) -> Vec<String> {
        error.to_string().split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_filters_know_every_name_of_the_domain_and_no_other() {
        let stages = serde_json::from_value::<Stage>(json!({"stage": "?"})).expect_err("no stage");
        assert_eq!(names(&stages), Stage::NAMES);
        let outcomes = serde_json::from_value::<Outcome>(json!({"outcome": "?"})).expect_err("no outcome");
        assert_eq!(names(&outcomes), OUTCOMES);
        assert_eq!(check_names(Some("closed"), Some("granted")), Ok(()));
        assert_eq!(check_names(None, None), Ok(()));
        let Err(Problem::Invalid(errors)) = check_names(Some("closed\0"), Some("")) else { panic!("refused") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["?stage", "?outcome"]);
    }
}
