//! Waiting until an application's page may have changed: all requests of this process that wait share one statement.
//! Never a decision what is shown: whoever is woken reads the page again, and may find it as it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nesie_domain::ids::ApplicationId;
use nesie_storage::PgPool;
use nesie_storage::views::application;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

/// Between two looks, while anybody waits.
const PAUSE: Duration = Duration::from_millis(50);

/// Who waits for changes.
pub(crate) struct Changes {
    pool: PgPool,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    /// Whether a task looks on their behalf; it ends when nobody waits.
    watched: bool,
}

/// A request that waits.
struct Request {
    id: ApplicationId,
    version: String,
    wake: oneshot::Sender<()>,
}

impl Changes {
    /// Nobody waits yet.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, waiting: Arc::default() }
    }

    /// Waits until the application is at another version, at most until the deadline.
    pub(crate) async fn after(&self, id: ApplicationId, version: String, deadline: Instant) {
        let (wake, woken) = oneshot::channel();
        let watched = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.requests.push(Request { id, version, wake });
            std::mem::replace(&mut waiting.watched, true)
        };
        if !watched {
            tokio::spawn(watch(self.pool.clone(), Arc::clone(&self.waiting)));
        }
        // Late, or the watch is gone: either way the page is read again.
        let _late = tokio::time::timeout_at(deadline, woken).await;
    }
}

/// Looks for all who wait until nobody does.
async fn watch(pool: PgPool, waiting: Arc<Mutex<Waiting>>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let ids: Vec<Uuid> = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.requests.retain(|request| !request.wake.is_closed());
            if waiting.requests.is_empty() {
                waiting.watched = false;
                return;
            }
            waiting.requests.iter().map(|request| request.id.as_uuid()).collect()
        };
        match application::versions(&pool, &ids).await {
            Ok(versions) => wake(&waiting, &versions.into_iter().collect()),
            // The requests keep waiting, and read the page themselves at their deadline.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "nobody is woken while versions are not read");
            }
        }
    }
}

/// Wakes those whose application is at another version; one that was not asked about waits on.
fn wake(waiting: &Mutex<Waiting>, versions: &HashMap<ApplicationId, String>) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let changed = |request: &mut Request| versions.get(&request.id).is_some_and(|version| *version != request.version);
    for request in waiting.requests.extract_if(.., changed) {
        // Fails for a request that has gone away.
        let _gone = request.wake.send(());
    }
}
