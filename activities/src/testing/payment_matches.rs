//! A likely match just before the payout: stored once, decided once, and never a payout before or against the decision.

use chrono::TimeDelta;
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::ids::ParkedStepId;
use nesie_workflows::contract::{
    MATCH_BEFORE_PAYMENT, ParkInput, ParkedDecision, ResolveInput, StepInput, Transfer, Verdict,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::idempotence::{Care, commits_pass, fail_commit};
use super::journey::Plan;
use super::refusals::{assert_nothing_tips_off, listed, refresh};
use super::scene::{Ask, Scene};
use crate::failure::{Failure, FailureClass};
use crate::{parking, payment, transfer};

/// A signed application, and a list that names somebody alike since.
async fn matched(pool: PgPool) -> Scene {
    let scene = Scene::new(pool, Ask::default()).await;
    scene.reach_money(&Plan::to_account("dedup")).await;
    listed(&scene, None, "Жанбырбаев").await;
    refresh(&scene).await;
    scene
}

async fn reserve(scene: &Scene) -> Result<Verdict, Failure> {
    payment::reserve_and_check(&scene.world, scene.step()).await
}

/// The same step a day later than it could have been taken.
async fn transfer_late(scene: &Scene) -> Result<Transfer, Failure> {
    let input = scene.step();
    transfer::transfer_money(&scene.world, StepInput { at: input.at + TimeDelta::days(1), ..input }).await
}

fn assert_waits<T: std::fmt::Debug>(result: Result<T, Failure>) {
    let failure = result.expect_err("a likely match");
    assert_eq!(
        (failure.class, failure.code, failure.retry_is_safe),
        (FailureClass::Park, MATCH_BEFORE_PAYMENT, true),
        "{failure:?}"
    );
}

/// The matches that wait: number and persons of each.
async fn waiting(scene: &Scene) -> String {
    let query = "SELECT string_agg(number || ':' || jsonb_array_length(matches), ' ' ORDER BY number)
                 FROM screening_matches WHERE decision IS NULL AND occasion = 'payment'";
    scene.value(query).await
}

/// Parks the step, and takes compliance's decision on a match of the payment as the workflow does.
async fn decide(scene: &Scene, number: u32, decision: &str) -> ResolveInput {
    let parked_step_id = ParkedStepId::from_uuid(Uuid::now_v7());
    let occasion = scene.value("SELECT count(*) + 1 FROM parked_steps").await.parse().expect("a number");
    let input = ParkInput {
        owner: scene.id.into(),
        parked_step_id,
        step: "reserve_and_check".to_owned(),
        occasion,
        provider: Some("aml".to_owned()),
        failure_code: MATCH_BEFORE_PAYMENT.to_owned(),
        retry_is_safe: true,
        nothing_sent: false,
        may_fail: true,
        at: scene.now(),
    };
    parking::park_step(&scene.world, input).await.expect("parked");
    let query = format!("SELECT id FROM screening_matches WHERE occasion = 'payment' AND number = {number}");
    let match_id: Value = json!(scene.value(&query).await);
    let body = json!({ "decision": decision, "reason": "сверено с документом", "match_id": match_id });
    let submission_id = scene.submit(ActKind::DecideScreeningMatch, body).await.submission_id;
    let decision = ParkedDecision::Retry;
    let resolved = ResolveInput { owner: scene.id.into(), parked_step_id, submission_id, decision, at: scene.now() };
    parking::resolve_parked_step(&scene.world, resolved.clone()).await.expect("resolved");
    resolved
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_match_is_stored_once_with_what_was_searched_and_nobody_else_is_asked(pool: PgPool) {
    let scene = matched(pool).await;
    let reports = scene.calls("bureau", "report").await;
    assert_waits(reserve(&scene).await);
    let rows = scene.rows(&[]).await;
    assert_waits(reserve(&scene).await);
    assert_eq!(scene.rows(&[]).await, rows, "a repeat finds what is there");
    assert_eq!(waiting(&scene).await, "1:1");
    assert_eq!(scene.value("SELECT matches -> 0 ->> 'reason' FROM screening_matches").await, "name_and_birth_date");
    let searched = "SELECT bool_and(v -> 'version' IS NOT NULL AND length(v ->> 'sha256') = 64)
                    FROM screening_matches, jsonb_array_elements(list_versions) AS v";
    assert_eq!(scene.value(searched).await, "true");
    assert_eq!(scene.calls("bureau", "report").await, reports, "compliance first");
    assert_eq!(scene.value("SELECT state FROM payments").await, "reserved");
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn one_record_decides_on_the_match_and_on_the_step_and_gives_nothing_away(pool: PgPool) {
    let scene = matched(pool).await;
    assert_waits(reserve(&scene).await);
    let reference = scene.value("SELECT our_reference FROM payments").await;
    let resolved = decide(&scene, 1, "false_positive").await;
    let rows = scene.rows(&[]).await;
    parking::resolve_parked_step(&scene.world, resolved).await.expect("a repeat");
    assert_eq!(scene.rows(&[]).await, rows, "a repeat writes nothing");
    let on_match = "SELECT concat_ws(' ', decision, decided_by, decision_reason, parked_step_id IS NOT NULL) FROM screening_matches";
    assert_eq!(scene.value(on_match).await, "false_positive issuer|front сверено с документом t");
    let on_step = "SELECT concat_ws(' ', decision, decided_by, decision_reason) FROM parked_steps";
    assert_eq!(scene.value(on_step).await, "retry system Проверка завершена.");
    let audited = "SELECT string_agg(concat_ws(' ', action, actor, reason), '; ' ORDER BY sequence) FROM audit
                   WHERE action IN ('screening_decided', 'parked_step_decided')";
    assert_eq!(
        scene.value(audited).await,
        "parked_step_decided system ; screening_decided issuer|front сверено с документом"
    );

    assert_eq!(reserve(&scene).await, Ok(Verdict::Next { stage: Stage::Disbursing }));
    assert_eq!(
        scene.value("SELECT verdict ->> 'screening' FROM due_diligence WHERE occasion = 'payment'").await,
        r#"{"screening": "clear"}"#
    );
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed));
    assert_eq!((scene.value("SELECT our_reference FROM payments").await, scene.payouts().await), (reference, 1));
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_confirmed_match_refuses_although_the_list_changes_once_more(pool: PgPool) {
    let scene = matched(pool).await;
    assert_waits(reserve(&scene).await);
    decide(&scene, 1, "confirmed").await;
    listed(&scene, None, "Совершенно").await;
    refresh(&scene).await;
    let ground = RefusalGround::ConfirmedListMatch;
    assert_eq!(reserve(&scene).await, Ok(Verdict::Refuse { ground }));
    assert_eq!(reserve(&scene).await, Ok(Verdict::Refuse { ground }), "a repeat");
    scene.end_as(Care::Thorough, Outcome::Refused { ground }).await;
    assert_eq!((scene.value("SELECT state FROM payments").await.as_str(), scene.payouts().await), ("released", 0));
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn who_is_cleared_stays_cleared_and_who_comes_later_waits(pool: PgPool) {
    let scene = matched(pool).await;
    assert_waits(reserve(&scene).await);
    listed(&scene, None, "Совершенно").await;
    refresh(&scene).await;
    assert_waits(reserve(&scene).await);
    assert_eq!(waiting(&scene).await, "1:1", "the same person in another version of the list");
    listed(&scene, None, "Жамбырбаев").await;
    refresh(&scene).await;
    assert_waits(reserve(&scene).await);
    assert_eq!(waiting(&scene).await, "1:1 2:2");
    decide(&scene, 1, "false_positive").await;
    assert_waits(reserve(&scene).await);
    assert_eq!(waiting(&scene).await, "2:2", "one of the two is not cleared");
    decide(&scene, 2, "false_positive").await;
    assert_eq!(reserve(&scene).await, Ok(Verdict::Next { stage: Stage::Disbursing }));
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed));
    assert_eq!(scene.payouts().await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_that_comes_late_waits_for_the_same_decision(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    listed(&scene, None, "Жанбырбаев").await;
    refresh(&scene).await;
    fail_commit(&scene, 1).await;
    let failure = transfer_late(&scene).await.expect_err("not committed");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "storage.driver"));
    assert!(commits_pass(&scene).await);
    assert_eq!(waiting(&scene).await, "", "a match that is not stored parks nothing");
    assert_waits(transfer_late(&scene).await);
    assert_waits(transfer_late(&scene).await);
    assert_eq!((waiting(&scene).await.as_str(), scene.payouts().await), ("1:1", 0));
    decide(&scene, 1, "false_positive").await;
    assert_eq!(transfer_late(&scene).await, Ok(Transfer::Confirmed));
    assert_eq!(scene.payouts().await, 1);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_match_that_is_confirmed_before_the_first_call_stops_the_transfer_and_after_it_a_person_decides(
    pool: PgPool,
) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    listed(&scene, None, "Жанбырбаев").await;
    refresh(&scene).await;
    assert_waits(transfer_late(&scene).await);
    decide(&scene, 1, "confirmed").await;
    let stopped = Transfer::Stopped { ground: RefusalGround::ConfirmedListMatch };
    assert_eq!(transfer_late(&scene).await, Ok(stopped));
    assert_eq!(scene.value("SELECT state FROM payments").await, "reserved", "nothing was sent");

    // As if the first call had been made before anybody knew.
    scene.execute("UPDATE payments SET state = 'unknown', sent_at = now()").await;
    let failure = transfer_late(&scene).await.expect_err("money may have moved");
    assert_eq!((failure.code, failure.retry_is_safe), ("payment.no_longer_permitted", false));
    assert_eq!(scene.payouts().await, 0);
    scene.end().await;
}
