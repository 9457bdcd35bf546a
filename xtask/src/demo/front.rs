//! The lender's front end towards the API: reads, and acts under an idempotency key.
//! An answer 503, or none, is asked again under the same key, and never taken for a no.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::http::{Http, Reply};
use super::signals::Signals;

/// How long a front end asks again before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause after an exchange that had no answer, or whose answer does not say when to come back.
const PAUSE: Duration = Duration::from_secs(1);

/// A front end, with the token of one subject.
pub(super) struct Front {
    http: Http,
    api: String,
    authorization: String,
    signals: Signals,
}

/// What the API says to an act.
pub(super) enum Answer {
    /// It is being worked on.
    Accepted(Value),
    /// It is not expected now (409): what was read of the application is no longer, or not yet, so.
    NotExpected(String),
}

impl Front {
    /// A front end with a token.
    pub(super) fn new(http: Http, api: String, token: &str, signals: Signals) -> Self {
        Self { http, api, authorization: format!("Bearer {token}"), signals }
    }

    /// Reads.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let reply = self.ask("GET", path, None, None)?;
        if reply.status != 200 {
            bail!("GET {path}: {}", reply.described());
        }
        reply.json()
    }

    /// Reads every page of a list.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>> {
        let first = format!("{path}{}limit=100", if path.contains('?') { '&' } else { '?' });
        let (mut items, mut next) = (Vec::new(), Some(first.clone()));
        while let Some(page) = next {
            let page = self.get(&page)?;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            next = page["next"].as_str().map(|cursor| format!("{first}&cursor={cursor}"));
        }
        Ok(items)
    }

    /// Acts.
    pub(super) fn act(&self, method: &str, path: &str, key: &str, body: &Value) -> Result<Answer> {
        let reply = self.ask(method, path, Some(key), Some(body))?;
        match reply.status {
            200 | 202 => Ok(Answer::Accepted(reply.json()?)),
            409 => Ok(Answer::NotExpected(reply.described())),
            _ => bail!("{method} {path}: {}", reply.described()),
        }
    }

    /// Acts, and gives the answer whatever it is: where a refusal is what is expected.
    pub(super) fn answer(&self, method: &str, path: &str, key: &str, body: &Value) -> Result<Reply> {
        self.ask(method, path, Some(key), Some(body))
    }

    /// Asks until there is an answer other than 503, always under the same key.
    fn ask(&self, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Result<Reply> {
        let url = format!("{}{path}", self.api);
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let begun = Instant::now();
        loop {
            let exchange = self.http.send(method, &url, &headers, body);
            let pause = match &exchange {
                Ok(reply) if reply.status == 503 => reply.retry_after.unwrap_or(PAUSE),
                Ok(_) => return exchange,
                Err(_) => PAUSE,
            };
            if begun.elapsed() + pause > PATIENCE {
                let reply = exchange?;
                bail!("{method} {path}: {} for {} seconds", reply.described(), PATIENCE.as_secs());
            }
            self.signals.pause(pause)?;
        }
    }
}
