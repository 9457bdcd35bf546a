//! What a version of the calendar moved: each duty that it superseded, in the order in which that was done.

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use nesie_storage::{calendar, publication};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::parse::Parameters;
use crate::problem::Problem;
use crate::routes::page::PageQuery;
use crate::view;

/// A page of changes.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarChanges {
    /// The changes.
    items: Vec<CalendarChange>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// One duty that moved.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarChange {
    /// The superseded duty.
    duty_id: Uuid,
    /// The duty in its place.
    new_duty_id: Uuid,
    case_id: Uuid,
    /// When it fell due; absent where that was undetermined.
    old_due_at: Option<DateTime<Utc>>,
    /// The same by Almaty's clocks.
    old_due_at_almaty: Option<String>,
    /// When it falls due now; absent where that is undetermined.
    new_due_at: Option<DateTime<Utc>>,
    /// The same by Almaty's clocks.
    new_due_at_almaty: Option<String>,
    /// Whether it falls due sooner than before, or only now at all.
    earlier: bool,
    recorded_at: DateTime<Utc>,
    /// When its case was told to look again.
    woken_at: Option<DateTime<Utc>>,
}

/// Сроки, которые изменила версия календаря
#[utoipa::path(
    get, path = "/v1/calendar/versions/{version}/changes", tag = "calendar", params(("version" = String, Path), PageQuery),
    responses((status = 200, body = CalendarChanges), (status = 404, description = "Нет такой версии", content_type = "application/problem+json"))
)]
pub(crate) async fn changes(
    _: Allowed<CaseReaders>,
    State(app): State<App>,
    Path(version): Path<String>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<CalendarChanges>, Problem> {
    let page = query.read()?;
    calendar::by_version(&app.pool, &version).await?.ok_or(Problem::NotFound)?;
    let mut rows = publication::changes(&app.pool, &version, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |change| (change.recorded_at, change.duty_id.as_uuid()));
    let items = rows.into_iter().map(|change| CalendarChange {
        duty_id: change.duty_id.as_uuid(),
        new_duty_id: change.new_duty_id.as_uuid(),
        case_id: change.case_id.as_uuid(),
        old_due_at: change.old_due_at,
        old_due_at_almaty: change.old_due_at.map(view::almaty),
        new_due_at: change.new_due_at,
        new_due_at_almaty: change.new_due_at.map(view::almaty),
        earlier: change.earlier,
        recorded_at: change.recorded_at,
        woken_at: change.woken_at,
    });
    Ok(Json(CalendarChanges { items: items.collect(), next }))
}
