//! The outermost layer: request id, time limit, panics, headers, the request's id in problems, one log line a request.
//! No answer may be kept by a browser or an app.
//! Never logs a path with what it holds, only its template.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use uuid::Uuid;

use crate::problem::{Problem, ProblemBody};

/// Longer than an act may wait for its turn and for a worker.
const REQUEST_SECONDS_MAX: u64 = 20;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: ours, since a caller's could be anything.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Wraps every request.
pub(crate) async fn wrap(mut request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let template = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let started = Instant::now();
    let span = tracing::info_span!("request", id);
    let answered = {
        let _entered = span.enter();
        std::panic::AssertUnwindSafe(next.run(request)).catch_unwind()
    };
    let limited = tokio::time::timeout(Duration::from_secs(REQUEST_SECONDS_MAX), answered);
    let response = match tracing::Instrument::instrument(limited, span.clone()).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => Problem::Internal.into_response(),
        Err(_elapsed) => Problem::Unavailable.into_response(),
    };
    let response = finish(response, &id);
    tracing::info!(
        parent: &span,
        method = %method,
        path = template.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// Writes a problem's body with the request's id, and the headers of every answer.
fn finish(mut response: Response, id: &str) -> Response {
    if let Some(ProblemBody(mut body)) = response.extensions_mut().remove::<ProblemBody>() {
        body["request_id"] = id.into();
        let (mut parts, _) = response.into_parts();
        let content = Json(body).into_response().into_body();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response = Response::from_parts(parts, content);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // Only the documentation page is a page; its own styles are inline.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    );
    response
}
