//! A calendar version put in force, and the sweep over duties, step by step, each through the harness.

use nesie_domain::case::CasePolicy;
use nesie_domain::duty::DutyKind;
use nesie_workflows::contract::{
    DutySweepDone, Publication, PublicationStep, RecomputePage, SweepFinding, SweepPage, WakeChanged,
};
use sqlx::PgPool;
use uuid::Uuid;

use super::cases::scene_with_calendar;
use super::idempotence::{Before, Care, take};
use super::publication::{agree, at, case, open_one};
use crate::publication::{publish_calendar_version, recompute_duties, wake_changed_cases};
use crate::sweep::{record_duty_sweep, sweep_duties};

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_step_of_a_publication_and_of_a_sweep_is_done_once(pool: PgPool) {
    let scene = scene_with_calendar(pool).await.with_temporal().await;
    let world = &scene.world;
    let case_id = case(&scene, &CasePolicy::default()).await;
    open_one(&scene, case_id, DutyKind::InformClient, "c-1", "2026-11-20T09:00:00Z").await;
    let approval_id = agree(&scene, "kz-2", &["2026-11-23"], "", "2027-12-31").await;
    let published_at = at("2026-11-21T10:00:00Z");

    let step = async || publish_calendar_version(world, PublicationStep { approval_id, at: published_at }).await;
    let published = take(&scene, Care::Thorough, "publish_calendar_version", Before::Nothing, &[], step).await;
    assert_eq!(published, Publication::Published { version: "kz-2".to_owned() });
    // How much a step moved, or how many it told, its repeat can not say again.
    let version = "kz-2".to_owned();
    let page = RecomputePage { version: version.clone(), after: None, limit: 100, at: published_at };
    let step = async || Ok(recompute_duties(world, page.clone()).await?.next);
    assert_eq!(take(&scene, Care::Thorough, "recompute_duties", Before::Nothing, &[], step).await, None);
    assert_eq!(scene.value("SELECT count(*) FROM calendar_changes WHERE woken_at IS NULL").await, "1");
    let page = WakeChanged { version, limit: 100, at: published_at };
    let step = async || wake_changed_cases(world, page.clone()).await.map(drop);
    take(&scene, Care::Thorough, "wake_changed_cases", Before::Nothing, &[], step).await;
    assert_eq!(scene.value("SELECT count(*) FROM calendar_changes WHERE woken_at IS NULL").await, "0");

    let page = SweepPage { after: None, limit: 100, at: at("2026-11-21T12:00:00Z") };
    let step = async || sweep_duties(world, page).await;
    let swept = take(&scene, Care::Thorough, "sweep_duties", Before::Nothing, &[], step).await;
    let missing = SweepFinding { case_id, finding: "workflow.missing".to_owned() };
    assert_eq!((swept.cases, swept.duties, swept.findings.as_slice()), (1, 1, &[missing][..]));
    let done = DutySweepDone {
        id: Uuid::from_u128(1),
        cases: swept.cases,
        duties: swept.duties,
        findings: swept.findings,
        at: at("2027-11-30T09:00:00Z"),
    };
    let step = async || record_duty_sweep(world, done.clone()).await;
    take(&scene, Care::Thorough, "record_duty_sweep", Before::Nothing, &[], step).await;
    let told = "SELECT string_agg(action, ' ' ORDER BY action) FROM audit WHERE action ~ '^(calendar_ends|duty_sweep)'";
    assert_eq!(scene.value(told).await, "calendar_ends_soon duty_sweep_findings");
    scene.end().await;
}
