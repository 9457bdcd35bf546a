//! What every story needs: a stack of its own, a front end that drives it, and the sandbox's admin endpoint.
//! Never a pause to hide a race: waits ask again until a bound, and then fail with what they saw.

mod audit;
mod calendar;
mod case;
mod front;
mod process;
mod sandbox;
mod servers;
mod stack;
pub(crate) mod time;

pub(crate) use calendar::day as calendar_day;
pub(crate) use case::{Case, document};
pub(crate) use front::{Front, NewApplication, account, iin, notice};
pub(crate) use process::{free_port, variable};
pub(crate) use sandbox::Sandbox;
pub(crate) use servers::OwnServers;
pub(crate) use stack::{Granted, Stack, StackOptions};

use std::time::{Duration, Instant};

/// How long a story waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `look` until it answers, for [`PATIENCE`] at most; then fails with what was last seen.
pub(crate) async fn eventually<T, L, F>(what: &str, mut look: L) -> T
where
    L: FnMut() -> F,
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(seen) if began.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}; last seen: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(40)).await,
        }
    }
}
