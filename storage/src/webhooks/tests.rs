//! The life of a delivery over a real PostgreSQL: queued once, claimed once, put off, given up, replayed.

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::ids::{EventId, WebhookEndpointId};
use nesie_domain::webhook::EventPattern;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::deliveries::{self, Attempted, Claimed};
use super::endpoints::{self, Endpoint};
use super::replays::{self, NewReplay, What};
use super::secrets::{self, Secret};
use super::{log, queue};
use crate::applications::tests::insert_one;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

async fn endpoint(pool: &PgPool, number: u128, pattern: &str) -> WebhookEndpointId {
    let id = WebhookEndpointId::from_uuid(Uuid::from_u128(number));
    let new = Endpoint {
        id,
        url: "https://hooks.example.kz/".to_owned(),
        events: vec![EventPattern::parse(pattern).expect("a pattern")],
        description: String::new(),
        created_by: "issuer|marat".to_owned(),
        created_at: at(0),
        disabled_at: None,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    endpoints::insert(&mut connection, &new).await.expect("stored");
    id
}

/// Events of one application, each a second after the other; their ids.
async fn events(pool: &PgPool, names: &[&str]) -> Vec<Uuid> {
    let application = insert_one(pool).await;
    let mut ids = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let occurred_at = at(i64::try_from(number).expect("few"));
        let id: Uuid = sqlx::query_scalar(
            "INSERT INTO outbox (application_id, fact_key, event, payload, occurred_at) VALUES ($1, $2, $3, $4, $5)
             RETURNING event_id",
        )
        .bind(application.as_uuid())
        .bind(format!("fact-{number}"))
        .bind(name)
        .bind(json!({"number": number}))
        .bind(occurred_at)
        .fetch_one(pool)
        .await
        .expect("an event");
        ids.push(id);
    }
    ids
}

async fn fan_out(pool: &PgPool) -> usize {
    let mut transaction = pool.begin().await.expect("a transaction");
    let seen = queue::fan_out(&mut transaction, 50, at(10)).await.expect("queued");
    transaction.commit().await.expect("committed");
    seen
}

async fn replay(pool: &PgPool, endpoint_id: WebhookEndpointId, what: What, limit: i64) {
    let mut connection = pool.acquire().await.expect("a connection");
    let new = NewReplay {
        id: Uuid::now_v7(),
        endpoint_id,
        what,
        requested_by: "issuer|marat",
        reason: "lost",
        requested_at: at(20),
    };
    replays::insert(&mut connection, &new).await.expect("stored");
    while replays::carry_out(&mut connection, limit, at(20)).await.expect("carried out").is_some() {}
}

async fn claim(pool: &PgPool, endpoint_id: WebhookEndpointId, second: i64) -> Vec<Claimed> {
    deliveries::claim(pool, endpoint_id, 10, at(second), at(second + 30)).await.expect("claimed")
}

async fn finish(pool: &PgPool, claimed: &Claimed, failure: Option<&'static str>, next: Option<i64>) -> bool {
    let mut connection = pool.acquire().await.expect("a connection");
    let attempted = Attempted {
        at: at(11),
        ended_at: at(12),
        milliseconds: 7,
        status: failure.map_or(Some(200), |_| None),
        failure,
        next_at: next.map(at),
    };
    deliveries::finish(&mut connection, claimed, &attempted).await.expect("stored")
}

async fn shown(pool: &PgPool, endpoint_id: WebhookEndpointId) -> Vec<(String, String, i32, usize)> {
    let found = log::deliveries(pool, endpoint_id, None, None, 50).await.expect("read");
    let mut shown: Vec<_> =
        found.into_iter().map(|one| (one.event, one.state, one.round, one.attempts.len())).collect();
    shown.sort();
    shown
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn an_event_is_queued_once_for_each_endpoint_that_wants_it(pool: PgPool) {
    let (all, duties) = (endpoint(&pool, 1, "*").await, endpoint(&pool, 2, "duty.*").await);
    let disabled = endpoint(&pool, 3, "*").await;
    let mut connection = pool.acquire().await.expect("a connection");
    assert!(endpoints::disable(&mut connection, disabled, "issuer|marat", at(1)).await.expect("disabled"));
    assert!(!endpoints::disable(&mut connection, disabled, "issuer|marat", at(1)).await.expect("repeated"));
    events(&pool, &["application.granted", "duty.opened"]).await;
    assert_eq!(fan_out(&pool).await, 2);
    assert_eq!(fan_out(&pool).await, 0, "seen before");
    assert_eq!(shown(&pool, all).await.len(), 2);
    let pending = |event: &str| (event.to_owned(), "pending".to_owned(), 0, 0);
    assert_eq!(shown(&pool, duties).await, [pending("duty.opened")]);
    assert!(shown(&pool, disabled).await.is_empty());
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn a_claim_keeps_others_off_until_it_lapses(pool: PgPool) {
    let id = endpoint(&pool, 1, "*").await;
    events(&pool, &["application.granted"]).await;
    fan_out(&pool).await;
    let (one, two) = tokio::join!(claim(&pool, id, 10), claim(&pool, id, 10));
    assert_eq!(one.len() + two.len(), 1, "two workers, one claim");
    let first = one.into_iter().chain(two).next().expect("a claim");
    assert_eq!((first.round, first.attempt), (0, 1));
    assert!(claim(&pool, id, 39).await.is_empty());
    assert!(deliveries::endpoints_due(&pool, at(39)).await.expect("read").is_empty());
    let second = claim(&pool, id, 41).await.pop().expect("its maker is taken for dead");
    assert_eq!(second.attempt, 2, "an attempt that nobody heard of again counts");
    assert!(!finish(&pool, &first, None, None).await, "too late: logged, and no more");
    assert_eq!(shown(&pool, id).await[0].1, "pending");
    assert!(finish(&pool, &second, None, None).await);
    assert_eq!(shown(&pool, id).await, [("application.granted".to_owned(), "delivered".to_owned(), 0, 2)]);
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn a_failure_is_put_off_and_the_last_one_gives_up(pool: PgPool) {
    let id = endpoint(&pool, 1, "*").await;
    events(&pool, &["application.granted"]).await;
    fan_out(&pool).await;
    let first = claim(&pool, id, 10).await.pop().expect("a claim");
    assert!(finish(&pool, &first, Some("timed_out"), Some(60)).await);
    assert!(claim(&pool, id, 59).await.is_empty(), "not before its time");
    let mut connection = pool.acquire().await.expect("a connection");
    endpoints::disable(&mut connection, id, "issuer|marat", at(60)).await.expect("disabled");
    assert!(claim(&pool, id, 60).await.is_empty(), "nothing is sent to a disabled endpoint");
    endpoints::enable(&mut connection, id).await.expect("enabled");
    let second = claim(&pool, id, 60).await.pop().expect("a claim");
    assert!(finish(&pool, &second, Some("status"), None).await);
    assert!(claim(&pool, id, 1_000_000).await.is_empty(), "given up");
    let standing = log::standing(&pool, id).await.expect("read");
    assert_eq!((standing.pending, standing.exhausted), (0, 1));
    assert_eq!(log::deliveries(&pool, id, Some("delivered"), None, 5).await.expect("read").len(), 0);
    let attempts = &log::deliveries(&pool, id, Some("exhausted"), None, 5).await.expect("read")[0].attempts;
    let failures: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.failure.as_deref())).collect();
    assert_eq!(failures, [(1, Some("timed_out")), (2, Some("status"))]);
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn a_replay_sends_the_same_events_again_and_those_that_were_missed(pool: PgPool) {
    let missed = events(&pool, &["application.granted", "duty.opened", "duty.met"]).await;
    fan_out(&pool).await;
    let id = endpoint(&pool, 1, "duty.*").await;
    assert!(claim(&pool, id, 10).await.is_empty(), "it was registered afterwards");
    replay(&pool, id, What::Between(at(0), at(2)), 1).await;
    let mut claimed = claim(&pool, id, 20).await;
    assert_eq!(claimed.len(), 1, "the range ends before the third, and the first is not wanted");
    let first = claimed.pop().expect("a claim");
    assert_eq!(first.event_id, EventId::from_uuid(missed[1]));

    // Asked for again while an attempt is under way: that one ends, and the new round follows.
    replay(&pool, id, What::Event(first.event_id), 50).await;
    assert!(claim(&pool, id, 21).await.is_empty(), "never two attempts at once");
    assert!(finish(&pool, &first, None, None).await);
    let again = claim(&pool, id, 21).await.pop().expect("a claim");
    assert_eq!((again.event_id, again.round, again.attempt), (first.event_id, 1, 1));
    assert!(finish(&pool, &again, None, None).await);
    assert_eq!(shown(&pool, id).await, [("duty.opened".to_owned(), "delivered".to_owned(), 1, 2)]);
    let (replayed, finished): (i64, i64) =
        sqlx::query_as("SELECT sum(replayed)::bigint, count(finished_at) FROM webhook_replays")
            .fetch_one(&pool)
            .await
            .expect("read");
    assert_eq!((replayed, finished), (2, 2));
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn while_rotating_two_secrets_are_valid_and_never_three(pool: PgPool) {
    let id = endpoint(&pool, 1, "*").await;
    let mut connection = pool.acquire().await.expect("a connection");
    let secret = |number: u128, second| Secret {
        id: Uuid::from_u128(number),
        sealed: vec![1],
        created_at: at(second),
        expires_at: None,
    };
    secrets::put(&mut connection, id, &secret(1, 0), "issuer|marat", None).await.expect("the first");
    secrets::put(&mut connection, id, &secret(2, 10), "issuer|marat", Some(at(100))).await.expect("rotated");
    let valid = async |second| {
        let found = secrets::valid(&pool, id, at(second)).await.expect("read");
        found.iter().map(|secret| secret.id.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(valid(99).await, [2, 1], "the current one first");
    assert_eq!(valid(100).await, [2]);
    secrets::put(&mut connection, id, &secret(3, 20), "issuer|marat", Some(at(200))).await.expect("rotated again");
    assert_eq!(valid(20).await, [3, 2]);
    secrets::put(&mut connection, id, &secret(4, 30), "issuer|marat", Some(at(30))).await.expect("after a leak");
    assert_eq!(valid(30).await, [4], "no overlap");
}
