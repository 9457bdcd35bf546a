//! Terms that run from what the workflow's own clock says, at chosen moments ahead: a client who is found later, a notice
//! that is sent, a day that is planned. The years ahead are given to the calendar by two people, as they would be in life.
//! Never a count of days: every day that is expected is written here by hand.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Case, Front, Stack, StackOptions, calendar_day, notice, time};
use crate::terms::{assert_duty, counted, day_after, instant};

const NAURYZ: &str = "Наурыз мейрамы";
const OFF_FOR_SATURDAY: &str = "Выходной за 04.05.2030";

/// The turn of 2029 and the spring of 2030, with a worked Saturday. The days before are not asked for.
fn days_ahead() -> Vec<Value> {
    [
        ("2029-12-16", "public_holiday", "День Независимости"),
        ("2029-12-17", "shifted_day_off", "День Независимости (перенос)"),
        ("2030-01-01", "public_holiday", "Новый год"),
        ("2030-01-02", "public_holiday", "Новый год"),
        ("2030-01-07", "public_holiday", "Православное Рождество"),
        ("2030-03-08", "public_holiday", "Международный женский день"),
        ("2030-03-15", "public_holiday", "День Конституции"),
        ("2030-03-21", "public_holiday", NAURYZ),
        ("2030-03-22", "public_holiday", NAURYZ),
        ("2030-03-23", "public_holiday", NAURYZ),
        ("2030-03-25", "shifted_day_off", "Наурыз мейрамы (перенос)"),
        ("2030-05-01", "public_holiday", "Праздник единства народа Казахстана"),
        ("2030-05-04", "worked_weekend", "Рабочий день за 08.05.2030"),
        ("2030-05-07", "public_holiday", "День защитника Отечества"),
        ("2030-05-08", "transferred_day_off", OFF_FOR_SATURDAY),
        ("2030-05-09", "public_holiday", "День Победы"),
    ]
    .map(|(on, kind, name)| calendar_day(on, kind, name))
    .to_vec()
}

async fn stack_of_2030() -> (Stack, Front) {
    let stack = Stack::start_with(StackOptions { no_channel: true, ..StackOptions::default() }).await;
    stack.publish_calendar("kz-2030", Some("2030-12-31"), &days_ahead()).await;
    let compliance = stack.front("dana", "compliance").await;
    (stack, compliance)
}

/// A moment of Almaty's clocks, or a day, and the ten working days after it, or before.
struct Moment {
    at: &'static str,
    counted: &'static str,
    skipped: &'static [(&'static str, &'static str)],
}

const MAY: &[(&str, &str)] = &[
    ("2030-05-05", "weekend"),
    ("2030-05-07", "День защитника Отечества"),
    ("2030-05-08", OFF_FOR_SATURDAY),
    ("2030-05-09", "День Победы"),
    ("2030-05-11", "weekend"),
    ("2030-05-12", "weekend"),
    ("2030-05-18", "weekend"),
    ("2030-05-19", "weekend"),
];

/// In the order of time: one clock passes through them all.
const MOMENTS: [Moment; 7] = [
    Moment {
        at: "2029-12-31T23:59:00+05:00",
        counted: "2030-01-03 2030-01-04 2030-01-08 2030-01-09 2030-01-10 2030-01-11 2030-01-14 2030-01-15 2030-01-16 2030-01-17",
        skipped: &[
            ("2030-01-01", "Новый год"),
            ("2030-01-02", "Новый год"),
            ("2030-01-05", "weekend"),
            ("2030-01-06", "weekend"),
            ("2030-01-07", "Православное Рождество"),
            ("2030-01-12", "weekend"),
            ("2030-01-13", "weekend"),
        ],
    },
    Moment {
        at: "2030-01-01T00:01:00+05:00",
        counted: "2030-01-03 2030-01-04 2030-01-08 2030-01-09 2030-01-10 2030-01-11 2030-01-14 2030-01-15 2030-01-16 2030-01-17",
        skipped: &[
            ("2030-01-02", "Новый год"),
            ("2030-01-05", "weekend"),
            ("2030-01-06", "weekend"),
            ("2030-01-07", "Православное Рождество"),
            ("2030-01-12", "weekend"),
            ("2030-01-13", "weekend"),
        ],
    },
    Moment {
        at: "2030-03-20T23:59:00+05:00",
        counted: "2030-03-26 2030-03-27 2030-03-28 2030-03-29 2030-04-01 2030-04-02 2030-04-03 2030-04-04 2030-04-05 2030-04-08",
        skipped: &[
            ("2030-03-21", NAURYZ),
            ("2030-03-22", NAURYZ),
            ("2030-03-23", NAURYZ),
            ("2030-03-24", "weekend"),
            ("2030-03-25", "Наурыз мейрамы (перенос)"),
            ("2030-03-30", "weekend"),
            ("2030-03-31", "weekend"),
            ("2030-04-06", "weekend"),
            ("2030-04-07", "weekend"),
        ],
    },
    Moment {
        at: "2030-03-26T00:01:00+05:00",
        counted: "2030-03-27 2030-03-28 2030-03-29 2030-04-01 2030-04-02 2030-04-03 2030-04-04 2030-04-05 2030-04-08 2030-04-09",
        skipped: &[
            ("2030-03-30", "weekend"),
            ("2030-03-31", "weekend"),
            ("2030-04-06", "weekend"),
            ("2030-04-07", "weekend"),
        ],
    },
    // An ordinary Saturday, a week before the one that works.
    Moment {
        at: "2030-04-27T12:00:00+05:00",
        counted: "2030-04-29 2030-04-30 2030-05-02 2030-05-03 2030-05-04 2030-05-06 2030-05-10 2030-05-13 2030-05-14 2030-05-15",
        skipped: &[
            ("2030-04-28", "weekend"),
            ("2030-05-01", "Праздник единства народа Казахстана"),
            ("2030-05-05", "weekend"),
            ("2030-05-07", "День защитника Отечества"),
            ("2030-05-08", OFF_FOR_SATURDAY),
            ("2030-05-09", "День Победы"),
            ("2030-05-11", "weekend"),
            ("2030-05-12", "weekend"),
        ],
    },
    Moment {
        at: "2030-05-03T23:59:00+05:00",
        counted: "2030-05-04 2030-05-06 2030-05-10 2030-05-13 2030-05-14 2030-05-15 2030-05-16 2030-05-17 2030-05-20 2030-05-21",
        skipped: MAY,
    },
    // On the Saturday that works.
    Moment {
        at: "2030-05-04T00:01:00+05:00",
        counted: "2030-05-06 2030-05-10 2030-05-13 2030-05-14 2030-05-15 2030-05-16 2030-05-17 2030-05-20 2030-05-21 2030-05-22",
        skipped: MAY,
    },
];

/// each client who is found later has a term from the instant of that, on one incident over half a year.
#[tokio::test]
async fn a_client_found_at_the_edge_of_a_day_is_to_be_informed_by_the_law_of_that_day() {
    let (stack, compliance) = stack_of_2030().await;
    let incident = json!({
        "reference": "INC-2030", "kind": "other_fraud", "detected_at": "2026-11-20T10:00:00+05:00",
        "description": "Заявки от чужого имени",
    });
    let case = Case::report(&compliance, "fraud-incidents", incident).await;
    case.with_duties_opened(2).await;
    let temporal = stack.temporal().await;
    for (found, moment) in MOMENTS.iter().enumerate() {
        time::advance_to(&temporal, &case.workflow(), instant(moment.at)).await;
        let client = json!({"iin": stack.somebody(), "phone": "+77011234567"});
        case.done("clients", json!({"clients": [client]})).await;
        let lines = case.get("clients").await;
        let lines = lines["items"].as_array().expect("clients").clone();
        assert_eq!(lines.len(), found + 1, "{}", moment.at);
        let newest = lines.iter().max_by_key(|line| instant(line["established_at"].as_str().expect("an instant")));
        let newest = newest.expect("there is one")["client_id"].clone();
        let duties = case.view().await["duties"].as_array().expect("duties").clone();
        let duty = duties.into_iter().find(|duty| duty["subject"] == newest).expect("his duty");
        let late = instant(duty["anchor_at"].as_str().expect("an anchor")) - instant(moment.at);
        assert!((0..59).contains(&late.num_seconds()), "{}: {duty}", moment.at);
        assert_duty(&compliance, &duty, 1, moment.counted, moment.skipped, moment.at).await;
    }
}

/// the ten full working days after a notice that this system sent, by the clock at which it was sent.
#[tokio::test]
async fn a_notice_sent_at_the_edge_of_a_day_waits_the_ten_full_working_days_after_that_day() {
    let (stack, compliance) = stack_of_2030().await;
    let temporal = stack.temporal().await;
    for (number, moment) in MOMENTS.iter().enumerate() {
        let body = notice(&format!("terminal-{number}"), "terminal", json!({"name": "Алматы, пр. Абая, 10"}));
        let case = Case::report(&compliance, "channel-notices", body).await;
        case.at_stage("draft").await;
        time::advance_to(&temporal, &case.workflow(), instant(moment.at)).await;
        case.done("sending", json!({})).await;
        let waiting = case.at_stage("awaiting_term").await;
        let (tenth, days_counted, days_skipped) = counted(10, moment.counted, moment.skipped);
        let notice = case.get("draft").await;
        assert_eq!(notice["receipt"]["counted_from"], moment.at[..10], "{}: {notice}", moment.at);
        assert_eq!(waiting["stage"]["earliest_on"], json!(day_after(&tenth)), "{}", moment.at);
        assert_eq!(notice["term"]["counted"]["counted"], days_counted, "{}", moment.at);
        assert_eq!(notice["term"]["counted"]["skipped"], days_skipped, "{}", moment.at);
        if number == 0 {
            // Still refused a minute before the day, and done a minute after it has begun.
            let opens = format!("{}T00:00:00+05:00", day_after(&tenth));
            let begins = instant(&opens);
            time::advance_to(&temporal, &case.workflow(), begins - chrono::TimeDelta::minutes(1)).await;
            let (status, answer) = case.act("activation", json!({})).await;
            assert_eq!(status, StatusCode::CONFLICT, "{answer}");
            assert_eq!(answer["refusal"]["code"], "channel_notice.too_early", "{answer}");
            time::advance_to(&temporal, &case.workflow(), begins + chrono::TimeDelta::minutes(1)).await;
            case.done("activation", json!({})).await;
            stack.proves("R-032", &case.workflow(), "channel_opened", json!({"kind": "terminal"})).await;
        }
    }
}

/// Planned days, each with the ten working days before it, the nearest first.
const PLANNED: [Moment; 5] = [
    Moment {
        at: "2030-01-03",
        counted: "2029-12-31 2029-12-28 2029-12-27 2029-12-26 2029-12-25 2029-12-24 2029-12-21 2029-12-20 2029-12-19 2029-12-18",
        skipped: &[
            ("2030-01-02", "Новый год"),
            ("2030-01-01", "Новый год"),
            ("2029-12-30", "weekend"),
            ("2029-12-29", "weekend"),
            ("2029-12-23", "weekend"),
            ("2029-12-22", "weekend"),
        ],
    },
    Moment {
        at: "2030-03-26",
        counted: "2030-03-20 2030-03-19 2030-03-18 2030-03-14 2030-03-13 2030-03-12 2030-03-11 2030-03-07 2030-03-06 2030-03-05",
        skipped: &[
            ("2030-03-25", "Наурыз мейрамы (перенос)"),
            ("2030-03-24", "weekend"),
            ("2030-03-23", NAURYZ),
            ("2030-03-22", NAURYZ),
            ("2030-03-21", NAURYZ),
            ("2030-03-17", "weekend"),
            ("2030-03-16", "weekend"),
            ("2030-03-15", "День Конституции"),
            ("2030-03-10", "weekend"),
            ("2030-03-09", "weekend"),
            ("2030-03-08", "Международный женский день"),
        ],
    },
    // A Saturday.
    Moment {
        at: "2030-04-27",
        counted: "2030-04-26 2030-04-25 2030-04-24 2030-04-23 2030-04-22 2030-04-19 2030-04-18 2030-04-17 2030-04-16 2030-04-15",
        skipped: &[("2030-04-21", "weekend"), ("2030-04-20", "weekend")],
    },
    // A Saturday that works: it is itself not counted.
    Moment {
        at: "2030-05-04",
        counted: "2030-05-03 2030-05-02 2030-04-30 2030-04-29 2030-04-26 2030-04-25 2030-04-24 2030-04-23 2030-04-22 2030-04-19",
        skipped: &[
            ("2030-05-01", "Праздник единства народа Казахстана"),
            ("2030-04-28", "weekend"),
            ("2030-04-27", "weekend"),
            ("2030-04-21", "weekend"),
            ("2030-04-20", "weekend"),
        ],
    },
    Moment {
        at: "2030-05-06",
        counted: "2030-05-04 2030-05-03 2030-05-02 2030-04-30 2030-04-29 2030-04-26 2030-04-25 2030-04-24 2030-04-23 2030-04-22",
        skipped: &[
            ("2030-05-05", "weekend"),
            ("2030-05-01", "Праздник единства народа Казахстана"),
            ("2030-04-28", "weekend"),
            ("2030-04-27", "weekend"),
        ],
    },
];

/// the day by which the regulator is to be notified lies ten working days before the day that is planned.
#[tokio::test]
async fn a_planned_day_says_by_when_the_regulator_is_to_be_notified() {
    let (stack, compliance) = stack_of_2030().await;
    for (number, Moment { at: planned, counted: days, skipped }) in PLANNED.iter().enumerate() {
        for (sort, field, kind) in
            [("opening", "planned_on", "notify_of_opening"), ("change", "effective_on", "notify_of_change")]
        {
            let code = format!("{sort}-{number}");
            if sort == "change" {
                stack.open_channel(&code, "mobile_application").await;
            }
            let body = notice(&code, "mobile_application", json!({"notice": sort, field: planned}));
            let case = Case::report(&compliance, "channel-notices", body).await;
            case.with_duties_opened(1).await;
            let duty = case.duty(kind).await;
            assert_eq!(duty["anchor_at_almaty"], format!("{planned}T00:00:00+05:00"), "{duty}");
            let last = days.split_whitespace().last().expect("a day");
            let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
            let skipped: Vec<Value> = skipped.iter().map(|(on, reason)| json!({"on": on, "reason": reason})).collect();
            assert_eq!((&full["due_on"], &full["working_days"]), (&json!(last), &json!(-10)), "{planned}");
            assert_eq!(full["due_at_almaty"], format!("{}T00:00:00+05:00", day_after(last)), "{planned}");
            let days: Vec<&str> = days.split_whitespace().collect();
            assert_eq!(full["count"]["counted"], json!(days), "{planned}");
            assert_eq!(full["count"]["skipped"], json!(skipped), "{planned}");
        }
    }
}
