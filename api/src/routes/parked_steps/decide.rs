//! Operations decide on a parked step, with a reason. The workflow's handler is the guard.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::ids::{ApplicationId, CaseId, Owner, ParkedStepId};
use nesie_storage::audit;
use nesie_storage::bodies::Decision;
use nesie_storage::money::{self, PaymentState};
use nesie_storage::views::open_work;
use nesie_workflows::case::CaseWhat;
use nesie_workflows::contract::ParkedDecision;
use nesie_workflows::origination::What;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened, entry};
use crate::app::App;
use crate::auth::{Allowed, Caller, OperationsOnly};
use crate::cases::{self, ActOnCase};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::reason::read_reason;

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
    let application_id = match step.owner {
        Owner::Application(id) => id,
        Owner::Case(case_id) => return decide_on_case(&app, &allowed.caller, &key, route, id, case_id, &body).await,
    };
    let act = match acts::open_for_staff(&app, &allowed.caller, &key, route, application_id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let (decision, submission) = read(&body)?;
    if decision == ParkedDecision::FailAndCompensate && step.nothing_sent && was_sent(&app, application_id).await? {
        let (roles, object) = (allowed.caller.role_names(), audit::application_object(application_id));
        let (kind, reason) = (ActKind::DecideParkedStep.as_str(), "payment_was_sent");
        audit::record_denial(&app.pool, &entry(&allowed.caller, &roles, kind, &object, reason, json!({}))).await?;
        return Err(Problem::RemedyNotPossible);
    }
    act.send(What::DecideParkedStep { parked_step_id: id, decision }, &submission, &submission.reason).await
}

/// Whether money was sent after all, by a try that was taken for dead when the step was parked.
async fn was_sent(app: &App, id: ApplicationId) -> Result<bool, Problem> {
    let payment = money::payment(&app.pool, id).await?;
    Ok(payment.is_some_and(|payment| !matches!(payment.state, PaymentState::Reserved | PaymentState::Released)))
}

/// The same for a step of a case: its workflow answers, and only a retry is possible there.
async fn decide_on_case(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    route: String,
    parked_step_id: ParkedStepId,
    case_id: CaseId,
    body: &[u8],
) -> Result<Response, Problem> {
    let case = nesie_storage::cases::get(&app.pool, case_id).await?.ok_or(Problem::NotFound)?;
    let pending = match cases::open(app, caller, key, route, body).await? {
        cases::Opened::Answered(response) => return Ok(response),
        cases::Opened::Pending(pending) => pending,
    };
    let (decision, submission) = read(body)?;
    let act = ActOnCase {
        act: ActKind::DecideParkedStep.as_str(),
        body: json!(submission),
        reason: submission.reason.clone(),
        documents: Vec::new(),
    };
    pending.act_as(&case, act, CaseWhat::DecideParkedStep { parked_step_id, decision }).await
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
    fields.finish(read.map(|((kind, decision), reason)| (kind, Decision { decision, reason, match_id: None })))
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
