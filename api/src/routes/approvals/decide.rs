//! The second person decides, with a reason. Who that may be stands in the request itself; storage is the guard.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::ids::ApprovalId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::approvals::Request;
use crate::auth::{Allowed, ApprovalDeciders};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::reason::read_reason;

/// The second person's decision.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ApprovalDecision {
    /// `approve` or `reject`.
    decision: String,
    /// Why, in your own words.
    reason: String,
}

/// The answer to a decision.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalDecided {
    id: Uuid,
    /// `approved` or `rejected`.
    state: String,
    /// Where to look next.
    #[schema(value_type = Object)]
    links: Value,
}

/// Решение второго лица
#[utoipa::path(
    post, path = "/v1/approvals/{id}/decision", tag = "governance",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ApprovalDecision,
    responses(
        (status = 200, body = ApprovalDecided),
        (status = 403, description = "Решает не то лицо: роль не подходит, или это автор запроса", content_type = "application/problem+json"),
        (status = 409, description = "Решение уже принято, или срок истек", content_type = "application/problem+json")
    )
)]
pub(crate) async fn decide(
    allowed: Allowed<ApprovalDeciders>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApprovalId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/approvals/{id}/decision");
    let request = match Request::open(&app, &allowed.caller, &key, route, &body).await? {
        Ok(request) => request,
        Err(answered) => return Ok(answered),
    };
    let (approve, reason) = read(&body)?;
    request.decide(id, approve, &reason).await
}

fn read(body: &[u8]) -> Result<(bool, String), Problem> {
    let mut fields = Fields::read(body)?;
    let approve = fields.text("/decision").and_then(|text| match text.as_str() {
        "approve" => Some(true),
        "reject" => Some(false),
        _ => {
            fields.refuse("/decision", "decision.unknown", "Допустимые значения: approve, reject");
            None
        }
    });
    let reason = read_reason(&mut fields);
    fields.finish(approve.zip(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_needs_a_known_name_and_a_reason() {
        let read_back = read(br#"{"decision":"approve","reason":" checked "}"#).expect("read");
        assert_eq!(read_back, (true, "checked".to_owned()));
        let Err(Problem::Invalid(errors)) = read(br#"{"decision":"maybe","reason":" "}"#) else { panic!("refused") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/decision", "/reason"]);
    }
}
