//! The list of parked steps that wait, oldest first. Straight from PostgreSQL. Never tells operations that a list of the
//! AML law parked one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_storage::views::open_work;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, ParkedReaders};
use crate::parse::Parameters;
use crate::problem::Problem;
use crate::routes::page::PageQuery;
use crate::view;

/// A page of parked steps.
#[derive(Serialize, ToSchema)]
pub(crate) struct ParkedSteps {
    /// The steps.
    items: Vec<ParkedStepView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// A parked step.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedStep)]
pub(crate) struct ParkedStepView {
    id: Uuid,
    /// The application whose step it is, where it is one's.
    application_id: Option<Uuid>,
    /// The case whose step it is, where it is one's.
    case_id: Option<Uuid>,
    /// The step's stable name.
    step: String,
    /// The provider, where one was asked.
    provider: Option<String>,
    /// The last failure's stable code.
    failure_code: String,
    /// Whether trying again can do no harm.
    retry_is_safe: bool,
    /// What is known.
    explanation: String,
    parked_at: DateTime<Utc>,
}

/// Остановленные шаги, ожидающие решения
#[utoipa::path(get, path = "/v1/parked-steps", tag = "operations", params(PageQuery), responses((status = 200, body = ParkedSteps)))]
pub(crate) async fn list(
    allowed: Allowed<ParkedReaders>,
    State(app): State<App>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<ParkedSteps>, Problem> {
    let page = query.read()?;
    let mut rows = open_work::parked_steps(&app.pool, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |step| (step.parked_at, step.id.as_uuid()));
    let sees_aml = allowed.caller.sees_aml();
    let items = rows.into_iter().map(|step| view::parked::shown(step, sees_aml)).map(|step| ParkedStepView {
        id: step.id.as_uuid(),
        application_id: step.owner.application(),
        case_id: step.owner.case(),
        step: step.step,
        provider: step.provider,
        failure_code: step.failure_code,
        retry_is_safe: step.retry_is_safe,
        explanation: step.explanation,
        parked_at: step.parked_at,
    });
    Ok(Json(ParkedSteps { items: items.collect(), next }))
}
