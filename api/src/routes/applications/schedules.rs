//! The drafts of repayment schedules by each method, for the client to compare (para 8(4), R-083).

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use nesie_domain::ids::ApplicationId;
use nesie_domain::limits::LimitBreach;
use nesie_domain::schedule::Schedule;
use nesie_storage::agreement::contract::{Agreed, agreed};
use nesie_storage::views::agreement::{self, Draft};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Id;
use crate::problem::{Problem, internal};
use crate::routes::quotes::{BreachView, InstalmentView, instalments};
use crate::view;

/// The drafts of an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct Schedules {
    /// One a method.
    drafts: Vec<DraftView>,
    /// The chosen draft.
    chosen: Option<Uuid>,
    /// The schedule of the contract once it is frozen, and of the loan once the money moved: its dates and its annual
    /// effective rate are those of that day, which may be later than the draft's.
    agreed: Option<AgreedView>,
}

/// A schedule that was agreed.
#[derive(Serialize, ToSchema)]
#[schema(as = AgreedSchedule)]
pub(crate) struct AgreedView {
    /// The day from which it counts.
    disbursed_on: NaiveDate,
    /// Percent a year, to one decimal.
    annual_effective_rate: String,
    total_interest: String,
    total_payable: String,
    instalments: Vec<InstalmentView>,
}

/// A draft by one method.
#[derive(Serialize, ToSchema)]
#[schema(as = Draft)]
pub(crate) struct DraftView {
    draft_id: Uuid,
    /// `annuity`, `differentiated` or `bullet`.
    method: String,
    /// Percent a year, to one decimal.
    annual_effective_rate: Option<String>,
    /// SHA-256 of the schedule, lower hexadecimal.
    sha256: String,
    total_interest: String,
    total_payable: String,
    /// Whether it can be chosen.
    within_limits: bool,
    /// Why it cannot.
    breaches: Vec<BreachView>,
    instalments: Vec<InstalmentView>,
}

/// Проекты графиков погашения
#[utoipa::path(get, path = "/v1/applications/{id}/schedules", tag = "applications", params(("id" = String, Path)), responses((status = 200, body = Schedules)))]
pub(crate) async fn schedules(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
) -> Result<Json<Schedules>, Problem> {
    acts::visible(&app, &allowed.caller, "GET /v1/applications/{id}/schedules", id).await?;
    let (drafts, chosen) = agreement::schedules(&app.pool, id).await?;
    let drafts = drafts.into_iter().map(show).collect::<Result<_, _>>()?;
    let agreed = agreed(&app.pool, id).await?.map(show_agreed).transpose()?;
    Ok(Json(Schedules { drafts, chosen: chosen.map(|id| id.as_uuid()), agreed }))
}

fn show_agreed(agreed: Agreed) -> Result<AgreedView, Problem> {
    let schedule = read(agreed.schedule)?;
    Ok(AgreedView {
        disbursed_on: schedule.disbursed_on,
        annual_effective_rate: format!("{:.1}", agreed.annual_effective_rate),
        total_interest: schedule.total_interest().to_string(),
        total_payable: schedule.total_payable().to_string(),
        instalments: instalments(&schedule),
    })
}

fn read(schedule: Value) -> Result<Schedule, Problem> {
    serde_json::from_value(schedule).map_err(|error| internal(&error, "a stored schedule cannot be read"))
}

fn show(draft: Draft) -> Result<DraftView, Problem> {
    let schedule = read(draft.schedule)?;
    let breaches: Vec<LimitBreach> =
        serde_json::from_value(draft.breaches).map_err(|error| internal(&error, "stored breaches cannot be read"))?;
    Ok(DraftView {
        draft_id: draft.id.as_uuid(),
        method: draft.method,
        within_limits: breaches.is_empty() && draft.annual_effective_rate.is_some(),
        annual_effective_rate: draft.annual_effective_rate.map(|rate| format!("{rate:.1}")),
        sha256: view::hex(&draft.sha256),
        total_interest: schedule.total_interest().to_string(),
        total_payable: schedule.total_payable().to_string(),
        breaches: breaches.iter().map(BreachView::from).collect(),
        instalments: instalments(&schedule),
    })
}
