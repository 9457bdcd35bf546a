//! The whole router over a real PostgreSQL and a real issuer of tokens; Temporal is not reached, as for every read.

mod approvals;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::ids::{ApplicationId, ParkedStepId};
use nesie_platform::protection::Protection;
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::parked::{self, NewParkedStep};
use nesie_storage::screening::Decision;
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt as _;

use crate::app::{App, AppSettings};
use crate::cli::CallbackSecret;

/// A key made for these tests alone.
const KEY_PKCS8: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFcm23FQ/7xRe/ewljqTzGsclAAuT3nG0ZCXXoCpT6fWhRANCAASy8/gBD5wEGj7qkmI2rDIqebaBYYD449ffE5KZCCpaJ432hfCHCvPWPVfx/l0NY10kxdL07c95vMSj2cByp1i+";
const KEY_X: &str = "svP4AQ-cBBo-6pJiNqwyKnm2gWGA-OPX3xOSmQgqWic";
const KEY_Y: &str = "jfaF8IcK89Y9V_H-XQ1jXSTF0vTtz3m8xKPZwHKnWL4";
const ISSUER: &str = "http://issuer.test";
const ROLES: [&str; 5] = ["service", "compliance", "operations", "approver", "auditor"];

pub(super) struct Api {
    router: Router,
    pub(super) pool: PgPool,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub(super) async fn start(pool: PgPool) -> Self {
        nesie_storage::migrate::migrate_with(&pool).await.expect("limits are seeded");
        sqlx::query(
            "INSERT INTO channels (code, name, kind, operations, active_from, source)
             VALUES ('web', 'nesie.kz', 'web_resource', '{microcredit_account}', '2026-01-12', 'a test')",
        )
        .execute(&pool)
        .await
        .expect("an open channel");
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "use": "sig", "x": KEY_X, "y": KEY_Y}]});
        let issuer = Router::new().route("/jwks.json", axum::routing::get(move || async move { axum::Json(jwks) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, issuer).await });
        let app = App::new(AppSettings {
            pool: pool.clone(),
            protection: Protection::new(&[1; 32], &[2; 32]),
            http: nesie_platform::http::client(nesie_platform::http::HttpSettings::default()).expect("a client"),
            oidc_issuer: ISSUER.to_owned(),
            oidc_jwks_url: format!("http://{address}/jwks.json"),
            callback_secret: CallbackSecret::new("a-secret-of-the-tests".to_owned()),
            inside: nesie_platform::outward::Inside::Refused,
        });
        Self { router: crate::router(app), pool }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router is infallible");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 24).await.expect("a body");
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    pub(super) async fn get(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// Asks for another page than the one of this tag, and waits for it so many seconds.
    async fn changed(&self, token: &str, path: &str, tag: &str, seconds: u64) -> Answer {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {token}"))
            .header("if-none-match", tag)
            .header("prefer", format!("wait={seconds}"));
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn post(&self, token: &str, path: &str, key: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.expect("counted")
    }
}

pub(super) fn token(subject: &str, roles: &[&str]) -> String {
    token_with(&json!({"iss": ISSUER, "aud": "nesie", "sub": subject, "roles": roles, "exp": 4_000_000_000_u64}))
}

fn token_with(claims: &Value) -> String {
    let key = EncodingKey::from_ec_der(&STANDARD.decode(KEY_PKCS8).expect("base64"));
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &key).expect("a token")
}

fn application() -> Value {
    json!({
        "client": {
            "kind": "individual", "iin": "900101300017", "surname": "Әлімханов", "given_name": "Қанат",
            "identity_document": {"kind": "identity_card", "number": "012345678", "expires_on": "2090-01-01"},
            "phone": "8 701 123 45 67", "politically_exposed": false,
        },
        "channel": "web", "purpose": "consumer", "amount": "300000.00", "annual_rate": "36.0", "term_months": 12,
    })
}

/// Every documented operation that needs a token, with its path filled in.
fn protected_operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(crate::document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let public = operation["security"].as_array().is_some_and(|security| security == &[json!({})]);
            let exempt = matches!(path.as_str(), "/healthz" | "/readyz" | "/v1/callbacks/payments");
            assert_eq!(public, exempt, "{method} {path}");
            if !exempt {
                operations.push((
                    method.to_uppercase(),
                    path.replace("{id}", "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10").replace("{version}", "none"),
                ));
            }
        }
    }
    operations
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn every_documented_route_needs_a_token_and_each_denial_is_audited(pool: PgPool) {
    let api = Api::start(pool).await;
    let operations = protected_operations();
    assert!(operations.len() >= 18, "{operations:?}");
    let expired = token_with(&json!({"iss": ISSUER, "aud": "nesie", "sub": "s", "roles": ROLES, "exp": 1}));
    let elsewhere =
        token_with(&json!({"iss": ISSUER, "aud": "other", "sub": "s", "roles": ROLES, "exp": 4_000_000_000_u64}));
    let stranger = token_with(
        &json!({"iss": "http://other", "aud": "nesie", "sub": "s", "roles": ROLES, "exp": 4_000_000_000_u64}),
    );
    let tampered = format!("{}x", token("s", &ROLES));
    let early = token_with(
        &json!({"iss": ISSUER, "aud": "nesie", "sub": "s", "roles": ROLES, "nbf": 3_900_000_000_u64, "exp": 4_000_000_000_u64}),
    );
    let unstorable = token("s\0", &ROLES);
    let bad = [expired, elsewhere, stranger, tampered, early, unstorable, "x.y.z".to_owned()];
    let tokens: Vec<Option<String>> = std::iter::once(None).chain(bad.into_iter().map(Some)).collect();
    for (method, path) in &operations {
        for token in &tokens {
            let mut request = Request::builder().method(method.as_str()).uri(path);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = api.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::UNAUTHORIZED, "unauthenticated"),
                "{method} {path}"
            );
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().expect("an id"));
        }
    }
    let denials = i64::try_from(operations.len() * tokens.len()).expect("few");
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE NOT allowed AND actor = 'anonymous'").await, denials);
    let early = api.count("SELECT count(*) FROM audit WHERE reason = 'token_not_yet_valid'").await;
    assert_eq!(early, i64::try_from(operations.len()).expect("few"));
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_role_opens_its_own_routes_only(pool: PgPool) {
    let api = Api::start(pool).await;
    let all: &[&str] = &ROLES;
    for (method, path) in protected_operations() {
        let allowed: &[&str] = match (method.as_str(), path.as_str()) {
            ("POST", "/v1/quotes") | ("GET", "/v1/applications") => all,
            ("GET", "/v1/parked-steps") => &["operations", "compliance", "auditor"],
            ("POST", path) if path.starts_with("/v1/parked-steps") => &["operations"],
            ("GET", path) if path.starts_with("/v1/approvals") => &["compliance", "operations", "approver", "auditor"],
            ("POST", path) if path.starts_with("/v1/approvals") => &["compliance", "operations", "approver"],
            ("GET", path) if path.starts_with("/v1/fraud-incidents") => &ROLES[1..],
            ("POST", "/v1/fraud-incidents") => &["service", "compliance"],
            ("POST", path) if path.starts_with("/v1/fraud-incidents") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/accrual-suspensions") => &ROLES[1..],
            ("POST", path) if path.starts_with("/v1/accrual-suspensions") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/write-offs") => &ROLES[1..],
            ("POST", path) if path.starts_with("/v1/write-offs") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/data-leaks") => &ROLES[1..],
            ("POST", "/v1/data-leaks") => &["service", "compliance"],
            ("POST", path) if path.starts_with("/v1/data-leaks") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/channel-notices") => &ROLES[1..],
            ("POST" | "PUT", path) if path.starts_with("/v1/channel-notices") => &["compliance"],
            ("GET", "/v1/screening-matches") => &["compliance", "auditor"],
            ("POST", path) if path.starts_with("/v1/screening-matches") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/webhook-endpoints") => &["operations", "auditor"],
            ("POST", path) if path.starts_with("/v1/webhook-endpoints") => &["operations"],
            ("POST", "/v1/calendar/versions") => &["compliance"],
            ("GET", path) if path.starts_with("/v1/duties") || path.ends_with("/changes") => {
                &["compliance", "operations", "approver", "auditor"]
            }
            ("GET", _) => all,
            _ => &["service"],
        };
        for role in ROLES {
            let request = Request::builder()
                .method(method.as_str())
                .uri(&path)
                .header("authorization", format!("Bearer {}", token("somebody", &[role])));
            let answer = api.send(request.body(Body::empty()).expect("a request")).await;
            let forbidden = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(forbidden, !allowed.contains(&role), "{method} {path} as {role}: {}", answer.status);
        }
    }
    let reasons = api.count("SELECT count(*) FROM audit WHERE NOT allowed AND reason = 'role_missing' AND actor = 'http://issuer.test|somebody'").await;
    assert!(reasons > 0);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_application_is_stored_once_and_its_key_gives_the_same_answer(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let first = api.post(&service, "/v1/applications", "key-1", &application()).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    assert_eq!(first.headers["location"], first.body["links"]["self"].as_str().expect("a link"));
    let again = api.post(&service, "/v1/applications", "key-1", &application()).await;
    assert_eq!(
        (again.status, &again.body, &again.headers["location"]),
        (first.status, &first.body, &first.headers["location"])
    );
    let mut other = application();
    other["amount"] = "200000.00".into();
    let reused = api.post(&service, "/v1/applications", "key-1", &other).await;
    assert_eq!((reused.status, reused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));
    assert_eq!(api.count("SELECT count(*) FROM applications").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'submit_application' AND allowed").await, 1);

    let path = first.body["links"]["self"].as_str().expect("a link");
    let own = api.get(&service, path).await;
    assert_eq!(
        (own.status, &own.body["amount"], &own.body["annual_rate"]),
        (StatusCode::OK, &json!("300000.00"), &json!("36.0"))
    );
    assert_eq!(own.body["stage"]["stage"], "assessing");
    let foreign = api.get(&token("other", &["service"]), path).await;
    let unknown = api.get(&service, "/v1/applications/6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10").await;
    assert_eq!(
        (foreign.status, foreign.code(), &foreign.body["detail"]),
        (unknown.status, unknown.code(), &unknown.body["detail"])
    );
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE reason = 'not_the_submitter'").await, 1);
    assert_eq!(api.get(&token("other", &["service"]), "/v1/applications").await.body["items"], json!([]));
    assert_eq!(
        api.get(&token("o", &["operations"]), "/v1/applications").await.body["items"].as_array().map(Vec::len),
        Some(1)
    );
    let sealed: bool =
        sqlx::query_scalar("SELECT position('900101300017'::bytea IN applicant_sealed) = 0 FROM applications")
            .fetch_one(&api.pool)
            .await
            .expect("read");
    assert!(sealed, "the applicant is not stored in plain text");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_bad_request_names_its_fields_and_stores_nothing(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let mut bad = application();
    bad["client"]["iin"] = "900101300018".into();
    bad["annual_rate"] = 36.into();
    let answer = api.post(&service, "/v1/applications", "key-1", &bad).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"));
    let pointers: Vec<_> =
        answer.body["errors"].as_array().expect("errors").iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/client/iin", "/annual_rate"]);
    for (change, code) in
        [(json!({"channel": "fax"}), "channel.unknown"), (json!({"annual_rate": "99.0"}), "limit.effective_rate")]
    {
        let mut body = application();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = api.post(&service, "/v1/applications", "key-1", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["code"], code);
    }
    let empty = [
        api.count("SELECT count(*) FROM applications").await,
        api.count("SELECT count(*) FROM idempotency_keys").await,
        api.count("SELECT count(*) FROM audit").await,
    ];
    assert_eq!(empty, [0, 0, 0]);
    let keyless = Request::post("/v1/applications")
        .header("authorization", format!("Bearer {service}"))
        .header("content-type", "application/json")
        .body(Body::from(application().to_string()))
        .expect("a request");
    assert_eq!(api.send(keyless).await.code(), "idempotency_key_required");
    let large = json!({"amount": "1".repeat(70_000)});
    assert_eq!(api.post(&service, "/v1/applications", "key-2", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_service_learns_nothing_of_a_list(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let fact = Fact {
        owner: id.into(),
        fact_key: "end",
        kind: "application_closed",
        details: json!({"outcome": {"outcome": "refused", "ground": "terrorism_financing_list"}}),
        at: crate::time::now(),
        actor: Actor::System,
        build: "test",
        moves: Move::Application {
            stage: &Stage::Closed,
            outcome: Some(&Outcome::Refused { ground: RefusalGround::TerrorismFinancingList }),
        },
        event: None,
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    facts::record(&mut connection, fact).await.expect("recorded");
    let path = format!("/v1/applications/{id}");
    for (role, shown) in
        [("service", "not_granted"), ("operations", "not_granted"), ("compliance", "terrorism_financing_list")]
    {
        let token = token("front", &[role]);
        assert_eq!(api.get(&token, &path).await.body["outcome"]["ground"], shown, "{role}");
        let story = api.get(&token, &format!("{path}/timeline")).await.body;
        assert_eq!(story["items"][0]["details"]["outcome"]["ground"], shown, "{role}");
        assert_eq!(api.get(&token, "/v1/applications").await.body["items"][0]["outcome"]["ground"], shown);
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_parked_application_says_whose_decision_it_waits_for(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let path = format!("/v1/applications/{id}");
    let before = api.get(&service, &path).await.body;
    assert_eq!((&before["expected"], &before["waiting_for"]), (&Value::Null, &json!("lender")));
    assert_eq!(api.get(&token("o", &["operations"]), &path).await.body["expected"], Value::Null);

    let step = NewParkedStep {
        id: ParkedStepId::from_uuid(uuid::Uuid::from_u128(7)),
        owner: id.into(),
        step: "screen_client",
        occasion: 1,
        provider: Some("aml"),
        failure_code: "aml.lists_missing",
        retry_is_safe: true,
        explanation: "Перечни еще не загружены.",
        parked_at: crate::time::now(),
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    parked::insert(&mut connection, &step).await.expect("parked");
    let after = api.get(&service, &path).await.body;
    assert_eq!((&after["expected"], &after["waiting_for"]), (&before["expected"], &before["waiting_for"]));
    for role in ["operations", "approver", "compliance", "auditor"] {
        let expected = api.get(&token("o", &[role]), &path).await.body["expected"].clone();
        let decision = json!({
            "act": "decide_parked_step", "of": "operations", "method": "POST",
            "path": format!("/v1/parked-steps/{}/decision", step.id), "parked_step_id": step.id,
            "decisions": ["retry", "fail_and_compensate"], "with_second_person": [],
        });
        assert_eq!(expected, decision, "{role}");
    }
    for (role, code) in
        [("operations", "check.waits"), ("compliance", "aml.lists_missing"), ("auditor", "aml.lists_missing")]
    {
        let list = api.get(&token("o", &[role]), "/v1/parked-steps").await.body;
        assert_eq!(list["items"][0]["failure_code"], code, "{role}");
        assert_eq!(list["items"][0]["explanation"] == step.explanation, role != "operations", "{role}");
    }
    let decided = Decision { decision: "retry", decided_by: "o", reason: "loaded", at: crate::time::now() };
    parked::decide(&mut connection, id, step.id, &decided).await.expect("decided");
    assert_eq!(api.get(&token("o", &["operations"]), &path).await.body["expected"], Value::Null);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_page_is_waited_for_until_what_its_reader_sees_has_changed(pool: PgPool) {
    let api = Api::start(pool).await;
    let (service, officer) = (token("front", &["service"]), token("o", &["compliance"]));
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let path = format!("/v1/applications/{id}");
    let tag_of = |answer: &Answer| answer.headers["etag"].to_str().expect("a tag").to_owned();
    let first = tag_of(&api.get(&service, &path).await);
    let first_of_officer = tag_of(&api.get(&officer, &path).await);
    let same = api.changed(&service, &path, &first, 0).await;
    assert_eq!((same.status, &same.body, tag_of(&same)), (StatusCode::NOT_MODIFIED, &Value::Null, first.clone()));

    let move_to = async |key: &str, stage: &Stage| {
        let fact = Fact {
            owner: id.into(),
            fact_key: key,
            kind: "moved",
            details: json!({}),
            at: crate::time::now(),
            actor: Actor::System,
            build: "test",
            moves: Move::Application { stage, outcome: None },
            event: None,
        };
        let mut connection = api.pool.acquire().await.expect("a connection");
        facts::record(&mut connection, fact).await.expect("recorded");
    };
    // A wait for compliance begins: the officer learns of it at once, the front end of nothing.
    let match_id = nesie_domain::ids::ScreeningMatchId::from_uuid(uuid::Uuid::from_u128(5));
    let matched = Stage::AwaitingScreeningDecision { match_id };
    let (seen, unseen, ()) = tokio::join!(
        api.changed(&officer, &path, &first_of_officer, 10),
        api.changed(&service, &path, &first, 1),
        move_to("match", &matched),
    );
    assert_eq!((seen.status, &seen.body["stage"]["stage"]), (StatusCode::OK, &json!("awaiting_screening_decision")));
    assert_eq!(unseen.status, StatusCode::NOT_MODIFIED);

    let waiting = std::time::Instant::now();
    let (seen, ()) =
        tokio::join!(api.changed(&service, &path, &first, 10), move_to("offer", &Stage::AwaitingAcknowledgement));
    assert_eq!((seen.status, &seen.body["stage"]["stage"]), (StatusCode::OK, &json!("awaiting_acknowledgement")));
    assert!(waiting.elapsed() < std::time::Duration::from_secs(9), "woken, not timed out");
    let stranger = api.changed(&token("somebody-else", &["service"]), &path, &first, 10).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn the_issues_quote_is_answered_to_the_tiyn(pool: PgPool) {
    let api = Api::start(pool).await;
    let body = json!({"amount": "300000.00", "annual_rate": "36.0", "term_months": 12, "disbursed_on": "2026-01-15"});
    let answer = api.post(&token("front", &["service"]), "/v1/quotes", "unused", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let annuity = &answer.body["quotes"][0];
    let first = json!({"number": 1, "due_on": "2026-02-15", "principal": "21138.63", "interest": "9000.00", "total": "30138.63", "balance_after": "278861.37"});
    assert_eq!((&annuity["method"], &annuity["annual_effective_rate"]), (&json!("annuity"), &json!("42.8")));
    assert_eq!((&annuity["total_interest"], &annuity["total_payable"]), (&json!("61663.50"), &json!("361663.50")));
    assert_eq!((&annuity["within_limits"], &annuity["instalments"][0]), (&json!(true), &first));
    assert!(answer.body["policy_version"].is_string());
    let dear = json!({"amount": "300000.00", "annual_rate": "90.0", "term_months": 12});
    let answer = api.post(&token("front", &["service"]), "/v1/quotes", "unused", &dear).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["quotes"][0]["within_limits"], false);
    assert!(answer.body["quotes"][0]["breaches"][0]["message"].is_string());
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn public_pages_are_served_without_outside_requests_and_strays_get_problems(pool: PgPool) {
    let api = Api::start(pool).await;
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        let answer = api.send(Request::get(path).body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        if path == "/openapi.json" {
            assert_eq!(answer.body["openapi"], "3.1.0");
        }
    }
    for path in ["/docs/", "/docs/swagger-initializer.js"] {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = api.router.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(
            response.headers()["content-security-policy"].to_str().expect("text").starts_with("default-src 'self'")
        );
        let page = to_bytes(response.into_body(), 1 << 24).await.expect("a page");
        let page = String::from_utf8_lossy(&page);
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "{path}");
    }
    let stray = api.send(Request::get("/v1/nothing").body(Body::empty()).expect("a request")).await;
    assert_eq!((stray.status, stray.code()), (StatusCode::NOT_FOUND, "not_found"));
    let method = api.send(Request::delete("/v1/quotes").body(Body::empty()).expect("a request")).await;
    assert_eq!((method.status, method.code()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_callback_is_stored_once_and_only_with_its_signature(pool: PgPool) {
    use hmac::{Hmac, KeyInit, Mac};
    let api = Api::start(pool).await;
    let body = json!({"event_id": "e-1", "order_id": "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10", "provider_id": "p", "status": 2, "occurred_at": "2026-11-22T00:00:00Z"}).to_string();
    let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"a-secret-of-the-tests").expect("a key");
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", crate::view::hex(&mac.finalize().into_bytes()));
    let send = |signature: &str| {
        let request = Request::post("/v1/callbacks/payments")
            .header("content-type", "application/json")
            .header("x-signature", signature)
            .body(Body::from(body.clone()))
            .expect("a request");
        api.send(request)
    };
    assert_eq!(send(&signature).await.status, StatusCode::ACCEPTED);
    assert_eq!(send(&signature).await.status, StatusCode::ACCEPTED, "a duplicate is thanked for as well");
    assert_eq!(send("sha256=00").await.code(), "signature_mismatch");
    assert_eq!(api.count("SELECT count(*) FROM inbox").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE reason = 'signature_mismatch' AND NOT allowed").await, 1);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_act_that_nobody_answers_is_503_and_its_repeat_goes_on_with_the_same_submission(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let path = format!("{}/withdrawal", submitted.body["links"]["self"].as_str().expect("a link"));
    let body = json!({"reason": "changed my mind"});
    for _ in 0..2 {
        // Its workflow was never started, and no worker would answer.
        let answer = api.post(&service, &path, "key-2", &body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "not_known_to_be_done"));
        assert_eq!(answer.headers["retry-after"], "2");
    }
    assert_eq!(api.count("SELECT count(*) FROM submissions").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'received:withdraw'").await, 1);
    assert_eq!(
        api.count("SELECT count(*) FROM audit WHERE action = 'withdraw'").await,
        0,
        "the guard has not answered"
    );
    let plain = nesie_platform::protection::sha256(body.to_string().as_bytes());
    for table in ["submissions", "idempotency_keys"] {
        let hashes: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT body_sha256 FROM {table}")))
            .fetch_all(&api.pool)
            .await
            .expect("read");
        assert!(!hashes.is_empty() && hashes.iter().all(|hash| hash.len() == 32 && *hash != plain), "{table}");
    }
    let other = api.post(&service, &path, "key-2", &json!({"reason": "another"})).await;
    assert_eq!((other.status, other.code()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));
    let foreign = api.post(&token("other", &["service"]), &path, "key-3", &body).await;
    assert_eq!((foreign.status, foreign.code()), (StatusCode::NOT_FOUND, "not_found"));
    // A role of staff lets read what others submitted, never act in a client's name.
    let reader = token("reader", &["service", "auditor"]);
    let own = submitted.body["links"]["self"].as_str().expect("a link");
    assert_eq!(api.get(&reader, own).await.status, StatusCode::OK);
    let foreign = api.post(&reader, &path, "key-4", &body).await;
    assert_eq!((foreign.status, foreign.code()), (StatusCode::NOT_FOUND, "not_found"));
    let denials =
        "SELECT count(*) FROM audit WHERE actor LIKE '%|reader' AND reason = 'not_the_submitter' AND NOT allowed";
    assert_eq!(api.count(denials).await, 1);
    let sealed: bool =
        sqlx::query_scalar("SELECT position('changed my mind'::bytea IN body_sealed) = 0 FROM submissions")
            .fetch_one(&api.pool)
            .await
            .expect("read");
    assert!(sealed, "what a client sent is sealed");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_act_on_a_closed_application_is_answered_from_postgresql(pool: PgPool) {
    assert!(std::env::var("TEMPORAL_ADDRESS").is_ok(), "this test asks Temporal for a workflow that is not there");
    // One connection has to do: an act that holds one must not wait for another.
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let single = options.connect_with(pool.connect_options().as_ref().clone()).await.expect("a connection");
    let api = Api::start(single).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let fact = Fact {
        owner: id.into(),
        fact_key: "end",
        kind: "application_closed",
        details: json!({}),
        at: crate::time::now(),
        actor: Actor::System,
        build: "test",
        moves: Move::Application { stage: &Stage::Closed, outcome: Some(&Outcome::Expired) },
        event: None,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    facts::record(&mut connection, fact).await.expect("recorded");
    let path = format!("/v1/applications/{id}/withdrawal");
    let body = json!({"reason": "too late"});
    let first = api.post(&service, &path, "key-2", &body).await;
    assert_eq!((first.status, first.code()), (StatusCode::CONFLICT, "act_not_expected"), "{}", first.body);
    assert_eq!(first.body["expected"], Value::Null);
    let again = api.post(&service, &path, "key-2", &body).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "act_not_expected"));
    assert_ne!(again.body["request_id"], first.body["request_id"], "each request keeps its own id");
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'withdraw' AND NOT allowed").await, 1);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_parameter_that_cannot_be_asked_for_is_named(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let far = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode("8000000000000000000:6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10");
    for (query, pointer) in [
        ("stage=%00".to_owned(), "?stage"),
        ("stage=nowhere".to_owned(), "?stage"),
        ("outcome=x%00".to_owned(), "?outcome"),
        ("outcome=lost".to_owned(), "?outcome"),
        (format!("cursor={far}"), "?cursor"),
    ] {
        let answer = api.get(&service, &format!("/v1/applications?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    for query in ["stage=closed", "outcome=granted", "stage=awaiting_screening_decision"] {
        assert_eq!(api.get(&service, &format!("/v1/applications?{query}")).await.status, StatusCode::OK, "{query}");
    }
}
