//! One duty with everything that shows how it was kept: the count day by day, warnings claimed, evidence, generations.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::DutyId;
use nesie_storage::duties;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{self, DutyView};
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::parse::Id;
use crate::problem::Problem;

/// One duty in full.
#[derive(Serialize, ToSchema)]
pub(crate) struct DutyInFull {
    #[serde(flatten)]
    duty: DutyView,
    /// The count day by day: days counted, days skipped with reasons; null where the due instant is undetermined.
    count: Value,
    /// When somebody is warned, and when somebody was.
    rungs: Vec<RungView>,
    /// Every duty of this kind and subject, the first one first; each but the last was superseded.
    generations: Vec<GenerationView>,
}

/// One rung of the ladder of warnings.
#[derive(Serialize, ToSchema)]
pub(crate) struct RungView {
    /// Its name; `breached` once the due instant has passed, `undetermined` where there is none.
    rung: String,
    planned_at: DateTime<Utc>,
    /// The same by Almaty's clocks.
    planned_at_almaty: String,
    /// When it was claimed, before anyone was told; absent while it is still to come.
    claimed_at: Option<DateTime<Utc>>,
}

/// One generation of a duty.
#[derive(Serialize, ToSchema)]
pub(crate) struct GenerationView {
    id: Uuid,
    generation: i32,
    state: &'static str,
    calendar_version: String,
    due_on: Option<NaiveDate>,
    due_at: Option<DateTime<Utc>>,
    superseded_by: Option<Uuid>,
}

/// Срок и его исполнение
#[utoipa::path(
    get, path = "/v1/duties/{id}", tag = "duties", params(("id" = String, Path)),
    responses((status = 200, body = DutyInFull), (status = 404, description = "Нет такого срока", content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    _: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<DutyId>,
) -> Result<Json<DutyInFull>, Problem> {
    let now = crate::time::now();
    let duty = duties::get(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let generations = duties::generations(&app.pool, duty.case_id, duty.kind, &duty.subject).await?;
    let claimed = duties::rungs_of(&app.pool, id).await?;
    let rung = |name: &str, planned_at: DateTime<Utc>, claimed_at: Option<DateTime<Utc>>| RungView {
        rung: name.to_owned(),
        planned_at,
        planned_at_almaty: crate::view::almaty(planned_at),
        claimed_at,
    };
    let coming = duty.ladder.iter().filter(|planned| !claimed.iter().any(|(known, _)| known.rung == planned.rung));
    let mut rungs: Vec<RungView> = coming.map(|planned| rung(&planned.rung, planned.at, None)).collect();
    rungs.extend(claimed.iter().map(|(planned, at)| rung(&planned.rung, planned.at, Some(*at))));
    rungs.sort_by_key(|rung| rung.planned_at);
    let generations = generations
        .into_iter()
        .map(|duty| GenerationView {
            id: duty.id.as_uuid(),
            generation: duty.generation,
            state: view::state(&duty, now),
            calendar_version: duty.calendar_version,
            due_on: duty.due_on,
            due_at: duty.due_at,
            superseded_by: duty.superseded_by.map(|id| id.as_uuid()),
        })
        .collect();
    let count = duty.counted.clone();
    Ok(Json(DutyInFull { duty: view::duty(duty, now), count, rungs, generations }))
}
