//! Relays: what PostgreSQL says must reach Temporal, or the lender's own systems, reaches them, however often a process
//! dies in between.
//! One look tells all of them whether anything waits; each then takes its rows itself, or finds that another worker has.
//! Never a fact of an application: they write delivery state, and that nobody decided in time (design invariant 3).

mod approvals;
mod cases;
mod inbox;
mod starts;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use nesie_platform::clock;
use nesie_storage::PgPool;
use nesie_storage::backlog::{self, Backlog};
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
    let (tell, looks) = watch::channel(Backlog::default());
    let relay = |name, wanted| Relay { name, wanted, looks: looks.clone(), stopped: stopped.clone() };
    let starts = relay("starts", |all| all.applications).run(|| starts::pass(&pool, &client, &settings));
    let cases = relay("cases", |all| all.cases).run(|| cases::pass(&pool, &client, &settings));
    let inbox = relay("inbox", |all| all.callbacks).run(|| inbox::pass(&pool, &client));
    let approvals = relay("approvals", |all| all.approvals).run(|| approvals::pass(&pool, &client, &settings));
    let events = relay("events", |all| all.events).run(|| webhooks::fan_out(&pool));
    let replays = relay("replays", |all| all.replays).run(|| webhooks::replay(&pool));
    let webhooks = webhooks::send(Arc::new(sender), relay("webhooks", |all| all.deliveries));
    let watch = look_out(&pool, settings.pause, &tell, stopped.clone());
    tokio::join!(watch, starts, cases, inbox, approvals, events, replays, webhooks);
}

/// Looks for work until told to stop.
async fn look_out(pool: &PgPool, pause: Duration, tell: &watch::Sender<Backlog>, mut stopped: watch::Receiver<bool>) {
    loop {
        let pause = match backlog::look(pool, clock::now()).await {
            Ok(found) => {
                tell.send_replace(found);
                pause
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "nobody can look for work; it stays");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The pause after a failed round.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// When a relay has to do something, and when to stop.
struct Relay {
    name: &'static str,
    wanted: fn(&Backlog) -> bool,
    looks: watch::Receiver<Backlog>,
    stopped: watch::Receiver<bool>,
}

impl Relay {
    /// One round after the other: at once after a full one, when a look finds work otherwise, after a pause when it
    /// failed.
    async fn run<F>(mut self, mut round: impl FnMut() -> F)
    where
        F: Future<Output = anyhow::Result<usize>>,
    {
        let full = usize::try_from(BATCH).unwrap_or(usize::MAX);
        let mut last = 0;
        while !*self.stopped.borrow() && (last >= full || self.has_work().await) {
            last = match round().await {
                Ok(done) => done,
                Err(error) => {
                    tracing::error!(
                        relay = self.name,
                        error = format!("{error:#}"),
                        "a round failed; the rows stay for the next"
                    );
                    self.rest().await;
                    0
                }
            };
        }
    }

    /// Waits after a failure, if there is time.
    async fn rest(&mut self) {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
            () = tokio::time::sleep(AFTER_FAILURE) => {}
        }
    }

    /// Waits until a look finds work; `false` when there will be no more.
    async fn has_work(&mut self) -> bool {
        loop {
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return false,
                looked = self.looks.changed() => match looked {
                    Ok(()) if (self.wanted)(&self.looks.borrow_and_update()) => return true,
                    Ok(()) => {}
                    Err(_) => return false,
                },
            }
        }
    }
}
