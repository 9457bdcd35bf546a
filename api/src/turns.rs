//! Whose turn it is to send an act on: one an application, and not all at once.
//! Never the guard, which is the workflow's handler (design invariant 4): only an order, within this process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use nesie_domain::ids::ApplicationId;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Whose turn it is within this process: one act an application, and of all together only so many that their
/// connections, each held while a worker is awaited, leave most of the pool to everybody else. Whoever waits holds none.
pub(crate) struct Turns {
    applications: std::sync::Mutex<HashMap<ApplicationId, Weak<Mutex<()>>>>,
    places: Arc<Semaphore>,
}

/// A turn; it ends when this is dropped.
pub(crate) struct Turn {
    _application: OwnedMutexGuard<()>,
    _place: OwnedSemaphorePermit,
}

impl Turns {
    /// Turns over a pool of that many connections.
    pub(crate) fn within(connections: u32) -> Self {
        let places = usize::try_from(connections / 3).unwrap_or(usize::MAX).clamp(2, Semaphore::MAX_PERMITS);
        Self { applications: std::sync::Mutex::default(), places: Arc::new(Semaphore::new(places)) }
    }

    /// Waits for a turn; `None` when it did not come in time.
    pub(crate) async fn take(&self, id: ApplicationId, within: Duration) -> Option<Turn> {
        let taken = async {
            let application = self.of(id).lock_owned().await;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some(Turn { _application: application, _place: place })
        };
        tokio::time::timeout(within, taken).await.ok().flatten()
    }

    fn of(&self, id: ApplicationId) -> Arc<Mutex<()>> {
        let mut locks = self.applications.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&id).and_then(Weak::upgrade) {
            return lock;
        }
        if locks.len() >= 1024 {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(Mutex::new(()));
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(30);

    fn application(number: u128) -> ApplicationId {
        ApplicationId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn one_application_has_one_lock_while_it_is_held_and_locks_do_not_pile_up() {
        let turns = Turns::within(24);
        let first = turns.of(application(1));
        assert!(Arc::ptr_eq(&first, &turns.of(application(1))));
        for number in 2..5000 {
            drop(turns.of(application(number)));
        }
        assert!(Arc::ptr_eq(&first, &turns.of(application(1))), "a held lock stays");
        assert!(turns.applications.lock().expect("not poisoned").len() <= 1024);
    }

    #[tokio::test]
    async fn acts_take_turns_and_all_together_a_third_of_the_pool() {
        for (connections, places) in [(24, 8), (9, 3), (2, 2), (0, 2)] {
            assert_eq!(Turns::within(connections).places.available_permits(), places, "{connections}");
        }
        let turns = Turns::within(6);
        let first = turns.take(application(1), LONG).await.expect("the first one's turn");
        assert!(turns.take(application(1), SHORT).await.is_none(), "one act an application");
        let second = turns.take(application(2), LONG).await.expect("another application's turn");
        assert!(turns.take(application(3), SHORT).await.is_none(), "no place is left");
        drop(first);
        let third = turns.take(application(3), LONG).await.expect("a place came free");
        drop((second, third));
        assert_eq!(turns.places.available_permits(), 2);
    }
}
