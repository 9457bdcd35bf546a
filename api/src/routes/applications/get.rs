//! One application: where it stands, what is expected next, where its money is. Straight from PostgreSQL.
//! A caller who has the page already may wait for the next one; never for longer than a request may take.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use nesie_domain::application::Stage;
use nesie_domain::hash::sha256_hex;
use nesie_domain::ids::ApplicationId;
use nesie_storage::views::application::{self, Page};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody, Caller};
use crate::parse::Id;
use crate::problem::{Problem, internal};
use crate::view;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Below the time that a request may take, and below that of proxies between.
const WAIT_SECONDS_MAX: u64 = 10;

/// An application.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub(crate) struct ApplicationView {
    id: Uuid,
    received_at: DateTime<Utc>,
    amount: String,
    annual_rate: String,
    term_months: Option<i32>,
    term_days: Option<i32>,
    channel: String,
    purpose: String,
    /// The stage, by `stage` with its data.
    stage: Value,
    /// What is expected next, of whom, where to send it, and what it needs (such as the challenge).
    expected: Option<Value>,
    /// Who is waited for: `client`, `lender`, or nobody.
    waiting_for: Option<&'static str>,
    /// The outcome, by `outcome` with its data, once closed.
    outcome: Option<Value>,
    /// Of the chosen draft, in percent a year.
    annual_effective_rate: Option<String>,
    /// Of the chosen draft.
    method: Option<String>,
    /// Our reference of the payment and its state.
    payment: Option<Value>,
    /// The edition of the Rules.
    ruleset: String,
    /// The version of the limits.
    policy_version: String,
    /// The build that received it.
    build: String,
    links: Value,
}

/// Заявка: стадия, исход, ожидаемое действие
#[utoipa::path(
    get, path = "/v1/applications/{id}", tag = "applications",
    params(
        ("id" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "ETag прежнего ответа: пока заявка та же, ответ 304 без тела"),
        ("Prefer" = Option<String>, Header, description = "`wait=10`: вместе с If-None-Match ждать изменения до 10 секунд (RFC 7240)"),
    ),
    responses(
        (status = 200, body = ApplicationView, headers(("ETag" = String))),
        (status = 304, description = "Не изменилась"),
        (status = 404, description = "Не найдено", content_type = "application/problem+json")
    )
)]
pub(crate) async fn get(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = &allowed.caller;
    let deadline = Instant::now() + patience(&headers);
    loop {
        let Some(page) = application::page(&app.pool, id).await? else { return Err(Problem::NotFound) };
        if !caller.is_staff() && page.submitted_by != caller.actor {
            return Err(acts::not_the_submitter(&app, caller, "GET /v1/applications/{id}", id).await?);
        }
        let version = page.version.clone();
        let body = serde_json::to_vec(&shown(caller, page)?).map_err(|error| internal(&error, "a page is no JSON"))?;
        // Of what this caller sees and nothing else: one who may not learn of a list can not tell that its wait began.
        let tag = format!("\"{}\"", sha256_hex(&body));
        if !names(&headers, &tag) {
            return Ok(([(header::ETAG, tag)], [(header::CONTENT_TYPE, "application/json")], body).into_response());
        }
        if Instant::now() >= deadline {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        app.changes.after(id, version, deadline).await;
    }
}

/// How long the caller would wait for a change: `Prefer: wait=<seconds>`.
fn patience(headers: &HeaderMap) -> Duration {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut waits = preferences
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.trim().strip_prefix("wait=")?.parse().ok());
    waits.next().map_or(Duration::ZERO, |seconds: u64| Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)))
}

/// Whether the caller has the page already.
fn names(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// The page as this caller sees it.
fn shown(caller: &Caller, page: Page) -> Result<ApplicationView, Problem> {
    let sees_aml = caller.sees_aml();
    let expected = expected(caller, &page);
    Ok(ApplicationView {
        id: page.id.as_uuid(),
        received_at: page.received_at,
        amount: view::money(page.amount_tiyn),
        annual_rate: view::rate(page.annual_rate)?,
        term_months: page.term_months,
        term_days: page.term_days,
        channel: page.channel,
        purpose: page.purpose,
        stage: view::stage(&page.stage, page.contract_frozen, sees_aml),
        expected: (!expected.is_null()).then_some(expected),
        waiting_for: if page.parked.is_none() { view::waiting_for(&page.stage) } else { Some("lender") },
        outcome: page.outcome.as_ref().map(|outcome| view::outcome(Some(outcome), sees_aml)),
        annual_effective_rate: page
            .choice
            .as_ref()
            .and_then(|choice| choice.annual_effective_rate)
            .map(|rate| format!("{rate:.1}")),
        method: page.choice.map(|choice| choice.method),
        payment: page.payment.map(|payment| {
            json!({ "our_reference": payment.our_reference, "state": payment.state, "method": payment.method })
        }),
        ruleset: page.ruleset,
        policy_version: page.policy_version,
        build: page.build,
        links: view::links(page.id),
    })
}

/// What is expected, with what it needs. A parked step comes first: until it is decided on no act of the client's but
/// a withdrawal is accepted, whatever stage was stored before it, and only staff learn of it.
fn expected(caller: &Caller, page: &Page) -> Value {
    if let Some(step) = &page.parked {
        return if caller.is_staff() { view::parked::expected(step, caller.sees_aml()) } else { Value::Null };
    }
    let mut expected = view::expected(page.id, page.stage.expected().into(), caller.sees_aml());
    if let Stage::AwaitingIdentification { .. }
    | Stage::AwaitingPaymentIdentification { .. }
    | Stage::AwaitingLeakVerification { .. } = page.stage
    {
        expected["challenge"] = page.challenge.as_ref().map_or(Value::Null, |challenge| {
            json!({ "id": challenge.id, "movements": challenge.movements, "expires_at": challenge.expires_at })
        });
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    #[test]
    fn a_caller_waits_as_long_as_he_prefers_within_bounds() {
        let seconds = |value: &str| patience(&headers(PREFER, value)).as_secs();
        assert_eq!(seconds("wait=3"), 3);
        assert_eq!(seconds("respond-async, wait=7"), 7);
        assert_eq!(seconds("wait=100000"), WAIT_SECONDS_MAX);
        assert_eq!(seconds("wait=-1"), 0);
        assert_eq!(seconds("wait"), 0);
        assert_eq!(patience(&HeaderMap::new()), Duration::ZERO);
    }

    #[test]
    fn a_page_is_known_by_its_tag_alone() {
        let known = |value: &str| names(&headers(header::IF_NONE_MATCH, value), "\"ab\"");
        assert!(known("\"ab\"") && known("\"x\", W/\"ab\""));
        assert!(!known("\"a\"") && !known("ab") && !known("*"));
    }
}
