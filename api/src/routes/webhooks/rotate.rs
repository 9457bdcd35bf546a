//! Rotating a secret: the new one is shown once; the one before signs beside it until the receiver has changed over.
//! Never more than two valid: rotating again ends the older of them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::ids::WebhookEndpointId;
use nesie_storage::webhooks::secrets;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::keyed::{Begun, Keyed};
use super::new_secret;
use crate::app::App;
use crate::auth::{Allowed, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{Problem, internal};
use crate::reason::read_reason;

const OVERLAP_HOURS_DEFAULT: u64 = 24;
const OVERLAP_HOURS_MAX: u64 = 168;

/// A rotation.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct WebhookRotation {
    /// Why.
    reason: String,
    /// How long the secret of before stays valid, in hours: 24 when absent, 0 after a leak, 168 at most.
    overlap_hours: Option<u64>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedWebhookSecret {
    secret_id: Uuid,
    /// Shown in this one answer; a repeat of the request is answered with null.
    secret: Option<String>,
    /// Until when the secret of before signs as well.
    previous_valid_until: DateTime<Utc>,
}

/// Сменить секрет подписи
#[utoipa::path(
    post, path = "/v1/webhook-endpoints/{id}/rotation", tag = "webhooks",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = WebhookRotation,
    responses((status = 200, body = RotatedWebhookSecret))
)]
pub(crate) async fn rotate(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<WebhookEndpointId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/webhook-endpoints/{id}/rotation");
    let keyed = Keyed::new(&app, &allowed.caller, &key, route, &body);
    if let Some(answer) = keyed.answered().await? {
        return Ok(answer);
    }
    keyed.endpoint(id).await?;
    let (reason, overlap) = read(&body)?;
    let (secret, shown) = new_secret(&app, keyed.received_at);
    let mut transaction = match keyed.begin(secret.id).await? {
        Begun::Answered(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let previous_valid_until = keyed.received_at + overlap;
    secrets::put(&mut transaction, id, &secret, &allowed.caller.actor, Some(previous_valid_until)).await?;
    let details = json!({ "secret_id": secret.id, "previous_valid_until": previous_valid_until });
    keyed.audit(&mut transaction, "rotate_webhook_secret", id, &reason, details).await?;
    let rotated = RotatedWebhookSecret { secret_id: secret.id, secret: None, previous_valid_until };
    let body = serde_json::to_value(rotated).map_err(|error| internal(&error, "a rotation is no JSON"))?;
    keyed.finish(transaction, StatusCode::OK, body, Some(shown)).await
}

fn read(body: &[u8]) -> Result<(String, TimeDelta), Problem> {
    let mut fields = Fields::read(body)?;
    let reason = read_reason(&mut fields);
    let hours = fields.optional_number("/overlap_hours").unwrap_or(OVERLAP_HOURS_DEFAULT);
    let overlap = i64::try_from(hours.min(OVERLAP_HOURS_MAX)).ok().and_then(TimeDelta::try_hours);
    if hours > OVERLAP_HOURS_MAX {
        fields.refuse("/overlap_hours", "overlap_hours.out_of_range", format!("От 0 до {OVERLAP_HOURS_MAX}"));
    }
    fields.finish(reason.zip(overlap))
}
