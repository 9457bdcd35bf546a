//! A duty as it stood at an instant: what happened later is not shown. Never a decision.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_storage::duties::{Duty, DutyState};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view;

/// One duty.
#[derive(Serialize, ToSchema)]
#[schema(as = Duty)]
pub(crate) struct DutyView {
    id: Uuid,
    case_id: Uuid,
    /// What is to be done.
    kind: String,
    /// What within the case: empty or an id.
    subject: String,
    /// How often it was superseded before.
    generation: i32,
    /// The paragraph of the Rules.
    paragraph: String,
    /// The requirements, by their numbers.
    requirements: Vec<String>,
    /// `open`, `breached` (open and past due), `met`, `met_late`, `superseded` or `cancelled`.
    state: &'static str,
    /// From when the term runs.
    anchor_at: DateTime<Utc>,
    /// The same by Almaty's clocks.
    anchor_at_almaty: String,
    /// How many working days; negative: before the anchor.
    working_days: i32,
    /// The version of the calendar by which it was counted.
    calendar_version: String,
    /// The day on which it falls due; absent where the calendar does not reach so far.
    due_on: Option<NaiveDate>,
    /// The first instant after the term.
    due_at: Option<DateTime<Utc>>,
    /// The same by Almaty's clocks: 24:00 of the last day.
    due_at_almaty: Option<String>,
    /// Whether a day inside is not announced yet.
    estimated: bool,
    opened_at: DateTime<Utc>,
    /// When it was met, superseded or cancelled.
    ended_at: Option<DateTime<Utc>>,
    /// Who ended it.
    ended_by: Option<String>,
    /// What proves that it was met.
    evidence: Option<Value>,
    /// The duty that took its place.
    superseded_by: Option<Uuid>,
    links: Value,
}

/// The state of a duty as of an instant.
pub(crate) fn state(duty: &Duty, as_of: DateTime<Utc>) -> &'static str {
    let ended = duty.ended_at.is_some_and(|ended_at| ended_at <= as_of);
    match duty.state {
        state if ended => state.as_str(),
        _ if duty.due_at.is_some_and(|due_at| due_at <= as_of) => "breached",
        _ => DutyState::Open.as_str(),
    }
}

/// A duty as of an instant.
pub(crate) fn duty(duty: Duty, as_of: DateTime<Utc>) -> DutyView {
    let state = state(&duty, as_of);
    let ended = duty.ended_at.is_some_and(|ended_at| ended_at <= as_of);
    DutyView {
        id: duty.id.as_uuid(),
        case_id: duty.case_id.as_uuid(),
        kind: duty.kind.as_str().to_owned(),
        subject: duty.subject,
        generation: duty.generation,
        paragraph: duty.paragraph,
        requirements: duty.requirements,
        state,
        anchor_at: duty.anchor_at,
        anchor_at_almaty: view::almaty(duty.anchor_at),
        working_days: duty.working_days,
        calendar_version: duty.calendar_version,
        due_on: duty.due_on,
        due_at: duty.due_at,
        due_at_almaty: duty.due_at.map(view::almaty),
        estimated: duty.estimated,
        opened_at: duty.opened_at,
        ended_at: duty.ended_at.filter(|_| ended),
        ended_by: duty.ended_by.filter(|_| ended),
        evidence: duty.evidence.filter(|_| ended),
        superseded_by: duty.superseded_by.filter(|_| ended).map(|id| id.as_uuid()),
        links: serde_json::json!({ "self": format!("/v1/duties/{}", duty.id) }),
    }
}
