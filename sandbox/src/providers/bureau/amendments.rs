//! What a lender tells the bureau of a contract afterwards: that its information stops, goes on, or was wrong.
//! It acknowledges each once per key and changes no report.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::Response,
    routing::{MethodRouter, post},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    ambient,
    exchange::{conduct, iin_shaped, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

#[derive(Serialize, Deserialize)]
struct Suspension {
    contract_reference: String,
    iin: String,
    effective_from: NaiveDate,
    document_reference: String,
}

#[derive(Serialize, Deserialize)]
struct Resumption {
    contract_reference: String,
    iin: String,
    effective_on: NaiveDate,
    overdue_days: u32,
}

#[derive(Serialize, Deserialize)]
struct Correction {
    contract_reference: String,
    iin: String,
    corrected_on: NaiveDate,
    overdue_days: u32,
    principal: u64,
    interest: u64,
    penalty: u64,
}

/// The paths of a bureau for suspensions, resumptions and corrections, each under an operation of that bureau's.
pub(super) fn routes([suspension, resumption, correction]: [Operation; 3]) -> Router<Shared> {
    Router::new()
        .route("/suspensions", taken::<Suspension>(suspension))
        .route("/resumptions", taken::<Resumption>(resumption))
        .route("/corrections", taken::<Correction>(correction))
}

fn taken<T: Serialize + DeserializeOwned + 'static>(operation: Operation) -> MethodRouter<Shared> {
    post(async move |sandbox, headers, body| acknowledge::<T>(sandbox, operation, headers, body).await)
}

async fn acknowledge<T: Serialize + DeserializeOwned>(
    State(sandbox): State<Shared>,
    operation: Operation,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let read = required_header(&headers, "idempotency-key").and_then(|key| Ok((key, json!(parse::<T>(&body)?))));
    let read = read.and_then(|(key, told)| {
        let iin = told["iin"].as_str().unwrap_or_default().to_owned();
        iin_shaped(&iin).map(|()| (key, told, iin))
    });
    let (key, told, iin) = match read {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, operation, &problem),
    };
    let call = Call::new(operation, &key).about(Some(&iin));
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(operation, &key, told.clone(), || {
            let acknowledgement_id = ambient::new_id("acknowledgement");
            let answer = json!({
                "acknowledgement_id": acknowledgement_id,
                "contract_reference": told["contract_reference"],
            });
            let mut entry = told;
            entry["acknowledgement_id"] = json!(acknowledgement_id);
            entry["idempotency_key"] = json!(key);
            Effect { entry, answer }
        })
    })
    .await
}
