//! A suspension of accrual, step by step, each through the harness: suspended once, resumed once, or undone.

use chrono::NaiveDate;
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iin::Iin;
use nesie_domain::suspension::HoldingDocument;
use nesie_storage::bodies::cases::{Resumption, Standstill, SuspensionAct, SuspensionReport};
use nesie_workflows::contract::CaseAnswer;
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar_over};
use super::idempotence::{Before, Care, take};
use super::scene::IIN;
use crate::suspension::{
    apply_resumption, notify_of_suspension, open_suspension, record_suspension_acts, suspend_accrual,
    suspend_bureau_reporting,
};

/// A document on the loan of a granted application, by which everything stands still.
async fn suspended(pool: PgPool) -> Case {
    // The loan's lock is held over the provider's call and its record: of two documents on one loan, one waits.
    let scene = scene_with_calendar_over(pool, 2).await;
    let loan = scene.grant().await;
    let report = SuspensionReport {
        kind: HoldingDocument::VictimRulingArt71,
        number: "71-5".to_owned(),
        issued_on: NaiveDate::from_ymd_opt(2026, 1, 12).expect("a day"),
        issuing_body: "Следственный отдел".to_owned(),
        officer: "Следователь".to_owned(),
        criminal_case: "1-1".to_owned(),
        received_at: scene.now(),
        iin: Iin::parse(IIN).expect("the control digit holds"),
        loans: vec![loan],
    };
    let case = Case::new(scene, CaseKind::AccrualSuspension, &report).await;
    let (scene, world) = (&case.scene, &case.scene.world);
    let step = async || open_suspension(world, case.step()).await;
    let stage = take(scene, Care::Thorough, "open_suspension", Before::Nothing, &[], step).await;
    assert_eq!(stage, CaseStage::Handling);
    assert_eq!(case.watch().await, 5);
    let step = async || suspend_accrual(world, case.step()).await;
    take(scene, Care::Thorough, "suspend_accrual", Before::Nothing, &[("accounting", "suspend")], step).await;
    let step = async || suspend_bureau_reporting(world, case.step()).await;
    let told = [("bureau", "suspension")];
    take(scene, Care::Thorough, "suspend_bureau_reporting", Before::Nothing, &told, step).await;
    let notices = scene.ledger("notifications").await.len();
    let step = async || notify_of_suspension(world, case.step()).await;
    let sent = [("notifications", "message")];
    take(scene, Care::Thorough, "notify_of_suspension", Before::Nothing, &sent, step).await;
    assert_eq!(scene.ledger("notifications").await.len(), notices + 1, "one notice");
    let standstill =
        Standstill { done_at: scene.now(), description: "Отозвано".to_owned(), documents: Vec::new() };
    let confirmed = case.suspension_act(SuspensionAct::ConfirmCollection(standstill.clone())).await;
    assert_eq!(confirmed, (CaseAnswer::DONE, CaseStage::Handling));
    let confirmed = case.suspension_act(SuspensionAct::ConfirmClaims(standstill)).await;
    assert_eq!(confirmed, (CaseAnswer::DONE, CaseStage::Suspended));
    case
}

impl Case {
    async fn suspension_act(&self, act: SuspensionAct) -> (CaseAnswer, CaseStage) {
        let run = async |acts| record_suspension_acts(&self.scene.world, acts).await;
        self.act("record_suspension_acts", &act, &[], run).await
    }
}

/// What is asked where accrual goes on.
const RESUMPTION: [(&str, &str); 4] =
    [("accounting", "balance"), ("accounting", "resume"), ("accounting", "payments"), ("bureau", "resumption")];

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_step_of_a_suspension_and_its_resumption_is_done_once(pool: PgPool) {
    let case = suspended(pool).await;
    let cancel = SuspensionAct::Cancel {
        number: "71-6".to_owned(),
        issued_on: NaiveDate::from_ymd_opt(2026, 2, 12).expect("a day"),
        issuing_body: "Прокуратура".to_owned(),
        received_at: case.scene.now(),
        documents: Vec::new(),
    };
    assert_eq!(case.suspension_act(cancel).await, (CaseAnswer::DONE, CaseStage::AwaitingResumption));
    let resumption = Resumption { back_accrual: true, resume_collection: true };
    let (asked, _) = case.suspension_act(SuspensionAct::ProposeResumption(resumption)).await;
    case.approve(&asked).await;
    let step = async || apply_resumption(&case.scene.world, case.step()).await;
    let stage = take(&case.scene, Care::Thorough, "apply_resumption", Before::Nothing, &RESUMPTION, step).await;
    assert_eq!(stage, CaseStage::Closed { outcome: CaseOutcome::Completed });
    case.close(CaseOutcome::Completed).await;
    assert_eq!(case.scene.value("SELECT count(*) FROM timeline WHERE kind = 'accrual_resumed'").await, "1");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_suspension_in_error_is_undone_once_and_the_client_is_told_so(pool: PgPool) {
    let case = suspended(pool).await;
    let notices = case.scene.ledger("notifications").await.len();
    let (asked, _) = case.suspension_act(SuspensionAct::Withdraw).await;
    case.approve(&asked).await;
    // Loan by loan, each with its fact; then the notice.
    let asked = [&RESUMPTION[..], &[("notifications", "message")]].concat();
    case.withdraw(Before::Committed, &asked).await;
    assert_eq!(case.scene.ledger("notifications").await.len(), notices + 1, "one notice");
    case.scene.end().await;
}
