//! The vectors of domain.md §3.4 over the calendar that is shipped, and properties of counting.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

/// The shipped calendar. It is data of the storage crate; read here so that code and data are tested together.
fn shipped() -> WorkingCalendar {
    #[derive(Deserialize)]
    struct File {
        version: CalendarVersion,
        first_day: NaiveDate,
        last_day: NaiveDate,
        days: Vec<CalendarDay>,
    }
    let text = include_str!("../../../storage/calendars/kz-2026-11-22.json");
    let File { version, first_day, last_day, days } = serde_json::from_str(text).expect("the shipped calendar");
    WorkingCalendar::new(version, first_day, last_day, days).expect("it makes sense")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Trigger; +1, +2, +3, +10, +15 working days; 10 working days before.
const VECTORS: [(&str, [&str; 5], &str); 17] = [
    ("2024-05-03", ["2024-05-04", "2024-05-06", "2024-05-10", "2024-05-21", "2024-05-28"], "2024-04-18"),
    ("2024-12-31", ["2025-01-05", "2025-01-06", "2025-01-08", "2025-01-17", "2025-01-24"], "2024-12-17"),
    ("2025-03-20", ["2025-03-26", "2025-03-27", "2025-03-28", "2025-04-08", "2025-04-15"], "2025-03-05"),
    ("2025-08-29", ["2025-09-02", "2025-09-03", "2025-09-04", "2025-09-15", "2025-09-22"], "2025-08-15"),
    ("2025-12-31", ["2026-01-05", "2026-01-06", "2026-01-08", "2026-01-19", "2026-01-26"], "2025-12-17"),
    ("2026-01-06", ["2026-01-08", "2026-01-09", "2026-01-12", "2026-01-21", "2026-01-28"], "2025-12-19"),
    ("2026-03-06", ["2026-03-10", "2026-03-11", "2026-03-12", "2026-03-26", "2026-04-02"], "2026-02-20"),
    ("2026-03-20", ["2026-03-26", "2026-03-27", "2026-03-30", "2026-04-08", "2026-04-15"], "2026-03-05"),
    ("2026-05-06", ["2026-05-08", "2026-05-12", "2026-05-13", "2026-05-22", "2026-06-01"], "2026-04-21"),
    ("2026-05-26", ["2026-05-28", "2026-05-29", "2026-06-01", "2026-06-10", "2026-06-17"], "2026-05-12"),
    ("2026-08-28", ["2026-08-31", "2026-09-01", "2026-09-02", "2026-09-11", "2026-09-18"], "2026-08-14"),
    ("2026-10-23", ["2026-10-27", "2026-10-28", "2026-10-29", "2026-11-09", "2026-11-16"], "2026-10-09"),
    ("2026-11-21", ["2026-11-23", "2026-11-24", "2026-11-25", "2026-12-04", "2026-12-11"], "2026-11-09"),
    ("2026-12-15", ["2026-12-17", "2026-12-18", "2026-12-21", "2026-12-30", "2027-01-11"], "2026-12-01"),
    ("2026-12-30", ["2026-12-31", "2027-01-05", "2027-01-06", "2027-01-18", "2027-01-25"], "2026-12-15"),
    ("2027-03-12", ["2027-03-16", "2027-03-17", "2027-03-18", "2027-04-01", "2027-04-08"], "2027-02-25"),
    ("2027-03-19", ["2027-03-25", "2027-03-26", "2027-03-29", "2027-04-07", "2027-04-14"], "2027-03-03"),
];

#[test]
fn the_vectors_of_the_domain_report() {
    let calendar = shipped();
    for (trigger, after, before) in VECTORS {
        for (days, due) in [1, 2, 3, 10, 15].into_iter().zip(after) {
            let counted = calendar.count(day(trigger), days).expect("within the span");
            assert_eq!(counted.due_on, day(due), "{days} after {trigger}");
            assert_eq!(counted.counted.len(), usize::try_from(days).expect("positive"));
        }
        assert_eq!(calendar.count(day(trigger), -10).expect("within the span").due_on, day(before), "{trigger}");
    }
}

#[test]
fn working_days_of_each_year() {
    let calendar = shipped();
    for (year, expected) in
        [(2020, 246), (2021, 245), (2022, 246), (2023, 246), (2024, 249), (2025, 246), (2026, 247), (2027, 247)]
    {
        let days = day(&format!("{year}-01-01")).iter_days().take_while(|day| day.year() == year);
        let working = days.filter(|day| calendar.is_working(*day).expect("within the span")).count();
        assert_eq!(working, expected, "{year}");
    }
}

#[test]
fn a_term_ends_at_midnight_in_almaty_which_was_an_hour_further_east_until_march_2024() {
    let calendar = shipped();
    let before = calendar.count(day("2024-02-27"), 1).expect("counted");
    assert_eq!(before.due_at.to_rfc3339(), "2024-02-28T18:00:00+00:00");
    let after = calendar.count(day("2024-02-29"), 1).expect("counted");
    assert_eq!(after.due_at.to_rfc3339(), "2024-03-01T19:00:00+00:00");
    let instant = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
    // 23:59 and 00:01 of Almaty's clocks are two days, and two terms.
    assert_eq!(local_date(instant("2026-11-20T18:59:00Z")), day("2026-11-20"));
    assert_eq!(local_date(instant("2026-11-20T19:01:00Z")), day("2026-11-21"));
}

#[test]
fn what_was_skipped_is_said_with_its_reason() {
    let counted = shipped().count(day("2026-12-30"), 2).expect("counted");
    let skipped: Vec<_> = counted.skipped.iter().map(|skipped| (skipped.on, skipped.reason.as_str())).collect();
    assert_eq!(counted.counted, [day("2026-12-31"), day("2027-01-05")]);
    assert_eq!(
        skipped,
        [
            (day("2027-01-01"), "Новый год"),
            (day("2027-01-02"), "Новый год"),
            (day("2027-01-03"), "weekend"),
            (day("2027-01-04"), "Новый год (перенос)"),
        ]
    );
}

#[test]
fn a_term_that_crosses_an_estimated_day_says_so() {
    let calendar = shipped();
    assert!(calendar.count(day("2027-05-13"), 3).expect("counted").crosses_estimated);
    assert!(!calendar.count(day("2027-05-17"), 3).expect("counted").crosses_estimated);
    assert!(!calendar.count(day("2026-05-25"), 3).expect("counted").crosses_estimated, "announced");
}

#[test]
fn a_count_that_leaves_the_loaded_years_is_refused() {
    let calendar = shipped();
    let outside = OutsideCalendar { first: day("2020-01-01"), last: day("2027-12-31") };
    assert_eq!(calendar.count(day("2027-12-30"), 2), Err(outside));
    assert_eq!(calendar.count(day("2028-01-03"), 1), Err(outside));
    assert_eq!(calendar.count(day("2020-01-03"), -10), Err(outside));
    assert_eq!(calendar.is_working(day("2019-12-31")), Err(outside));
}

#[test]
fn ten_full_working_days_lie_between_notice_and_opening_unless_policy_is_lenient() {
    let calendar = shipped();
    let sent = day("2026-10-09");
    assert_eq!(calendar.earliest_opening(sent, 10, false), Ok(day("2026-10-23")));
    let strict = calendar.earliest_opening(sent, 10, true).expect("within the span");
    assert_eq!(strict, day("2026-10-24"), "the eleventh day may be any day");
    let between = sent.iter_days().skip(1).take_while(|day| *day < strict);
    assert_eq!(between.filter(|day| calendar.is_working(*day).expect("known")).count(), 10);
}

#[test]
fn calendars_that_make_no_sense_are_refused() {
    let version = || CalendarVersion::parse("test").expect("a version");
    let new = |days| WorkingCalendar::new(version(), day("2026-01-01"), day("2026-12-31"), days);
    let off = |on: &str, kind| CalendarDay {
        on: day(on),
        kind,
        name: "x".to_owned(),
        source: "y".to_owned(),
        estimated: false,
    };
    let holiday = || off("2026-03-09", DayKind::PublicHoliday);
    assert_eq!(new(vec![holiday(), holiday()]), Err(CalendarError::DayTwice(day("2026-03-09"))));
    assert_eq!(new(vec![off("2027-01-01", DayKind::PublicHoliday)]), Err(CalendarError::DayOutside(day("2027-01-01"))));
    assert_eq!(new(vec![off("2026-03-09", DayKind::WorkedWeekend)]), Err(CalendarError::DayOfWeek(day("2026-03-09"))));
    assert_eq!(
        new(vec![off("2026-03-07", DayKind::TransferredDayOff)]),
        Err(CalendarError::DayOfWeek(day("2026-03-07")))
    );
    for bad in ["", "KZ", "a b", &"x".repeat(41)] {
        assert_eq!(CalendarVersion::parse(bad), Err(CalendarError::Version), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_later_trigger_and_a_longer_term_never_end_earlier(offset in 0_i64..2000, more in 0_i64..30, days in 1_i32..40) {
        let calendar = shipped();
        let trigger = day("2020-06-01") + TimeDelta::days(offset);
        let due = |trigger, days| calendar.count(trigger, days).expect("within the span").due_on;
        prop_assert!(due(trigger, days) <= due(trigger + TimeDelta::days(more), days));
        prop_assert!(due(trigger, days) < due(trigger, days + 1));
    }

    #[test]
    fn n_and_then_m_are_n_plus_m(offset in 0_i64..2000, n in 1_i32..40, m in 1_i32..40) {
        let calendar = shipped();
        let trigger = day("2020-06-01") + TimeDelta::days(offset);
        let due = |trigger, days| calendar.count(trigger, days).expect("within the span").due_on;
        prop_assert_eq!(due(due(trigger, n), m), due(trigger, n + m));
        prop_assert_eq!(due(due(trigger, -n), -m), due(trigger, -(n + m)));
    }

    #[test]
    fn from_a_working_day_counting_back_inverts_counting_forward(offset in 0_i64..2000, days in 1_i32..60) {
        let calendar = shipped();
        let trigger = day("2020-06-01") + TimeDelta::days(offset);
        prop_assume!(calendar.is_working(trigger).expect("within the span"));
        let due = calendar.count(trigger, days).expect("within the span");
        prop_assert_eq!(calendar.count(due.due_on, -days).expect("within the span").due_on, trigger);
        prop_assert_eq!(local_date(due.due_at), due.due_on.succ_opt().expect("a day"));
        prop_assert_eq!(Some(due.due_at), end_of(due.due_on));
    }
}

/// The day on which one working day after an instant ends.
fn one_day_after(instant: &str) -> NaiveDate {
    let at: DateTime<Utc> = instant.parse().expect("an instant");
    shipped().count(local_date(at), 1).expect("within the span").due_on
}

#[test]
fn triggers_at_the_edges_of_days_weeks_and_holidays() {
    for (instant, due, what) in [
        ("2026-11-25T18:59:00Z", "2026-11-26", "Wednesday 23:59"),
        ("2026-11-25T19:01:00Z", "2026-11-27", "Thursday 00:01"),
        ("2026-11-20T18:59:00Z", "2026-11-23", "Friday 23:59"),
        ("2026-11-20T19:01:00Z", "2026-11-23", "Saturday 00:01: counting starts on Monday all the same"),
        ("2026-11-21T07:00:00Z", "2026-11-23", "Saturday"),
        ("2024-05-03T07:00:00Z", "2024-05-04", "Friday before a worked Saturday"),
        ("2024-05-04T07:00:00Z", "2024-05-06", "a worked Saturday is itself not counted"),
        ("2025-01-04T07:00:00Z", "2025-01-05", "Saturday before a worked Sunday"),
        ("2025-01-05T07:00:00Z", "2025-01-06", "a worked Sunday is itself not counted"),
        ("2026-12-31T18:59:00Z", "2027-01-05", "31 December 23:59"),
        ("2026-12-31T19:01:00Z", "2027-01-05", "1 January 00:01"),
        ("2026-03-20T18:59:00Z", "2026-03-26", "before Nauryz, whose weekend days move to the 24th and 25th"),
        ("2026-03-25T19:01:00Z", "2026-03-27", "the day after Nauryz, 00:01"),
        ("2024-02-29T17:59:00Z", "2024-03-01", "23:59 while Almaty was six hours ahead"),
        ("2024-02-29T18:01:00Z", "2024-03-01", "the repeated hour: clocks went back, it is still 29 February"),
        ("2024-02-29T19:01:00Z", "2024-03-04", "1 March, five hours ahead"),
    ] {
        assert_eq!(one_day_after(instant), day(due), "{what}");
    }
}

#[test]
fn the_shipped_days_name_their_source_and_only_kurban_ait_of_2027_is_estimated() {
    let calendar = shipped();
    assert_eq!(calendar.span(), (day("2020-01-01"), day("2027-12-31")));
    for known in calendar.days() {
        assert!(known.source.chars().count() > 10 && known.name.chars().count() > 3, "{}", known.on);
    }
    let estimated: Vec<_> = calendar.days().filter(|known| known.estimated).map(|known| known.on).collect();
    assert_eq!(estimated, [day("2027-05-16")]);
    let worked: Vec<_> = calendar
        .days()
        .filter(|known| known.kind == DayKind::WorkedWeekend)
        .map(|known| known.on.to_string())
        .collect();
    assert_eq!(
        worked,
        [
            "2020-01-05",
            "2020-12-20",
            "2021-07-03",
            "2022-03-05",
            "2022-08-27",
            "2022-10-22",
            "2023-07-01",
            "2024-05-04",
            "2025-01-05",
        ]
    );
}
