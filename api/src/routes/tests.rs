//! The whole router over a real PostgreSQL and a real issuer of tokens; Temporal is not reached, as for every read.

mod access;
mod applications;
mod approvals;
mod identification;
mod queries;
mod reports;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use nesie_platform::protection::Protection;
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

/// One connection has to do: a request that holds one must not wait for another.
async fn over_one_connection(pool: &PgPool) -> PgPool {
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    options.connect_with(pool.connect_options().as_ref().clone()).await.expect("a connection")
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
                operations.push((method.to_uppercase(), filled(path)));
            }
        }
    }
    operations
}

/// A path of the document with names that nothing has.
fn filled(path: &str) -> String {
    path.replace("{id}", "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10").replace("{version}", "none")
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
