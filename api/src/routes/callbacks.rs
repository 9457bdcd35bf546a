//! Callbacks of the payment provider: signature checked, stored once in the inbox, nothing more. The relay passes
//! them on, and they only wake a status query: what a callback says is never believed (design invariant 6).

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use nesie_domain::ids::PaymentReference;
use nesie_storage::{audit, inbox, pool};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use utoipa::ToSchema;

use crate::app::App;
use crate::context::RequestId;
use crate::parse::{Body, Fields};
use crate::problem::Problem;

const PROVIDER: &str = "payments";

/// What the payment provider tells.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct PaymentCallback {
    /// The provider's id of this event.
    event_id: String,
    /// Our own reference.
    order_id: String,
    /// The provider's reference.
    provider_id: String,
    /// 2 done, 1 processing, 0 rejected.
    status: u8,
    /// When.
    occurred_at: String,
}

/// Уведомление платёжного провайдера (подпись HMAC-SHA-256 в x-signature)
#[utoipa::path(
    post, path = "/v1/callbacks/payments", tag = "service", security(()),
    params(("x-signature" = String, Header, description = "sha256=<hex HMAC-SHA-256 тела>")),
    request_body = PaymentCallback,
    responses((status = 202, description = "Принято, в том числе повторно"))
)]
pub(crate) async fn payment(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let signature = headers.get("x-signature").and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| verifies(app.callback_secret.as_bytes(), &body, signature)) {
        return Err(deny(&app, &request_id).await?);
    }
    let event = read(&body)?;
    let owner = inbox::owner_of(&app.pool, event.order_id).await?;
    let mut transaction = pool::begin(&app.pool).await?;
    let stored = json!({ "order_id": event.order_id, "provider_id": event.provider_id, "status": event.status });
    let new = inbox::insert(&mut transaction, PROVIDER, &event.event_id, owner, &stored, crate::time::now()).await?;
    pool::commit(transaction).await?;
    tracing::info!(new, known = owner.is_some(), "a callback was received");
    Ok(StatusCode::ACCEPTED)
}

async fn deny(app: &App, request_id: &RequestId) -> Result<Problem, Problem> {
    let entry = audit::Entry {
        occurred_at: crate::time::now(),
        actor: "anonymous",
        roles: &[],
        action: "POST /v1/callbacks/payments",
        object: "inbox/payments",
        reason: "signature_mismatch",
        request_id: Some(&request_id.0),
        details: json!({}),
    };
    audit::record_denial(&app.pool, &entry).await?;
    Ok(Problem::SignatureMismatch)
}

/// Whether `sha256=<hex>` is the body's MAC; compared in constant time.
fn verifies(secret: &[u8], body: &[u8], signature: &str) -> bool {
    let Some(expected) = signature.strip_prefix("sha256=").and_then(read_hex) else { return false };
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(&expected).is_ok()
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

struct Event {
    event_id: String,
    order_id: PaymentReference,
    provider_id: String,
    status: u64,
}

fn read(body: &[u8]) -> Result<Event, Problem> {
    let mut fields = Fields::read(body)?;
    let event_id = fields.text("/event_id");
    if event_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 128) {
        fields.refuse("/event_id", "event_id.length", "От 1 до 128 знаков");
    }
    let order_id = fields.parsed("/order_id", str::parse::<PaymentReference>);
    let provider_id = fields.text("/provider_id");
    if provider_id.as_ref().is_some_and(|id| id.len() > 128) {
        fields.refuse("/provider_id", "provider_id.length", "Не больше 128 знаков");
    }
    let status = fields.optional_number("/status");
    if status.is_none_or(|status| status > 2) {
        fields.refuse("/status", "status.unknown", "Допустимые значения: 0, 1, 2");
    }
    fields.text("/occurred_at");
    let event = event_id.zip(order_id).zip(provider_id).zip(status);
    fields.finish(event.map(|(((event_id, order_id), provider_id), status)| Event {
        event_id,
        order_id,
        provider_id,
        status,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mac_of_the_very_body_verifies() {
        // RFC 4231, test case 2.
        let signature = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(verifies(b"Jefe", b"what do ya want for nothing?", signature));
        assert!(!verifies(b"Jefe", b"what do ya want for nothing!", signature));
        assert!(!verifies(b"jefe", b"what do ya want for nothing?", signature));
        for malformed in ["", "sha256=", &signature[7..], &signature[..70], "sha256=ъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъъ"]
        {
            assert!(!verifies(b"Jefe", b"what do ya want for nothing?", malformed), "{malformed}");
        }
    }

    #[test]
    fn a_signed_callback_with_what_cannot_be_stored_is_refused() {
        let order = "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10";
        let body =
            json!({"event_id": "e\0", "order_id": order, "provider_id": "p\0", "status": 2, "occurred_at": "\0"});
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes()) else { panic!("refused") };
        let named: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        assert_eq!(named, ["/event_id", "/provider_id", "/occurred_at"].map(|pointer| (pointer, "text.nul")));
    }
}
