//! The terms of the law at the edges of days, weeks and holidays, for every kind of duty, in the rows that the API shows.
//! Never a count of days: every day that is expected is written here by hand, from the law's calendar (domain.md §3).

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::harness::{Case, Front, Stack, StackOptions, document, notice};

/// A trigger, and the fifteen working days after it.
struct Trigger {
    what: &'static str,
    /// By Almaty's clocks.
    at: &'static str,
    counted: &'static str,
    /// What lies between and is not counted, with its reason.
    skipped: &'static [(&'static str, &'static str)],
}

const NAURYZ: &str = "Наурыз мейрамы";
const NAURYZ_MOVED: &str = "Наурыз мейрамы (перенос)";

const NOVEMBER: &[(&str, &str)] = &[
    ("2026-11-21", "weekend"),
    ("2026-11-22", "weekend"),
    ("2026-11-28", "weekend"),
    ("2026-11-29", "weekend"),
    ("2026-12-05", "weekend"),
    ("2026-12-06", "weekend"),
];
/// After the worked Saturday of 2024, with the days of May that follow it.
const MAY: &[(&str, &str)] = &[
    ("2024-05-05", "weekend"),
    ("2024-05-07", "День защитника Отечества"),
    ("2024-05-08", "Выходной за 04.05.2024"),
    ("2024-05-09", "День Победы"),
    ("2024-05-11", "weekend"),
    ("2024-05-12", "weekend"),
    ("2024-05-18", "weekend"),
    ("2024-05-19", "weekend"),
    ("2024-05-25", "weekend"),
    ("2024-05-26", "weekend"),
];

const TRIGGERS: [Trigger; 12] = [
    Trigger {
        what: "a Wednesday, 23:59",
        at: "2026-11-18T23:59:00+05:00",
        counted: "2026-11-19 2026-11-20 2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27 2026-11-30 2026-12-01 \
                  2026-12-02 2026-12-03 2026-12-04 2026-12-07 2026-12-08 2026-12-09",
        skipped: NOVEMBER,
    },
    Trigger {
        what: "the Thursday after it, 00:01: everything a day later",
        at: "2026-11-19T00:01:00+05:00",
        counted: "2026-11-20 2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27 2026-11-30 2026-12-01 2026-12-02 \
                  2026-12-03 2026-12-04 2026-12-07 2026-12-08 2026-12-09 2026-12-10",
        skipped: NOVEMBER,
    },
    Trigger {
        what: "a Saturday: the Monday is the first day",
        at: "2026-11-14T12:00:00+05:00",
        counted: "2026-11-16 2026-11-17 2026-11-18 2026-11-19 2026-11-20 2026-11-23 2026-11-24 2026-11-25 2026-11-26 \
                  2026-11-27 2026-11-30 2026-12-01 2026-12-02 2026-12-03 2026-12-04",
        skipped: &[
            ("2026-11-15", "weekend"),
            ("2026-11-21", "weekend"),
            ("2026-11-22", "weekend"),
            ("2026-11-28", "weekend"),
            ("2026-11-29", "weekend"),
        ],
    },
    Trigger {
        what: "the Friday before a worked Saturday, 23:59",
        at: "2024-05-03T23:59:00+05:00",
        counted: "2024-05-04 2024-05-06 2024-05-10 2024-05-13 2024-05-14 2024-05-15 2024-05-16 2024-05-17 2024-05-20 \
                  2024-05-21 2024-05-22 2024-05-23 2024-05-24 2024-05-27 2024-05-28",
        skipped: MAY,
    },
    Trigger {
        what: "a worked Saturday, 00:01: it is itself not counted",
        at: "2024-05-04T00:01:00+05:00",
        counted: "2024-05-06 2024-05-10 2024-05-13 2024-05-14 2024-05-15 2024-05-16 2024-05-17 2024-05-20 2024-05-21 \
                  2024-05-22 2024-05-23 2024-05-24 2024-05-27 2024-05-28 2024-05-29",
        skipped: MAY,
    },
    Trigger {
        what: "31 December, 23:59, before a worked Sunday",
        at: "2024-12-31T23:59:00+05:00",
        counted: "2025-01-05 2025-01-06 2025-01-08 2025-01-09 2025-01-10 2025-01-13 2025-01-14 2025-01-15 2025-01-16 \
                  2025-01-17 2025-01-20 2025-01-21 2025-01-22 2025-01-23 2025-01-24",
        skipped: &[
            ("2025-01-01", "Новый год"),
            ("2025-01-02", "Новый год"),
            ("2025-01-03", "Выходной за 05.01.2025"),
            ("2025-01-04", "weekend"),
            ("2025-01-07", "Православное Рождество"),
            ("2025-01-11", "weekend"),
            ("2025-01-12", "weekend"),
            ("2025-01-18", "weekend"),
            ("2025-01-19", "weekend"),
        ],
    },
    Trigger {
        what: "31 December, 23:59",
        at: "2025-12-31T23:59:00+05:00",
        counted: "2026-01-05 2026-01-06 2026-01-08 2026-01-09 2026-01-12 2026-01-13 2026-01-14 2026-01-15 2026-01-16 \
                  2026-01-19 2026-01-20 2026-01-21 2026-01-22 2026-01-23 2026-01-26",
        skipped: &[
            ("2026-01-01", "Новый год"),
            ("2026-01-02", "Новый год"),
            ("2026-01-03", "weekend"),
            ("2026-01-04", "weekend"),
            ("2026-01-07", "Православное Рождество"),
            ("2026-01-10", "weekend"),
            ("2026-01-11", "weekend"),
            ("2026-01-17", "weekend"),
            ("2026-01-18", "weekend"),
            ("2026-01-24", "weekend"),
            ("2026-01-25", "weekend"),
        ],
    },
    Trigger {
        what: "1 January, 00:01: the same last days, a day less between",
        at: "2026-01-01T00:01:00+05:00",
        counted: "2026-01-05 2026-01-06 2026-01-08 2026-01-09 2026-01-12 2026-01-13 2026-01-14 2026-01-15 2026-01-16 \
                  2026-01-19 2026-01-20 2026-01-21 2026-01-22 2026-01-23 2026-01-26",
        skipped: &[
            ("2026-01-02", "Новый год"),
            ("2026-01-03", "weekend"),
            ("2026-01-04", "weekend"),
            ("2026-01-07", "Православное Рождество"),
            ("2026-01-10", "weekend"),
            ("2026-01-11", "weekend"),
            ("2026-01-17", "weekend"),
            ("2026-01-18", "weekend"),
            ("2026-01-24", "weekend"),
            ("2026-01-25", "weekend"),
        ],
    },
    Trigger {
        what: "the Friday before Nauryz, 23:59: its days on the weekend move to Tuesday and Wednesday",
        at: "2026-03-20T23:59:00+05:00",
        counted: "2026-03-26 2026-03-27 2026-03-30 2026-03-31 2026-04-01 2026-04-02 2026-04-03 2026-04-06 2026-04-07 \
                  2026-04-08 2026-04-09 2026-04-10 2026-04-13 2026-04-14 2026-04-15",
        skipped: &[
            ("2026-03-21", NAURYZ),
            ("2026-03-22", NAURYZ),
            ("2026-03-23", NAURYZ),
            ("2026-03-24", NAURYZ_MOVED),
            ("2026-03-25", NAURYZ_MOVED),
            ("2026-03-28", "weekend"),
            ("2026-03-29", "weekend"),
            ("2026-04-04", "weekend"),
            ("2026-04-05", "weekend"),
            ("2026-04-11", "weekend"),
            ("2026-04-12", "weekend"),
        ],
    },
    Trigger {
        what: "the first day after Nauryz, 00:01",
        at: "2026-03-26T00:01:00+05:00",
        counted: "2026-03-27 2026-03-30 2026-03-31 2026-04-01 2026-04-02 2026-04-03 2026-04-06 2026-04-07 2026-04-08 \
                  2026-04-09 2026-04-10 2026-04-13 2026-04-14 2026-04-15 2026-04-16",
        skipped: &[
            ("2026-03-28", "weekend"),
            ("2026-03-29", "weekend"),
            ("2026-04-04", "weekend"),
            ("2026-04-05", "weekend"),
            ("2026-04-11", "weekend"),
            ("2026-04-12", "weekend"),
        ],
    },
    Trigger {
        what: "29 February 2024, 23:59, while Almaty was six hours ahead; the repeated hour begins a minute later",
        at: "2024-02-29T23:59:00+06:00",
        counted: "2024-03-01 2024-03-04 2024-03-05 2024-03-06 2024-03-07 2024-03-11 2024-03-12 2024-03-13 2024-03-14 \
                  2024-03-15 2024-03-18 2024-03-19 2024-03-20 2024-03-26 2024-03-27",
        skipped: &[
            ("2024-03-02", "weekend"),
            ("2024-03-03", "weekend"),
            ("2024-03-08", "Международный женский день"),
            ("2024-03-09", "weekend"),
            ("2024-03-10", "weekend"),
            ("2024-03-16", "weekend"),
            ("2024-03-17", "weekend"),
            ("2024-03-21", NAURYZ),
            ("2024-03-22", NAURYZ),
            ("2024-03-23", NAURYZ),
            ("2024-03-24", "weekend"),
            ("2024-03-25", NAURYZ_MOVED),
        ],
    },
    Trigger {
        what: "1 March 2024, 00:01, five hours ahead",
        at: "2024-03-01T00:01:00+05:00",
        counted: "2024-03-04 2024-03-05 2024-03-06 2024-03-07 2024-03-11 2024-03-12 2024-03-13 2024-03-14 2024-03-15 \
                  2024-03-18 2024-03-19 2024-03-20 2024-03-26 2024-03-27 2024-03-28",
        skipped: &[
            ("2024-03-02", "weekend"),
            ("2024-03-03", "weekend"),
            ("2024-03-08", "Международный женский день"),
            ("2024-03-09", "weekend"),
            ("2024-03-10", "weekend"),
            ("2024-03-16", "weekend"),
            ("2024-03-17", "weekend"),
            ("2024-03-21", NAURYZ),
            ("2024-03-22", NAURYZ),
            ("2024-03-23", NAURYZ),
            ("2024-03-24", "weekend"),
            ("2024-03-25", NAURYZ_MOVED),
        ],
    },
];

/// Every duty whose term runs from a date that a person gives, with its working days and the kind of its case.
const DUTIES: [(&str, &str, usize); 12] = [
    ("fraud-incidents", "inform_client", 1),
    ("fraud-incidents", "inform_regulator", 1),
    ("fraud-incidents", "take_measures", 2),
    ("accrual-suspensions", "suspend_accrual", 3),
    ("accrual-suspensions", "suspend_collection", 3),
    ("accrual-suspensions", "suspend_claims", 3),
    ("accrual-suspensions", "suspend_bureau_reporting", 3),
    ("accrual-suspensions", "notify_of_suspension", 3),
    ("write-offs", "decide_write_off", 15),
    ("write-offs", "correct_credit_history", 15),
    ("write-offs", "refund_collected", 15),
    ("write-offs", "refund_paid", 15),
];

/// A count as the API shows it: the first `days` of those, and what lies between.
pub(crate) fn counted(days: usize, all: &str, skipped: &[(&str, &str)]) -> (String, Value, Value) {
    let counted: Vec<&str> = all.split_whitespace().take(days).collect();
    let last = *counted.last().expect("a day");
    let between = skipped.iter().filter(|(on, _)| *on < last);
    let skipped: Vec<Value> = between.map(|(on, reason)| json!({"on": on, "reason": reason})).collect();
    (last.to_string(), json!(counted), json!(skipped))
}

pub(crate) fn day_after(day: &str) -> NaiveDate {
    day.parse::<NaiveDate>().expect("a day").succ_opt().expect("a day")
}

pub(crate) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The duty's own page shows this count.
pub(crate) async fn assert_duty(
    compliance: &Front,
    duty: &Value,
    days: usize,
    all: &str,
    skipped: &[(&str, &str)],
    what: &str,
) {
    let (due_on, days_counted, days_skipped) = counted(days, all, skipped);
    let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
    let what = format!("{what}: {}", full["kind"]);
    assert_eq!(full["due_on"], due_on, "{what}");
    assert_eq!(full["due_at_almaty"], format!("{}T00:00:00+05:00", day_after(&due_on)), "{what}");
    assert_eq!(full["due_at"], json!(instant(full["due_at_almaty"].as_str().expect("an instant"))), "{what}");
    assert_eq!(full["count"]["counted"], days_counted, "{what}");
    assert_eq!(full["count"]["skipped"], days_skipped, "{what}");
    assert_eq!(full["working_days"].as_i64().map(i64::unsigned_abs), u64::try_from(days).ok(), "{what}");
}

/// One case of a kind whose trigger is a date that a person gives.
async fn report(stack: &Stack, compliance: &Front, kind: &str, trigger: &Trigger, loan: (&str, &str)) -> Case {
    let (iin, loan) = loan;
    let body = match kind {
        "fraud-incidents" => json!({
            "reference": trigger.at, "kind": "other_fraud", "detected_at": trigger.at, "description": "Заявка чужими руками",
            "clients": [{"iin": stack.somebody(), "phone": "+77011234567"}],
        }),
        "accrual-suspensions" => json!({
            "document": {
                "kind": "victim_ruling_art71", "number": trigger.at, "issued_on": "2023-12-01",
                "issuing_body": "УП Алмалинского района", "officer": "Следователь Т.", "criminal_case": "237500121000001",
            },
            "received_at": trigger.at, "iin": iin, "loans": [loan], "documents": [document()],
        }),
        "write-offs" => json!({
            "verdict": {
                "court": "Алмалинский районный суд", "number": trigger.at, "issued_on": "2023-12-01",
                "in_force_on": "2023-12-20", "received_at": trigger.at, "non_receipt_established": true,
            },
            "iin": iin, "loan": loan, "confirmed_by_lawyer": "Юрист А. Б.", "documents": [document()],
        }),
        _ => unreachable!("{kind}"),
    };
    Case::report(compliance, kind, body).await
}

///
#[tokio::test]
async fn a_term_from_a_date_of_the_past_ends_on_the_day_that_the_law_says() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    // The loan is younger than the documents: accrual stops on the day of the act.
    stack.set_case_policy(json!({"suspension_start": "act"})).await;
    let granted = stack.grant().await;
    let mut cases = Vec::new();
    for trigger in &TRIGGERS {
        for kind in ["fraud-incidents", "accrual-suspensions", "write-offs"] {
            let case = report(&stack, &compliance, kind, trigger, (&granted.iin, &granted.loan)).await;
            cases.push((trigger, kind, case));
        }
    }
    for (trigger, kind, case) in cases {
        let of_kind: Vec<_> = DUTIES.iter().filter(|duty| duty.0 == kind).collect();
        case.with_duties_opened(of_kind.len()).await;
        for (_, duty, days) in of_kind {
            let duty = case.duty(duty).await;
            assert_eq!(duty["anchor_at"], json!(instant(trigger.at)), "{}", trigger.what);
            assert_duty(&compliance, &duty, *days, trigger.counted, trigger.skipped, trigger.what).await;
        }
    }
}

/// Para 36 sets no term: a leak opens no duty, whatever the day on which it became known.
#[tokio::test]
async fn a_leak_has_no_term() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    for trigger in &TRIGGERS {
        let body = json!({
            "reference": trigger.at, "source": "сообщение КНБ", "learned_at": trigger.at,
            "description": "База клиентов выложена на форуме", "clients": [{"iin": stack.somebody()}],
        });
        let case = Case::report(&compliance, "data-leaks", body).await;
        let view = case.at_stage("handling").await;
        assert_eq!(view["duties"], json!([]), "{}", trigger.what);
    }
}

/// the ten full working days after a notice that was sent before this system existed.
#[tokio::test]
async fn ten_full_working_days_after_a_notice_are_those_of_the_law() {
    let stack = Stack::start_with(StackOptions { no_channel: true, ..StackOptions::default() }).await;
    let compliance = stack.front("dana", "compliance").await;
    for (number, trigger) in TRIGGERS.iter().enumerate() {
        let (sent_on, _) = trigger.at.split_once('T').expect("a day and a time");
        let outside = json!({"sent_on": sent_on, "receipt_number": "ЗТ-1", "received_at": trigger.at});
        let body = notice(&format!("web-{number}"), "web_resource", json!({"sent_outside": outside}));
        let case = Case::report(&compliance, "channel-notices", body).await;
        let waiting = case.at_stage("awaiting_term").await;
        let (tenth, days_counted, days_skipped) = counted(10, trigger.counted, trigger.skipped);
        let earliest_on = day_after(&tenth);
        assert_eq!(waiting["stage"]["earliest_on"], json!(earliest_on), "{}", trigger.what);
        let term = case.get("draft").await["term"].clone();
        assert_eq!(term["earliest_on"], json!(earliest_on), "{}", trigger.what);
        assert_eq!(term["counted"]["counted"], days_counted, "{}", trigger.what);
        assert_eq!(term["counted"]["skipped"], days_skipped, "{}", trigger.what);
    }
}
