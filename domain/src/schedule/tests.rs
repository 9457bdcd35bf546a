//! Schedules against the vectors of `domain.md` §4.1 and of issue 2 part 3, and against what must hold of every one.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn money(text: &str) -> Money {
    Money::parse_decimal(text).expect("an amount")
}

fn draft(method: RepaymentMethod, rate: &str, term: Term, disbursed_on: &str) -> Schedule {
    let rate = Rate::parse(rate).expect("a rate");
    Schedule::draft(method, money("300000.00"), rate, term, day(disbursed_on)).expect("a schedule")
}

fn year(method: RepaymentMethod, rate: &str) -> Schedule {
    draft(method, rate, Term::Months(12), "2026-01-15")
}

fn due_dates(schedule: &Schedule) -> Vec<String> {
    schedule.instalments.iter().map(|instalment| instalment.due_on.to_string()).collect()
}

#[test]
fn annuity_gives_the_vector_of_the_issue() {
    let schedule = year(RepaymentMethod::Annuity, "36.0");
    let first = &schedule.instalments[0];
    assert_eq!((first.number, first.due_on), (1, day("2026-02-15")));
    assert_eq!(
        (first.principal, first.interest, first.total),
        (money("21138.63"), money("9000.00"), money("30138.63"))
    );
    assert_eq!(first.balance_after, money("278861.37"));
    assert!(schedule.instalments[..11].iter().all(|instalment| instalment.total == money("30138.63")));
    assert_eq!(schedule.instalments[11].total, money("30138.57"));
    assert_eq!((schedule.total_payable(), schedule.total_interest()), (money("361663.50"), money("61663.50")));
}

#[test]
fn annuity_gives_the_other_vectors() {
    for (rate, payment, last) in
        [("38", "30439.26", "30439.20"), ("39", "30590.16", "30590.10"), ("40", "30741.44", "30741.51")]
    {
        let schedule = year(RepaymentMethod::Annuity, rate);
        assert!(schedule.instalments[..11].iter().all(|instalment| instalment.total == money(payment)), "{rate}");
        assert_eq!(schedule.instalments[11].total, money(last), "{rate}");
    }
}

#[test]
fn differentiated_gives_the_vectors() {
    let schedule = year(RepaymentMethod::Differentiated, "36.0");
    assert_eq!(schedule.instalments[0].total, money("34000.00"));
    assert_eq!(schedule.instalments[11].total, money("25750.00"));
    assert_eq!(schedule.total_payable(), money("358500.00"));
    let schedule = year(RepaymentMethod::Differentiated, "38");
    assert_eq!(schedule.instalments[0].total, money("34500.00"));
    assert_eq!(schedule.instalments[11].total, money("25791.67"));
}

#[test]
fn bullet_pays_once_with_interest_by_the_day() {
    let schedule = draft(RepaymentMethod::Bullet, "91.25", Term::Days(30), "2026-01-15");
    assert_eq!(schedule.instalments.len(), 1);
    // A quarter of a percent a day for thirty days.
    assert_eq!(schedule.total_interest(), money("22500.00"));
    assert_eq!(schedule.instalments[0].due_on, day("2026-02-14"));
    let leap = draft(RepaymentMethod::Bullet, "36.5", Term::Months(12), "2028-01-15");
    assert_eq!(leap.total_interest(), money("109800.00"), "366 days over 365");
}

#[test]
fn due_dates_keep_their_day_of_month() {
    let schedule = draft(RepaymentMethod::Annuity, "36.0", Term::Months(5), "2026-01-31");
    assert_eq!(due_dates(&schedule), ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]);
    let leap = draft(RepaymentMethod::Annuity, "36.0", Term::Months(2), "2027-12-29");
    assert_eq!(due_dates(&leap), ["2028-01-29", "2028-02-29"]);
    // 15 March 2026 is a Sunday, 8 March a holiday: nothing is shifted.
    assert_eq!(due_dates(&year(RepaymentMethod::Annuity, "36.0"))[1], "2026-03-15");
}

#[test]
fn terms_in_days_have_periods_of_thirty_and_the_rest() {
    let schedule = draft(RepaymentMethod::Differentiated, "73.0", Term::Days(75), "2026-01-15");
    assert_eq!(due_dates(&schedule), ["2026-02-14", "2026-03-16", "2026-03-31"]);
    let interest: Vec<Money> = schedule.instalments.iter().map(|instalment| instalment.interest).collect();
    assert_eq!(interest, [money("18000.00"), money("12000.00"), money("3000.00")]);
}

#[test]
fn within_one_period_all_methods_agree() {
    for days in [1, 15, 30] {
        let [annuity, differentiated, bullet] =
            [RepaymentMethod::Annuity, RepaymentMethod::Differentiated, RepaymentMethod::Bullet]
                .map(|method| draft(method, "100", Term::Days(days), "2026-01-15").instalments);
        assert_eq!(annuity, bullet, "{days} days");
        assert_eq!(differentiated, bullet, "{days} days");
    }
}

#[test]
fn without_interest_only_the_principal_is_paid() {
    for method in RepaymentMethod::ALL {
        let schedule = year(*method, "0");
        assert_eq!(
            (schedule.total_interest(), schedule.total_payable()),
            (Money::ZERO, money("300000.00")),
            "{method}"
        );
    }
}

#[test]
fn impossible_terms_are_refused() {
    let rate = Rate::parse("36").expect("a rate");
    let draft = |amount, term, on| Schedule::draft(RepaymentMethod::Annuity, Money::from_tiyn(amount), rate, term, on);
    let on = day("2026-01-15");
    assert_eq!(draft(0, Term::Months(12), on), Err(ScheduleError::AmountNotPositive));
    assert_eq!(draft(-1, Term::Months(12), on), Err(ScheduleError::AmountNotPositive));
    assert_eq!(draft(1, Term::Months(0), on), Err(ScheduleError::TermMonths));
    assert_eq!(draft(1, Term::Days(400), on), Err(ScheduleError::TermDays));
    assert_eq!(draft(1, Term::Months(12), NaiveDate::MAX), Err(ScheduleError::DateOutOfRange));
    assert!(matches!(draft(i64::MAX, Term::Months(1), on), Err(ScheduleError::AmountTooLarge)));
}

#[test]
fn the_canonical_form_is_fixed() {
    let schedule = draft(RepaymentMethod::Bullet, "36.0", Term::Days(30), "2026-01-15");
    let text = String::from_utf8(schedule.canonical_bytes()).expect("text");
    let expected = "nesie-schedule/1\nmethod=bullet\ndisbursed_on=2026-01-15\namount=300000.00\nrate=36.0\nterm=P30D\n\
                    1;2026-02-14;300000.00;8876.71;308876.71;0.00\n";
    assert_eq!(text, expected);
    assert_eq!(schedule.sha256_hex(), crate::hash::sha256_hex(expected.as_bytes()));
    let read: Schedule = serde_json::from_str(&serde_json::to_string(&schedule).expect("writes")).expect("reads");
    assert_eq!(read, schedule);
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
    fn every_schedule_adds_up(
        method in prop::sample::select(RepaymentMethod::ALL),
        tiyn in amounts(),
        rate in 0_i64..=10_000_000,
        term in terms(),
        days in 0_u64..20_000,
    ) {
        let rate = Rate::from_percent(rust_decimal::Decimal::new(rate, 4)).expect("within bounds");
        let disbursed_on = day("2000-01-01") + chrono::Days::new(days);
        let schedule = Schedule::draft(method, Money::from_tiyn(tiyn), rate, term, disbursed_on).expect("drafted");

        let principal: i64 = schedule.instalments.iter().map(|instalment| instalment.principal.tiyn()).sum();
        prop_assert_eq!(principal, tiyn);
        prop_assert_eq!(schedule.total_payable().tiyn(), tiyn + schedule.total_interest().tiyn());
        prop_assert_eq!(schedule.instalments.last().map(|last| (last.balance_after, Some(last.due_on))), Some((Money::ZERO, term.ends_on(disbursed_on))));

        let mut balance = tiyn;
        let mut before = disbursed_on;
        for (index, instalment) in schedule.instalments.iter().enumerate() {
            prop_assert_eq!(usize::from(instalment.number), index + 1);
            prop_assert!(instalment.due_on > before);
            prop_assert!(instalment.principal.tiyn() >= 0 && instalment.interest.tiyn() >= 0);
            prop_assert_eq!(instalment.total.tiyn(), instalment.principal.tiyn() + instalment.interest.tiyn());
            balance -= instalment.principal.tiyn();
            prop_assert_eq!(instalment.balance_after.tiyn(), balance);
            before = instalment.due_on;
        }
    }

    #[test]
    fn equal_payments_are_equal_and_falling_ones_fall(tiyn in 10_000_i64..10_000_000_000, percent in 1_i64..=60, months in 2_u16..=60) {
        let rate = Rate::from_percent(rust_decimal::Decimal::from(percent)).expect("within bounds");
        let of = |method| Schedule::draft(method, Money::from_tiyn(tiyn), rate, Term::Months(months), day("2026-01-15")).expect("drafted");
        let annuity = of(RepaymentMethod::Annuity);
        let payments = &annuity.instalments[..usize::from(months) - 1];
        prop_assert!(payments.iter().all(|instalment| instalment.total == payments[0].total));
        let differentiated = of(RepaymentMethod::Differentiated);
        let (last, falling) = differentiated.instalments.split_last().expect("not empty");
        prop_assert!(falling.windows(2).all(|pair| pair[0].total >= pair[1].total));
        // What rounding leaves over is at most half a tiyn a payment.
        prop_assert!((last.principal.tiyn() - tiyn / i64::from(months)).abs() <= i64::from(months));
        prop_assert!(differentiated.total_interest() <= annuity.total_interest());
    }
}

#[test]
fn exactly_half_a_tiyn_is_rounded_up_although_a_twelfth_of_the_rate_has_no_decimal() {
    // 40 % a year on 0.15: a month's interest is exactly 0.005, and 0.15 × 0.0333… is less.
    let rate = Rate::parse("40").expect("a rate");
    let schedule =
        Schedule::draft(RepaymentMethod::Annuity, Money::from_tiyn(15), rate, Term::Months(1), day("2026-01-15"));
    assert_eq!(schedule.expect("a schedule").total_interest(), Money::from_tiyn(1));
}
