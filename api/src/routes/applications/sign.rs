//! The client's EDS over the contract's exact text (para 9, R-090). Whether it holds is for the activity to find out.

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::act::ActKind;
use nesie_domain::ids::ApplicationId;
use nesie_storage::bodies::Signature;
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;

/// A signature.
#[derive(Deserialize, ToSchema)]
#[schema(as = Signature)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct SignatureRequest {
    /// CMS in base64 over the UTF-8 of the contract's content.
    cms: String,
}

/// Подписать договор ЭЦП
#[utoipa::path(
    post, path = "/v1/applications/{id}/signature", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = SignatureRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Действие не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn sign(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/applications/{id}/signature");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let signature = read(&body)?;
    act.send(What::Client { kind: ActKind::Sign }, &signature, "").await
}

fn read(body: &[u8]) -> Result<Signature, Problem> {
    let mut fields = Fields::read(body)?;
    let cms = fields.text("/cms");
    if cms.as_ref().is_some_and(|cms| !STANDARD.decode(cms).is_ok_and(|bytes| !bytes.is_empty())) {
        fields.refuse("/cms", "cms.base64", "Подпись передаётся в base64");
    }
    fields.finish(cms.map(|cms| Signature { cms }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_base64_that_is_not_empty() {
        assert!(read(br#"{"cms":"MIIB"}"#).is_ok());
        for bad in [br#"{"cms":""}"#.as_slice(), br#"{"cms":"%%"}"#, br#"{}"#] {
            assert!(matches!(read(bad), Err(Problem::Invalid(_))));
        }
    }
}
