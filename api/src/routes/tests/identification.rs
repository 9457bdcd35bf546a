//! Identifications: a challenge that is not the application's is refused before anything of it is stored.

use chrono::TimeDelta;
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, ChallengeId};
use nesie_storage::agreement::identification::{Challenge, insert_challenge};
use nesie_storage::facts::{self, Actor, Fact, Move};
use uuid::Uuid;

use super::*;

async fn submitted(api: &Api, key: &str) -> ApplicationId {
    let answer = api.post(&token("front", &["service"]), "/v1/applications", key, &application()).await;
    answer.body["id"].as_str().expect("an id").parse().expect("a UUID")
}

async fn move_to(api: &Api, id: ApplicationId, stage: &Stage) {
    let fact = Fact {
        owner: id.into(),
        fact_key: stage.as_str(),
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
}

async fn challenged(api: &Api, id: ApplicationId, number: u128) -> ChallengeId {
    let now = crate::time::now();
    let challenge = Challenge {
        id: ChallengeId::from_uuid(Uuid::from_u128(number)),
        purpose: "contract".to_owned(),
        number: 1,
        movements: vec!["blink".to_owned()],
        issued_at: now,
        expires_at: now + TimeDelta::minutes(5),
        used_by: None,
        flag_id: None,
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    insert_challenge(&mut connection, id, &challenge).await.expect("issued");
    challenge.id
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_challenge_that_is_not_the_applications_is_audited_and_stores_nothing(pool: PgPool) {
    let api = Api::start(pool).await;
    let (own, other) = (submitted(&api, "key-1").await, submitted(&api, "key-2").await);
    let challenge_id = challenged(&api, own, 1).await;
    let foreign = challenged(&api, other, 2).await;
    move_to(&api, own, &Stage::Processing { act: None }).await;
    move_to(&api, own, &Stage::AwaitingIdentification { challenge_id, tries_left: 3 }).await;

    let service = token("front", &["service"]);
    let path = format!("/v1/applications/{own}/identification");
    // Begins as a PNG does.
    let image = "iVBORw0KGgpyZXN0";
    let tried = [ChallengeId::from_uuid(Uuid::from_u128(3)), foreign];
    for (at, challenge) in tried.iter().enumerate() {
        let body = json!({"challenge_id": challenge, "image": image, "image_type": "image/png"});
        let answer = api.post(&service, &path, &format!("key-3{at}"), &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        let error = &answer.body["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/challenge_id"), &json!("challenge.unknown")));
    }
    assert_eq!(api.count("SELECT count(*) FROM submissions").await, 0);
    assert_eq!(api.count("SELECT count(*) FROM idempotency_keys").await, 2, "those of the applications");
    let denials: Vec<(String, Value)> = sqlx::query_as(
        "SELECT object, details FROM audit
         WHERE NOT allowed AND action = 'identify' AND reason = 'challenge.unknown' ORDER BY sequence",
    )
    .fetch_all(&api.pool)
    .await
    .expect("read");
    let expected = tried.map(|challenge| (format!("application/{own}"), json!({"challenge_id": challenge})));
    assert_eq!(denials, expected);
}
