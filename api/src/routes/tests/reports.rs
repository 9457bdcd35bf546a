//! Reports of cases: which one is a repeat, and which one only looks like it.

use axum::http::StatusCode;
use serde_json::json;
use sqlx::PgPool;

use super::{Api, over_one_connection, token};

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_report_is_a_repeat_only_if_it_says_the_same_and_waits_for_no_second_connection(pool: PgPool) {
    let api = Api::start(over_one_connection(&pool).await).await;
    let report = json!({
        "reference": "L-1", "source": "Государственная техническая служба", "learned_at": "2026-11-01T09:00:00Z",
        "description": "Выгрузка", "clients": [{ "iin": "871008401427" }],
    });
    let service = token("front", &["service"]);
    let reported = api.post(&service, "/v1/data-leaks", "key-1", &report).await;
    assert_eq!(reported.status, StatusCode::ACCEPTED, "{}", reported.body);

    let again = api.post(&service, "/v1/data-leaks", "key-2", &report).await;
    assert_eq!((again.status, &again.body["id"]), (StatusCode::OK, &reported.body["id"]), "{}", again.body);
    // Another client under the same reference is no repeat: nothing of it may look as if it were kept.
    let mut other = report.clone();
    other["clients"] = json!([{ "iin": "900101300811" }]);
    for key in ["key-3", "key-3"] {
        let refused = api.post(&service, "/v1/data-leaks", key, &other).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
        assert_eq!(refused.body["refusal"]["code"], "case.reported_differently", "{}", refused.body);
    }
    let denied = "SELECT count(*) FROM audit WHERE NOT allowed AND reason = 'case.reported_differently'";
    assert_eq!(api.count(denied).await, 2);
    assert_eq!(api.count("SELECT count(*) FROM cases").await, 1);
}
