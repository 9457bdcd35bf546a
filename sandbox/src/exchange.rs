//! The one way of every provider's request: received, perhaps slowed, held or cut short, carried out, answered.
//! A provider hands over its effect and never looks at faults; payments alone reads the circumstances of its effect.

use std::{fmt::Display, future::Future, pin::Pin, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    faults::{Circumstances, EndAfter, EndBefore, HoldPoint, Plan},
    operation::{Call, Operation},
    state::Sandbox,
};

/// What a provider answers once its effect has happened.
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    afterwards: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Answer {
    /// A JSON answer.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Self { status, headers, body: Bytes::from(body.to_string()), afterwards: None }
    }

    /// 200 with a JSON body.
    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// An error as all of our providers but NCANode write it.
    pub(crate) fn error(status: StatusCode, error: impl Display) -> Self {
        Self::json(status, &json!({ "error": error.to_string() }))
    }

    /// 200 with any body.
    pub(crate) fn bytes(content_type: &'static str, body: Bytes) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status: StatusCode::OK, headers, body, afterwards: None }
    }

    /// The same answer with one more header; a value that no header can carry is left out.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    /// The same answer, with something the provider does once it has answered, or has failed to.
    pub(crate) fn with_afterwards(self, afterwards: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { afterwards: Some(Box::pin(afterwards)), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

enum End {
    Answer(Answer),
    Silence,
    Closed,
}

/// Takes a request through its plan.
///
/// The work is a task of its own: a provider does not stop because its caller crashed, so a request that is slowed or
/// held still has its effect after the caller hung up, and an effect that stands is never undone.
pub(crate) async fn conduct<E, F>(sandbox: Arc<Sandbox>, call: Call, effect: E) -> Response
where
    E: FnOnce(Arc<Sandbox>, Circumstances) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let number = sandbox.calls.received(call.operation, Some(&call.key));
    let plan = sandbox.faults.plan(&call, &sandbox.weather.blow(&call));
    let work = tokio::spawn(proceed(Arc::clone(&sandbox), call, plan, effect));
    match work.await {
        Ok(End::Answer(answer)) => {
            sandbox.calls.answered(number, answer.status);
            answer.into_response()
        }
        Ok(End::Silence) => std::future::pending().await,
        Ok(End::Closed) => close_connection(),
        Err(failure) => {
            tracing::error!(%failure, "an effect failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn proceed<E, F>(sandbox: Arc<Sandbox>, call: Call, plan: Plan, effect: E) -> End
where
    E: FnOnce(Arc<Sandbox>, Circumstances) -> F,
    F: Future<Output = Answer>,
{
    tokio::time::sleep(plan.latency).await;
    if !released(&sandbox, &call, &plan.holds_before, HoldPoint::BeforeEffect).await {
        return End::Closed;
    }
    match plan.before {
        Some(EndBefore::Status(code)) => return End::Answer(simulated_failure(code)),
        Some(EndBefore::AskToWait(code, seconds)) => {
            return End::Answer(simulated_failure(code).with_header("retry-after", &seconds.to_string()));
        }
        Some(EndBefore::Silence) => return End::Silence,
        Some(EndBefore::Closed) => return End::Closed,
        None => {}
    }
    let mut answer = effect(Arc::clone(&sandbox), plan.circumstances).await;
    let afterwards = answer.afterwards.take();
    let released = released(&sandbox, &call, &plan.holds_after, HoldPoint::AfterEffect).await;
    if let Some(afterwards) = afterwards {
        tokio::spawn(afterwards);
    }
    if !released {
        return End::Closed;
    }
    match plan.after {
        Some(EndAfter::Status(code)) => End::Answer(simulated_failure(code)),
        Some(EndAfter::Silence) => End::Silence,
        Some(EndAfter::Malformed) => {
            answer.body = Bytes::from_static(b"{\"<this is cut off");
            End::Answer(answer)
        }
        None => End::Answer(answer),
    }
}

async fn released(sandbox: &Sandbox, call: &Call, faults: &[String], point: HoldPoint) -> bool {
    for fault_id in faults {
        if !sandbox.holds.wait(call, fault_id, point).await {
            return false;
        }
    }
    true
}

fn simulated_failure(code: u16) -> Answer {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::error(status, "simulated failure")
}

/// Closes the connection without a byte of an answer.
///
/// HTTP has no answer that means this: unwinding ends the task that owns the connection, and the socket with it.
/// `resume_unwind` does not run the panic hook, and nothing is locked here.
fn close_connection() -> ! {
    std::panic::resume_unwind(Box::new("connection closed by a fault"))
}

/// Answers a request that cannot be read; it is on record as a call without a key.
pub(crate) fn malformed(sandbox: &Sandbox, operation: Operation, problem: &str) -> Response {
    let number = sandbox.calls.received(operation, None);
    sandbox.calls.answered(number, StatusCode::BAD_REQUEST);
    (StatusCode::BAD_REQUEST, Json(json!({ "error": problem }))).into_response()
}

/// Reads a JSON body.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Reads a header that the caller must send.
pub(crate) fn required_header(headers: &HeaderMap, name: &str) -> Result<String, String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if value.is_empty() { Err(format!("header {name} is missing")) } else { Ok(value.to_owned()) }
}

/// Refuses an IIN that cannot be one by its shape; check digits are the lender's concern.
pub(crate) fn iin_shaped(iin: &str) -> Result<(), String> {
    let shaped = iin.len() == 12 && iin.bytes().all(|byte| byte.is_ascii_digit());
    if shaped { Ok(()) } else { Err("iin must be twelve digits".to_owned()) }
}
