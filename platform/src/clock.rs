//! The system clock: the only place where the time of day is read.
//! Never used for an instant of an application or a case; these come from workflow time (design invariant 11).

use chrono::{DateTime, Utc};

/// The instant now, for `received_at`, delivery states and expiry of tokens.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
pub fn now() -> DateTime<Utc> {
    DateTime::from(std::time::SystemTime::now())
}
