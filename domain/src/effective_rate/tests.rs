//! The annual effective rate against the vectors of `domain.md` §4.1, against another solver, and against its definition.

use proptest::prelude::*;

use super::*;
use crate::{rate::Rate, schedule::RepaymentMethod, term::Term};

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn schedule(method: RepaymentMethod, tiyn: i64, percent: Decimal, term: Term) -> Schedule {
    let rate = Rate::from_percent(percent).expect("a rate");
    Schedule::draft(method, Money::from_tiyn(tiyn), rate, term, day("2026-01-15")).expect("a schedule")
}

fn rated(method: RepaymentMethod, percent: Decimal, term: Term) -> String {
    effective_rate(&schedule(method, 30_000_000, percent, term)).expect("a rate").to_string()
}

#[test]
fn a_year_gives_the_vectors() {
    let months = Term::Months(12);
    let vectors = [(36, "42.8", "42.8"), (38, "45.6", "45.6"), (39, "47.0", ""), (40, "48.5", "48.5")];
    for (percent, annuity, differentiated) in vectors {
        assert_eq!(rated(RepaymentMethod::Annuity, Decimal::from(percent), months), annuity, "{percent} %");
        if !differentiated.is_empty() {
            assert_eq!(
                rated(RepaymentMethod::Differentiated, Decimal::from(percent), months),
                differentiated,
                "{percent} %"
            );
        }
    }
}

#[test]
fn one_payment_after_thirty_days_gives_the_vectors() {
    // Thousandths of a percent a day: 0.25, 0.29, 0.293 and 0.30.
    for (daily, expected) in [(250, "141.1"), (290, "175.9"), (293, "178.7"), (300, "185.3")] {
        let yearly = Decimal::new(daily, 3) * Decimal::from(365);
        assert_eq!(rated(RepaymentMethod::Bullet, yearly, Term::Days(30)), expected, "{daily}");
    }
}

#[test]
fn the_cap_on_short_loans_binds_where_the_vectors_say() {
    // Hundred-thousandths of a percent a day at which the effective rate is 179 %.
    for (days, daily) in [(5, 28_309), (15, 28_712), (30, 29_330), (45, 29_966)] {
        let on = day("2026-01-15");
        let interest = Decimal::new(daily, 7) * Decimal::from(days) * Decimal::from(10_000_000_000_i64);
        let payment = Money::round_half_up(Decimal::from(10_000_000_000_i64) + interest).expect("fits");
        let days = u64::try_from(days).expect("positive");
        let rate =
            effective_rate_of(Money::from_tiyn(1_000_000_000_000), on, [(on + chrono::Days::new(days), payment)]);
        assert_eq!(rate.expect("a rate").to_string(), "179.0", "{days} days");
    }
}

#[test]
fn halves_are_rounded_up_although_the_root_is_a_double() {
    // One payment after 365 days: the effective rate is the agreed one, and 42.85 is exactly between two decimals.
    for (hundredths, expected) in
        [(4_285, "42.9"), (4_284, "42.8"), (4_605, "46.1"), (4_604, "46.0"), (5, "0.1"), (0, "0.0")]
    {
        assert_eq!(rated(RepaymentMethod::Bullet, Decimal::new(hundredths, 2), Term::Days(365)), expected);
    }
}

#[test]
fn without_one_certain_answer_it_says_why() {
    let on = day("2026-01-15");
    let later = day("2026-02-15");
    let thousand = Money::from_tiyn(100_000);
    let of = |amount, payments: &[(NaiveDate, Money)]| effective_rate_of(amount, on, payments.iter().copied());
    assert_eq!(of(Money::ZERO, &[(later, thousand)]), Err(EffectiveRateError::NothingToCompare));
    assert_eq!(of(thousand, &[]), Err(EffectiveRateError::NothingToCompare));
    assert_eq!(of(thousand, &[(later, Money::from_tiyn(99_999))]), Err(EffectiveRateError::BelowZero));
    assert_eq!(of(thousand, &[(on, thousand), (later, thousand)]), Err(EffectiveRateError::TooEarly));
    assert_eq!(of(thousand, &[(day("2026-01-14"), thousand)]), Err(EffectiveRateError::TooEarly));
    assert_eq!(of(Money::from_tiyn(1), &[(day("2026-01-16"), thousand)]), Err(EffectiveRateError::TooHigh));
    assert_eq!("42.85".parse::<AnnualEffectiveRate>(), Err(EffectiveRateError::Format));
    assert_eq!("42.8".parse::<AnnualEffectiveRate>().expect("a rate").to_string(), "42.8");
}

/// A day for the other solver, which brings its own calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Day(i32);

impl xirr::PaymentDate for Day {
    fn days_since(self, other: Self) -> i32 {
        self.0 - other.0
    }
}

fn by_other_solver(schedule: &Schedule) -> f64 {
    let amount = |money: Money| money.tiyn().to_f64().expect("a double");
    let mut payments = vec![xirr::Payment { amount: -amount(schedule.amount), date: Day(0) }];
    for instalment in &schedule.instalments {
        let days = instalment.due_on.signed_duration_since(schedule.disbursed_on).num_days();
        payments.push(xirr::Payment {
            amount: amount(instalment.total),
            date: Day(i32::try_from(days).expect("few days")),
        });
    }
    xirr::compute(&payments).expect("both signs") * 100.0
}

fn terms() -> impl Strategy<Value = Term> {
    prop_oneof![(1_u16..=240).prop_map(Term::Months), (1_u16..=365).prop_map(Term::Days)]
}

/// Amounts of a few tiyn too: there rounding could repay more than is owed.
fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![1_i64..1_000, 1_i64..10_000_000_000_000]
}

proptest! {
    #[test]
    fn another_solver_agrees(
        method in prop::sample::select(RepaymentMethod::ALL),
        tiyn in 100_000_i64..10_000_000_000,
        percent in 10_i64..=2_000,
        term in prop_oneof![(1_u16..=60).prop_map(Term::Months), (5_u16..=365).prop_map(Term::Days)],
    ) {
        let schedule = schedule(method, tiyn, Decimal::new(percent, 1), term);
        let other = by_other_solver(&schedule);
        // Newton's method may lose itself; then it answers with no number.
        prop_assume!(other.is_finite());
        let ours = effective_rate(&schedule).expect("a rate").percent().to_f64().expect("a double");
        prop_assert!((ours - other).abs() <= 0.050_001, "{ours} against {other}");
    }

    #[test]
    fn the_published_rate_encloses_the_root(
        method in prop::sample::select(RepaymentMethod::ALL),
        tiyn in amounts(),
        percent in 0_i64..=10_000,
        term in terms(),
    ) {
        let schedule = schedule(method, tiyn, Decimal::new(percent, 1), term);
        let published = match effective_rate(&schedule) {
            Ok(rate) => rate.percent().to_f64().expect("a double"),
            // A few tiyn whose interest is rounded up to a whole one cost more than can be quoted.
            Err(error) => {
                prop_assert_eq!(error, EffectiveRateError::TooHigh);
                prop_assert!(tiyn < 1_000);
                return Ok(());
            }
        };
        let excess = |percent: f64| {
            let value = |instalment: &crate::schedule::Instalment| {
                let days = instalment.due_on.signed_duration_since(schedule.disbursed_on).num_days();
                instalment.total.tiyn().to_f64().expect("a double")
                    * (1.0 + percent / 100.0).powf(-days.to_f64().expect("a double") / 365.0)
            };
            schedule.instalments.iter().map(value).sum::<f64>() / tiyn.to_f64().expect("a double") - 1.0
        };
        prop_assert!(excess((published - 0.050_001).max(0.0)) >= -1e-12);
        prop_assert!(excess(published + 0.050_001) <= 1e-12);
    }

    #[test]
    fn a_dearer_loan_never_looks_cheaper(percent in 0_i64..9_990, term in terms()) {
        let of = |percent| {
            let schedule = schedule(RepaymentMethod::Annuity, 1_000_000_000, Decimal::new(percent, 1), term);
            effective_rate(&schedule).expect("a rate")
        };
        prop_assert!(of(percent) <= of(percent + 10));
    }
}
