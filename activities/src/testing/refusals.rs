//! Refusals before anything is offered or chosen, and compliance's decisions.

use chrono::NaiveDate;
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::person::ClientKind;
use nesie_workflows::contract::{CreditVerdict, Screening, Verdict};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::idempotence::{Before, Care, take};
use super::scene::{Ask, IIN, Scene};
use crate::failure::FailureClass;
use crate::{agreement, credit, lists, offer, screening};

pub(super) async fn refresh(scene: &Scene) {
    lists::refresh_aml_lists(&scene.world, scene.now()).await.expect("refreshed");
}

async fn screen_with_care(scene: &Scene) -> Screening {
    take(scene, Care::Thorough, "screen_client", Before::Nothing, &[], async || {
        screening::screen_client(&scene.world, scene.step()).await
    })
    .await
}

pub(super) async fn listed(scene: &Scene, iin: Option<&str>, surname: &str) {
    let person = json!({ "iin": iin, "surname": surname, "given_name": "Ұлықпан", "patronymic": "Өтегенұлы", "birth_date": "1987-10-08" });
    scene.put("aml/persons", &person).await;
}

/// Nothing that the client can see says that a list was the ground.
pub(super) async fn assert_nothing_tips_off(scene: &Scene) {
    for query in
        ["SELECT string_agg(details::text, '') FROM timeline", "SELECT string_agg(payload::text, '') FROM outbox"]
    {
        let shown = scene.value(query).await;
        for word in ["terrorism", "confirmed_list_match", "due_diligence_impossible"] {
            assert!(!shown.contains(word), "{word} in {query}");
        }
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn nobody_is_screened_without_lists(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let failure = screening::screen_client(&scene.world, scene.step()).await.expect_err("no lists");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "aml.lists_missing"));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn nobody_is_screened_by_lists_that_were_not_refreshed_for_a_day(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    refresh(&scene).await;
    let old = "UPDATE aml_list_versions SET checked_at = now() - interval '25 hours' WHERE category = 'participants'";
    scene.execute(old).await;
    let failure = screening::screen_client(&scene.world, scene.step()).await.expect_err("old lists");
    assert_eq!((failure.class, failure.code), (FailureClass::Retry, "aml.lists_stale"));
    // The publisher names the same version again.
    refresh(&scene).await;
    assert_eq!(screening::screen_client(&scene.world, scene.step()).await, Ok(Screening::Clear));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_number_on_a_list_refuses_and_tips_nobody_off(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    listed(&scene, Some(IIN), "Совсем").await;
    refresh(&scene).await;
    let ground = RefusalGround::TerrorismFinancingList;
    assert_eq!(screen_with_care(&scene).await, Screening::Refuse { ground });
    scene.end_as(Care::Thorough, Outcome::Refused { ground }).await;
    assert_nothing_tips_off(&scene).await;
    assert_eq!(scene.value("SELECT outcome ->> 'ground' FROM applications").await, "terrorism_financing_list");
    assert_eq!(scene.value("SELECT template FROM notices").await, "not_granted");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_expired_document_and_a_closed_channel_refuse(pool: PgPool) {
    let expired = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date");
    let scene = Scene::new(pool, Ask { document_expires_on: expired, ..Ask::default() }).await;
    refresh(&scene).await;
    scene.execute("UPDATE channels SET active_from = '2999-01-01' WHERE code = 'web'").await;
    scene.execute("CREATE TABLE channels_before AS SELECT * FROM channels").await;
    let closed = screening::screen_client(&scene.world, scene.step()).await;
    assert_eq!(closed, Ok(Screening::Refuse { ground: RefusalGround::ChannelClosed }));
    scene.execute("DELETE FROM due_diligence").await;
    scene.execute("DELETE FROM audit").await;
    scene.execute("DELETE FROM timeline").await;
    scene.execute("UPDATE channels SET active_from = '2026-01-01'").await;
    let ground = RefusalGround::DueDiligenceImpossible;
    assert_eq!(screen_with_care(&scene).await, Screening::Refuse { ground });
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_claimed_sole_proprietor_who_is_none_is_refused_on_stored_evidence(pool: PgPool) {
    let scene = Scene::new(pool, Ask { kind: ClientKind::SoleProprietor, ..Ask::default() }).await;
    refresh(&scene).await;
    let ground = RefusalGround::NotSoleProprietor;
    assert_eq!(screen_with_care(&scene).await, Screening::Refuse { ground });
    let stored =
        "SELECT count(*) FROM sole_proprietor_checks c JOIN evidence e ON e.id = c.evidence_id WHERE NOT registered";
    assert_eq!(scene.value(stored).await, "1");
    scene.end().await;
}

async fn decide_match(pool: PgPool, decision: &str, expected: Verdict) {
    let scene = Scene::new(pool, Ask::default()).await;
    listed(&scene, None, "Жанбырбаев").await;
    refresh(&scene).await;
    let Screening::Match { match_id } = screen_with_care(&scene).await else { panic!("a likely match") };
    assert_eq!(scene.stage().await, Stage::AwaitingScreeningDecision { match_id });
    assert_nothing_tips_off(&scene).await;
    let body = json!({ "decision": decision, "reason": "сверено с документом" });
    let act = scene.submit(ActKind::DecideScreeningMatch, body).await;
    let decided = scene.act(Care::Thorough, "record_screening_decision", act, &[], async |act| {
        screening::record_screening_decision(&scene.world, act).await
    });
    assert_eq!(decided.await, expected);
    assert_eq!(scene.value("SELECT decision FROM screening_matches").await, decision);
    assert_eq!(
        scene.value("SELECT reason FROM audit WHERE action = 'screening_decided'").await,
        "сверено с документом"
    );
    assert_nothing_tips_off(&scene).await;
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn compliance_lets_a_false_positive_go_on(pool: PgPool) {
    decide_match(pool, "false_positive", Verdict::Next { stage: Stage::Processing { act: None } }).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn compliance_confirms_a_match(pool: PgPool) {
    decide_match(pool, "confirmed", Verdict::Refuse { ground: RefusalGround::ConfirmedListMatch }).await;
}

async fn credit_refused(pool: PgPool, person: Value, ground: RefusalGround) {
    let scene = Scene::new(pool, Ask::default()).await;
    scene.person(person).await;
    // One input for all tries, as Temporal's own retries have it.
    let input = scene.step();
    let verdict =
        take(&scene, Care::Thorough, "fetch_credit_report", Before::Nothing, &[("bureau", "report")], async || {
            credit::fetch_credit_report(&scene.world, input).await
        });
    assert_eq!(verdict.await, CreditVerdict::Refuse { ground });
    assert_eq!(scene.ledger("bureau").await.len(), 1, "one report under one request");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_voluntary_refusal_refuses(pool: PgPool) {
    credit_refused(pool, json!({ "voluntary_refusal": "ACTIVE" }), RefusalGround::VoluntaryRefusal).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn overdue_refuses(pool: PgPool) {
    credit_refused(pool, json!({ "overdue_days_current": 91 }), RefusalGround::Overdue).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn the_debt_burden_refuses(pool: PgPool) {
    // 270 000 ₸ and the new 30 138.63 ₸ are more than half of 600 000 ₸.
    credit_refused(pool, json!({ "monthly_payments": 27_000_000 }), RefusalGround::DebtBurden).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_unknown_income_refuses(pool: PgPool) {
    credit_refused(pool, json!({ "average_monthly_income": null }), RefusalGround::IncomeUnknown).await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_unknown_voluntary_refusal_is_tried_again_and_never_stored_as_none(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    scene.person(json!({ "voluntary_refusal": "UNKNOWN" })).await;
    for _ in 0..2 {
        let failure = credit::fetch_credit_report(&scene.world, scene.step()).await.expect_err("unknown");
        assert_eq!((failure.class, failure.code), (FailureClass::Retry, "bureau.voluntary_refusal_unknown"));
    }
    assert_eq!(scene.value("SELECT count(*) FROM credit_reports").await, "0");
    scene.person(json!({ "voluntary_refusal": "NONE" })).await;
    let verdict = credit::fetch_credit_report(&scene.world, scene.step()).await;
    assert_eq!(verdict, Ok(CreditVerdict::Eligible), "another request, since the bureau repeats itself under the same");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn terms_above_the_caps_are_refused_with_the_drafts_stored(pool: PgPool) {
    // 20 000 МРП of 2026 are 86 500 000 ₸.
    let scene = Scene::new(pool, Ask { amount_tiyn: 8_650_000_001, ..Ask::default() }).await;
    let drafted = take(&scene, Care::Thorough, "draft_offer", Before::Nothing, &[], async || {
        offer::draft_offer(&scene.world, scene.step()).await
    });
    assert_eq!(drafted.await, Verdict::Refuse { ground: RefusalGround::TermsOutsideLimits });
    assert_eq!(scene.value("SELECT count(*) FROM schedule_drafts WHERE breaches <> '[]'").await, "3");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn another_text_or_draft_leaves_the_stage_open(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    scene.reach_offer(Care::Quick).await;
    let mut body = scene.acknowledgements().await;
    body["acknowledged"][1]["sha256"] = json!("00".repeat(32));
    let act = scene.submit(ActKind::Acknowledge, body).await;
    let incomplete = scene.act(Care::Thorough, "record_acknowledgement", act, &[], async |act| {
        agreement::record_acknowledgement(&scene.world, act).await
    });
    scene.expect(incomplete.await, Stage::AwaitingAcknowledgement).await;
    assert_eq!(scene.value("SELECT count(*) FROM acknowledgements").await, "0");
    let whole = scene.acknowledgements().await;
    let act = scene.submit(ActKind::Acknowledge, whole).await;
    scene
        .expect(
            agreement::record_acknowledgement(&scene.world, act).await.expect("whole"),
            Stage::AwaitingScheduleChoice,
        )
        .await;
    let act = scene.submit(ActKind::ChooseSchedule, json!({ "draft_id": Uuid::from_u128(1) })).await;
    let unknown = scene.act(Care::Thorough, "record_schedule_choice", act, &[], async |act| {
        agreement::record_schedule_choice(&scene.world, act).await
    });
    scene.expect(unknown.await, Stage::AwaitingScheduleChoice).await;
    assert_eq!(scene.value("SELECT count(*) FROM schedule_choices").await, "0");
    scene.end().await;
}
