//! The issuer of tokens, with its JWKS.
//! It authenticates nobody: whoever reaches the sandbox may have any role, which is why it listens on loopback only.

use axum::{
    Form, Json, Router,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ambient, providers::Shared};

const LIFETIME_SECONDS: i64 = 3_600;
const LIFETIME_SECONDS_MAX: i64 = 366 * 24 * 3_600;

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/jwks.json", get(key_set))
        .route("/token", post(token))
}

async fn configuration(State(sandbox): State<Shared>) -> Json<Value> {
    let issuer = sandbox.issuer.url();
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks.json"),
        "token_endpoint": format!("{issuer}/token"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn key_set(State(sandbox): State<Shared>) -> Json<Value> {
    Json(sandbox.issuer.key_set())
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    subject: String,
    #[serde(default)]
    roles: String,
    /// May be negative: a token that has expired already.
    lifetime_seconds: Option<i64>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: &'a str,
    roles: Vec<&'a str>,
    iat: i64,
    exp: i64,
}

async fn token(State(sandbox): State<Shared>, headers: HeaderMap, request: Request) -> Response {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let read = if content_type.starts_with("application/json") {
        Json::<TokenRequest>::from_request(request, &()).await.map(|Json(read)| read).map_err(|error| error.body_text())
    } else {
        Form::<TokenRequest>::from_request(request, &()).await.map(|Form(read)| read).map_err(|error| error.body_text())
    };
    let read = match read {
        Ok(read) => read,
        Err(problem) => return refused("invalid_request", &problem),
    };
    let lifetime = read.lifetime_seconds.unwrap_or(LIFETIME_SECONDS);
    if read.grant_type != "client_credentials" {
        return refused("unsupported_grant_type", "grant_type must be client_credentials");
    }
    if read.subject.is_empty() || !(-LIFETIME_SECONDS_MAX..=LIFETIME_SECONDS_MAX).contains(&lifetime) {
        return refused("invalid_request", "subject is empty or lifetime_seconds is out of range");
    }
    let issued_at = ambient::now().timestamp();
    let claims = Claims {
        iss: sandbox.issuer.url(),
        aud: "nesie",
        sub: &read.subject,
        roles: read.roles.split_whitespace().collect(),
        iat: issued_at,
        exp: issued_at + lifetime,
    };
    match sandbox.issuer.sign(&claims) {
        Ok(token) => {
            Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime })).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a token could not be signed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refused(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": description }))).into_response()
}
