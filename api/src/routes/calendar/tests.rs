//! The calendar over the whole router and a real PostgreSQL.

use axum::http::StatusCode;
use nesie_storage::PgPool;
use serde_json::{Value, json};

use crate::routes::tests::{Api, token};

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn working_days_are_counted_both_ways_and_never_beyond_the_calendar(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let ask = |query: &'static str| {
        let (api, service) = (&api, &service);
        async move { api.get(service, &format!("/v1/calendar/working-days?{query}")).await }
    };
    let answer = ask("from=2026-12-30&days=2").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        answer.body,
        json!({
            "due_on": "2027-01-05", "due_at": "2027-01-05T19:00:00Z", "due_at_almaty": "2027-01-06T00:00:00+05:00",
            "calendar_version": "kz-2026-11-22", "estimated": false, "counted": ["2026-12-31", "2027-01-05"],
            "skipped": [
                {"on": "2027-01-01", "reason": "Новый год"}, {"on": "2027-01-02", "reason": "Новый год"},
                {"on": "2027-01-03", "reason": "weekend"}, {"on": "2027-01-04", "reason": "Новый год (перенос)"},
            ],
        })
    );
    let back = ask("from=2027-01-05&days=-1").await;
    assert_eq!((&back.body["due_on"], &back.body["counted"]), (&json!("2026-12-31"), &json!(["2026-12-31"])));
    assert_eq!(ask("from=2027-05-13&days=3").await.body["estimated"], json!(true));

    for query in ["from=2027-12-30&days=2", "from=2028-01-03&days=1", "from=2020-01-03&days=-10"] {
        let answer = ask(query).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "outside_calendar"), "{query}");
        assert_eq!(answer.body["expected"], json!({"first_day": "2020-01-01", "last_day": "2027-12-31"}));
    }
    for query in ["", "from=2026-02-30&days=1001", "from=x&days=-1001", "from=20261122&days=1.5"] {
        let answer = ask(query).await;
        let pointers: Vec<_> =
            answer.body["errors"].as_array().expect("errors").iter().map(|error| error["pointer"].clone()).collect();
        assert_eq!(pointers, ["?from", "?days"], "{query}");
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn versions_are_shown_with_their_days(pool: PgPool) {
    let api = Api::start(pool).await;
    let auditor = token("a", &["auditor"]);
    let list = api.get(&auditor, "/v1/calendar/versions").await;
    let line = &list.body["items"][0];
    assert_eq!((&line["version"], &line["current"]), (&json!("kz-2026-11-22"), &json!(true)));
    assert_eq!((&line["published_by"], &line["approval_id"]), (&json!("shipped"), &Value::Null));
    assert!(line["ends_in_days"].is_i64());
    let one = api.get(&auditor, "/v1/calendar/versions/kz-2026-11-22").await;
    assert_eq!(one.body["days"].as_array().map(Vec::len), Some(172));
    assert_eq!(one.body["days"][0]["kind"], "public_holiday");
    // What no version can be called is looked for nowhere.
    let long = "x".repeat(41);
    for name in ["none", "%00", "%FF", "KZ-2", "kz%202", long.as_str()] {
        for path in [format!("/v1/calendar/versions/{name}"), format!("/v1/calendar/versions/{name}/changes")] {
            let answer = api.get(&auditor, &path).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
        }
    }
}

/// The version in force as a proposal of another name.
async fn proposal(api: &Api) -> Value {
    let one = api.get(&token("c", &["compliance"]), "/v1/calendar/versions/kz-2026-11-22").await.body;
    json!({
        "version": "kz-2", "first_day": "2020-01-01", "last_day": "2028-12-31", "source": "приказ Министра труда",
        "days": one["days"], "reason": "перенос опубликован",
    })
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_proposed_version_waits_for_a_second_person_and_publishes_nothing(pool: PgPool) {
    let api = Api::start(pool).await;
    let compliance = token("maker", &["compliance"]);
    let mut body = proposal(&api).await;
    let day = |on: &str, estimated| json!({"on": on, "kind": "transferred_day_off", "name": "Выходной", "source": "приказ", "estimated": estimated});
    let days = body["days"].as_array_mut().expect("days");
    days.retain(|day| day["on"] != "2027-12-16");
    days.push(day("2026-11-23", false));
    days.iter_mut().filter(|day| day["on"] == "2027-05-16").for_each(|day| day["estimated"] = json!(false));
    let path = "/v1/calendar/versions";
    let answer = api.post(&compliance, path, "k-1", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let difference = &answer.body["difference"];
    assert_eq!(difference["added"][0]["on"], "2026-11-23");
    assert_eq!(difference["removed"][0]["on"], "2027-12-16");
    assert_eq!(
        (&difference["changed"][0]["before"]["estimated"], &difference["changed"][0]["after"]["estimated"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        difference["span"],
        json!({"before": ["2020-01-01", "2027-12-31"], "after": ["2020-01-01", "2028-12-31"]})
    );
    assert_eq!(api.post(&compliance, path, "k-1", &body).await.body, answer.body, "the same key, the same answer");
    assert_eq!(api.count("SELECT count(*) FROM approvals WHERE kind = 'publish_calendar' AND state = 'pending' AND maker = 'http://issuer.test|maker'").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'propose_calendar_version' AND object = 'calendar/kz-2' AND reason = 'перенос опубликован'").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM calendar_versions").await, 1, "nothing is published");
    let changes = api.get(&compliance, "/v1/calendar/versions/kz-2026-11-22/changes").await;
    assert_eq!(changes.body, json!({"items": [], "next": null}));
    assert_eq!(api.get(&compliance, "/v1/calendar/versions/kz-2/changes").await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_version_that_makes_no_sense_is_refused_by_field_and_stores_nothing(pool: PgPool) {
    let api = Api::start(pool).await;
    let compliance = token("maker", &["compliance"]);
    let good = proposal(&api).await;
    let count = good["days"].as_array().map(Vec::len).expect("days");
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("a field") = value;
        body
    };
    let and_day = |on: &str, kind: &str| {
        let mut body = good.clone();
        let day = json!({"on": on, "kind": kind, "name": "День", "source": "приказ", "estimated": false});
        body["days"].as_array_mut().expect("days").push(day);
        body
    };
    let last = format!("/days/{count}/on");
    let cases = [
        (with("/version", json!("KZ 2")), "/version".to_owned(), "calendar.version"),
        (with("/version", json!("kz-2026-11-22")), "/version".to_owned(), "calendar.version_taken"),
        (with("/last_day", json!("2026-12-31")), "/last_day".to_owned(), "calendar.span_shortened"),
        (with("/first_day", json!("2020-01-02")), "/first_day".to_owned(), "calendar.span_shortened"),
        (with("/reason", json!(" ")), "/reason".to_owned(), "reason.length"),
        (with("/source", json!("")), "/source".to_owned(), "text.length"),
        (with("/days/0/source", json!("")), "/days/0/source".to_owned(), "text.length"),
        (with("/days/0/kind", json!("day")), "/days/0/kind".to_owned(), "day_kind.unknown"),
        (and_day("2026-11-23", "worked_weekend"), last.clone(), "calendar.day_of_week"),
        (and_day("2020-01-01", "public_holiday"), last.clone(), "calendar.day_twice"),
        (and_day("2029-01-01", "public_holiday"), last, "calendar.day_outside"),
    ];
    for (index, (body, pointer, code)) in cases.iter().enumerate() {
        let answer = api.post(&compliance, "/v1/calendar/versions", &format!("k-{index}"), body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}: {}", answer.body);
        let error = &answer.body["errors"][0];
        assert_eq!((error["pointer"].as_str(), error["code"].as_str()), (Some(pointer.as_str()), Some(*code)));
    }
    assert_eq!(api.count("SELECT count(*) FROM approvals").await, 0);
    let operations = api.post(&token("o", &["operations"]), "/v1/calendar/versions", "k", &good).await;
    assert_eq!(operations.status, StatusCode::FORBIDDEN);
}
