//! How long a step may take and how often it is tried before it is parked: the one table of budgets.
//! Never a decision about what a failure means; that is `activities/src/failure.rs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{ActivityOptions, LocalActivityOptions, RetryPolicy};

/// How often a step that asks a provider is tried. Part of the workflow's input, so that an application keeps the
/// budget that it was started with and replay sees the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBudget {
    /// Tries in all, the first included; at least 1.
    pub attempts: u16,
    /// Pause before the second try, in milliseconds; it doubles from try to try.
    pub first_pause_milliseconds: u32,
    /// The longest pause, in milliseconds.
    pub longest_pause_milliseconds: u32,
}

impl Default for RetryBudget {
    /// About five minutes of patience.
    fn default() -> Self {
        Self { attempts: 10, first_pause_milliseconds: 1_000, longest_pause_milliseconds: 60_000 }
    }
}

/// The longest that one try of a step may take, in seconds: longer than the longest call that it may make.
pub const TRY_SECONDS_MAX: u64 = 40;

/// The longest that a look may take: well below the time of a workflow's task.
const LOOK_SECONDS_MAX: u64 = 3;

/// The longest that a step may be silent before its worker is taken for dead.
const SILENCE_SECONDS_MAX: u64 = 15;

/// A step with a budget: whatever still fails after it is parked.
pub(crate) fn step(budget: RetryBudget) -> ActivityOptions {
    let policy = RetryPolicy::builder()
        .initial_interval(Duration::from_millis(budget.first_pause_milliseconds.into()))
        .backoff_coefficient(2.0)
        .maximum_interval(Duration::from_millis(budget.longest_pause_milliseconds.into()))
        .maximum_attempts(u32::from(budget.attempts.max(1)))
        .build();
    options(policy)
}

/// A look at our own rows within the workflow's task: tried once, since whoever looks asks in another way then.
pub(crate) fn look() -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(LOOK_SECONDS_MAX))
        .retry_policy(RetryPolicy::builder().maximum_attempts(1).build())
        .build()
}

/// A write of our own that must happen before the workflow can go on: tried until the database answers, since a
/// step can not be parked without it.
pub(crate) fn own_write() -> ActivityOptions {
    let policy = RetryPolicy::builder()
        .initial_interval(Duration::from_millis(500))
        .backoff_coefficient(2.0)
        .maximum_interval(Duration::from_secs(30))
        .build();
    options(policy)
}

fn options(policy: RetryPolicy) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(TRY_SECONDS_MAX))
        .heartbeat_timeout(Duration::from_secs(SILENCE_SECONDS_MAX))
        .retry_policy(policy)
        .build()
}
