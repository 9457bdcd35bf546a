//! Limits by date, on both sides of each bound, and for the quote of issue 2 part 8.

use super::*;
use crate::{
    effective_rate::{AnnualEffectiveRate, effective_rate},
    quote::{Quote, quote},
    rate::Rate,
    schedule::{RepaymentMethod, Schedule},
    term::Term,
};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn money(text: &str) -> Money {
    Money::parse_decimal(text).expect("an amount")
}

fn policies() -> PolicySet {
    PolicySet::new(default_rows(), day("2026-11-22")).expect("the seed is a set")
}

fn percent(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn assessed(amount: &str, term: Term, rate: &str, effective: &str) -> Vec<&'static str> {
    let effective: AnnualEffectiveRate = effective.parse().expect("an effective rate");
    let rate = Rate::parse(rate).expect("a rate");
    let breaches = assess_terms(&policies(), money(amount), term, rate, effective).err().unwrap_or_default();
    assert!(breaches.iter().all(|breach| breach.actual >= breach.limit && !breach.message_ru().is_empty()));
    breaches.iter().map(LimitBreach::code).collect()
}

#[test]
fn a_new_row_changes_new_applications_and_leaves_old_ones() {
    let rule = LimitRule::EffectiveRateMaximum;
    let (before, after) = (day("2026-11-30"), day("2026-12-01"));
    let old = PolicySet::new(default_rows(), before).expect("a set");
    let mut rows = default_rows();
    rows.push(PolicyRow { rule, value: percent("40"), effective_from: after, source: "a later act".to_owned() });
    let kept = PolicySet::new(rows.clone(), before).expect("a set");
    let new = PolicySet::new(rows, after).expect("a set");
    assert_eq!((kept.value(rule), new.value(rule)), (Some(percent("46")), Some(percent("40"))));
    assert_eq!(old.version(), kept.version());
    assert_ne!(old.version(), new.version());
    // The same loan: allowed under the old set, refused under the new.
    let (amount, rate) = (money("300000.00"), Rate::parse("36").expect("a rate"));
    let judged = |set: &PolicySet| {
        quote(set, amount, rate, Term::Months(12), day("2026-01-15")).expect("quotes")[0].within_limits()
    };
    assert!(judged(&kept) && !judged(&new));
}

#[test]
fn the_newest_row_in_effect_is_picked_whatever_the_order() {
    let index =
        |on| PolicySet::new(default_rows().into_iter().rev(), day(on)).expect("a set").monthly_calculation_index();
    assert_eq!(index("2025-01-01"), percent("3932"));
    assert_eq!(index("2025-12-31"), percent("3932"));
    assert_eq!(index("2026-01-01"), percent("4325"));
    assert_eq!(policies().amount_maximum(), percent("86500000"));
}

#[test]
fn incomplete_or_doubtful_rows_make_no_set() {
    let on = day("2026-11-22");
    assert!(matches!(PolicySet::new(default_rows(), day("2024-06-01")), Err(PolicyError::Missing(_))));
    let without = default_rows().into_iter().filter(|row| row.rule != LimitRule::DebtBurdenMaximum);
    assert_eq!(PolicySet::new(without, on), Err(PolicyError::Missing(LimitRule::DebtBurdenMaximum)));
    let doubled = default_rows().into_iter().chain(default_rows().into_iter().take(1));
    assert_eq!(PolicySet::new(doubled, on), Err(PolicyError::Ambiguous(LimitRule::AmountMaximumIndices)));
    let mut below = default_rows();
    below[0].value = Decimal::NEGATIVE_ONE;
    assert_eq!(PolicySet::new(below, on), Err(PolicyError::BelowZero(LimitRule::AmountMaximumIndices)));
}

#[test]
fn a_set_survives_transport_and_has_a_short_version() {
    let set = policies();
    let read: PolicySet = serde_json::from_str(&serde_json::to_string(&set).expect("writes")).expect("reads");
    assert_eq!(read, set);
    assert_eq!((set.version().len(), set.version()), (16, read.version()));
}

#[test]
fn seeded_policy_has_the_agreed_values() {
    let set = policies();
    assert_eq!((set.credit_report_fresh_hours(), set.application_validity_hours()), (24, 240));
    assert_eq!((set.ownership_attempts_maximum(), set.identification_attempts_maximum()), (3, 3));
    assert_eq!((set.screening_fuzzy_minimum_percent(), set.challenge_lifetime_minutes()), (88, 15));
    assert_eq!(set.biometric_score_minimum(), percent("0.90"));
    assert!(default_rows().iter().all(|row| !row.source.is_empty()));
}

#[test]
fn cooling_off_is_off_until_a_row_switches_it_on() {
    assert_eq!(policies().cooling_off_hours(money("1000000.00")), None);
    let on = day("2026-11-22");
    let row = PolicyRow {
        rule: LimitRule::CoolingOffHours,
        value: percent("24"),
        effective_from: on,
        source: "test".to_owned(),
    };
    let set = PolicySet::new(default_rows().into_iter().chain([row]), on).expect("a set");
    // 75 МРП of 2026.
    assert_eq!(set.cooling_off_hours(money("324375.00")), None);
    assert_eq!(set.cooling_off_hours(money("324375.01")), Some(24));
}

#[test]
fn ordinary_terms_are_judged_on_both_sides_of_each_cap() {
    let months = Term::Months(12);
    assert!(assessed("300000.00", months, "38", "46.0").is_empty());
    assert_eq!(assessed("300000.00", months, "38", "46.1"), ["limit.effective_rate"]);
    assert!(assessed("86500000.00", months, "30", "34.5").is_empty());
    assert_eq!(assessed("86500000.01", months, "30", "34.5"), ["limit.amount"]);
    assert_eq!(assessed("86500000.01", months, "40", "48.5"), ["limit.amount", "limit.effective_rate"]);
}

#[test]
fn short_terms_must_pass_both_tests() {
    let days = Term::Days(30);
    assert!(assessed("194625.00", days, "106.9", "178.7").is_empty());
    assert_eq!(
        assessed("194625.00", days, "109.5", "185.3"),
        ["limit.short_loan_effective_rate", "limit.short_loan_daily_rate"]
    );
    // Exactly 0.3 % a day is refused although the effective rate alone would pass, and a hair less is not.
    assert_eq!(assessed("100000.00", Term::Days(45), "109.5", "179.0"), ["limit.short_loan_daily_rate"]);
    assert!(assessed("100000.00", Term::Days(45), "109.4999", "179.0").is_empty());
    assert_eq!(assessed("100000.00", days, "100", "179.1"), ["limit.short_loan_effective_rate"]);
}

#[test]
fn a_loan_is_short_only_within_both_days_and_amount() {
    assert_eq!(assessed("194625.01", Term::Days(30), "100", "150.0"), ["limit.effective_rate"]);
    assert_eq!(assessed("100000.00", Term::Days(46), "100", "150.0"), ["limit.effective_rate"]);
    assert!(is_short_loan(&policies(), money("100000.00"), Term::Months(1)), "a month has 31 days at most");
    assert!(!is_short_loan(&policies(), money("100000.00"), Term::Months(2)));
}

#[test]
fn thirty_days_at_three_tenths_of_a_percent_a_day_are_refused() {
    let rate = Rate::parse("109.5").expect("a rate");
    let schedule =
        Schedule::draft(RepaymentMethod::Bullet, money("100000.00"), rate, Term::Days(30), day("2026-01-15"));
    let effective = effective_rate(&schedule.expect("a schedule")).expect("an effective rate");
    let breaches = assess_terms(&policies(), money("100000.00"), Term::Days(30), rate, effective).expect_err("refused");
    let found: Vec<_> = breaches.iter().map(|breach| (breach.actual, breach.limit)).collect();
    assert_eq!(found, [(percent("185.3"), percent("179")), (percent("0.3"), percent("0.3"))]);
}

#[test]
fn the_quote_of_the_issue() {
    let rate = Rate::parse("36.0").expect("a rate");
    let quotes = quote(&policies(), money("300000.00"), rate, Term::Months(12), day("2026-01-15")).expect("quotes");
    let methods: Vec<_> = quotes.iter().map(|quote| quote.schedule.method).collect();
    assert_eq!(methods, RepaymentMethod::ALL);
    assert!(quotes.iter().all(Quote::within_limits));
    assert_eq!(quotes[0].effective_rate.expect("a rate").to_string(), "42.8");
    let rate = Rate::parse("39.0").expect("a rate");
    let dear = quote(&policies(), money("300000.00"), rate, Term::Months(12), day("2026-01-15")).expect("quotes");
    assert!(!dear[0].within_limits());
    assert_eq!((dear[0].breaches[0].code(), dear[0].breaches[0].actual), ("limit.effective_rate", percent("47.0")));
}

fn facts() -> CreditFacts {
    CreditFacts {
        overdue_days_current: 0,
        overdue_days_max_12m: 0,
        monthly_payments: money("100000.00"),
        average_monthly_income: Some(money("600000.00")),
        new_monthly_payment: money("200000.00"),
    }
}

#[test]
fn the_debt_burden_is_judged_on_both_sides_of_its_limit() {
    assert_eq!(assess_borrower(&policies(), &facts()).expect("half is allowed").to_string(), "0.5000");
    let above = CreditFacts { new_monthly_payment: money("200000.01"), ..facts() };
    let refused = assess_borrower(&policies(), &above).expect_err("a hair above half");
    assert_eq!(refused, BorrowerRefusal::DebtBurden { ratio: percent("0.5"), limit: percent("0.5") });
    for income in [None, Some(Money::ZERO)] {
        let unknown = CreditFacts { average_monthly_income: income, ..facts() };
        assert_eq!(assess_borrower(&policies(), &unknown), Err(BorrowerRefusal::IncomeUnknown));
    }
}

#[test]
fn more_than_ninety_days_overdue_are_refused() {
    let overdue = |current, year| CreditFacts { overdue_days_current: current, overdue_days_max_12m: year, ..facts() };
    assert!(assess_borrower(&policies(), &overdue(90, 400)).is_ok());
    assert_eq!(assess_borrower(&policies(), &overdue(91, 91)), Err(BorrowerRefusal::Overdue { days: 91, limit: 90 }));
    let rule = LimitRule::OverdueDaysPastYearMaximum;
    let row = PolicyRow { rule, value: percent("60"), effective_from: day("2026-01-01"), source: "test".to_owned() };
    let stricter = PolicySet::new(default_rows().into_iter().chain([row]), day("2026-11-22")).expect("a set");
    assert_eq!(assess_borrower(&stricter, &overdue(0, 61)), Err(BorrowerRefusal::Overdue { days: 61, limit: 60 }));
}
