//! Compliance decides whether a likely match is the client, with a reason. The workflow's handler is the guard.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::ids::ScreeningMatchId;
use nesie_storage::bodies::Decision;
use nesie_storage::views::open_work;
use nesie_workflows::contract::{MATCH_BEFORE_PAYMENT, ParkedDecision};
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ComplianceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::reason::read_reason;

/// The occasion of a match that was found just before the payout, and parked a step.
const PAYMENT: &str = "payment";

/// A decision on a likely match.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ScreeningMatchDecision {
    /// `false_positive` or `confirmed`.
    decision: String,
    /// Why, in your own words.
    reason: String,
}

/// Решение по вероятному совпадению
#[utoipa::path(
    post, path = "/v1/screening-matches/{id}/decision", tag = "compliance",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ScreeningMatchDecision,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Решение не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn decide(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ScreeningMatchId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let found = open_work::screening_match(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let route = format!("POST /v1/screening-matches/{id}/decision");
    let act = match acts::open_for_staff(&app, &allowed.caller, &key, route, found.application_id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let submission = read(&body)?;
    if found.occasion != PAYMENT || act.application.outcome.is_some() {
        return act.send(What::DecideScreeningMatch { match_id: id }, &submission, &submission.reason).await;
    }
    // To the workflow it is a retry of the step that the match parked; the step's own record of it stores the decision.
    let step = open_work::step_of_match(&app.pool, id, MATCH_BEFORE_PAYMENT).await?;
    let parked_step_id = step.ok_or(Problem::Unavailable)?;
    let what = What::DecideParkedStep { parked_step_id, decision: ParkedDecision::Retry };
    let submission = Decision { match_id: Some(id), ..submission };
    act.send_as(ActKind::DecideScreeningMatch, what, &submission, &submission.reason).await
}

fn read(body: &[u8]) -> Result<Decision, Problem> {
    let mut fields = Fields::read(body)?;
    let decision = fields.text("/decision");
    if decision.as_deref().is_some_and(|text| !matches!(text, "false_positive" | "confirmed")) {
        fields.refuse("/decision", "decision.unknown", "Допустимые значения: false_positive, confirmed");
    }
    let reason = read_reason(&mut fields);
    fields.finish(decision.zip(reason).map(|(decision, reason)| Decision { decision, reason, match_id: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_needs_a_known_name_and_a_reason() {
        assert_eq!(read(br#"{"decision":"confirmed","reason":"same person"}"#).expect("read").decision, "confirmed");
        let Err(Problem::Invalid(errors)) = read(br#"{"decision":"retry"}"#) else { panic!("refused") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/decision", "/reason"]);
    }
}
