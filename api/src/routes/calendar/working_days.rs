//! Counting working days by the calendar in force: what every term of the Rules is counted with. Stores nothing.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::calendar::Counted;
use nesie_storage::calendar;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::{Parameters, query_date};
use crate::problem::{FieldError, Problem};
use crate::view;

/// The longest count, in either direction: some four years.
const DAYS_MAX: i32 = 1_000;

/// What to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkingDaysQuery {
    /// The trigger's day in Almaty, which is itself not counted, as YYYY-MM-DD.
    from: Option<String>,
    /// How many working days, -1000 to 1000; negative ones are counted back.
    days: Option<String>,
}

/// A term, counted day by day.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkingDays {
    /// The day on which the term ends.
    due_on: NaiveDate,
    /// The first instant after the term.
    due_at: DateTime<Utc>,
    /// The same by Almaty's clocks: 24:00 of the last day.
    due_at_almaty: String,
    /// The version of the calendar.
    calendar_version: String,
    /// Whether a day inside is not announced yet.
    estimated: bool,
    /// The working days that were counted, in the order of counting.
    counted: Vec<NaiveDate>,
    /// The days between that were not.
    skipped: Vec<SkippedDay>,
}

/// A day that was not counted.
#[derive(Serialize, ToSchema)]
pub(crate) struct SkippedDay {
    /// The day.
    on: NaiveDate,
    /// `weekend`, or the holiday's name.
    reason: String,
}

impl From<Counted> for WorkingDays {
    fn from(counted: Counted) -> Self {
        Self {
            due_on: counted.due_on,
            due_at: counted.due_at,
            due_at_almaty: view::almaty(counted.due_at),
            calendar_version: counted.calendar_version.to_string(),
            estimated: counted.crosses_estimated,
            counted: counted.counted,
            skipped: counted.skipped.into_iter().map(|day| SkippedDay { on: day.on, reason: day.reason }).collect(),
        }
    }
}

/// Счёт рабочих дней
#[utoipa::path(
    get, path = "/v1/calendar/working-days", tag = "calendar", params(WorkingDaysQuery),
    responses((status = 200, body = WorkingDays), (status = 422, description = "Неверные параметры или срок выходит за пределы календаря", content_type = "application/problem+json"))
)]
pub(crate) async fn working_days(
    _: Allowed<Anybody>,
    State(app): State<App>,
    Parameters(query): Parameters<WorkingDaysQuery>,
) -> Result<Json<WorkingDays>, Problem> {
    let (from, days) = read(&query)?;
    let calendar = calendar::current(&app.pool).await?;
    Ok(Json(calendar.count(from, days)?.into()))
}

/// Reads both; every bad one is named.
fn read(query: &WorkingDaysQuery) -> Result<(NaiveDate, i32), Problem> {
    let mut errors = Vec::new();
    let mut refuse = |pointer: &str, code: &str, message: String| {
        errors.push(FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message });
        None
    };
    let from = match query.from.as_deref().map(query_date) {
        None => refuse("?from", "required", "Обязательный параметр".to_owned()),
        Some(None) => refuse("?from", "date.format", "Дата записывается как ГГГГ-ММ-ДД".to_owned()),
        Some(date) => date,
    };
    let days = query
        .days
        .as_deref()
        .map(|text| text.parse::<i32>().ok().filter(|days| days.abs_diff(0) <= DAYS_MAX.unsigned_abs()));
    let mut refuse = |pointer: &str, code: &str, message: String| {
        errors.push(FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message });
        None
    };
    let days = match days {
        None => refuse("?days", "required", "Обязательный параметр".to_owned()),
        Some(None) => refuse("?days", "days.out_of_range", format!("Целое число от -{DAYS_MAX} до {DAYS_MAX}")),
        Some(days) => days,
    };
    from.zip(days).ok_or(Problem::Invalid(errors))
}
