//! One application: where it stands, what is expected next, where its money is. Straight from PostgreSQL.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, ChallengeId};
use nesie_storage::applications::Application;
use nesie_storage::views::open_work::ParkedStep;
use nesie_storage::views::{agreement, money, open_work};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody, Caller};
use crate::parse::Id;
use crate::problem::Problem;
use crate::view;

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
    get, path = "/v1/applications/{id}", tag = "applications", params(("id" = String, Path)),
    responses((status = 200, body = ApplicationView), (status = 404, description = "Не найдено", content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
) -> Result<Json<ApplicationView>, Problem> {
    let caller = &allowed.caller;
    let application = acts::visible(&app, caller, "GET /v1/applications/{id}", id).await?;
    let sees_aml = caller.sees_aml();
    let choice = agreement::choice(&app.pool, id).await?;
    let payment = money::payment(&app.pool, id).await?;
    let open = open_work::parked_steps_of(&app.pool, id).await?;
    let expected = expected(&app, caller, &application, open.first()).await?;
    Ok(Json(ApplicationView {
        id: id.as_uuid(),
        received_at: application.received_at,
        amount: view::money(application.amount_tiyn),
        annual_rate: view::rate(application.annual_rate)?,
        term_months: application.term_months,
        term_days: application.term_days,
        channel: application.channel,
        purpose: application.purpose,
        stage: view::stage(&application.stage, application.contract_frozen, sees_aml),
        expected: (!expected.is_null()).then_some(expected),
        waiting_for: if open.is_empty() { view::waiting_for(&application.stage) } else { Some("lender") },
        outcome: application.outcome.as_ref().map(|outcome| view::outcome(Some(outcome), sees_aml)),
        annual_effective_rate: choice
            .as_ref()
            .and_then(|choice| choice.annual_effective_rate)
            .map(|rate| format!("{rate:.1}")),
        method: choice.map(|choice| choice.method),
        payment: payment.map(|payment| {
            json!({ "our_reference": payment.our_reference, "state": payment.state, "method": payment.method })
        }),
        ruleset: application.ruleset,
        policy_version: application.policy_version,
        build: application.build,
        links: view::links(id),
    }))
}

/// What is expected, with what it needs. A parked step comes first: until it is decided on no act of the client's but
/// a withdrawal is accepted, whatever stage was stored before it, and only staff learn of it.
async fn expected(
    app: &App,
    caller: &Caller,
    application: &Application,
    parked: Option<&ParkedStep>,
) -> Result<Value, Problem> {
    if let Some(step) = parked {
        return Ok(if caller.is_staff() { view::parked::expected(step) } else { Value::Null });
    }
    let mut expected = view::expected(application.id, application.stage.expected().into(), caller.sees_aml());
    if let Some((name, value)) = needed(app, application.id, &application.stage).await? {
        expected[name] = value;
    }
    Ok(expected)
}

/// What the expected act needs besides its address.
async fn needed(app: &App, id: ApplicationId, stage: &Stage) -> Result<Option<(&'static str, Value)>, Problem> {
    match stage {
        Stage::AwaitingIdentification { challenge_id, .. }
        | Stage::AwaitingPaymentIdentification { challenge_id, .. } => {
            Ok(Some(("challenge", challenge(app, id, *challenge_id).await?)))
        }
        _ => Ok(None),
    }
}

async fn challenge(app: &App, id: ApplicationId, challenge_id: ChallengeId) -> Result<Value, Problem> {
    let challenge = agreement::challenge(&app.pool, id, challenge_id).await?;
    Ok(challenge.map_or(
        Value::Null,
        |challenge| json!({ "id": challenge.id, "movements": challenge.movements, "expires_at": challenge.expires_at }),
    ))
}
