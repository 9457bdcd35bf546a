//! Who may ask for what: every route needs a token, each role opens its own, and each denial is audited.

use super::*;

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
