//! Webhooks: which events an endpoint wants, and when a failed delivery is tried again.
//! Never sends anything, and never makes its own randomness: the jitter is passed in.

pub mod address;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::rejection::rejections;

/// The families of events that there are, those of each kind of case among them; a name is a family, a full stop, and what
/// happened. A pattern of another family would match nothing for ever, so it is refused.
pub const FAMILIES: [&str; 12] = [
    "accrual_suspension",
    "application",
    "approval",
    "calendar",
    "case",
    "channel_notice",
    "data_leak",
    "duty",
    "fraud_incident",
    "payment",
    "webhook",
    "write_off",
];
const PATTERN_LENGTH_MAX: usize = 64;

rejections! {
    /// Why a text is no pattern of events.
    pub enum EventPatternError {
        /// Neither `*` nor a family with a name.
        Malformed = "event.pattern", "not a pattern of events", "Укажите *, семейство вида duty.* или событие вида duty.breached";
        /// There is no such family.
        UnknownFamily = "event.family", "no such family of events", "Известные семейства: application, payment, case, duty, approval, calendar, webhook и виды дел";
    }
}

/// Events that an endpoint wants: all (`*`), those of a family (`duty.*`), or one (`duty.breached`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPattern(String);

impl EventPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`EventPatternError`] for one that could never match.
    pub fn parse(text: &str) -> Result<Self, EventPatternError> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let (family, name) = text.split_once('.').ok_or(EventPatternError::Malformed)?;
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if text.len() > PATTERN_LENGTH_MAX || !(name == "*" || named) {
            return Err(EventPatternError::Malformed);
        }
        if !FAMILIES.contains(&family) {
            return Err(EventPatternError::UnknownFamily);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an event is one of them.
    #[must_use]
    pub fn matches(&self, event: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(stem) => event.starts_with(stem),
            None => self.0 == event,
        }
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How often a delivery is tried, and how long it waits in between: each pause is three times the one before, up to the
/// longest, and a fifth more or less of it, so that what failed together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Tries in all.
    pub attempts: u16,
    /// The pause after the first failed try.
    pub first_pause_milliseconds: u32,
    /// The longest pause.
    pub longest_pause_milliseconds: u32,
}

impl Default for RetrySchedule {
    /// Twelve tries over some 28 hours: 5 s, 15 s, 45 s, 2 min 15 s, … and eight hours thrice at the end.
    fn default() -> Self {
        Self { attempts: 12, first_pause_milliseconds: 5_000, longest_pause_milliseconds: 8 * 3_600_000 }
    }
}

impl RetrySchedule {
    /// How long to wait after the try of this number, 1 being the first; `None`: it was the last. `jitter` is any random
    /// number: 0 shortens the pause by a fifth, the largest one lengthens it by a fifth.
    #[must_use]
    pub fn pause_after(&self, attempt: u16, jitter: u16) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let factor = 3_u64.saturating_pow(u32::from(attempt.saturating_sub(1)));
        let pause = u64::from(self.first_pause_milliseconds).saturating_mul(factor);
        let pause = pause.min(u64::from(self.longest_pause_milliseconds));
        // From 800 to 1200 thousandths.
        let thousandths = 800 + u64::from(jitter) * 400 / u64::from(u16::MAX);
        Some(Duration::from_millis(pause * thousandths / 1_000))
    }

    /// A pause that heeds what the receiver asked for: never shorter for it, and never longer than the longest.
    #[must_use]
    pub fn heeding(&self, pause: Duration, wish: &Wish) -> Duration {
        let Wish::Pause(asked) = wish else { return pause };
        let longest = Duration::from_millis(u64::from(self.longest_pause_milliseconds));
        pause.max(longest.min(*asked))
    }
}

/// What a receiver's answer asks for beside its being no success (Standard Webhooks).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing in particular: the schedule goes on.
    Nothing,
    /// Not to be called for so long.
    Pause(Duration),
    /// Never to be called again: 410.
    Gone,
}

impl Wish {
    /// What an answer asks for. `retry-after` counts with 429 and 503 alone: seconds, or an instant of HTTP.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Self {
        match (status, retry_after.map(str::trim)) {
            (410, _) => Self::Gone,
            (429 | 503, Some(text)) => match text.parse() {
                Ok(seconds) => Self::Pause(Duration::from_secs(seconds)),
                Err(_) => DateTime::parse_from_rfc2822(text)
                    .ok()
                    .and_then(|until| (until.to_utc() - now).to_std().ok())
                    .map_or(Self::Nothing, Self::Pause),
            },
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_ask_for_a_pause_or_to_be_left_alone() {
        let now: DateTime<Utc> = "2026-11-25T07:28:00Z".parse().expect("an instant");
        let seconds = |seconds| Wish::Pause(Duration::from_secs(seconds));
        assert_eq!(Wish::of(429, Some("120"), now), seconds(120));
        assert_eq!(Wish::of(503, Some(" 5 "), now), seconds(5));
        assert_eq!(Wish::of(503, Some("Wed, 25 Nov 2026 07:29:00 GMT"), now), seconds(60));
        assert_eq!(Wish::of(410, Some("5"), now), Wish::Gone);
        for (status, text) in [
            (500, Some("5")),
            (429, None),
            (429, Some("soon")),
            (429, Some("-1")),
            (503, Some("Wed, 25 Nov 2026 07:27:00 GMT")),
        ] {
            assert_eq!(Wish::of(status, text, now), Wish::Nothing, "{status} {text:?}");
        }
    }

    #[test]
    fn a_wish_lengthens_a_pause_up_to_the_longest() {
        let schedule = RetrySchedule::default();
        let pause = Duration::from_secs(45);
        let after = |wish| schedule.heeding(pause, &wish).as_secs();
        assert_eq!(after(Wish::Nothing), 45);
        assert_eq!(after(Wish::Pause(Duration::from_secs(5))), 45, "never sooner than without it");
        assert_eq!(after(Wish::Pause(Duration::from_secs(600))), 600);
        assert_eq!(after(Wish::Pause(Duration::from_secs(999_999))), 28_800, "and not for ever");
    }

    const MIDDLE: u16 = u16::MAX / 2 + 1;

    #[test]
    fn a_pattern_is_all_a_family_or_one() {
        let matches = |pattern: &str, event: &str| EventPattern::parse(pattern).expect("a pattern").matches(event);
        assert!(matches("*", "duty.opened"));
        assert!(matches("duty.*", "duty.met_late"));
        assert!(!matches("duty.*", "case.closed"));
        assert!(matches("duty.met", "duty.met"));
        assert!(!matches("duty.met", "duty.met_late"), "a name is not a beginning");
        for bad in ["", "duty", "duty.", "duty.*x", "duty.met.", "**", "duty.м", &format!("duty.{}", "x".repeat(64))] {
            assert_eq!(EventPattern::parse(bad), Err(EventPatternError::Malformed), "{bad:?}");
        }
        for unknown in ["loan.opened", "Duty.met"] {
            assert_eq!(EventPattern::parse(unknown), Err(EventPatternError::UnknownFamily), "{unknown:?}");
        }
    }

    #[test]
    fn each_kind_of_case_is_a_family() {
        for kind in crate::case::CaseKind::ALL {
            assert!(EventPattern::parse(&format!("{}.*", kind.as_str())).is_ok(), "{}", kind.as_str());
        }
    }

    #[test]
    fn twelve_tries_wait_from_seconds_to_hours() {
        let schedule = RetrySchedule::default();
        let pauses: Vec<u64> =
            (1..=12).filter_map(|attempt| schedule.pause_after(attempt, MIDDLE)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 28_800, 28_800, 28_800]);
        assert_eq!(schedule.pause_after(12, MIDDLE), None, "the twelfth was the last");
        assert_eq!(schedule.pause_after(u16::MAX, MIDDLE), None);
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        let schedule = RetrySchedule::default();
        assert_eq!(schedule.pause_after(1, 0), Some(Duration::from_secs(4)));
        assert_eq!(schedule.pause_after(1, u16::MAX), Some(Duration::from_secs(6)));
        let endless = RetrySchedule { attempts: u16::MAX, ..schedule };
        assert_eq!(endless.pause_after(60_000, u16::MAX), Some(Duration::from_millis(34_560_000)), "no overflow");
    }
}
