//! The `Idempotency-Key` header, and giving a first answer again. What is stored of a key stands in storage.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nesie_storage::idempotency::StoredAnswer;

use crate::app::App;
use crate::problem::{Problem, ProblemBody};

const LENGTH_MAX: usize = 128;

/// The caller's key of one request.
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyKey(pub(crate) String);

impl IdempotencyKey {
    /// Reads a key: 1 to 128 visible ASCII characters.
    fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        well_formed.then(|| Self(text.to_owned()))
    }
}

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Problem::IdempotencyKeyRequired) };
        value.to_str().ok().and_then(Self::parse).ok_or(Problem::IdempotencyKeyRequired)
    }
}

/// The answer as it was first given: a problem stays a problem, a created object keeps its `Location`.
pub(crate) fn give(answer: StoredAnswer) -> Response {
    let Some(status) = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok()) else {
        tracing::error!("a stored answer has no HTTP status");
        return Problem::Internal.into_response();
    };
    if status.is_success() {
        let location = answer.body.pointer("/links/self").and_then(|link| HeaderValue::from_str(link.as_str()?).ok());
        let mut response = (status, Json(answer.body)).into_response();
        if let (StatusCode::ACCEPTED, Some(location)) = (status, location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        return response;
    }
    let mut response = status.into_response();
    response.extensions_mut().insert(ProblemBody(answer.body));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_limited_length() {
        assert!(IdempotencyKey::parse("a").is_some());
        assert!(IdempotencyKey::parse(&"x".repeat(128)).is_some());
        for refused in ["", "with space", "ключ", &"x".repeat(129)] {
            assert!(IdempotencyKey::parse(refused).is_none(), "{refused:?}");
        }
    }
}
