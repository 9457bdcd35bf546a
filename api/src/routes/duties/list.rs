//! The list of duties by due instant, as they stood at an instant; undetermined ones last.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::duties::{self, Filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::{self, DutyView};
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::parse::{Parameters, query_date};
use crate::problem::{FieldError, Problem};
use crate::routes::page::{Page, PageQuery};

/// The names that `state` takes; `open` takes in what is breached, which is open too.
const STATES: [&str; 6] = ["open", "breached", "met", "met_late", "superseded", "cancelled"];

/// Which duties.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DutiesQuery {
    /// How many entries at most, 1 to 200; 50 when absent.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only those in this state as of `as_of`: `open` (breached ones too), `breached`, `met`, `met_late`, `superseded` or
    /// `cancelled`.
    state: Option<String>,
    /// Only those of this paragraph, such as `13(1)`.
    paragraph: Option<String>,
    /// Only those of this kind, such as `inform_client`.
    kind: Option<String>,
    /// Only those due on this day or later, as YYYY-MM-DD.
    due_from: Option<String>,
    /// Only those due on this day or earlier.
    due_to: Option<String>,
    /// Only those of this case.
    case_id: Option<String>,
    /// The instant as of which they are shown, RFC 3339; now when absent.
    as_of: Option<String>,
}

/// A page of duties.
#[derive(Serialize, ToSchema)]
pub(crate) struct Duties {
    /// The instant as of which they are shown: pass it on to the next page.
    as_of: DateTime<Utc>,
    /// The duties.
    items: Vec<DutyView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Сроки по Правилам
#[utoipa::path(get, path = "/v1/duties", tag = "duties", params(DutiesQuery), responses((status = 200, body = Duties)))]
pub(crate) async fn list(
    _: Allowed<CaseReaders>,
    State(app): State<App>,
    Parameters(query): Parameters<DutiesQuery>,
) -> Result<Json<Duties>, Problem> {
    let Asked { page, case_id, due_from, due_to, as_of } = read(&query)?;
    let filter = Filter {
        case_id,
        kind: query.kind.as_deref(),
        paragraph: query.paragraph.as_deref(),
        state: query.state.as_deref(),
        due_from,
        due_to,
        after: page.after,
    };
    let mut rows = duties::page(&app.pool, &filter, as_of, page.fetch()).await?;
    let last = Utc.with_ymd_and_hms(9999, 1, 1, 0, 0, 0).single().ok_or(Problem::Internal)?;
    let next = page.cut(&mut rows, |duty| (duty.due_at.unwrap_or(last), duty.id.as_uuid()));
    let items = rows.into_iter().map(|duty| view::duty(duty, as_of)).collect();
    Ok(Json(Duties { as_of, items, next }))
}

struct Asked {
    page: Page,
    case_id: Option<CaseId>,
    due_from: Option<NaiveDate>,
    due_to: Option<NaiveDate>,
    as_of: DateTime<Utc>,
}

/// Reads every parameter; each bad one is named.
fn read(query: &DutiesQuery) -> Result<Asked, Problem> {
    let mut errors = Vec::new();
    let mut check = |well_formed: bool, pointer: &str, code: &str, message: &str| {
        if !well_formed {
            errors.push(FieldError { pointer: pointer.into(), code: code.into(), message: message.into() });
        }
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let kinds = DutyKind::ALL.map(DutyKind::as_str).join(", ");
    let state_known = query.state.as_deref().is_none_or(|name| STATES.contains(&name));
    check(state_known, "?state", "state.unknown", &format!("Допустимые значения: {}", STATES.join(", ")));
    let kind_known = query.kind.as_deref().is_none_or(|name| DutyKind::parse(name).is_some());
    check(kind_known, "?kind", "kind.unknown", &format!("Допустимые значения: {kinds}"));
    let paragraphs = DutyKind::ALL.map(|kind| kind.legal_basis().0.as_str());
    let paragraph_known = query.paragraph.as_deref().is_none_or(|name| paragraphs.contains(&name));
    check(paragraph_known, "?paragraph", "paragraph.unknown", "Допустимые значения: 4, 5, 13(1), 13(2), 13(4)");
    let date = "Дата записывается как ГГГГ-ММ-ДД";
    let due_from = query_date(&text(&query.due_from));
    check(query.due_from.is_some() == due_from.is_some(), "?due_from", "date.format", date);
    let due_to = query_date(&text(&query.due_to));
    check(query.due_to.is_some() == due_to.is_some(), "?due_to", "date.format", date);
    let case_id = text(&query.case_id).parse::<CaseId>().ok();
    check(query.case_id.is_some() == case_id.is_some(), "?case_id", "id.format", "Идентификатор записывается как UUID");
    let as_of = instant(&text(&query.as_of));
    check(
        query.as_of.is_some() == as_of.is_some(),
        "?as_of",
        "instant.format",
        "Момент записывается по RFC 3339, например 2026-11-25T09:00:00Z",
    );
    let page = PageQuery { limit: query.limit.clone(), cursor: query.cursor.clone() }.read();
    match page {
        Ok(page) if errors.is_empty() => {
            Ok(Asked { page, case_id, due_from, due_to, as_of: as_of.unwrap_or_else(crate::time::now) })
        }
        Err(Problem::Invalid(more)) => Err(Problem::Invalid([errors, more].concat())),
        Ok(_) => Err(Problem::Invalid(errors)),
        Err(other) => Err(other),
    }
}

/// An instant of the years that rows can have; a `+` that the query made a blank is one again.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?.with_timezone(&Utc);
    let years =
        Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).single()?..Utc.with_ymd_and_hms(9999, 1, 1, 0, 0, 0).single()?;
    years.contains(&at).then_some(at)
}
