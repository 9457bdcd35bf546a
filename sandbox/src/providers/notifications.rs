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
    application_id: String,
    language: String,
}

async fn message(State(sandbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let read = required_header(&headers, "idempotency-key").and_then(|key| Ok((key, parse::<Message>(&body)?)));
    let (key, message) = match read {
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
