//! Operations decide on a parked step, with a reason. The workflow's handler is the guard.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::ids::{Owner, ParkedStepId};
use nesie_storage::bodies::Decision;
use nesie_storage::views::open_work;
use nesie_workflows::contract::ParkedDecision;
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::routes::applications::read_reason;

/// A decision on a parked step.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ParkedStepDecision {
    /// `retry` or `fail_and_compensate`.
    decision: String,
    /// Why, in your own words.
    reason: String,
}

/// Решение по остановленному шагу
#[utoipa::path(
    post, path = "/v1/parked-steps/{id}/decision", tag = "operations",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ParkedStepDecision,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Решение не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn decide(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ParkedStepId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let step = open_work::parked_step(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let route = format!("POST /v1/parked-steps/{id}/decision");
    let Owner::Application(application_id) = step.owner else { return Err(Problem::NotFound) };
    let act = match acts::open_for_staff(&app, &allowed.caller, &key, route, application_id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let (decision, submission) = read(&body)?;
    act.send(What::DecideParkedStep { parked_step_id: id, decision }, &submission, &submission.reason).await
}

fn read(body: &[u8]) -> Result<(ParkedDecision, Decision), Problem> {
    let mut fields = Fields::read(body)?;
    let text = fields.text("/decision");
    let decision = text.as_deref().and_then(|text| match text {
        "retry" => Some(ParkedDecision::Retry),
        "fail_and_compensate" => Some(ParkedDecision::FailAndCompensate),
        _ => {
            fields.refuse("/decision", "decision.unknown", "Допустимые значения: retry, fail_and_compensate");
            None
        }
    });
    let reason = read_reason(&mut fields);
    let read = decision.zip(text).zip(reason);
    fields.finish(read.map(|((kind, decision), reason)| (kind, Decision { decision, reason })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_needs_a_known_name_and_a_reason() {
        let (kind, decision) = read(br#"{"decision":"retry","reason":"provider is back"}"#).expect("read");
        assert_eq!((kind, decision.decision.as_str()), (ParkedDecision::Retry, "retry"));
        let Err(Problem::Invalid(errors)) = read(br#"{"decision":"maybe","reason":" "}"#) else { panic!("refused") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/decision", "/reason"]);
    }
}
