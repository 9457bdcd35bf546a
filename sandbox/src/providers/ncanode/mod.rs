//! NCANode v3: verification of electronic digital signatures, with its known weaknesses.
//! It plays what the real one answers, not what a lender ought to accept: `valid: true` is not enough here either.

pub(crate) mod container;
mod verification;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::{container::Container, verification::verified};
use crate::{
    exchange::{Answer, conduct, malformed, parse},
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/actuator/health", get(async || Json(json!({ "status": "UP" }))))
        .route("/cms/verify", post(verify))
        .route("/cms/extract", post(extract))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyRequest {
    cms: String,
    data: Option<String>,
    /// Empty means no check of revocation at all, as in the original.
    #[serde(default)]
    revocation_check: Vec<String>,
}

async fn verify(State(sandbox): State<Shared>, body: Bytes) -> Response {
    let request: VerifyRequest = match parse(&body) {
        Ok(request) => request,
        Err(problem) => return malformed(&sandbox, Operation::NcanodeVerify, &problem),
    };
    let container = Container::read(&request.cms);
    let call = call(Operation::NcanodeVerify, &request.cms, container.as_ref().ok());
    conduct(sandbox, call, async move |sandbox, _| {
        let verified = container
            .and_then(|container| verified(&sandbox.persons, &container, request.data, &request.revocation_check));
        answered(verified)
    })
    .await
}

#[derive(Deserialize)]
struct ExtractRequest {
    cms: String,
}

async fn extract(State(sandbox): State<Shared>, body: Bytes) -> Response {
    let request: ExtractRequest = match parse(&body) {
        Ok(request) => request,
        Err(problem) => return malformed(&sandbox, Operation::NcanodeExtract, &problem),
    };
    let container = Container::read(&request.cms);
    let call = call(Operation::NcanodeExtract, &request.cms, container.as_ref().ok());
    conduct(sandbox, call, async move |_, _| {
        let content =
            container.and_then(|container| container.content.ok_or("the CMS has no attached content".to_owned()));
        answered(content.map(|content| json!({ "status": 200, "message": "OK", "data": content })))
    })
    .await
}

/// A CMS has no key of its own: the start of its hash stands for it.
fn call(operation: Operation, cms: &str, container: Option<&Container>) -> Call {
    let key: String = Sha256::digest(cms).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let signer = container.and_then(|container| container.signers.first());
    Call::new(operation, &key).about(signer.map(|signer| signer.iin.as_str()))
}

fn answered(result: Result<Value, String>) -> Answer {
    match result {
        Ok(body) => Answer::ok(&body),
        Err(message) => Answer::json(StatusCode::BAD_REQUEST, &json!({ "status": 400, "message": message })),
    }
}
