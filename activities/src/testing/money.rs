//! Never two payouts (design invariant 6): the transfer under every kind of silence, by every kind of provider.

use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_workflows::contract::{Transfer, Verdict};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::idempotence::{Care, commits_pass, fail_commit};
use super::journey::Plan;
use super::scene::{Ask, Scene};
use crate::closing;
use crate::failure::{Failure, FailureClass};

const PROFILES: [&str; 3] = ["dedup", "plain", "lagging"];

/// An application whose money is reserved with a provider of this profile.
async fn reserved(pool: PgPool, profile: &str) -> Scene {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account(profile);
    scene.reach_money(&plan).await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    scene
}

async fn state(scene: &Scene) -> String {
    scene.value("SELECT state FROM payments").await
}

/// Tries until the transfer is decided, as the workflow does; a step that parks ends the test.
async fn until_confirmed(scene: &Scene) {
    for _ in 0..100 {
        match scene.transfer().await {
            Ok(Transfer::Confirmed) => return,
            Ok(Transfer::Pending) => {}
            Ok(Transfer::Rejected | Transfer::Stopped { .. }) => panic!("no money moved"),
            Err(Failure { class: FailureClass::Retry, .. }) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }
    panic!("not confirmed by a hundred tries");
}

/// Silence or nonsense once money moved: the next try asks first, and finds what happened.
async fn survives_after_the_effect(pool: PgPool, profile: &str, fault: Value) {
    let scene = reserved(pool, profile).await;
    scene.fault("payments", "transfer", fault, Some(1)).await;
    let failure = scene.transfer().await.expect_err("no answer is no verdict");
    assert_eq!(failure.class, FailureClass::Retry, "{failure:?}");
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("unknown", 1));
    until_confirmed(&scene).await;
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("confirmed", 1));
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed), "decided is decided");
    scene.end().await;
}

macro_rules! after_the_effect {
    ($($name:ident: $profile:literal, $fault:tt;)+) => {
        $(#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
        async fn $name(pool: PgPool) {
            survives_after_the_effect(pool, $profile, json!($fault)).await;
        })+
    };
}

after_the_effect! {
    time_out_after_paying_dedup: "dedup", {"kind": "timeout_after"};
    time_out_after_paying_plain: "plain", {"kind": "timeout_after"};
    server_error_after_paying_dedup: "dedup", {"kind": "status_after", "code": 500};
    server_error_after_paying_plain: "plain", {"kind": "status_after", "code": 500};
    server_error_after_paying_lagging: "lagging", {"kind": "status_after", "code": 500};
    nonsense_after_paying_plain: "plain", {"kind": "malformed"};
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_status_that_lags_leads_to_a_second_call_under_the_same_reference_only(pool: PgPool) {
    let scene = reserved(pool, "lagging").await;
    scene.fault("payments", "transfer", json!({"kind": "status_after", "code": 500}), Some(1)).await;
    scene.transfer().await.expect_err("no answer");
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed), "deduplicated by the reference");
    assert_eq!(scene.calls("payments", "transfer").await, 2);
    assert_eq!(scene.payouts().await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn without_deduplication_a_transfer_that_is_not_found_parks_and_is_never_sent_again(pool: PgPool) {
    let scene = reserved(pool, "plain").await;
    scene.fault("payments", "transfer", json!({"kind": "status", "code": 503}), Some(1)).await;
    assert_eq!(scene.transfer().await.expect_err("no answer").class, FailureClass::Retry);
    for _ in 0..3 {
        let failure = scene.transfer().await.expect_err("nobody knows");
        assert_eq!(failure.code, "payment.not_found_without_deduplication");
        assert_eq!((failure.class, failure.retry_is_safe), (FailureClass::Park, false));
    }
    assert_eq!(scene.calls("payments", "transfer").await, 1, "one call for ever");
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("unknown", 0));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_hidden_payment_of_a_provider_without_deduplication_is_found_once_it_shows(pool: PgPool) {
    let scene = reserved(pool, "plain").await;
    scene.fault("payments", "transfer", json!({"kind": "status_after", "code": 502}), Some(1)).await;
    scene.fault("payments", "status", json!({"kind": "unknown_reference"}), Some(1)).await;
    scene.transfer().await.expect_err("no answer");
    assert_eq!(scene.transfer().await.expect_err("not found").code, "payment.not_found_without_deduplication");
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed), "an operator's retry asks again");
    assert_eq!((scene.calls("payments", "transfer").await, scene.payouts().await), (1, 1));
    scene.end().await;
}

/// The worker dies between the commit of *sent* and the call: nobody can tell whether the call was made.
async fn dies_before_the_call(pool: PgPool, profile: &str) -> Scene {
    let scene = reserved(pool, profile).await;
    scene.execute("UPDATE payments SET state = 'sent', sent_at = reserved_at").await;
    scene
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn sent_and_never_called_is_sent_again_where_the_provider_deduplicates(pool: PgPool) {
    let scene = dies_before_the_call(pool, "dedup").await;
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed));
    assert_eq!((scene.calls("payments", "status").await, scene.calls("payments", "transfer").await), (1, 1));
    assert_eq!(scene.payouts().await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn sent_and_never_called_parks_where_the_provider_does_not(pool: PgPool) {
    let scene = dies_before_the_call(pool, "plain").await;
    assert_eq!(scene.transfer().await.expect_err("not found").code, "payment.not_found_without_deduplication");
    assert_eq!((scene.calls("payments", "transfer").await, scene.payouts().await), (0, 0));
    scene.end().await;
}

/// The database fails once the provider has confirmed: what it said is learnt again from it.
async fn survives_a_lost_confirmation(pool: PgPool, profile: &str) {
    let scene = reserved(pool, profile).await;
    // That it is sent is committed; that it is confirmed is not.
    fail_commit(&scene, 2).await;
    assert_eq!(scene.transfer().await.expect_err("not committed").code, "storage.driver");
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("sent", 1));
    assert!(commits_pass(&scene).await);
    until_confirmed(&scene).await;
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("confirmed", 1));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_lost_confirmation_dedup(pool: PgPool) {
    survives_a_lost_confirmation(pool, PROFILES[0]).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_lost_confirmation_plain(pool: PgPool) {
    survives_a_lost_confirmation(pool, PROFILES[1]).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_lost_confirmation_lagging(pool: PgPool) {
    survives_a_lost_confirmation(pool, PROFILES[2]).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn ten_attempts_at_once_pay_once_even_without_deduplication(pool: PgPool) {
    let scene = reserved(pool, "plain").await;
    let attempts = futures::future::join_all((0..10).map(|_| scene.transfer())).await;
    assert!(attempts.iter().all(|attempt| *attempt != Ok(Transfer::Rejected)), "{attempts:?}");
    assert_eq!(scene.calls("payments", "transfer").await, 1);
    until_confirmed(&scene).await;
    assert_eq!((scene.calls("payments", "transfer").await, scene.payouts().await), (1, 1));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_storm_of_errors_pays_once(pool: PgPool) {
    let scene = reserved(pool, "dedup").await;
    for (operation, fault) in [
        ("transfer", json!({"kind": "status", "code": 500})),
        ("status", json!({"kind": "status", "code": 503})),
        ("status", json!({"kind": "malformed"})),
        ("transfer", json!({"kind": "status_after", "code": 500})),
        ("status", json!({"kind": "unknown_reference"})),
        ("transfer", json!({"kind": "malformed"})),
    ] {
        scene.fault("payments", operation, fault, Some(2)).await;
    }
    until_confirmed(&scene).await;
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("confirmed", 1));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_under_way_is_pending_until_the_provider_has_done_it(pool: PgPool) {
    let scene = reserved(pool, "plain").await;
    scene.fault("payments", "transfer", json!({"kind": "processing", "milliseconds": 300}), Some(1)).await;
    assert_eq!(scene.transfer().await, Ok(Transfer::Pending));
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("sent", 0));
    // The provider's own time passes; there is nothing of ours to wait for.
    for _ in 0..5_000 {
        if scene.transfer().await.expect("an answer") == Transfer::Confirmed {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("confirmed", 1));
    assert_eq!(scene.calls("payments", "transfer").await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_rejection_is_final_and_moves_nothing(pool: PgPool) {
    let scene = reserved(pool, "dedup").await;
    scene.fault("payments", "transfer", json!({"kind": "reject"}), Some(1)).await;
    assert_eq!(scene.transfer().await, Ok(Transfer::Rejected));
    assert_eq!(scene.transfer().await, Ok(Transfer::Rejected));
    assert_eq!((state(&scene).await.as_str(), scene.payouts().await), ("rejected", 0));
    assert_eq!(scene.calls("payments", "transfer").await, 1);
    scene.end_as(Care::Thorough, Outcome::Refused { ground: RefusalGround::PaymentRejected }).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn money_that_may_have_moved_is_never_closed_as_not_granted(pool: PgPool) {
    let scene = dies_before_the_call(pool, "plain").await;
    for outcome in [
        Outcome::Granted,
        Outcome::Expired,
        Outcome::Withdrawn,
        Outcome::Failed { step: "transfer_money".to_owned() },
        Outcome::Refused { ground: RefusalGround::PaymentRejected },
        Outcome::Refused { ground: RefusalGround::VoluntaryRefusal },
    ] {
        let failure = closing::close_application(&scene.world, scene.close(outcome)).await.expect_err("refused");
        assert_eq!(failure.code, "payment.contradicts_outcome");
    }
    assert_eq!(scene.stage().await, Stage::Disbursing);
    assert_eq!(state(&scene).await, "sent");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn released_money_is_never_sent(pool: PgPool) {
    let scene = reserved(pool, "dedup").await;
    scene.end_as(Care::Thorough, Outcome::Failed { step: "reserve_and_check".to_owned() }).await;
    assert_eq!(state(&scene).await, "released");
    assert_eq!(scene.transfer().await.expect_err("released").code, "payment.released");
    assert_eq!((scene.calls("payments", "transfer").await, scene.payouts().await), (0, 0));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn no_money_is_reserved_without_signature(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(plan.care).await;
    scene.reach_method(&plan).await;
    scene.reach_contract(&plan).await;
    scene.identify(plan.care).await;
    let failure = crate::payment::reserve_and_check(&scene.world, scene.step()).await.expect_err("not signed");
    assert_eq!(failure.code, "payment.agreement_incomplete");
    assert_eq!(scene.value("SELECT count(*) FROM payments").await, "0");
    scene.end().await;
}
