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
    assert_eq!(api.get(&auditor, "/v1/calendar/versions/none").await.status, StatusCode::NOT_FOUND);
}
