//! What threads of the demonstration tell each other: that it is over, and what just happened.
//! It never ends a thread: each looks for itself.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console::{Interrupt, say};

/// How long a pause is at most before the wish to end is looked at again.
const SLICE: Duration = Duration::from_millis(100);

/// Whether the demonstration goes on.
#[derive(Clone)]
pub(super) struct Signals {
    interrupt: Interrupt,
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// It goes on, until someone says otherwise.
    pub(super) fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, stop: Arc::default() }
    }

    /// Asks every thread to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether it is over.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.interrupt.asked()
    }

    /// Waits, and fails as soon as it is over.
    pub(super) fn pause(&self, length: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            if self.stopped() {
                bail!("the demonstration was ended");
            }
            let left = length.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(SLICE));
        }
    }
}

/// Live lines, each with the seconds since the beginning.
pub(super) struct Progress {
    begun: Instant,
}

impl Progress {
    /// Begins to count.
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Says what just happened to an application.
    pub(super) fn tell(&self, name: &str, what: impl Display) {
        say(format_args!("[{:6.1} s] {name:36} {what}", self.begun.elapsed().as_secs_f64()));
    }
}

/// A lock whose holder panicked is still good: what it guards is only ever added to.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
