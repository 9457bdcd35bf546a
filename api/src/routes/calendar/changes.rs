//! What a version of the calendar moved: each duty and each term of a notice that it superseded, in the order in which that
//! was done.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_storage::calendar;
use nesie_storage::publication::{self, Change, Moved};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::parse::{Parameters, Version};
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

/// One duty that moved, or the term of one channel notice.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct CalendarChange {
    /// The superseded duty; absent where the term of a notice moved.
    duty_id: Option<Uuid>,
    /// The duty in its place.
    new_duty_id: Option<Uuid>,
    case_id: Uuid,
    /// When it fell due; absent where that was undetermined.
    old_due_at: Option<DateTime<Utc>>,
    /// The same by Almaty's clocks.
    old_due_at_almaty: Option<String>,
    /// When it falls due now; absent where that is undetermined.
    new_due_at: Option<DateTime<Utc>>,
    /// The same by Almaty's clocks.
    new_due_at_almaty: Option<String>,
    /// Of a notice: the first day on which the channel could open, or the change take effect.
    old_earliest_on: Option<NaiveDate>,
    /// Of a notice: the first day on which it can.
    new_earliest_on: Option<NaiveDate>,
    /// Whether it ends sooner than before, or only now at all.
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
    Version(version): Version,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<CalendarChanges>, Problem> {
    let page = query.read()?;
    calendar::by_version(&app.pool, version.as_str()).await?.ok_or(Problem::NotFound)?;
    let mut rows = publication::changes(&app.pool, version.as_str(), page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |change| (change.recorded_at, change.moved_id()));
    Ok(Json(CalendarChanges { items: rows.into_iter().map(shown).collect(), next }))
}

fn shown(change: Change) -> CalendarChange {
    let Change { case_id, moved, earlier, recorded_at, woken_at } = change;
    let common =
        CalendarChange { case_id: case_id.as_uuid(), earlier, recorded_at, woken_at, ..CalendarChange::default() };
    match moved {
        Moved::Duty { duty_id, new_duty_id, old_due_at, new_due_at } => CalendarChange {
            duty_id: Some(duty_id.as_uuid()),
            new_duty_id: Some(new_duty_id.as_uuid()),
            old_due_at,
            old_due_at_almaty: old_due_at.map(view::almaty),
            new_due_at,
            new_due_at_almaty: new_due_at.map(view::almaty),
            ..common
        },
        Moved::NoticeTerm { old_earliest_on, new_earliest_on } => {
            CalendarChange { old_earliest_on: Some(old_earliest_on), new_earliest_on: Some(new_earliest_on), ..common }
        }
    }
}
