//! A write-off, step by step, each through the harness: the debt written off once, the client paid back once.

use chrono::{NaiveDate, TimeDelta};
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iban::Iban;
use nesie_domain::iin::Iin;
use nesie_domain::refund::RefundKind;
use nesie_storage::bodies::PaymentProfile;
use nesie_storage::bodies::write_offs::{Verdict, VerdictReport, WriteOffAct};
use nesie_workflows::contract::{CaseAnswer, CaseStep, Refunded};
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar};
use super::idempotence::{Before, Care, take};
use super::scene::{IBAN, IIN, Scene};
use crate::calls::Call;
use crate::providers::accounting::Suspension;
use crate::write_off::{
    apply_write_off_decision, correct_credit_history, finish_write_off, open_write_off, record_write_off_acts, refund,
};

fn verdict(number: &str) -> Verdict {
    Verdict {
        court: "Алмалинский районный суд".to_owned(),
        number: number.to_owned(),
        issued_on: NaiveDate::from_ymd_opt(2026, 1, 12).expect("a day"),
        in_force_on: NaiveDate::from_ymd_opt(2026, 1, 30).expect("a day"),
    }
}

/// A verdict on the loan of a granted application, of which the client paid twice, once because he was made to.
async fn opened(pool: PgPool) -> Case {
    let scene = scene_with_calendar(pool).await;
    let loan = scene.grant().await;
    for (tiyn, collected) in [(1_500_000, true), (700_000, false)] {
        scene.pay(&loan, local_date(scene.now()), tiyn, collected).await;
    }
    verdict_on(scene, loan).await
}

async fn verdict_on(scene: Scene, loan: String) -> Case {
    let report = VerdictReport {
        verdict: verdict("1-1"),
        received_at: scene.now(),
        iin: Iin::parse(IIN).expect("the control digit holds"),
        loan,
        confirmed_by_lawyer: "Юрист".to_owned(),
    };
    let case = Case::new(scene, CaseKind::WriteOff, &report).await;
    let step = async || open_write_off(&case.scene.world, case.step()).await;
    let stage = take(&case.scene, Care::Thorough, "open_write_off", Before::Nothing, &[], step).await;
    assert_eq!(stage, CaseStage::Handling);
    assert_eq!(case.watch().await, 4);
    case
}

impl Case {
    async fn write_off_act(&self, act: WriteOffAct, providers: &[(&str, &str)]) -> (CaseAnswer, CaseStage) {
        let run = async |acts| record_write_off_acts(&self.scene.world, acts).await;
        self.act("record_write_off_acts", &act, providers, run).await
    }

    async fn write_off(&self) {
        let (asked, _) = self.write_off_act(WriteOffAct::Decide, &[("accounting", "balance")]).await;
        self.approve(&asked).await;
        let step = async || apply_write_off_decision(&self.scene.world, self.step()).await;
        let asked = [("accounting", "write_off")];
        assert!(take(&self.scene, Care::Thorough, "apply_write_off_decision", Before::Nothing, &asked, step).await);
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_step_of_a_write_off_is_done_once(pool: PgPool) {
    let case = opened(pool).await;
    let (scene, world) = (&case.scene, &case.scene.world);
    case.write_off().await;
    let step = async || correct_credit_history(world, case.step()).await;
    let told = [("bureau", "correction")];
    take(scene, Care::Thorough, "correct_credit_history", Before::Nothing, &told, step).await;

    let paid_out = scene.payouts().await;
    // Of one try all repeats have its instant.
    let input = case.step();
    let collected = async || refund(world, input, RefundKind::Collected).await;
    let read = [("accounting", "payments")];
    let waits = take(scene, Care::Thorough, "refund_collected", Before::Nothing, &read, collected).await;
    assert_eq!(waits, Refunded::AwaitingAccount);
    let account = WriteOffAct::GiveRefundAccount {
        iban: Iban::parse(IBAN).expect("an account"),
        payment_profile: PaymentProfile::Plain,
    };
    assert_eq!(case.write_off_act(account, &[("payments", "ownership")]).await.0, CaseAnswer::DONE);
    let checked = [("payments", "ownership")];
    let done = take(scene, Care::Thorough, "refund_collected", Before::Committed, &checked, collected).await;
    assert_eq!((done, scene.payouts().await), (Refunded::Done, paid_out + 1));
    let asked = [("accounting", "payments"), ("payments", "ownership")];
    let input = case.step();
    let paid = async || refund(world, input, RefundKind::Paid).await;
    let done = take(scene, Care::Thorough, "refund_paid", Before::Committed, &asked, paid).await;
    assert_eq!((done, scene.payouts().await), (Refunded::Done, paid_out + 2));

    let step = async || finish_write_off(world, case.step()).await;
    let stage = take(scene, Care::Thorough, "finish_write_off", Before::Nothing, &read, step).await;
    assert_eq!(stage, CaseStage::WrittenOff);
    let reopen = WriteOffAct::Reopen { verdict: verdict("1-2"), documents: Vec::new() };
    let closed = CaseStage::Closed { outcome: CaseOutcome::Completed };
    assert_eq!(case.write_off_act(reopen, &[]).await, (CaseAnswer::DONE, closed));
    case.close(CaseOutcome::Completed).await;
    assert_eq!(scene.value("SELECT string_agg(DISTINCT state, ' ') FROM duties").await, "met");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_write_off_in_error_is_withdrawn_once(pool: PgPool) {
    let case = opened(pool).await;
    let (asked, _) = case.write_off_act(WriteOffAct::Withdraw, &[]).await;
    case.approve(&asked).await;
    case.withdraw(Before::Nothing, &[]).await;
    assert_eq!(case.scene.value("SELECT string_agg(DISTINCT state, ' ') FROM duties").await, "cancelled");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_loan_that_was_suspended_after_the_decision_is_written_off_as_of_today(pool: PgPool) {
    let case = opened(pool).await;
    let (scene, world) = (&case.scene, &case.scene.world);
    let (asked, _) = case.write_off_act(WriteOffAct::Decide, &[]).await;
    case.approve(&asked).await;
    // The books were down past midnight, and a document came with the new day.
    scene.wait(TimeDelta::days(1));
    let loan = scene.value("SELECT loan_reference FROM loans").await;
    let tomorrow = local_date(scene.now());
    let suspension = Suspension { effective_from: tomorrow, penalty: true, document_reference: "71-5" };
    world.providers.accounting.suspend("k-1", &loan, &suspension).await.expect("in the books");
    let step = async || apply_write_off_decision(world, case.step()).await;
    // It is carried out, but nobody learns of it before another day is over: then it is asked for as of the day on which it was.
    let CaseAnswer::Done { made: Some(approval) } = asked else { panic!("{asked:?}") };
    let key = format!("{}:apply_write_off_decision:{approval}:{tomorrow}", case.id);
    let lost = Call::under(key.clone(), case.id, "apply_write_off_decision", ("accounting", "write_off"), scene.now());
    lost.begin(world).await.expect("noted");
    world.providers.accounting.write_off(&key, &loan, tomorrow).await.expect("an answer that nobody hears");
    scene.wait(TimeDelta::days(1));
    assert!(take(scene, Care::Thorough, "apply_write_off_decision", Before::Nothing, &[], step).await);
    let as_of = "SELECT details ->> 'written_off_on' FROM timeline WHERE kind = 'debt_written_off'";
    assert_eq!(scene.value(as_of).await, tomorrow.to_string());
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn of_two_verdicts_on_one_loan_the_second_one_is_moot_and_can_be_withdrawn(pool: PgPool) {
    let first = opened(pool).await;
    let (asked, _) = first.write_off_act(WriteOffAct::Decide, &[]).await;
    let first_id = first.id;
    let loan = first.scene.value("SELECT loan_reference FROM loans").await;
    let second = verdict_on(first.scene, loan).await;
    let (asked_too, _) = second.write_off_act(WriteOffAct::Decide, &[]).await;
    second.approve(&asked).await;
    second.approve(&asked_too).await;
    let world = &second.scene.world;
    let input = CaseStep { case_id: first_id, at: second.scene.now() };
    assert_eq!(apply_write_off_decision(world, input).await, Ok(true));
    let step = async || apply_write_off_decision(world, second.step()).await;
    assert!(!take(&second.scene, Care::Thorough, "apply_write_off_decision", Before::Nothing, &[], step).await);
    let (asked, _) = second.write_off_act(WriteOffAct::Withdraw, &[]).await;
    second.approve(&asked).await;
    let input = second.step();
    let withdrawn = crate::withdrawal::withdraw_case(world, input).await;
    assert_eq!(withdrawn, Ok(CaseStage::Closed { outcome: CaseOutcome::Withdrawn }));
    second.scene.end().await;
}
