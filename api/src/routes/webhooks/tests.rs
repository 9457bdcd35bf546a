//! The routes of webhooks over a real PostgreSQL: what is stored, shown once, refused and audited.

use axum::http::StatusCode;
use nesie_storage::PgPool;
use serde_json::{Value, json};

use crate::routes::tests::{Answer, Api, token};

const PATH: &str = "/v1/webhook-endpoints";

fn endpoint() -> Value {
    // An address, so that the test asks no name service.
    json!({"url": "https://1.1.1.1/nesie", "events": ["duty.*", "application.granted"], "description": "site"})
}

async fn register(api: &Api, key: &str) -> Answer {
    let answer = api.post(&token("marat", &["operations"]), PATH, key, &endpoint()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer
}

fn path_of(answer: &Answer) -> String {
    format!("{PATH}/{}", answer.body["endpoint"]["id"].as_str().expect("an id"))
}

fn pointers(answer: &Answer) -> Vec<String> {
    let errors = answer.body["errors"].as_array().expect("errors");
    errors.iter().filter_map(|error| error["pointer"].as_str()).map(str::to_owned).collect()
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_secret_is_shown_once_and_stored_sealed(pool: PgPool) {
    let api = Api::start(pool).await;
    let first = register(&api, "k-1").await;
    let secret = first.body["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let again = register(&api, "k-1").await;
    assert_eq!((&again.body["endpoint"], &again.body["secret"]), (&first.body["endpoint"], &Value::Null));
    assert_eq!(api.count("SELECT count(*) FROM webhook_endpoints").await, 1);

    let auditor = token("aigul", &["auditor"]);
    let one = api.get(&auditor, &path_of(&first)).await;
    assert_eq!((one.status, &one.body["pending"]), (StatusCode::OK, &json!(0)), "{}", one.body);
    assert_eq!(one.body["secrets"].as_array().expect("secrets").len(), 1);
    let listed = api.get(&auditor, PATH).await;
    assert_eq!(listed.body["items"], json!([first.body["endpoint"]]));
    for shown in [&one.body, &listed.body] {
        assert!(!shown.to_string().contains("whsec_"), "{shown}");
    }
    let stored = api.count("SELECT count(*) FROM idempotency_keys WHERE response::text LIKE '%whsec_%'").await;
    assert_eq!(stored, 0, "no answer keeps a secret");

    let operations = token("marat", &["operations"]);
    let path = format!("{}/rotation", path_of(&first));
    let rotated = api.post(&operations, &path, "k-2", &json!({"reason": "плановая смена"})).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.body);
    assert_ne!(rotated.body["secret"], json!(secret));
    let one = api.get(&auditor, &path_of(&first)).await;
    assert_eq!(one.body["secrets"][0]["id"], rotated.body["secret_id"]);
    assert_eq!(one.body["secrets"][1]["expires_at"], rotated.body["previous_valid_until"]);
    let late = api.post(&operations, &path, "k-3", &json!({"reason": " ", "overlap_hours": 169})).await;
    assert_eq!(
        (late.status, pointers(&late)),
        (StatusCode::UNPROCESSABLE_ENTITY, vec!["/reason".to_owned(), "/overlap_hours".to_owned()])
    );
    let audited = api.count("SELECT count(*) FROM audit WHERE allowed AND object LIKE 'webhook_endpoint/%'").await;
    assert_eq!(audited, 2, "one act each");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn internal_addresses_are_refused_and_the_denial_is_audited(pool: PgPool) {
    let api = Api::start(pool).await;
    let operations = token("marat", &["operations"]);
    for (key, url, code) in [
        ("k-1", "https://10.0.0.1/", "url.internal"),
        ("k-2", "https://169.254.169.254/latest", "url.internal"),
        ("k-3", "https://[::ffff:127.0.0.1]/", "url.internal"),
        ("k-4", "https://localhost/", "url.internal"),
        ("k-5", "http://1.1.1.1/", "url.scheme"),
        ("k-6", "https://user@1.1.1.1/", "url.parts"),
        ("k-7", "nowhere", "url.malformed"),
    ] {
        let answer = api.post(&operations, PATH, key, &json!({"url": url, "events": ["*"]})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert_eq!(answer.body["errors"][0]["code"], code, "{url}: {}", answer.body);
    }
    assert_eq!(api.count("SELECT count(*) FROM webhook_endpoints").await, 0);
    let denied = api.count("SELECT count(*) FROM audit WHERE NOT allowed AND action = 'register_webhook_endpoint' AND reason LIKE 'url.%'").await;
    assert_eq!(denied, 7);
    let bad = json!({"events": ["duty", "loan.*", "duty.*"], "description": "x".repeat(201), "more": 1});
    let answer = api.post(&operations, PATH, "k-8", &bad).await;
    assert_eq!(pointers(&answer), ["/url", "/events/0", "/events/1", "/description", "/more"]);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_endpoint_is_disabled_and_enabled_once_each(pool: PgPool) {
    let api = Api::start(pool).await;
    let operations = token("marat", &["operations"]);
    let path = path_of(&register(&api, "k-1").await);
    let (off, on) = (format!("{path}/disablement"), format!("{path}/enablement"));
    let reason = json!({"reason": "получатель на обслуживании"});
    let disabled = api.post(&operations, &off, "k-2", &reason).await;
    assert_eq!(disabled.status, StatusCode::OK, "{}", disabled.body);
    assert!(!disabled.body["disabled_at"].is_null());
    let again = api.post(&operations, &off, "k-2", &reason).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &disabled.body), "the same request");
    let twice = api.post(&operations, &off, "k-3", &reason).await;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "act_not_expected"));
    assert_eq!(twice.body["expected"]["path"], json!(on));
    let enabled = api.post(&operations, &on, "k-4", &reason).await;
    assert_eq!((enabled.status, &enabled.body["disabled_at"]), (StatusCode::OK, &Value::Null));
    let acts = api.count("SELECT count(*) FROM audit WHERE allowed AND action IN ('disable_webhook_endpoint', 'enable_webhook_endpoint') AND reason <> ''").await;
    let denials =
        api.count("SELECT count(*) FROM audit WHERE NOT allowed AND action = 'disable_webhook_endpoint'").await;
    assert_eq!((acts, denials), (2, 1));
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_replay_names_one_known_event_or_a_range(pool: PgPool) {
    let api = Api::start(pool).await;
    let operations = token("marat", &["operations"]);
    let path = format!("{}/replays", path_of(&register(&api, "k-1").await));
    let (from, to) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00+05:00");
    for (key, body, pointer) in [
        ("k-2", json!({"reason": "r"}), "/event_id"),
        ("k-3", json!({"reason": "r", "event_id": "evt_1"}), "/event_id"),
        ("k-4", json!({"reason": "r", "event_id": "evt_6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10"}), "/event_id"),
        (
            "k-5",
            json!({"reason": "r", "event_id": "evt_6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10", "from": from}),
            "/event_id",
        ),
        ("k-6", json!({"reason": "r", "from": from}), "/to"),
        ("k-7", json!({"reason": "r", "from": from, "to": from}), "/to"),
        ("k-8", json!({"reason": "r", "from": "yesterday", "to": to}), "/from"),
        ("k-9", json!({"from": from, "to": to}), "/reason"),
    ] {
        let answer = api.post(&operations, &path, key, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(pointers(&answer), [pointer], "{body}");
    }
    assert_eq!(api.count("SELECT count(*) FROM webhook_replays").await, 0);
    let range = json!({"reason": "получатель терял уведомления", "from": from, "to": to});
    let accepted = api.post(&operations, &path, "k-10", &range).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.body);
    assert_eq!(api.post(&operations, &path, "k-10", &range).await.body, accepted.body);
    assert_eq!(api.count("SELECT count(*) FROM webhook_replays").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'replay_webhooks' AND allowed").await, 1);
    let unknown = format!("{PATH}/6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10/replays");
    assert_eq!(api.post(&operations, &unknown, "k-11", &range).await.status, StatusCode::NOT_FOUND);
    let bad = api.get(&operations, &format!("{}/deliveries?state=lost", path.trim_end_matches("/replays"))).await;
    assert_eq!(pointers(&bad), ["?state"]);
}
