//! A leak of personal data (para 36), step by step, each through the harness: clients flagged, each measure before their next
//! operation taken once, the flags off again.

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iin::Iin;
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::{LeakAct, LeakReport, LeakedClient, VerificationCall};
use nesie_workflows::contract::CaseAnswer;
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar};
use super::idempotence::{Before, Care, take};
use super::scene::{Ask, IIN, Scene};
use crate::failure::FailureClass;
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
                VALUES ('00000000-0000-0000-0000-0000000000f1', '00000000-0000-0000-0000-0000000000c1', (SELECT iin_index FROM applications), 'sealed', now(), now())";
    scene.execute(flag).await;
    flag
}

/// A leak of which nothing is known yet but what was reported; its client is not the scene's.
async fn opened(pool: PgPool) -> Case {
    let scene = scene_with_calendar(pool).await.with_temporal().await;
    let report = LeakReport {
        source: "Государственная техническая служба".to_owned(),
        learned_at: scene.now(),
        description: "Выгрузка".to_owned(),
        clients: vec![client(ANOTHER)],
    };
    let case = Case::new(scene, CaseKind::DataLeak, &report).await;
    let step = async || leak::open_data_leak(&case.scene.world, case.step()).await;
    let stage = take(&case.scene, Care::Thorough, "open_data_leak", Before::Committed, &[], step).await;
    assert_eq!(stage, CaseStage::Handling);
    case
}

fn client(iin: &str) -> LeakedClient {
    LeakedClient { iin: Iin::parse(iin).expect("the control digit holds") }
}

const ANOTHER: &str = "960229300014";

impl Case {
    async fn leak_act(&self, act: LeakAct) -> (CaseAnswer, CaseStage) {
        let run = async |acts| leak::record_leak_acts(&self.scene.world, acts).await;
        self.act("record_leak_acts", &act, &[], run).await
    }

    async fn is_flagged(&self) -> bool {
        take(&self.scene, Care::Thorough, "check_leak_flag", Before::Nothing, &[], async || {
            leak::check_leak_flag(&self.scene.world, self.scene.step()).await
        })
        .await
    }

    /// Asks for the next of the measures. Each asking is an occasion of its own; its repeats have its instant.
    async fn verify(&self, providers: &[(&str, &str)]) -> Stage {
        let asking = self.scene.step();
        let verdict = take(&self.scene, Care::Thorough, "verify_after_leak", Before::Nothing, providers, async || {
            leak::verify_after_leak(&self.scene.world, asking).await
        });
        self.scene.follow(verdict.await).await
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_step_of_a_leak_is_done_once_and_each_measure_taken_once(pool: PgPool) {
    let case = opened(pool).await;
    let scene = &case.scene;
    assert!(!case.is_flagged().await);
    let handled = (CaseAnswer::DONE, CaseStage::Handling);
    assert_eq!(case.leak_act(LeakAct::AddClients { clients: vec![client(IIN)] }).await, handled);
    assert!(case.is_flagged().await);

    assert!(matches!(case.verify(&[]).await, Stage::AwaitingLeakVerification { .. }));
    let act = scene.submit(ActKind::IdentifyAfterLeak, scene.image().await).await;
    let asked = [("coid", "verify")];
    let identified = scene.act(Care::Thorough, "identify_client", act, &asked, async |act| {
        identification::identify_client(&scene.world, act).await
    });
    scene.expect(identified.await, Stage::Processing { act: None }).await;
    assert_eq!(case.verify(&[("mobile-operators", "check")]).await, Stage::AwaitingVerificationCall);
    let measures = "SELECT concat_ws(' ', identified_at IS NOT NULL, phone_source, cleared_at IS NULL)
                    FROM client_flags WHERE identified_at IS NOT NULL";
    assert_eq!(scene.value(measures).await, "t mobile-operators t");

    let client_id = scene.value("SELECT id FROM client_flags WHERE identified_at IS NOT NULL").await;
    let call = VerificationCall {
        phone: Phone::parse("+77011234567").expect("a phone"),
        called_at: scene.now(),
        operator: "Оператор".to_owned(),
        reached: true,
        informed_of_theft: true,
        recommended_voluntary_refusal: true,
        script_version: "1".to_owned(),
        documents: Vec::new(),
    };
    let record = LeakAct::RecordCall { client_id: client_id.parse().expect("an id"), call };
    assert_eq!(case.leak_act(record).await, handled);
    assert!(!case.is_flagged().await, "nothing is missing any more");
    assert_eq!(case.verify(&[]).await, Stage::Processing { act: None });
    let closed = CaseStage::Closed { outcome: CaseOutcome::Completed };
    assert_eq!(case.leak_act(LeakAct::Close).await, (CaseAnswer::DONE, closed));
    case.close(CaseOutcome::Completed).await;
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_leak_that_was_none_is_withdrawn_once_and_its_flags_go(pool: PgPool) {
    let case = opened(pool).await;
    case.leak_act(LeakAct::AddClients { clients: vec![client(IIN)] }).await;
    let (asked, _) = case.leak_act(LeakAct::Withdraw).await;
    case.approve(&asked).await;
    case.withdraw(Before::Nothing, &[]).await;
    assert!(!case.is_flagged().await);
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn what_else_the_client_has_open_looks_again_once_nothing_is_missing(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    flag(&scene).await;
    let asking = scene.step();
    let held = leak::verify_after_leak(&scene.world, asking).await.expect("asked");
    assert!(matches!(scene.follow(held).await, Stage::AwaitingLeakVerification { .. }));
    scene.execute("UPDATE client_flags SET withdrawn_at = now()").await;
    scene.another_application(2, 1).await;
    let asking = scene.step();
    for _ in 0..2 {
        let failure = leak::verify_after_leak(&scene.world, asking).await.expect_err("nobody could be told");
        assert_eq!((failure.class, failure.code), (FailureClass::Retry, "temporal.missing"));
    }
    assert_eq!(scene.stage().await, Stage::Processing { act: None }, "what was decided stands");
    let scene = scene.with_temporal().await;
    let told = leak::verify_after_leak(&scene.world, asking).await.expect("told");
    assert_eq!(scene.follow(told).await, Stage::Processing { act: None });
    scene.end().await;
}
