//! Webhooks on their way: events become deliveries, replays are carried out, and what is due is sent. An endpoint has
//! a few places of its own, so that a slow one holds up nobody; no transaction is open while one is waited for.
//! Never a fact of an application or a case: delivery state only (design invariant 3). At least once: receivers tell
//! repeats by `webhook-id`. In no promised order: `sequence` in the body tells it.

mod attempt;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use nesie_domain::ids::WebhookEndpointId;
use nesie_domain::webhook::RetrySchedule;
use nesie_platform::clock;
use nesie_platform::outward::OutwardClient;
use nesie_platform::protection::Protection;
use nesie_storage::webhooks::{deliveries, queue, replays};
use nesie_storage::{PgPool, pool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::{BATCH, Relay};

/// Attempts to one endpoint at once, in this process.
const PLACES: usize = 4;

/// What a claim outlasts an attempt by, for reading the secrets and writing the result.
const CLAIM_SLACK: Duration = Duration::from_secs(20);

/// What sending needs; shared by all attempts.
pub(crate) struct Sender {
    pub(crate) pool: PgPool,
    pub(crate) client: OutwardClient,
    pub(crate) protection: Protection,
    pub(crate) schedule: RetrySchedule,
    /// Longest wait for an answer.
    pub(crate) timeout: Duration,
}

/// One round of queueing new events. Returns how many there were.
pub(super) async fn fan_out(pool: &PgPool) -> anyhow::Result<usize> {
    let mut transaction = pool::begin(pool).await?;
    let seen = queue::fan_out(&mut transaction, BATCH, clock::now()).await?;
    pool::commit(transaction).await?;
    Ok(seen)
}

/// One batch of a replay. Returns how many events it looked at.
pub(super) async fn replay(pool: &PgPool) -> anyhow::Result<usize> {
    let mut transaction = pool::begin(pool).await?;
    let seen = replays::carry_out(&mut transaction, BATCH, clock::now()).await?;
    pool::commit(transaction).await?;
    Ok(seen.unwrap_or_default())
}

/// Sends what is due until told to stop, then lets the attempts under way end.
pub(super) async fn send(sender: Arc<Sender>, mut relay: Relay) {
    let mut places: HashMap<WebhookEndpointId, Arc<Semaphore>> = HashMap::new();
    let mut attempts = JoinSet::new();
    while relay.has_work().await {
        if let Err(error) = begin(&sender, &mut places, &mut attempts).await {
            tracing::error!(error = format!("{error:#}"), "webhooks can not be claimed; they stay for the next round");
            relay.rest().await;
        }
        while let Some(ended) = attempts.try_join_next() {
            tell(ended);
        }
    }
    while let Some(ended) = attempts.join_next().await {
        tell(ended);
    }
}

/// Begins as many attempts as each endpoint has free places.
async fn begin(
    sender: &Arc<Sender>,
    places: &mut HashMap<WebhookEndpointId, Arc<Semaphore>>,
    attempts: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    for endpoint_id in deliveries::endpoints_due(&sender.pool, clock::now()).await? {
        let places = places.entry(endpoint_id).or_insert_with(|| Arc::new(Semaphore::new(PLACES)));
        let mut taken: Vec<OwnedSemaphorePermit> = Vec::new();
        while let Ok(place) = Arc::clone(places).try_acquire_owned() {
            taken.push(place);
        }
        if taken.is_empty() {
            continue;
        }
        let now = clock::now();
        let lease = TimeDelta::from_std(sender.timeout + CLAIM_SLACK).context("a lease is not that long")?;
        let limit = i64::try_from(taken.len()).context("there are few places")?;
        let claimed = deliveries::claim(&sender.pool, endpoint_id, limit, now, now + lease).await?;
        // Places that nothing was claimed for are free again at the end of this round.
        for (claimed, place) in claimed.into_iter().zip(taken) {
            let sender = Arc::clone(sender);
            attempts.spawn(async move {
                attempt::run(&sender, &claimed).await;
                drop(place);
            });
        }
    }
    Ok(())
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an attempt of a webhook broke off; its claim lapses and it is made again");
    }
}
