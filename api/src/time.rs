//! The instant now, as PostgreSQL can keep it, and the day that it is in Kazakhstan. Used for `received_at` only:
//! every other instant of an application comes from workflow time (design invariant 11).

use chrono::{DateTime, FixedOffset, NaiveDate, SubsecRound as _, Utc};

/// Kazakhstan has had one time zone, UTC+5, since 1 March 2024.
const KAZAKHSTAN_SECONDS_EAST: i32 = 5 * 3600;

/// The instant now, to the microsecond: a stored instant and the one in an answer are the same.
pub(crate) fn now() -> DateTime<Utc> {
    nesie_platform::clock::now().trunc_subsecs(6)
}

/// The day in Kazakhstan at an instant: the limits of that day bind the application.
pub(crate) fn day(at: DateTime<Utc>) -> NaiveDate {
    let zone = FixedOffset::east_opt(KAZAKHSTAN_SECONDS_EAST).expect("five hours are a valid offset");
    at.with_timezone(&zone).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_nineteen_hours_utc() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        assert_eq!(day(at("2026-11-22T18:59:59Z")).to_string(), "2026-11-22");
        assert_eq!(day(at("2026-11-22T19:00:00Z")).to_string(), "2026-11-23");
    }
}
