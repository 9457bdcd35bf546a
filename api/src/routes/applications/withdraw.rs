//! The client withdraws, with a reason; possible until money is reserved (design invariant 6).

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::ids::ApplicationId;
use nesie_storage::bodies::Withdrawal;
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::reason::read_sealed_reason;

/// A withdrawal.
#[derive(Deserialize, ToSchema)]
#[schema(as = Withdrawal)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct WithdrawalRequest {
    /// Why, in the client's words.
    reason: String,
}

/// Отозвать заявку
#[utoipa::path(
    post, path = "/v1/applications/{id}/withdrawal", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = WithdrawalRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Отзыв уже невозможен", content_type = "application/problem+json"))
)]
pub(crate) async fn withdraw(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/applications/{id}/withdrawal");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let mut fields = Fields::read(&body)?;
    let reason = read_sealed_reason(&mut fields);
    let withdrawal = fields.finish(reason.map(|reason| Withdrawal { reason }))?;
    // The client's own words stay in the sealed submission: the audit log holds no personal data.
    act.send(What::Client { kind: ActKind::Withdraw }, &withdrawal, "").await
}
