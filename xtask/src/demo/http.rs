//! One HTTP exchange as a front end makes it: JSON there and back, and never without an end.
//! It never repeats a request: who may repeat which, and under which key, is the caller's to know.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// How long an exchange may take in all.
const LIMIT: Duration = Duration::from_secs(20);
/// The largest answer that is read: the published lists are the largest.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A client for the stack on this machine.
#[derive(Clone)]
pub(super) struct Http(ureq::Agent);

/// What was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// After how long to ask again, where the answer says so.
    pub(super) retry_after: Option<Duration>,
    pub(super) text: String,
}

impl Http {
    /// No proxy, and every status is an answer.
    pub(super) fn new() -> Self {
        let config =
            ureq::Agent::config_builder().proxy(None).timeout_global(Some(LIMIT)).http_status_as_error(false).build();
        Self(config.new_agent())
    }

    /// Sends a request. An error means that nobody knows whether it was received.
    pub(super) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply> {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.0.run(request.header("content-type", "application/json").body(body.to_string())?),
            None => self.0.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| format!("{method} {url}"))?;
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = answer.body_mut().with_config().limit(BYTES_MAX).read_to_string();
        Ok(Reply {
            status: answer.status().as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            text: text.with_context(|| format!("reading the answer to {method} {url}"))?,
        })
    }
}

impl Reply {
    /// Whether it is a 2xx.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body; null if there is none.
    pub(super) fn json(&self) -> Result<Value> {
        if self.text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&self.text).context("the answer is not JSON")
    }

    /// What a refusal says, for a message: its code, its detail and its fields, or the beginning of whatever it is.
    pub(super) fn described(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let said = [text("code"), text("detail"), text("error")].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let fields: Vec<String> =
            body["errors"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(field).collect();
        let start: String = self.text.chars().take(200).collect();
        let said = if said.is_empty() { start } else { said };
        format!("{} {said} {}", self.status, fields.join(", ")).trim_end().to_owned()
    }
}

fn field(error: &Value) -> String {
    format!("{} {}", error["pointer"].as_str().unwrap_or("?"), error["code"].as_str().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, text: &str) -> Reply {
        Reply { status, retry_after: None, text: text.to_owned() }
    }

    #[test]
    fn a_problem_is_told_by_code_and_fields() {
        let problem =
            r#"{"code":"invalid_request","detail":"Исправьте","errors":[{"pointer":"/amount","code":"required"}]}"#;
        assert_eq!(reply(422, problem).described(), "422 invalid_request, Исправьте /amount required");
        assert_eq!(reply(502, "<html>bad</html>").described(), "502 <html>bad</html>");
        assert_eq!(reply(404, "").described(), "404");
    }

    #[test]
    fn an_empty_body_is_null_and_another_than_json_is_an_error() {
        assert_eq!(reply(204, "").json().expect("read"), Value::Null);
        assert!(reply(200, "{").json().is_err());
    }
}
