//! The measures before the next operation of a client whose data was leaked (para 36), each taken once.

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use sqlx::PgPool;

use super::idempotence::{Before, Care, take};
use super::scene::{Ask, Scene};
use crate::{identification, leak};

/// The statement that flags the scene's client; its case is made by the way.
pub(super) async fn flag(scene: &Scene) -> &'static str {
    scene
        .execute(
            "INSERT INTO cases (id, kind, submitted_by, natural_key, details_sealed, summary, policy, ruleset, build
                , received_at, stage, stage_at)
             VALUES ('00000000-0000-0000-0000-0000000000c1', 'data_leak', 'a test', 'key', 'sealed', '{}', '{}', '2025-01-01'
                , 'test', now(), '{\"stage\": \"handling\"}', now())",
        )
        .await;
    let flag = "INSERT INTO client_flags (id, case_id, iin_index, person_sealed, learned_at, flagged_at)
                VALUES ('00000000-0000-0000-0000-0000000000f1', '00000000-0000-0000-0000-0000000000c1', 'iin', 'sealed', now(), now())";
    scene.execute(flag).await;
    flag
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_measure_after_a_leak_is_taken_once(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let is_flagged = async || leak::check_leak_flag(&scene.world, scene.step()).await.expect("read");
    assert!(!is_flagged().await);
    flag(&scene).await;
    assert!(is_flagged().await);

    // Each asking is an occasion of its own; its repeats have its instant.
    let asking = scene.step();
    let verdict = take(&scene, Care::Thorough, "verify_after_leak", Before::Nothing, &[], async || {
        leak::verify_after_leak(&scene.world, asking).await
    });
    assert!(matches!(scene.follow(verdict.await).await, Stage::AwaitingLeakVerification { .. }));
    let act = scene.submit(ActKind::IdentifyAfterLeak, scene.image().await).await;
    let identified = scene.act(Care::Thorough, act, &[("coid", "verify")], async |act| {
        identification::identify_client(&scene.world, act).await
    });
    scene.expect(identified.await, Stage::Processing { act: None }).await;

    let asking = scene.step();
    let providers = [("mobile-operators", "check")];
    let verdict = take(&scene, Care::Thorough, "verify_after_leak", Before::Nothing, &providers, async || {
        leak::verify_after_leak(&scene.world, asking).await
    });
    scene.expect(verdict.await, Stage::AwaitingVerificationCall).await;
    let measures =
        "SELECT concat_ws(' ', identified_at IS NOT NULL, phone_source, cleared_at IS NULL) FROM client_flags";
    assert_eq!(scene.value(measures).await, "t mobile-operators t");
    scene.end().await;
}
