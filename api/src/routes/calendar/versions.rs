//! The versions of the calendar: which there are, how long the one in force reaches, and the days of each.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::calendar::{CalendarDay, local_date};
use nesie_storage::calendar::{self, VersionLine};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Version;
use crate::problem::Problem;

/// Every version, the newest first: there are a few a year.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarVersions {
    /// The versions.
    items: Vec<CalendarVersionLine>,
}

/// One version.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarVersionLine {
    version: String,
    /// Whether terms that begin now are counted by it.
    current: bool,
    first_day: NaiveDate,
    last_day: NaiveDate,
    /// How many days are left until it ends; negative once it has ended.
    ends_in_days: i64,
    /// The legal sources.
    source: String,
    /// Who proposed it, or `shipped`.
    published_by: String,
    /// The request by which two people published it.
    approval_id: Option<Uuid>,
    published_at: DateTime<Utc>,
}

/// One version with its days.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarVersionView {
    #[serde(flatten)]
    line: CalendarVersionLine,
    /// The days that are not what the week says they are.
    days: Vec<CalendarDayView>,
}

/// A day that is not what the week says it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarDayView {
    on: NaiveDate,
    /// `public_holiday`, `shifted_day_off`, `transferred_day_off` or `worked_weekend`.
    kind: String,
    name: String,
    /// The legal source.
    source: String,
    /// Whether it is not announced yet.
    estimated: bool,
}

impl From<&CalendarDay> for CalendarDayView {
    fn from(day: &CalendarDay) -> Self {
        Self {
            on: day.on,
            kind: day.kind.as_str().to_owned(),
            name: day.name.clone(),
            source: day.source.clone(),
            estimated: day.estimated,
        }
    }
}

fn line(version: VersionLine, today: NaiveDate) -> CalendarVersionLine {
    CalendarVersionLine {
        version: version.version,
        current: version.current,
        first_day: version.first_day,
        last_day: version.last_day,
        ends_in_days: version.last_day.signed_duration_since(today).num_days(),
        source: version.source,
        published_by: version.published_by,
        approval_id: version.approval_id,
        published_at: version.published_at,
    }
}

/// Версии производственного календаря
#[utoipa::path(get, path = "/v1/calendar/versions", tag = "calendar", responses((status = 200, body = CalendarVersions)))]
pub(crate) async fn list(_: Allowed<Anybody>, State(app): State<App>) -> Result<Json<CalendarVersions>, Problem> {
    let today = local_date(crate::time::now());
    let items = calendar::versions(&app.pool).await?.into_iter().map(|version| line(version, today)).collect();
    Ok(Json(CalendarVersions { items }))
}

/// Версия производственного календаря
#[utoipa::path(
    get, path = "/v1/calendar/versions/{version}", tag = "calendar", params(("version" = String, Path)),
    responses((status = 200, body = CalendarVersionView), (status = 404, description = "Нет такой версии", content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    _: Allowed<Anybody>,
    State(app): State<App>,
    Version(version): Version,
) -> Result<Json<CalendarVersionView>, Problem> {
    let today = local_date(crate::time::now());
    let found = calendar::versions(&app.pool).await?.into_iter().find(|line| line.version == version.as_str());
    let found = found.ok_or(Problem::NotFound)?;
    let days = calendar::by_version(&app.pool, version.as_str()).await?.ok_or(Problem::NotFound)?;
    let days = days.days().map(CalendarDayView::from).collect();
    Ok(Json(CalendarVersionView { line: line(found, today), days }))
}
