//! Parked steps and withdrawal: visible, decided once, and in nobody's words but his own.

use nesie_domain::act::ActKind;
use nesie_domain::application::Outcome;
use nesie_domain::ids::ParkedStepId;
use nesie_workflows::contract::{ActInput, ParkInput, ParkedDecision, ResolveInput};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::idempotence::{Before, Care, take};
use super::scene::{Ask, IBAN, Scene};
use crate::{closing, parking};

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_parked_step_is_visible_and_decided_once(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let parked_step_id = ParkedStepId::from_uuid(Uuid::from_u128(5));
    let input = ParkInput {
        owner: scene.id.into(),
        parked_step_id,
        step: "transfer_money".to_owned(),
        occasion: 1,
        provider: Some("payments".to_owned()),
        failure_code: "payment.not_found_without_deduplication".to_owned(),
        retry_is_safe: false,
        nothing_sent: false,
        may_fail: false,
        at: scene.now(),
    };
    take(&scene, Care::Thorough, "park_step", Before::Nothing, &[], async || {
        parking::park_step(&scene.world, input.clone()).await
    })
    .await;
    assert_eq!(
        scene.value("SELECT count(*) FROM parked_steps WHERE decision IS NULL AND NOT retry_is_safe").await,
        "1"
    );
    let body = json!({ "decision": "retry", "reason": "провайдер подтвердил по телефону" });
    let ActInput { submission_id, .. } = scene.submit(ActKind::DecideParkedStep, body).await;
    let decision = ParkedDecision::Retry;
    take(&scene, Care::Thorough, "resolve_parked_step", Before::Nothing, &[], async || {
        let at = scene.now();
        let input = ResolveInput { owner: scene.id.into(), parked_step_id, submission_id, decision, at };
        parking::resolve_parked_step(&scene.world, input).await
    })
    .await;
    assert_eq!(scene.value("SELECT decision || ' ' || decided_by FROM parked_steps").await, "retry issuer|front");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_withdrawal_keeps_the_clients_words_sealed(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let ActInput { submission_id, .. } = scene.submit(ActKind::Withdraw, json!({ "reason": "передумал" })).await;
    take(&scene, Care::Thorough, "close_application", Before::Nothing, &[], async || {
        let input = scene.close(Outcome::Withdrawn);
        let input = nesie_workflows::contract::CloseInput { submission_id: Some(submission_id), ..input };
        closing::close_application(&scene.world, input).await
    })
    .await;
    assert_eq!(scene.value("SELECT actor FROM audit WHERE action = 'application_closed'").await, "issuer|front");
    assert_eq!(scene.value("SELECT count(*) FROM audit WHERE reason LIKE '%передумал%'").await, "0");
    let other = closing::close_application(&scene.world, scene.close(Outcome::Expired)).await;
    assert_eq!(other.expect_err("closed otherwise").code, "storage.conflict");
    assert_eq!(scene.value(&format!("SELECT count(*) FROM timeline WHERE details::text LIKE '%{IBAN}%'")).await, "0");
    scene.end().await;
}
