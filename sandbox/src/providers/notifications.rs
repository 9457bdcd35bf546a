//! Notices to clients: accepts a message once per key.
//! It sends nothing to anybody.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::Response, routing::post};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ambient,
    exchange::{conduct, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/messages", post(message))
}

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    template: String,
    phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case_id: Option<String>,
    language: String,
}

async fn message(State(sandbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, message) = match read(&headers, &body) {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::NotificationsMessage, &problem),
    };
    let call = Call::new(Operation::NotificationsMessage, &key);
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(Operation::NotificationsMessage, &key, json!(message), || {
            let message_id = ambient::new_id("message");
            let answer = json!({ "message_id": message_id, "accepted_at": ambient::written(ambient::now()) });
            let mut entry = json!(message);
            entry["message_id"] = json!(message_id);
            entry["idempotency_key"] = json!(key);
            Effect { entry, answer }
        })
    })
    .await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<(String, Message), String> {
    let key = required_header(headers, "idempotency-key")?;
    let message: Message = parse(body)?;
    if message.application_id.is_some() == message.case_id.is_some() {
        return Err("one of application_id and case_id is needed".to_owned());
    }
    Ok((key, message))
}
