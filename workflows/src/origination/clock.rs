//! The client's clock: how long he may take in all. It stands still while he can do nothing, since a cooling-off period runs or
//! one of our steps is parked. Never a timer of its own: the run has that.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How long the client's clock has stood still.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// For how many reasons it stands: two steps can be parked at once.
    reasons: u32,
    stopped_at: DateTime<Utc>,
    stood: Duration,
}

impl Clock {
    /// Stops for one more reason.
    pub(super) fn stop(&mut self, at: DateTime<Utc>) {
        if self.reasons == 0 {
            self.stopped_at = at;
        }
        self.reasons += 1;
    }

    /// Goes on once every reason is over.
    pub(super) fn go_on(&mut self, at: DateTime<Utc>) {
        self.reasons = self.reasons.saturating_sub(1);
        if self.reasons == 0 {
            self.stood += (at - self.stopped_at).to_std().unwrap_or_default();
        }
    }

    /// Whether it goes.
    pub(super) fn runs(&self) -> bool {
        self.reasons == 0
    }

    /// How long it has stood in all, where it goes.
    pub(super) fn stood(&self) -> Duration {
        self.stood
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_as_long_as_there_is_a_reason() {
        let at = |seconds| DateTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut clock = Clock::default();
        assert!(clock.runs() && clock.stood().is_zero());
        clock.stop(at(10));
        clock.stop(at(15));
        clock.go_on(at(20));
        assert!(!clock.runs() && clock.stood().is_zero());
        clock.go_on(at(40));
        assert_eq!((clock.runs(), clock.stood()), (true, Duration::from_secs(30)));
        clock.stop(at(100));
        clock.go_on(at(105));
        assert_eq!(clock.stood(), Duration::from_secs(35));
    }
}
