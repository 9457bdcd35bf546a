//! Tokens verify against the published keys, and outlive a restart where the key is kept.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind, jwk::JwkSet};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, read};

async fn verified(world: &World, token: &str, issuer: &str) -> Result<Value, ErrorKind> {
    let (_, keys) = world.get("/oidc/jwks.json").await;
    let keys: JwkSet = serde_json::from_value(keys).expect("a JWK set");
    let key_id = decode_header(token).expect("a header").kid.expect("a key id");
    let key = DecodingKey::from_jwk(keys.find(&key_id).expect("the key is published")).expect("a key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["nesie"]);
    validation.set_issuer(&[issuer]);
    decode::<Value>(token, &key, &validation).map(|data| data.claims).map_err(|error| error.kind().clone())
}

fn access_token(body: &Value) -> String {
    body["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_token_asked_for_by_form_or_json_verifies_against_the_published_keys() {
    let world = World::start().await;
    let issuer = format!("{}/oidc", world.base);
    let (_, configuration) = world.get("/oidc/.well-known/openid-configuration").await;
    assert_eq!(configuration["issuer"], issuer);
    assert_eq!(configuration["jwks_uri"], format!("{issuer}/jwks.json"));

    let form = "grant_type=client_credentials&subject=front-end&roles=service%20auditor&lifetime_seconds=60";
    let by_form = world.request(Method::POST, "/oidc/token").body(form);
    let by_form = by_form.header("content-type", "application/x-www-form-urlencoded").send().await;
    let asked = json!({ "grant_type": "client_credentials", "subject": "front-end", "roles": "service auditor",
        "lifetime_seconds": 60 });
    for (status, body) in [read(by_form.expect("an answer")).await, world.post("/oidc/token", &asked).await] {
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(60)));
        let claims = verified(&world, &access_token(&body), &issuer).await.expect("a valid token");
        assert_eq!(claims["sub"], "front-end");
        assert_eq!(claims["roles"], json!(["service", "auditor"]));
        assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|issued_at| issued_at + 60));
    }
}

#[tokio::test]
async fn a_token_can_be_expired_already_and_another_grant_is_refused() {
    let world = World::start().await;
    let asked = json!({ "grant_type": "client_credentials", "subject": "s", "lifetime_seconds": -3_600 });
    let (_, body) = world.post("/oidc/token", &asked).await;
    let refused = verified(&world, &access_token(&body), &format!("{}/oidc", world.base)).await;
    assert_eq!(refused, Err(ErrorKind::ExpiredSignature));
    let other = json!({ "grant_type": "password", "subject": "s" });
    assert_eq!(world.post("/oidc/token", &other).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn tokens_outlive_a_restart_where_the_key_is_kept() {
    let key_file = std::env::temp_dir().join(format!("nesie-sandbox-{}.pem", uuid::Uuid::new_v4()));
    let start = || {
        World::start_with(|config| {
            config.key_file = Some(key_file.clone());
            config.issuer = "http://issuer.test/oidc".to_owned();
        })
    };
    let first = start().await;
    let (_, body) = first.post("/oidc/token", &json!({ "grant_type": "client_credentials", "subject": "s" })).await;
    let second = start().await;
    let other = World::start().await;
    std::fs::remove_file(&key_file).expect("the key was kept");
    let token = access_token(&body);
    verified(&second, &token, "http://issuer.test/oidc").await.expect("a valid token");
    assert_ne!(other.get("/oidc/jwks.json").await, second.get("/oidc/jwks.json").await);
}
