//! Proposing a calendar version: a whole one, checked as a calendar, waiting for the second person (domain.md §3.2).
//! Publishes nothing: what was approved is put in force by its workflow.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::approval::{ApprovalKind, ApprovalRule};
use nesie_domain::calendar::{CalendarDay, CalendarError, CalendarVersion, DayKind, WorkingCalendar};
use nesie_domain::ids::ApprovalId;
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::publication::{self, NewProposal, ProposedVersion, version_object};
use nesie_storage::{audit, calendar, pool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, ComplianceOnly};
use crate::idempotency::{IdempotencyKey, give};
use crate::parse::{Body, Fields};
use crate::problem::Problem;
use crate::reason::read_reason;

const ROUTE: &str = "POST /v1/calendar/versions";
/// More than thirty years of holidays.
const DAYS_MAX: usize = 1_500;

/// A version of the calendar.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCalendarVersion)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct VersionRequest {
    /// 1 to 40 of lower-case letters, digits, dots and hyphens.
    #[schema(example = "kz-2027-05-10")]
    version: String,
    first_day: String,
    last_day: String,
    /// The legal sources of the whole.
    source: String,
    /// Every day that is not what the week says it is.
    days: Vec<DayRequest>,
    /// Why it is published, in your own words.
    reason: String,
}

/// A day that is not what the week says it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCalendarDay)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct DayRequest {
    on: String,
    /// `public_holiday`, `shifted_day_off`, `transferred_day_off` or `worked_weekend`.
    kind: String,
    name: String,
    /// The legal source.
    source: String,
    /// Whether it is not announced yet.
    estimated: bool,
}

/// A version that waits for the second person.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionProposed {
    /// The request for the second person.
    approval_id: Uuid,
    version: String,
    /// Days added, removed and changed against the version in force.
    difference: Value,
    links: Value,
}

/// Предложить версию календаря
#[utoipa::path(
    post, path = "/v1/calendar/versions", tag = "calendar", params(("idempotency-key" = String, Header)),
    request_body = VersionRequest,
    responses((status = 202, body = VersionProposed, headers(("Location" = String, description = "Адрес запроса на решение вторым лицом"))), (status = 422, description = "Календарь с ошибками", content_type = "application/problem+json"))
)]
pub(crate) async fn publish(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = &allowed.caller;
    let request = RequestKey { subject: &caller.actor, route: ROUTE, key: &key.0 };
    let fingerprint = acts::body_hash(&app, &body);
    match idempotency::find(&app.pool, &request, &fingerprint).await? {
        Some(Claim::Finished(answer)) => return Ok(give(answer)),
        Some(Claim::OtherBody) => return Err(Problem::IdempotencyKeyReused),
        Some(Claim::New | Claim::Unfinished { .. }) | None => {}
    }
    let (proposed, reason) = read(&body)?;
    let in_force = calendar::current(&app.pool).await?;
    check(&proposed, &in_force)?;
    if calendar::by_version(&app.pool, proposed.version.as_str()).await?.is_some() {
        return Err(Problem::field("/version", "calendar.version_taken", "Версия с таким именем уже опубликована"));
    }
    let received_at = crate::time::now();
    let id = ApprovalId::from_uuid(Uuid::new_v4());
    let difference = difference(&in_force, &proposed);
    let mut transaction = pool::begin(&app.pool).await?;
    match idempotency::claim(&mut transaction, &request, &fingerprint, id.as_uuid(), received_at).await? {
        Claim::New => {}
        Claim::Finished(answer) => return Ok(give(answer)),
        Claim::OtherBody => return Err(Problem::IdempotencyKeyReused),
        Claim::Unfinished { .. } => return Err(Problem::NotKnownToBeDone),
    }
    let new = NewProposal {
        id,
        proposed: &proposed,
        difference: &difference,
        rule: &ApprovalRule::current(ApprovalKind::PublishCalendar),
        maker: &caller.actor,
        reason: &reason,
        at: received_at,
    };
    publication::propose(&mut transaction, &new).await?;
    let entry = audit::Entry {
        occurred_at: received_at,
        actor: &caller.actor,
        roles: &caller.role_names(),
        action: "propose_calendar_version",
        object: &version_object(&proposed.version),
        reason: &reason,
        request_id: Some(&caller.request_id),
        details: json!({ "approval_id": id, "replaces": in_force.version() }),
    };
    audit::record(&mut transaction, &entry).await?;
    let answer = json!({
        "approval_id": id,
        "version": proposed.version,
        "difference": difference,
        "links": { "self": format!("/v1/approvals/{id}"), "decision": format!("/v1/approvals/{id}/decision") },
    });
    let answer = idempotency::finish(&mut transaction, &request, &StoredAnswer { status: 202, body: answer }).await?;
    pool::commit(transaction).await?;
    Ok(give(answer))
}

fn read(body: &[u8]) -> Result<(ProposedVersion, String), Problem> {
    let mut fields = Fields::read(body)?;
    let version = fields.text("/version").and_then(|text| {
        let version = CalendarVersion::parse(&text);
        version
            .map_err(|_| {
                fields.refuse(
                    "/version",
                    "calendar.version",
                    "От 1 до 40 знаков: строчные латинские буквы, цифры, точка, дефис",
                );
            })
            .ok()
    });
    let first_day = fields.date("/first_day");
    let last_day = fields.date("/last_day");
    let source = short_text(&mut fields, "/source");
    let count = fields.list("/days", DAYS_MAX);
    let days: Vec<CalendarDay> = (0..count).filter_map(|index| read_day(&mut fields, index)).collect();
    let reason = read_reason(&mut fields);
    let read = version.zip(first_day).zip(last_day).zip(source).zip(reason);
    fields.finish(read.map(|((((version, first_day), last_day), source), reason)| {
        (ProposedVersion { version, first_day, last_day, source, days }, reason)
    }))
}

fn read_day(fields: &mut Fields, index: usize) -> Option<CalendarDay> {
    let at = |name: &str| format!("/days/{index}/{name}");
    let on = fields.date(&at("on"));
    let kind = fields.text(&at("kind"));
    let known = kind.as_deref().and_then(DayKind::parse);
    if kind.is_some() && known.is_none() {
        let names = DayKind::ALL.map(DayKind::as_str).join(", ");
        fields.refuse(&at("kind"), "day_kind.unknown", format!("Допустимые значения: {names}"));
    }
    let name = short_text(fields, &at("name"));
    let source = short_text(fields, &at("source"));
    let estimated = fields.boolean(&at("estimated"));
    let day = on.zip(known).zip(name).zip(source).zip(estimated);
    day.map(|((((on, kind), name), source), estimated)| CalendarDay { on, kind, name, source, estimated })
}

/// A text that says something, of limited length.
fn short_text(fields: &mut Fields, pointer: &str) -> Option<String> {
    let text = fields.text(pointer)?.trim().to_owned();
    if (1..=500).contains(&text.chars().count()) {
        return Some(text);
    }
    fields.refuse(pointer, "text.length", "От 1 до 500 знаков");
    None
}

/// A version makes sense as a calendar, and knows every day that the one in force knows.
fn check(proposed: &ProposedVersion, in_force: &WorkingCalendar) -> Result<(), Problem> {
    let ProposedVersion { version, first_day, last_day, days, .. } = proposed;
    let (first, last) = in_force.span();
    if first < *first_day || *last_day < last {
        let message = format!("Календарь не может охватывать меньше действующего: с {first} по {last}");
        let pointer = if first < *first_day { "/first_day" } else { "/last_day" };
        return Err(Problem::field(pointer, "calendar.span_shortened", message));
    }
    let Err(error) = WorkingCalendar::new(version.clone(), *first_day, *last_day, days.clone()) else { return Ok(()) };
    let (code, message, on) = match error {
        CalendarError::Version => ("calendar.version", "Имя версии недопустимо", None),
        CalendarError::EmptySpan => ("calendar.empty_span", "Последний день раньше первого", None),
        CalendarError::DayOutside(on) => ("calendar.day_outside", "День вне календаря", Some(on)),
        CalendarError::DayTwice(on) => ("calendar.day_twice", "День указан дважды", Some(on)),
        CalendarError::DayOfWeek(on) => ("calendar.day_of_week", "Вид дня не подходит дню недели", Some(on)),
    };
    // The last one of them: of a day that stands twice it is the second that is too many.
    let index = on.and_then(|on| days.iter().rposition(|day| day.on == on));
    let pointer = index.map_or("/last_day".to_owned(), |index| format!("/days/{index}/on"));
    let message = on.map_or(message.to_owned(), |on| format!("{message}: {on}"));
    Err(Problem::field(&pointer, code, message))
}

/// Days added, removed and changed, and the spans.
fn difference(in_force: &WorkingCalendar, proposed: &ProposedVersion) -> Value {
    let before = |day: &CalendarDay| in_force.days().find(|known| known.on == day.on);
    let after = |day: &CalendarDay| proposed.days.iter().find(|known| known.on == day.on);
    let added: Vec<_> = proposed.days.iter().filter(|day| before(day).is_none()).collect();
    let removed: Vec<_> = in_force.days().filter(|day| after(day).is_none()).collect();
    let changed: Vec<_> = in_force
        .days()
        .filter_map(|day| after(day).filter(|new| *new != day).map(|new| json!({ "before": day, "after": new })))
        .collect();
    let (first, last) = in_force.span();
    json!({
        "replaces": in_force.version(),
        "span": { "before": [first, last], "after": [proposed.first_day, proposed.last_day] },
        "added": added,
        "removed": removed,
        "changed": changed,
    })
}
