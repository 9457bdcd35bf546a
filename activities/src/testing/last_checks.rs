//! What changes between signature and money stops the money (paras 9, 10).

use chrono::TimeDelta;
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_workflows::contract::{Screening, StepInput, Transfer, Verdict};
use serde_json::json;
use sqlx::PgPool;

use super::idempotence::Care;
use super::journey::Plan;
use super::leaks;
use super::refusals::{assert_nothing_tips_off, listed, refresh};
use super::scene::{Ask, IIN, Scene};
use crate::failure::FailureClass;
use crate::{credit, offer, screening, transfer};

/// A step that is taken a day later than it could have been: it was parked, or no worker ran.
fn a_day_later(scene: &Scene) -> StepInput {
    let input = scene.step();
    StepInput { at: input.at + TimeDelta::days(1), ..input }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_that_comes_late_is_checked_again_before_its_first_call(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("plain");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    scene.person(json!({ "voluntary_refusal": "ACTIVE" })).await;
    let stopped = transfer::transfer_money(&scene.world, a_day_later(&scene)).await.expect("an answer");
    assert_eq!(stopped, Transfer::Stopped { ground: RefusalGround::VoluntaryRefusal });
    assert_eq!(scene.value("SELECT state FROM payments").await, "reserved", "nothing was sent");
    assert_eq!(scene.payouts().await, 0);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_list_that_names_the_client_before_a_late_transfer_is_kept_with_its_version(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("plain");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    listed(&scene, Some(IIN), "Совсем").await;
    refresh(&scene).await;
    let ground = RefusalGround::TerrorismFinancingList;
    let stopped = transfer::transfer_money(&scene.world, a_day_later(&scene)).await.expect("an answer");
    assert_eq!(stopped, Transfer::Stopped { ground });
    assert_eq!(scene.payouts().await, 0);
    let kept = "FROM due_diligence AS d, jsonb_array_elements(d.list_versions) AS v, aml_list_versions AS l
                WHERE d.occasion LIKE 'transfer_money:checked:%' AND d.verdict #>> '{found,verdict}' = 'exact'
                AND l.current AND l.version = v ->> 'version' AND l.category = v ->> 'category'";
    assert_eq!(scene.value(&format!("SELECT count(*) {kept}")).await, "2", "both lists, as they were searched");
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_that_comes_late_goes_on_at_the_next_try_of_the_same_step(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    scene.fault("payments", "transfer", json!({ "kind": "status", "code": 503 }), Some(1)).await;
    let late = a_day_later(&scene);
    let failure = transfer::transfer_money(&scene.world, late).await.expect_err("the provider is down");
    assert_eq!(failure.class, FailureClass::Retry, "{failure:?}");
    assert_eq!(transfer::transfer_money(&scene.world, late).await, Ok(Transfer::Confirmed));
    assert_eq!(scene.value("SELECT count(*) FROM timeline WHERE kind = 'payment_checked_again'").await, "1");
    assert_eq!(scene.payouts().await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_is_not_sent_a_second_time_to_somebody_who_may_no_longer_be_paid(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    scene.fault("payments", "transfer", json!({ "kind": "status", "code": 503 }), Some(1)).await;
    transfer::transfer_money(&scene.world, scene.step()).await.expect_err("the provider is down");
    scene.person(json!({ "voluntary_refusal": "ACTIVE" })).await;
    let failure = transfer::transfer_money(&scene.world, a_day_later(&scene)).await.expect_err("a person decides");
    assert_eq!(
        (failure.class, failure.code, failure.retry_is_safe || failure.nothing_sent),
        (FailureClass::Park, "payment.no_longer_permitted", false)
    );
    assert_eq!(scene.payouts().await, 0);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_report_of_before_a_step_was_parked_is_not_taken_for_a_fresh_one(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.person(json!({ "ownership": "UNAVAILABLE" })).await;
    crate::payment::reserve_and_check(&scene.world, scene.step()).await.expect_err("ownership is not known");
    scene.person(json!({ "ownership": "CONFIRMED", "voluntary_refusal": "ACTIVE" })).await;
    let later = crate::payment::reserve_and_check(&scene.world, scene.step()).await.expect("decided");
    assert_eq!(later, Verdict::Refuse { ground: RefusalGround::VoluntaryRefusal });
    scene.end().await;
}

/// What changes between signature and money stops the money, and what was reserved is released.
async fn stopped_before_money(pool: PgPool, change: impl AsyncFn(&Scene), ground: RefusalGround) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    change(&scene).await;
    let plan = Plan { care: Care::Thorough, ..plan };
    assert_eq!(scene.reserve(&plan).await, Verdict::Refuse { ground });
    assert_eq!(scene.value("SELECT state FROM payments").await, "reserved");
    scene.end_as(Care::Thorough, Outcome::Refused { ground }).await;
    assert_eq!(scene.value("SELECT state FROM payments").await, "released");
    assert_eq!(scene.payouts().await, 0);
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_voluntary_refusal_just_before_money_moves(pool: PgPool) {
    let change = async |scene: &Scene| scene.person(json!({ "voluntary_refusal": "ACTIVE" })).await;
    stopped_before_money(pool, change, RefusalGround::VoluntaryRefusal).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_account_that_is_no_longer_the_clients(pool: PgPool) {
    let change = async |scene: &Scene| scene.person(json!({ "ownership": "NOT_CONFIRMED" })).await;
    stopped_before_money(pool, change, RefusalGround::OwnershipLost).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_list_that_names_the_client_just_before_money_moves(pool: PgPool) {
    let change = async |scene: &Scene| {
        listed(scene, Some(IIN), "Совсем").await;
        refresh(scene).await;
    };
    stopped_before_money(pool, change, RefusalGround::TerrorismFinancingList).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn of_two_grounds_a_repeat_finds_the_one_that_was_decided_on(pool: PgPool) {
    let change = async |scene: &Scene| {
        scene.person(json!({ "voluntary_refusal": "ACTIVE" })).await;
        listed(scene, Some(IIN), "Совсем").await;
        refresh(scene).await;
    };
    stopped_before_money(pool, change, RefusalGround::VoluntaryRefusal).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_match_that_compliance_cleared_does_not_stop_the_money_when_another_list_comes(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    listed(&scene, None, "Жанбырбаев").await;
    refresh(&scene).await;
    let Screening::Match { .. } = screening::screen_client(&scene.world, scene.step()).await.expect("screened") else {
        panic!("a likely match")
    };
    let body = json!({ "decision": "false_positive", "reason": "другой человек" });
    let act = scene.submit(ActKind::DecideScreeningMatch, body).await;
    screening::record_screening_decision(&scene.world, act).await.expect("decided");
    credit::fetch_credit_report(&scene.world, scene.step()).await.expect("eligible");
    offer::draft_offer(&scene.world, scene.step()).await.expect("drafted");
    let plan = Plan::to_account("dedup");
    scene.reach_method(&plan).await;
    scene.reach_contract(&plan).await;
    scene.identify(Care::Quick).await;
    scene.sign(Care::Quick).await;
    listed(&scene, None, "Совершенно").await;
    refresh(&scene).await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    assert_eq!(scene.value("SELECT count(*) FROM due_diligence").await, "2");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_leak_that_becomes_known_after_the_last_question_stops_the_money(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    let flag = leaks::flag(&scene).await;
    let held = crate::payment::reserve_and_check(&scene.world, scene.step()).await.expect("decided");
    assert_eq!(held, Verdict::Next { stage: Stage::Processing { act: None } }, "back to the measures");
    assert_eq!(scene.value("SELECT count(*) FROM payments").await, "0", "nothing is reserved");

    scene.execute("DELETE FROM client_flags").await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    scene.execute(flag).await;
    let failure = transfer::transfer_money(&scene.world, scene.step()).await.expect_err("held");
    assert_eq!(
        (failure.class, failure.code, failure.retry_is_safe, failure.nothing_sent),
        (FailureClass::Park, "client.leak_unverified", true, true)
    );
    assert_eq!((scene.payouts().await, scene.value("SELECT state FROM payments").await.as_str()), (0, "reserved"));
    scene.execute("DELETE FROM client_flags").await;
    assert_eq!(transfer::transfer_money(&scene.world, scene.step()).await.expect("sent"), Transfer::Confirmed);
    scene.end().await;
}
