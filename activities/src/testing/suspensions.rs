//! A suspension of accrual, step by step, each through the harness: suspended once, resumed once, or undone.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iin::Iin;
use nesie_domain::suspension::HoldingDocument;
use nesie_storage::bodies::cases::{Resumption, Standstill, SuspensionAct, SuspensionReport};
use nesie_storage::holds;
use nesie_workflows::contract::CaseAnswer;
use serde_json::json;
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar_over};
use super::idempotence::{Before, Care, take};
use super::scene::{IIN, Scene};
use crate::failure::FailureClass;
use crate::suspension::{
    apply_resumption, notify_of_suspension, open_suspension, record_suspension_acts, suspend_accrual,
    suspend_bureau_reporting,
};

/// A granted application, of whose loan documents are to come.
async fn granted(pool: PgPool) -> Scene {
    // The loan's lock is held over the provider's call and its record: of two documents on one loan, one waits.
    let scene = scene_with_calendar_over(pool, 2).await;
    scene.grant().await;
    scene
}

/// A document on the scene's loan that was received then; its case is opened.
async fn opened(scene: Scene, received_at: DateTime<Utc>) -> Case {
    let report = SuspensionReport {
        kind: HoldingDocument::VictimRulingArt71,
        number: "71-5".to_owned(),
        issued_on: NaiveDate::from_ymd_opt(2026, 1, 12).expect("a day"),
        issuing_body: "Следственный отдел".to_owned(),
        officer: "Следователь".to_owned(),
        criminal_case: "1-1".to_owned(),
        received_at,
        iin: Iin::parse(IIN).expect("the control digit holds"),
        loans: vec![scene.value("SELECT loan_reference FROM loans").await],
    };
    let case = Case::new(scene, CaseKind::AccrualSuspension, &report).await;
    let step = async || open_suspension(&case.scene.world, case.step()).await;
    let stage = take(&case.scene, Care::Thorough, "open_suspension", Before::Nothing, &[], step).await;
    assert_eq!(stage, CaseStage::Handling);
    assert_eq!(case.watch().await, 5);
    case
}

/// A document by which everything stands still.
async fn suspended(scene: Scene) -> Case {
    let received_at = scene.now();
    let case = opened(scene, received_at).await;
    let (scene, world) = (&case.scene, &case.scene.world);
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
    /// The document is cancelled, and two people let everything go on.
    async fn resumed(&self) {
        let cancel = SuspensionAct::Cancel {
            number: "71-6".to_owned(),
            issued_on: NaiveDate::from_ymd_opt(2026, 2, 12).expect("a day"),
            issuing_body: "Прокуратура".to_owned(),
            received_at: self.scene.now(),
            documents: Vec::new(),
        };
        assert_eq!(self.suspension_act(cancel).await, (CaseAnswer::DONE, CaseStage::AwaitingResumption));
        let resumption = Resumption { back_accrual: true, resume_collection: true };
        let (asked, _) = self.suspension_act(SuspensionAct::ProposeResumption(resumption)).await;
        self.approve(&asked).await;
        let step = async || apply_resumption(&self.scene.world, self.step()).await;
        let stage = take(&self.scene, Care::Thorough, "apply_resumption", Before::Nothing, &RESUMPTION, step).await;
        assert_eq!(stage, CaseStage::Closed { outcome: CaseOutcome::Completed });
    }

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
    let case = suspended(granted(pool).await).await;
    case.resumed().await;
    case.close(CaseOutcome::Completed).await;
    assert_eq!(case.scene.value("SELECT count(*) FROM timeline WHERE kind = 'accrual_resumed'").await, "1");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_suspension_in_error_is_undone_once_and_the_client_is_told_so(pool: PgPool) {
    let case = suspended(granted(pool).await).await;
    let notices = case.scene.ledger("notifications").await.len();
    let (asked, _) = case.suspension_act(SuspensionAct::Withdraw).await;
    case.approve(&asked).await;
    // Loan by loan, each with its fact; then the notice.
    let asked = [&RESUMPTION[..], &[("notifications", "message")]].concat();
    case.withdraw(Before::Committed, &asked).await;
    assert_eq!(case.scene.ledger("notifications").await.len(), notices + 1, "one notice");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_notice_that_does_not_reach_the_client_is_given_by_other_means(pool: PgPool) {
    let scene = granted(pool).await;
    let received_at = scene.now();
    let case = opened(scene, received_at).await;
    let (scene, world) = (&case.scene, &case.scene.world);
    scene.fault("notifications", "message", json!({"kind": "status", "code": 422}), None).await;
    let failure = notify_of_suspension(world, case.step()).await.expect_err("the number is dead");
    assert_eq!(failure.class, FailureClass::Park);
    let notice =
        Standstill { done_at: scene.now(), description: "Вручено лично".to_owned(), documents: Vec::new() };
    let told = case.suspension_act(SuspensionAct::ConfirmNotice(notice.clone())).await;
    assert_eq!(told, (CaseAnswer::DONE, CaseStage::Handling));
    let again = CaseAnswer::Refused { code: "duty.not_open".to_owned(), detail: None };
    assert_eq!(case.suspension_act(SuspensionAct::ConfirmNotice(notice)).await.0, again);
    assert_eq!(notify_of_suspension(world, case.step()).await, Ok(()), "nothing is left to be sent");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_document_of_a_day_within_a_suspension_that_has_ended_suspends_from_its_end(pool: PgPool) {
    let scene = granted(pool).await;
    scene.wait(TimeDelta::days(5));
    let first = suspended(scene).await;
    first.scene.wait(TimeDelta::days(5));
    first.resumed().await;
    let resumed_on = local_date(first.scene.now());
    // Received while the first one held, registered after its end.
    first.scene.wait(TimeDelta::days(1));
    let received_at = first.scene.now() - TimeDelta::days(3);
    let second = opened(first.scene, received_at).await;
    let step = async || suspend_accrual(&second.scene.world, second.step()).await;
    take(&second.scene, Care::Thorough, "suspend_accrual", Before::Nothing, &[], step).await;
    let since = "SELECT suspended_from FROM loan_holds WHERE released_at IS NULL";
    assert_eq!(second.scene.value(since).await, resumed_on.to_string());
    let met = "SELECT state FROM duties WHERE kind = 'suspend_accrual' ORDER BY opened_at DESC LIMIT 1";
    assert_eq!(second.scene.value(met).await, "met");
    second.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_document_within_an_ended_suspension_moves_one_that_came_after_it_to_its_end(pool: PgPool) {
    let scene = granted(pool).await;
    scene.wait(TimeDelta::days(5));
    let first = suspended(scene).await;
    first.scene.wait(TimeDelta::days(5));
    first.resumed().await;
    let resumed_on = local_date(first.scene.now()).to_string();
    first.scene.wait(TimeDelta::days(2));
    let later = suspended(first.scene).await;
    later.scene.wait(TimeDelta::days(1));
    let received_at = later.scene.now() - TimeDelta::days(4);
    let within = opened(later.scene, received_at).await;
    let step = async || suspend_accrual(&within.scene.world, within.step()).await;
    take(&within.scene, Care::Thorough, "suspend_accrual", Before::Nothing, &[], step).await;
    let since = "SELECT string_agg(DISTINCT suspended_from::text, ' ') FROM loan_holds WHERE released_at IS NULL";
    assert_eq!(within.scene.value(since).await, resumed_on, "the days between the two stand still too");
    within.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_document_that_holds_the_loan_on_takes_the_first_day_over(pool: PgPool) {
    let scene = granted(pool).await;
    scene.wait(TimeDelta::days(2));
    let first = suspended(scene).await;
    let since = local_date(first.scene.now()).to_string();
    first.scene.wait(TimeDelta::days(3));
    let (first_id, received_at) = (first.id, first.scene.now());
    let second = opened(first.scene, received_at).await;
    // The first one is released, and nothing resumes; only then the second one comes to its turn.
    let loan = second.scene.value("SELECT loan_reference FROM loans").await;
    let mut connection = second.scene.owner.acquire().await.expect("a connection");
    holds::release(&mut connection, first_id, &loan, false, received_at).await.expect("released");
    drop(connection);
    let step = async || suspend_accrual(&second.scene.world, second.step()).await;
    take(&second.scene, Care::Thorough, "suspend_accrual", Before::Nothing, &[], step).await;
    let kept = "SELECT suspended_from FROM loan_holds WHERE released_at IS NULL";
    assert_eq!(second.scene.value(kept).await, since, "the books have it since then");
    second.scene.end().await;
}
