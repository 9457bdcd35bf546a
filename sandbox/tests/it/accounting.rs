//! The books of the loan accounting: interest to the tiyn, its suspension, reversal and return, the write-off, and what
//! any order of acts leaves behind, against a second computation that knows no day but those on which something changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::World;

/// The day so many days after the disbursement.
fn day(after: u64) -> NaiveDate {
    let disbursed_on = NaiveDate::from_ymd_opt(2026, 1, 10).expect("a day");
    disbursed_on.checked_add_days(Days::new(after)).expect("a day")
}

/// 300 000 ₸ at 36 % for 90 days: 29 589.04 tiyn of interest a day.
async fn open(world: &World, loan: &str, instalments: &[(u64, i64)], rate: &str) {
    let amount: i64 = instalments.iter().map(|(_, principal)| principal).sum();
    let instalments: Vec<Value> = (1..)
        .zip(instalments)
        .map(|(number, (due, principal))| {
            json!({ "number": number, "due_on": day(*due), "principal": principal, "interest": 0 })
        })
        .collect();
    let body = json!({ "loan_reference": loan, "application_id": "a", "amount": amount, "annual_rate": rate,
        "method": "bullet", "disbursed_on": day(0), "instalments": instalments });
    let (status, answer) = world.post_keyed("/accounting/loans", &format!("open-{loan}"), &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

async fn act(world: &World, what: &str, key: &str, body: &Value) -> (StatusCode, Value) {
    world.post_keyed(&format!("/accounting/loans/L/{what}"), key, body).await
}

async fn done(world: &World, what: &str, key: &str, body: &Value) -> Value {
    let (status, answer) = act(world, what, key, body).await;
    assert_eq!(status, StatusCode::OK, "{what}: {answer}");
    assert_eq!(answer["loan_reference"], "L");
    answer
}

async fn refused(world: &World, what: &str, body: &Value) {
    let (status, answer) = act(world, what, "a key that was not used", body).await;
    assert_eq!(status, StatusCode::CONFLICT, "{what}: {answer}");
    assert!(answer["error"].is_string());
}

/// Principal, interest and penalty at the end of a day, and whether interest accrues on it.
async fn balance(world: &World, after: u64) -> (i64, i64, i64, bool) {
    let (status, answer) = world.get(&format!("/accounting/loans/L/balance?on={}", day(after))).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let tiyn = |part: &str| answer[part].as_i64().expect("tiyn");
    (tiyn("principal"), tiyn("interest"), tiyn("penalty"), answer["accruing"].as_bool().expect("a flag"))
}

async fn postings(world: &World) -> Vec<Value> {
    world.get("/accounting/loans/L/postings").await.1["postings"].as_array().expect("postings").clone()
}

/// Debits less credits by account; every posting has both for one amount above zero.
fn accounts(postings: &[Value]) -> BTreeMap<String, i64> {
    let mut accounts = BTreeMap::new();
    for (number, posting) in (1_u64..).zip(postings) {
        assert_eq!(posting["sequence"], number);
        let amount = posting["amount"].as_i64().expect("an amount");
        assert!(amount > 0 && posting["debit"] != posting["credit"], "{posting}");
        for (side, signed) in [("debit", amount), ("credit", -amount)] {
            *accounts.entry(posting[side].as_str().expect("an account").to_owned()).or_default() += signed;
        }
    }
    assert_eq!(accounts.values().sum::<i64>(), 0, "debits are credits");
    accounts
}

#[tokio::test]
async fn interest_accrues_by_the_day_to_the_tiyn_and_a_payment_is_taken_apart() {
    let world = World::start().await;
    open(&world, "L", &[(90, 30_000_000)], "36.0").await;
    // 30 000 000 · 0.36 / 365 = 29 589.041…
    assert_eq!(balance(&world, 0).await, (30_000_000, 0, 0, true));
    assert_eq!(balance(&world, 1).await, (30_000_000, 29_589, 0, true));
    assert_eq!(balance(&world, 30).await, (30_000_000, 887_671, 0, true), "not 30 · 29 589 = 887 670");
    // Two days overdue: 0.5 % a day, from the day after the due day.
    assert_eq!(balance(&world, 90).await, (30_000_000, 2_663_014, 0, true));
    assert_eq!(balance(&world, 92).await, (30_000_000, 2_722_192, 300_000, true));
    let paid = json!({ "paid_on": day(92), "amount": 13_022_192, "collected": false });
    let answer = done(&world, "payments", "p-1", &paid).await;
    let allocation = json!({ "penalty": 300_000, "interest": 2_722_192, "principal": 10_000_000, "advance": 0 });
    assert_eq!(answer["allocation"], allocation);
    assert_eq!(done(&world, "payments", "p-1", &paid).await, answer, "once per key");
    assert_eq!(balance(&world, 92).await, (20_000_000, 0, 0, true));
    assert_eq!(balance(&world, 91).await, (30_000_000, 2_692_603, 150_000, true), "the past stays");
    let too_much = json!({ "paid_on": day(92), "amount": 20_000_001, "collected": true });
    let answer = done(&world, "payments", "p-2", &too_much).await;
    assert_eq!(answer["allocation"]["advance"], 1);
    assert_eq!(balance(&world, 200).await, (0, 0, 0, true));
    let (_, listed) = world.get("/accounting/loans/L/payments").await;
    let listed = listed["payments"].as_array().expect("payments").clone();
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[0]["amount"], &listed[0]["collected"]), (&json!(13_022_192), &json!(false)));
    assert_eq!((&listed[1]["paid_on"], &listed[1]["collected"]), (&json!(day(92)), &json!(true)));
    let accounts = accounts(&postings(&world).await);
    assert_eq!(accounts["interest_income"], -2_722_192);
    assert_eq!(accounts["client_advances"], -1);
    assert_eq!(accounts["cash"], -30_000_000 + 13_022_192 + 20_000_001);
    assert_eq!(world.entries("accounting").await.len(), 3);
}

#[tokio::test]
async fn a_suspension_from_a_past_day_reverses_and_back_accrual_brings_all_back() {
    let world = World::start().await;
    open(&world, "L", &[(90, 30_000_000)], "36.0").await;
    assert_eq!(balance(&world, 100).await, (30_000_000, 2_958_904, 1_500_000, true));
    let suspension = json!({ "effective_from": day(31), "penalty": true, "document_reference": "doc-1" });
    let suspended = done(&world, "suspension", "s-1", &suspension).await;
    assert_eq!(suspended["reversed"], json!({ "interest": 2_958_904 - 887_671, "penalty": 1_500_000 }));
    assert_eq!(done(&world, "suspension", "s-1", &suspension).await, suspended, "once per key");
    refused(&world, "suspension", &suspension).await;
    assert_eq!(balance(&world, 30).await, (30_000_000, 887_671, 0, true));
    assert_eq!(balance(&world, 31).await, (30_000_000, 887_671, 0, false));
    assert_eq!(balance(&world, 120).await, (30_000_000, 887_671, 0, false));
    let posted = postings(&world).await;
    let reversed: i64 = posted
        .iter()
        .filter(|posting| posting["reversal"] == true && posting["debit"] == "interest_income")
        .map(|posting| posting["amount"].as_i64().expect("an amount"))
        .sum();
    assert_eq!(reversed, 2_958_904 - 887_671);
    assert_eq!(accounts(&posted)["suspended_interest"], 3_550_685 - 887_671, "beside the books, through day 120");

    refused(&world, "resumption", &json!({ "effective_on": day(30), "back_accrual": true })).await;
    let resumption = json!({ "effective_on": day(121), "back_accrual": true });
    let resumed = done(&world, "resumption", "r-1", &resumption).await;
    assert_eq!(resumed["back_accrued"], 3_550_685 - 887_671);
    refused(&world, "resumption", &resumption).await;
    assert_eq!(balance(&world, 120).await, (30_000_000, 887_671, 0, false));
    // 121 days of interest as if nothing had been; one day of penalty, since that does not come back.
    assert_eq!(balance(&world, 121).await, (30_000_000, 3_580_274, 150_000, true));
    assert_eq!(accounts(&postings(&world).await)["suspended_interest"], 0);
    let overlapping = json!({ "effective_from": day(120), "penalty": true, "document_reference": "doc-2" });
    refused(&world, "suspension", &overlapping).await;
}

#[tokio::test]
async fn an_earlier_first_day_moves_a_suspension_that_lasts() {
    let world = World::start().await;
    open(&world, "L", &[(90, 30_000_000)], "36.0").await;
    let suspension = |from: u64, penalty: bool, document: &str| json!({ "effective_from": day(from), "penalty": penalty, "document_reference": document });
    assert_eq!(balance(&world, 40).await, (30_000_000, 1_183_562, 0, true));
    done(&world, "suspension", "s-1", &suspension(31, false, "doc-1")).await;
    let moved = done(&world, "suspension", "s-2", &suspension(21, true, "doc-2")).await;
    // Days 21 to 30, to the tiyn; what was reversed before is not reversed again.
    assert_eq!(moved["reversed"], json!({ "interest": 887_671 - 591_781, "penalty": 0 }));
    assert_eq!(done(&world, "suspension", "s-2", &suspension(21, true, "doc-2")).await, moved, "once per key");
    assert_eq!(balance(&world, 20).await, (30_000_000, 591_781, 0, true));
    assert_eq!(balance(&world, 21).await, (30_000_000, 591_781, 0, false));
    refused(&world, "suspension", &suspension(21, true, "doc-3")).await;
    refused(&world, "suspension", &suspension(25, true, "doc-3")).await;
    let resumption = json!({ "effective_on": day(41), "back_accrual": true });
    assert_eq!(done(&world, "resumption", "r-1", &resumption).await["back_accrued"], 1_183_562 - 591_781);
    refused(&world, "suspension", &suspension(40, true, "doc-4")).await;
    done(&world, "suspension", "s-5", &suspension(60, true, "doc-5")).await;
    refused(&world, "suspension", &suspension(30, true, "doc-6")).await;
}

#[tokio::test]
async fn without_back_accrual_the_suspended_days_stay_free() {
    let world = World::start().await;
    open(&world, "L", &[(90, 30_000_000)], "36.0").await;
    let suspension = json!({ "effective_from": day(11), "penalty": false, "document_reference": "doc-1" });
    assert_eq!(done(&world, "suspension", "s-1", &suspension).await["reversed"]["interest"], 0);
    let resumption = json!({ "effective_on": day(21), "back_accrual": false });
    assert_eq!(done(&world, "resumption", "r-1", &resumption).await["back_accrued"], 0);
    // 20 of 30 days.
    assert_eq!(balance(&world, 30).await, (30_000_000, 591_781, 0, true));
    // Penalty was not suspended, and a second suspension may follow.
    let again = json!({ "effective_from": day(31), "penalty": false, "document_reference": "doc-2" });
    done(&world, "suspension", "s-2", &again).await;
    assert_eq!(balance(&world, 91).await, (30_000_000, 591_781, 150_000, false));
}

#[tokio::test]
async fn a_write_off_leaves_nothing_and_what_comes_later_is_the_clients() {
    let world = World::start().await;
    open(&world, "L", &[(90, 30_000_000)], "36.0").await;
    done(&world, "payments", "p-1", &json!({ "paid_on": day(30), "amount": 1_000_000, "collected": true })).await;
    let suspension = json!({ "effective_from": day(31), "penalty": true, "document_reference": "doc-1" });
    done(&world, "suspension", "s-1", &suspension).await;
    refused(&world, "write-off", &json!({ "on": day(30) })).await;
    let written_off = done(&world, "write-off", "w-1", &json!({ "on": day(40) })).await;
    let lost = json!({ "principal": 30_000_000 - (1_000_000 - 887_671), "interest": 0, "penalty": 0 });
    assert_eq!(written_off["written_off"], lost);
    assert_eq!(done(&world, "write-off", "w-1", &json!({ "on": day(40) })).await, written_off, "once per key");
    for after in [40, 41, 400] {
        assert_eq!(balance(&world, after).await, (0, 0, 0, false));
    }
    let late = json!({ "paid_on": day(50), "amount": 5, "collected": false });
    assert_eq!(done(&world, "payments", "p-2", &late).await["allocation"]["advance"], 5);
    let accounts = accounts(&postings(&world).await);
    assert_eq!(accounts["loss"], 29_887_671);
    assert_eq!(accounts["suspended_interest"], 0);
    refused(&world, "write-off", &json!({ "on": day(41) })).await;
    refused(&world, "suspension", &suspension).await;
    refused(&world, "resumption", &json!({ "effective_on": day(60), "back_accrual": false })).await;
}

#[tokio::test]
async fn unknown_loans_impossible_days_and_unreadable_acts_are_told_apart() {
    let world = World::start().await;
    open(&world, "L", &[(90, 100)], "36.0").await;
    let resumption = json!({ "effective_on": day(1), "back_accrual": false });
    let unknown = world.post_keyed("/accounting/loans/M/resumption", "k", &resumption).await;
    assert_eq!(unknown, (StatusCode::NOT_FOUND, json!({ "error": "not_found" })));
    for look in ["balance?on=2026-02-01", "payments", "postings"] {
        assert_eq!(world.get(&format!("/accounting/loans/M/{look}")).await.0, StatusCode::NOT_FOUND);
    }
    for look in ["balance", "balance?on=tomorrow"] {
        assert_eq!(world.get(&format!("/accounting/loans/L/{look}")).await.0, StatusCode::BAD_REQUEST);
    }
    for look in ["balance?on=2026-01-09", "balance?on=2100-01-01"] {
        assert_eq!(world.get(&format!("/accounting/loans/L/{look}")).await.0, StatusCode::CONFLICT);
    }
    refused(&world, "write-off", &json!({ "on": "2026-01-09" })).await;
    refused(&world, "payments", &json!({ "paid_on": "2026-01-09", "amount": 1, "collected": true })).await;
    for (what, body) in [
        ("payments", json!({ "paid_on": day(1), "amount": 0, "collected": true })),
        ("payments", json!({ "paid_on": day(1), "amount": 1 })),
        ("suspension", json!({ "effective_from": day(1), "penalty": true, "document_reference": "" })),
        ("resumption", json!({ "effective_on": "1 May", "back_accrual": true })),
        ("write-off", json!({})),
    ] {
        assert_eq!(act(&world, what, "k", &body).await.0, StatusCode::BAD_REQUEST, "{what} {body}");
    }
    let keyless = world.post("/accounting/loans/L/write-off", &json!({ "on": day(1) })).await;
    assert_eq!(keyless.0, StatusCode::BAD_REQUEST);
    // The key of a refusal is unused.
    assert_eq!(act(&world, "resumption", "k", &resumption).await.0, StatusCode::CONFLICT);
    done(&world, "write-off", "k", &json!({ "on": day(1) })).await;
}

/// A sequence of numbers that follows from its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What was accepted, for the second computation.
#[derive(Debug, Default)]
struct Told {
    instalments: Vec<(u64, i64)>,
    rate: i128,
    payments: Vec<(u64, i64)>,
    suspensions: Vec<Pause>,
    written_off: Option<u64>,
}

/// A suspension.
#[derive(Debug)]
struct Pause {
    from: u64,
    penalty_too: bool,
    /// The first day afterwards, and whether the interest comes back.
    end: Option<(u64, bool)>,
}

/// A fraction rounded half up.
fn rounded(numerator: i128, denominator: i128) -> i64 {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    i64::try_from(if 2 * rest >= denominator { whole + 1 } else { whole }).expect("tiyn")
}

impl Told {
    fn suspension(&self, on: u64) -> Option<&Pause> {
        self.suspensions.iter().find(|pause| pause.from <= on && pause.end.is_none_or(|(end, _)| on < end))
    }

    /// The balance from spans of equal days: the last day of each is one on which something changes.
    fn balance(&self, on: u64) -> (i64, i64, i64, bool) {
        let amount: i64 = self.instalments.iter().map(|(_, principal)| principal).sum();
        let mut ends: BTreeSet<u64> = self.instalments.iter().map(|(due, _)| *due).collect();
        ends.extend(self.payments.iter().map(|(paid, _)| *paid));
        for pause in &self.suspensions {
            ends.extend([pause.from.saturating_sub(1), pause.from]);
            ends.extend(pause.end.iter().flat_map(|(end, _)| [end.saturating_sub(1), *end]));
        }
        ends.extend(self.written_off);
        ends.insert(on);
        let (mut principal, mut interest_paid, mut penalty_paid) = (amount, 0, 0);
        let (mut interest, mut beside, mut penalty) = (0_i128, 0_i128, 0_i128);
        let mut begun = 0;
        for end in ends.into_iter().filter(|end| *end <= on) {
            for pause in &self.suspensions {
                if let Some((resumed, back)) = pause.end
                    && resumed == end
                    && end > 0
                {
                    interest += if back { beside } else { 0 };
                    beside = 0;
                }
            }
            let days = i128::from(end - begun);
            let suspension = self.suspension(end);
            let grown = days * i128::from(principal) * self.rate;
            if suspension.is_some() {
                beside += grown;
            } else {
                interest += grown;
            }
            let due: i64 = self.instalments.iter().filter(|(due, _)| *due < end).map(|(_, part)| part).sum();
            let overdue = (due - (amount - principal)).max(0);
            if !suspension.is_some_and(|pause| pause.penalty_too) {
                penalty += days * i128::from(overdue);
            }
            for (_, paid) in self.payments.iter().filter(|(paid, _)| *paid == end) {
                let to_penalty = (*paid).min(rounded(penalty, 200) - penalty_paid);
                let to_interest = (*paid - to_penalty).min(rounded(interest, 365_000_000) - interest_paid);
                penalty_paid += to_penalty;
                interest_paid += to_interest;
                principal -= (*paid - to_penalty - to_interest).min(principal);
            }
            if self.written_off == Some(end) {
                return (0, 0, 0, false);
            }
            begun = end;
        }
        let owed = (rounded(interest, 365_000_000) - interest_paid, rounded(penalty, 200) - penalty_paid);
        (principal, owed.0, owed.1, self.suspension(on).is_none())
    }
}

#[tokio::test]
async fn any_order_of_acts_balances_and_agrees_with_a_second_computation() {
    let mut accepted = BTreeMap::<&str, u32>::new();
    for seed in 1..=60 {
        let world = World::start().await;
        let mut numbers = Numbers(seed);
        let parts = 1 + numbers.below(4);
        let part = |numbers: &mut Numbers| 1 + i64::try_from(numbers.below(20_000_000)).expect("tiyn");
        let instalments: Vec<(u64, i64)> = (1..=parts).map(|number| (number * 30, part(&mut numbers))).collect();
        let rate = numbers.below(560_000);
        open(&world, "L", &instalments, &format!("{}.{:04}", rate / 10_000, rate % 10_000)).await;
        let mut told = Told { instalments, rate: i128::from(rate), ..Told::default() };
        for number in 0..14 {
            let on = numbers.below(160);
            let flag = numbers.below(2) == 1;
            let (what, body) = match numbers.below(14) {
                0..5 => {
                    let amount = part(&mut numbers);
                    told.payments.push((on, amount));
                    ("payments", json!({ "paid_on": day(on), "amount": amount, "collected": flag }))
                }
                5..8 => {
                    ("suspension", json!({ "effective_from": day(on), "penalty": flag, "document_reference": "d" }))
                }
                8..11 => ("resumption", json!({ "effective_on": day(on), "back_accrual": flag })),
                11 => ("balance", Value::Null),
                12..14 if number > 7 => ("write-off", json!({ "on": day(on) })),
                _ => ("balance", Value::Null),
            };
            if what != "balance" {
                let (status, answer) = act(&world, what, &format!("key-{number}"), &body).await;
                let taken = status == StatusCode::OK;
                assert!(taken || status == StatusCode::CONFLICT, "seed {seed}: {what}: {answer}");
                *accepted.entry(if taken { what } else { "refused" }).or_default() += 1;
                match what {
                    "suspension" if taken => match told.suspensions.last_mut().filter(|last| last.end.is_none()) {
                        Some(lasting) => {
                            lasting.from = on;
                            lasting.penalty_too |= flag;
                        }
                        None => told.suspensions.push(Pause { from: on, penalty_too: flag, end: None }),
                    },
                    "resumption" if taken => told.suspensions.last_mut().expect("a suspension").end = Some((on, flag)),
                    "write-off" if taken => told.written_off = Some(on),
                    "payments" => assert!(taken, "seed {seed}: {answer}"),
                    _ => {}
                }
            }
            let looked_at = numbers.below(200);
            let seen = balance(&world, looked_at).await;
            assert_eq!(seen, told.balance(looked_at), "seed {seed}, day {looked_at}, {told:?}");
        }
        let accounts = accounts(&postings(&world).await);
        let last = told.balance(200);
        assert_eq!(balance(&world, 200).await, last, "seed {seed}");
        let of = |account: &str| accounts.get(account).copied().unwrap_or_default();
        assert_eq!(of("suspended_interest"), -of("suspended_contra"), "seed {seed}");
        for never_owed_less in ["principal_receivable", "interest_receivable", "penalty_receivable", "loss"] {
            assert!(of(never_owed_less) >= 0, "seed {seed}: {never_owed_less}");
        }
        assert!(of("interest_income") <= 0 && of("penalty_income") <= 0 && of("client_advances") <= 0);
    }
    for what in ["payments", "suspension", "resumption", "write-off", "refused"] {
        assert!(accepted.get(what).is_some_and(|times| *times > 10), "{what} was hardly tried: {accepted:?}");
    }
}
