//! The server's own time skipping, over the HTTP interface that Temporal's pages use: moves one workflow's clock on,
//! fires what falls due, and holds it there. It never touches a clock that nobody asked it to, nor starts a workflow.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::http::Http;
use super::super::signals::Signals;
use crate::settings::Settings;

/// By default the server stops skipping after 200 skips, without a word.
const SKIPS_MAX: u32 = 100_000;
/// How long a fast-forward may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pages want a token in a header that is also in a cookie; any will do, as long as the two agree.
const SAME_SITE: [(&str, &str); 2] = [("cookie", "_csrf=demonstration"), ("x-csrf-token", "demonstration")];

/// Moves clocks of workflows.
pub(super) struct Clock {
    http: Http,
    pages: String,
    signals: Signals,
    /// Tells the fast-forwards of this run from others.
    run: u32,
    forwards: Cell<u32>,
}

impl Clock {
    /// Of the stack's own server: nobody skips time on one that was given.
    pub(super) fn of(settings: &Settings, http: Http, signals: Signals, run: u32) -> Result<Self> {
        let pages = settings.temporal_pages();
        let pages = pages.context("time is skipped on the stack's own Temporal only: unset TEMPORAL_ADDRESS")?;
        Ok(Self { http, pages, signals, run, forwards: Cell::new(0) })
    }

    /// Where Temporal's pages are.
    pub(super) fn pages(&self) -> &str {
        &self.pages
    }

    /// A workflow's own time; none where it never skipped any.
    pub(super) fn now(&self, workflow_id: &str) -> Result<Option<DateTime<Utc>>> {
        let described = self.ask("GET", workflow_id, "", None)?;
        let now = described.pointer("/workflowExtendedInfo/timeSkippingInfo/currentTime").and_then(Value::as_str);
        now.map(|text| text.parse().context("a workflow's time")).transpose()
    }

    /// Moves a workflow's clock on by `by`. Ends early where the workflow does.
    pub(super) fn advance(&self, workflow_id: &str, by: TimeDelta) -> Result<()> {
        self.forwards.set(self.forwards.get() + 1);
        let forward = format!("demo-{:06}-{}", self.run, self.forwards.get());
        let options = json!({
            "workflowExecutionOptions": { "timeSkippingConfig": {
                "enabled": true,
                "maxSessionSkipCount": SKIPS_MAX,
                "fastForwardConfig": { "id": forward, "duration": format!("{}s", by.num_seconds()) },
            }},
            "updateMask": "timeSkippingConfig",
        });
        self.ask("POST", workflow_id, "/update-options", Some(&options))?;
        let begun = Instant::now();
        loop {
            let polled = self.ask("GET", workflow_id, &format!("/time-skipping/poll?fastForwardId={forward}"), None)?;
            let failed = polled["failedReason"].as_str().unwrap_or_default();
            match polled["fastForwardPollingResult"].as_str().unwrap_or_default() {
                "FAST_FORWARD_POLLING_RESULT_FAST_FORWARD_COMPLETED" => return Ok(()),
                "FAST_FORWARD_POLLING_RESULT_POLL_TIMEOUT" => {}
                _ if failed.contains("execution ended") => return Ok(()),
                other => bail!("fast-forward of {workflow_id}: {other} {failed}"),
            }
            if begun.elapsed() > PATIENCE {
                bail!("the clock of {workflow_id} did not move within {} seconds", PATIENCE.as_secs());
            }
            self.signals.pause(Duration::from_millis(100))?;
        }
    }

    fn ask(&self, method: &str, workflow_id: &str, below: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("/api/v1/namespaces/default/workflows/{}{below}", workflow_id.replace('/', "%2F"));
        let reply = self.http.send(method, &format!("{}{path}", self.pages), &SAME_SITE, body)?;
        if !reply.is_success() {
            bail!("Temporal, {method} {path}: {}", reply.described());
        }
        reply.json()
    }
}
