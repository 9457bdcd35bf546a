//! ЦОИД: compares a photograph with the reference image of the state.
//! It looks at no picture: score and liveness are what was arranged for the person.

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    exchange::{Answer, conduct, iin_shaped, malformed, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/identity/1.1.0/verify", post(verify))
}

/// Optional here only so that a missing one is answered as every other malformed request.
#[derive(Deserialize)]
struct Parameters {
    iin: Option<String>,
    vendor: Option<String>,
    challenge_id: Option<String>,
    movements: Option<String>,
}

struct Comparison {
    key: String,
    iin: String,
    vendor: String,
    challenge_id: String,
    movements: String,
    image_sha256: String,
}

async fn verify(
    State(sandbox): State<Shared>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let comparison = match read(parameters, &headers, &body) {
        Ok(comparison) => comparison,
        Err(problem) => return malformed(&sandbox, Operation::CoidVerify, &problem),
    };
    let call = Call::new(Operation::CoidVerify, &comparison.key).about(Some(&comparison.iin));
    conduct(sandbox, call, async move |sandbox, _| {
        let person = sandbox.persons.get(&comparison.iin);
        if !person.has_reference_image {
            return Answer::error(StatusCode::NOT_FOUND, "not_found");
        }
        let Comparison { key, iin, vendor, challenge_id, movements, image_sha256 } = comparison;
        // The image is not compared: the contract promises the same answer to the same key, whatever comes with it.
        let request = json!({ "iin": iin, "challenge_id": challenge_id });
        sandbox.ledgers.once(Operation::CoidVerify, &key, request, || {
            let answer = json!({
                "iin": iin, "result": person.biometric_score, "vendor": vendor, "x_idempotency_key": key,
                "challenge_id": challenge_id, "liveness": person.liveness,
            });
            let mut entry = answer.clone();
            entry["movements"] = json!(movements);
            entry["image_sha256"] = json!(image_sha256);
            Effect { entry, answer }
        })
    })
    .await
}

fn read(parameters: Parameters, headers: &HeaderMap, body: &[u8]) -> Result<Comparison, String> {
    let given = |value: Option<String>, name: &str| {
        value.filter(|value| !value.is_empty()).ok_or_else(|| format!("parameter {name} is missing"))
    };
    let content_type = required_header(headers, "content-type")?;
    if !["image/png", "image/jpeg"].contains(&content_type.as_str()) {
        return Err("content-type must be image/png or image/jpeg".to_owned());
    }
    if body.is_empty() {
        return Err("the image is empty".to_owned());
    }
    let iin = given(parameters.iin, "iin")?;
    iin_shaped(&iin)?;
    Ok(Comparison {
        key: required_header(headers, "x-idempotency-key")?,
        iin,
        vendor: given(parameters.vendor, "vendor")?,
        challenge_id: given(parameters.challenge_id, "challenge_id")?,
        movements: given(parameters.movements, "movements")?,
        image_sha256: Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}
