//! Requests that stand still at a named point until somebody releases them.
//! A hold never undoes anything: what has happened before it stands, whoever hangs up meanwhile.

use std::{collections::BTreeMap, sync::Mutex};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::{ambient, faults::HoldPoint, operation::Call, state::locked};

/// A request that is held now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hold {
    hold_id: String,
    fault_id: String,
    provider: &'static str,
    operation: &'static str,
    key: String,
    point: HoldPoint,
    reached_at: String,
}

/// Every request that is held now.
#[derive(Default)]
pub(crate) struct Holds {
    inner: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    held: BTreeMap<u64, (Hold, oneshot::Sender<bool>)>,
    given: u64,
}

impl Holds {
    /// Stands still until released; true if the request is to go on.
    pub(crate) async fn wait(&self, call: &Call, fault_id: &str, point: HoldPoint) -> bool {
        let (release, released) = oneshot::channel();
        self.add(call, fault_id, point, release);
        // A dropped sender is a reset: nothing further is done.
        released.await.unwrap_or(false)
    }

    fn add(&self, call: &Call, fault_id: &str, point: HoldPoint, release: oneshot::Sender<bool>) {
        let mut waiting = locked(&self.inner);
        waiting.given += 1;
        let number = waiting.given;
        let hold = Hold {
            hold_id: format!("hold-{number}"),
            fault_id: fault_id.to_owned(),
            provider: call.operation.provider(),
            operation: call.operation.name(),
            key: call.key.clone(),
            point,
            reached_at: ambient::written(ambient::now()),
        };
        waiting.held.insert(number, (hold, release));
    }

    /// The requests held now, oldest first.
    pub(crate) fn list(&self) -> Vec<Hold> {
        locked(&self.inner).held.values().map(|(hold, _)| hold.clone()).collect()
    }

    /// Lets one request go on or ends it; false if there is none of that name.
    pub(crate) fn release(&self, hold_id: &str, proceed: bool) -> bool {
        let mut waiting = locked(&self.inner);
        let Some(number) = hold_id.strip_prefix("hold-").and_then(|number| number.parse().ok()) else {
            return false;
        };
        waiting.held.remove(&number).is_some_and(|(_, release)| release.send(proceed).is_ok())
    }

    /// Ends every held request.
    pub(crate) fn clear(&self) {
        locked(&self.inner).held.clear();
    }
}
