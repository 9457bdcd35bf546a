//! Relays: what PostgreSQL says must reach Temporal, or the lender's own systems, reaches them, however often a process
//! dies in between.
//! Never a fact of an application: they write delivery state, and that nobody decided in time (design invariant 3).

mod approvals;
mod cases;
mod inbox;
mod starts;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use nesie_storage::PgPool;
use nesie_workflows::RetryBudget;
use tokio::sync::watch;

use crate::Temporal;

pub(crate) use webhooks::Sender;

/// What the relays are told.
#[derive(Clone, Debug)]
pub(crate) struct RelaySettings {
    pub(crate) task_queue: String,
    pub(crate) budget: RetryBudget,
    /// Events after which a case goes on as a new run.
    pub(crate) case_events_max: u32,
    pub(crate) payment_patience_seconds: u64,
    pub(crate) pause: Duration,
}

/// Rows that one round takes at most.
const BATCH: i64 = 50;

/// Runs all relays until told to stop.
pub(crate) async fn run(
    pool: PgPool,
    client: Temporal,
    settings: RelaySettings,
    sender: Sender,
    stopped: watch::Receiver<bool>,
) {
    let starts = rounds("starts", settings.pause, stopped.clone(), || starts::pass(&pool, &client, &settings));
    let cases = rounds("cases", settings.pause, stopped.clone(), || cases::pass(&pool, &client, &settings));
    let inbox = rounds("inbox", settings.pause, stopped.clone(), || inbox::pass(&pool, &client));
    let events = rounds("events", settings.pause, stopped.clone(), || webhooks::fan_out(&pool));
    let replays = rounds("replays", settings.pause, stopped.clone(), || webhooks::replay(&pool));
    let approvals = rounds("approvals", settings.pause, stopped.clone(), || approvals::pass(&pool, &client, &settings));
    let webhooks = webhooks::send(Arc::new(sender), settings.pause, stopped);
    tokio::join!(starts, cases, inbox, approvals, events, replays, webhooks);
}

/// One round after the other: at once after a full one, after a pause when there was less to do, after a longer one
/// when it failed.
async fn rounds<F>(name: &str, pause: Duration, mut stopped: watch::Receiver<bool>, mut round: impl FnMut() -> F)
where
    F: Future<Output = anyhow::Result<usize>>,
{
    let full = usize::try_from(BATCH).unwrap_or(usize::MAX);
    loop {
        let pause = match round().await {
            Ok(done) if done >= full => Duration::ZERO,
            Ok(_) => pause,
            Err(error) => {
                tracing::error!(
                    relay = name,
                    error = format!("{error:#}"),
                    "a round failed; the rows stay for the next"
                );
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
