//! Tries that run out, and answers that cost none because they are none.

use nesie_domain::act::ActKind;
use nesie_domain::application::{RefusalGround, Stage};
use nesie_workflows::contract::Verdict;
use serde_json::json;
use sqlx::PgPool;

use super::idempotence::{Before, Care, take};
use super::journey::Plan;
use super::scene::{Ask, Scene};
use crate::failure::FailureClass;
use crate::{contract, disbursement_method, identification, signature};

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_account_that_is_not_the_clients_can_be_changed_until_policy_ends_it(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(Care::Quick).await;
    scene.reach_method(&plan).await;
    scene.person(json!({ "ownership": "UNAVAILABLE" })).await;
    let act = scene.submit(ActKind::ChooseDisbursementMethod, plan.disbursement.clone()).await;
    let failure = disbursement_method::check_disbursement_method(&scene.world, act).await.expect_err("nobody knows");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "payments.ownership_unavailable"));
    assert_eq!(scene.stage().await, Stage::AwaitingDisbursementMethod { tries_left: 3 }, "costs no try");
    scene.person(json!({ "ownership": "NOT_CONFIRMED" })).await;
    for tries_left in [2, 1] {
        let act = scene.submit(ActKind::ChooseDisbursementMethod, plan.disbursement.clone()).await;
        let checked =
            scene.act(Care::Thorough, "check_disbursement_method", act, &[("payments", "ownership")], async |act| {
                disbursement_method::check_disbursement_method(&scene.world, act).await
            });
        scene.expect(checked.await, Stage::AwaitingDisbursementMethod { tries_left }).await;
    }
    let act = scene.submit(ActKind::ChooseDisbursementMethod, plan.disbursement.clone()).await;
    let checked = scene.act(Care::Thorough, "check_disbursement_method", act, &[], async |act| {
        disbursement_method::check_disbursement_method(&scene.world, act).await
    });
    assert_eq!(checked.await, Verdict::Refuse { ground: RefusalGround::OwnershipNotConfirmed });
    assert_eq!(scene.value("SELECT count(*) FROM disbursement_methods WHERE ownership = 'not_confirmed'").await, "3");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_unknown_merchant_costs_a_try(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    scene.reach_offer(Care::Quick).await;
    scene.reach_method(&Plan::to_account("dedup")).await;
    let body = json!({ "method": "merchant", "merchant_id": "M-4040", "payment_profile": "dedup" });
    let act = scene.submit(ActKind::ChooseDisbursementMethod, body).await;
    let checked =
        scene.act(Care::Thorough, "check_disbursement_method", act, &[("merchants", "lookup")], async |act| {
            disbursement_method::check_disbursement_method(&scene.world, act).await
        });
    scene.expect(checked.await, Stage::AwaitingDisbursementMethod { tries_left: 2 }).await;
    scene.end().await;
}

/// An application whose contract is frozen.
async fn frozen(pool: PgPool) -> Scene {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(Care::Quick).await;
    scene.reach_method(&plan).await;
    scene.reach_contract(&plan).await;
    scene
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn identification_fails_as_often_as_policy_allows_each_time_on_another_challenge(pool: PgPool) {
    let scene = frozen(pool).await;
    for (person, code) in [
        (json!({ "biometric_score": 0.5 }), "identification.score_too_low"),
        (json!({ "biometric_score": 0.99, "liveness": false }), "identification.not_live"),
        (json!({ "has_reference_image": false }), "identification.no_reference_image"),
    ] {
        scene.person(person).await;
        let act = scene.submit(ActKind::Identify, scene.image().await).await;
        let verdict = scene.act(Care::Thorough, "identify_client", act, &[("coid", "verify")], async |act| {
            identification::identify_client(&scene.world, act).await
        });
        let verdict = verdict.await;
        let stored = format!("SELECT count(*) FROM identifications WHERE failure = '{code}' AND NOT passed");
        assert_eq!(scene.value(&stored).await, "1");
        if code == "identification.no_reference_image" {
            assert_eq!(verdict, Verdict::Refuse { ground: RefusalGround::IdentificationFailed });
        } else {
            assert!(matches!(verdict, Verdict::Next { stage: Stage::AwaitingIdentification { .. } }));
        }
    }
    assert_eq!(scene.value("SELECT count(DISTINCT id) FROM challenges WHERE used_by IS NOT NULL").await, "3");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_old_or_foreign_challenge_costs_no_try_and_is_replaced(pool: PgPool) {
    let scene = frozen(pool).await;
    let image = scene.image().await;
    scene.execute("UPDATE challenges SET expires_at = issued_at").await;
    let act = scene.submit(ActKind::Identify, image.clone()).await;
    let verdict = scene.act(Care::Thorough, "identify_client", act, &[], async |act| {
        identification::identify_client(&scene.world, act).await
    });
    assert!(matches!(scene.follow(verdict.await).await, Stage::AwaitingIdentification { tries_left: 3, .. }));
    // The old one again: it is not the stage's any more.
    let act = scene.submit(ActKind::Identify, image).await;
    let verdict = identification::identify_client(&scene.world, act).await.expect("asked again");
    assert!(matches!(scene.follow(verdict).await, Stage::AwaitingIdentification { tries_left: 3, .. }));
    assert_eq!(scene.calls("coid", "verify").await, 0);
    assert!(matches!(scene.identify(Care::Quick).await, Stage::AwaitingSignature { tries_left: 3 }));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_signature_that_is_not_accepted_costs_a_try_and_one_of_unknown_status_does_not(pool: PgPool) {
    let scene = frozen(pool).await;
    scene.identify(Care::Quick).await;
    let body = scene.signature(&json!({ "ocsp_unavailable": true })).await;
    let act = scene.submit(ActKind::Sign, body).await;
    let failure = signature::verify_signature(&scene.world, act).await.expect_err("nobody knows");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "provider.undetermined"));
    assert_eq!(scene.stage().await, Stage::AwaitingSignature { tries_left: 3 });
    for (with, tries_left) in [
        (json!({ "revoked": true }), Some(2)),
        (json!({ "iin": "931002451325" }), Some(1)),
        (json!({ "data": "0JTRgNGD0LPQvtC5" }), None),
    ] {
        let body = scene.signature(&with).await;
        let act = scene.submit(ActKind::Sign, body).await;
        let verdict = scene.act(Care::Thorough, "verify_signature", act, &[("ncanode", "verify")], async |act| {
            signature::verify_signature(&scene.world, act).await
        });
        match tries_left {
            Some(tries_left) => scene.expect(verdict.await, Stage::AwaitingSignature { tries_left }).await,
            None => assert_eq!(verdict.await, Verdict::Refuse { ground: RefusalGround::SignatureNotAccepted }),
        }
    }
    assert_eq!(scene.value("SELECT count(*) FROM signatures WHERE NOT accepted AND rejection IS NOT NULL").await, "3");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_voluntary_refusal_set_since_stops_the_contract_once_the_report_is_old(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(Care::Quick).await;
    scene.reach_method(&plan).await;
    let act = scene.submit(ActKind::ChooseDisbursementMethod, plan.disbursement.clone()).await;
    disbursement_method::check_disbursement_method(&scene.world, act).await.expect("confirmed");
    scene.execute("UPDATE credit_reports SET received_at = received_at - interval '25 hours'").await;
    scene.person(json!({ "voluntary_refusal": "ACTIVE" })).await;
    let verdict =
        take(&scene, Care::Thorough, "freeze_contract", Before::Nothing, &[("bureau", "report")], async || {
            contract::freeze_contract(&scene.world, scene.step()).await
        });
    assert_eq!(verdict.await, Verdict::Refuse { ground: RefusalGround::VoluntaryRefusal });
    assert_eq!(scene.value("SELECT count(*) FROM contracts").await, "0");
    scene.end().await;
}
