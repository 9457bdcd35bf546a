//! A contract, and a loan, of another day than the offer's: dates and price are those of their own day.

use std::time::SystemTime;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::calendar::local_date;
use nesie_domain::money::Money;
use nesie_domain::quote::Quote;
use nesie_domain::rate::Rate;
use nesie_domain::schedule::{RepaymentMethod, Schedule};
use nesie_storage::locks;
use nesie_workflows::contract::{CreditVerdict, Transfer, Verdict};
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

use super::idempotence::Care;
use super::journey::Plan;
use super::scene::{Ask, Scene};
use crate::providers::accounting::NewLoan;
use crate::subject::Subject;
use crate::{borrowed, contract, credit, disbursement_method, lists, loan, signing, transfer, tried};

/// A schedule that is stored somewhere.
async fn stored(scene: &Scene, query: &str) -> Schedule {
    serde_json::from_str(&scene.value(query).await).expect("a schedule")
}

async fn drafted(scene: &Scene) -> Schedule {
    stored(scene, "SELECT schedule FROM schedule_drafts WHERE method = 'annuity'").await
}

fn today(scene: &Scene) -> NaiveDate {
    local_date(scene.now())
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_contract_that_is_frozen_days_after_the_offer_counts_from_its_own_day(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(plan.care).await;
    scene.reach_method(&plan).await;
    let offered = drafted(&scene).await;
    scene.wait(TimeDelta::days(5));
    scene.reach_contract(&plan).await;
    let agreed = stored(&scene, "SELECT schedule FROM contracts").await;
    assert_eq!(agreed, offered.on(offered.disbursed_on + Days::new(5)).expect("a schedule"));
    assert_eq!(drafted(&scene).await, offered, "what was shown stays as it was shown");
    let rate = Quote::of(&Subject::load(&scene.world, scene.id).await.expect("read").policies, agreed.clone());
    let stored_rate = scene.value("SELECT annual_effective_rate FROM contracts").await;
    assert_eq!(Some(stored_rate), rate.effective_rate.map(|rate| rate.to_string()));
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn money_that_moves_on_a_later_day_is_owed_from_that_day(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    let agreed = stored(&scene, "SELECT schedule FROM contracts").await;
    scene.wait(TimeDelta::days(2));
    lists::refresh_aml_lists(&scene.world, scene.now()).await.expect("refreshed");
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed));
    loan::record_loan(&scene.world, scene.step()).await.expect("recorded");
    let lent = stored(&scene, "SELECT schedule FROM loans").await;
    assert_eq!(lent, agreed.on(today(&scene)).expect("a schedule"));
    assert_eq!(lent.disbursed_on, agreed.disbursed_on + Days::new(2));
    let books = &scene.ledger("accounting").await[0];
    assert_eq!(books["instalments"][0]["due_on"], lent.instalments[0].due_on.to_string(), "{books}");
    assert_eq!(stored(&scene, "SELECT schedule FROM contracts").await, agreed, "the contract stays as it was signed");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn money_that_no_worker_sent_for_days_is_checked_again_and_owed_from_the_day_it_moved(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    let agreed = stored(&scene, "SELECT schedule FROM contracts").await;
    let asked_before = scene.calls("bureau", "report").await;
    // The workflow asked for the transfer at once; the first worker to take it up came two days later.
    let asked = scene.step();
    let began = SystemTime::from(asked.at + TimeDelta::days(2));
    let moved = tried::from(Some(began), transfer::transfer_money(&scene.world, asked)).await;
    assert_eq!(moved, Ok(Transfer::Confirmed));
    assert_eq!(scene.calls("bureau", "report").await, asked_before + 1, "what was checked before is old");
    loan::record_loan(&scene.world, scene.step()).await.expect("recorded");
    let lent = stored(&scene, "SELECT schedule FROM loans").await;
    assert_eq!(lent.disbursed_on, agreed.disbursed_on + Days::new(2));
    scene.end().await;
}

/// A rate and the days until an annuity at that rate is offered within the cap while the day after it no longer is: months
/// differ in length, so somewhere in a year there is such a pair whatever day it is today.
fn becomes_too_dear(scene: &Scene, subject: &Subject) -> (Decimal, u64) {
    let within = |percent: Decimal, after: u64| {
        let rate = Rate::from_percent(percent).expect("a rate");
        let day = today(scene) + Days::new(after);
        let schedule = Schedule::draft(RepaymentMethod::Annuity, subject.amount, rate, subject.term, day);
        Quote::of(&subject.policies, schedule.expect("a schedule")).within_limits()
    };
    (3_800..3_860)
        .map(|hundredths| Decimal::new(hundredths, 2))
        .find_map(|percent| {
            let days: Vec<bool> = (0..400).map(|after| within(percent, after)).collect();
            let last = days.windows(2).position(|pair| pair[0] && !pair[1])?;
            Some((percent, u64::try_from(last).expect("days")))
        })
        .expect("some rate passes the cap between two days")
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn terms_that_pass_the_cap_before_the_contract_are_refused(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let (percent, offered_after) =
        becomes_too_dear(&scene, &Subject::load(&scene.world, scene.id).await.expect("read"));
    scene.execute(&format!("UPDATE applications SET annual_rate = {percent}")).await;
    scene.wait(TimeDelta::days(i64::try_from(offered_after).expect("days")));
    let plan = Plan::to_account("dedup");
    scene.reach_offer(plan.care).await;
    scene.reach_method(&plan).await;
    scene.choose_account(&plan).await;
    scene.wait(TimeDelta::days(1));
    let refused = Verdict::Refuse { ground: RefusalGround::TermsOutsideLimits };
    assert_eq!(contract::freeze_contract(&scene.world, scene.step()).await, Ok(refused.clone()));
    assert_eq!(contract::freeze_contract(&scene.world, scene.step()).await, Ok(refused), "a repeat");
    let told = "SELECT string_agg(kind, ',') FROM timeline WHERE fact_key = 'freeze_contract'";
    assert_eq!(scene.value(told).await, "terms_outside_limits");
    assert_eq!(scene.value("SELECT count(*) FROM contracts").await, "0");
    scene.end().await;
}

/// The cap of the application is below its price from now on. A day on which the price passes the cap would do the same, but a
/// signature is stamped by a clock that no test moves.
async fn make_too_dear(scene: &Scene) {
    let lowered = "UPDATE applications SET policy = (
                       SELECT jsonb_agg(CASE WHEN r ->> 'rule' = 'effective_rate_maximum'
                                             THEN jsonb_set(r, '{value}', '\"40\"') ELSE r END)
                       FROM jsonb_array_elements(policy) AS r)";
    scene.execute(lowered).await;
    let subject = Subject::load(&scene.world, scene.id).await.expect("read");
    assert!(!contract::agreed_on(&scene.world, &subject, scene.now()).await.expect("priced").within_limits());
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn terms_that_pass_the_cap_before_the_money_moves_are_not_paid_on(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    make_too_dear(&scene).await;
    let refused = Verdict::Refuse { ground: RefusalGround::TermsOutsideLimits };
    assert_eq!(scene.reserve(&plan).await, refused);
    assert_eq!(scene.payouts().await, 0);
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_transfer_that_was_parked_until_its_terms_passed_the_cap_is_stopped(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    make_too_dear(&scene).await;
    assert_eq!(scene.transfer().await, Ok(Transfer::Stopped { ground: RefusalGround::TermsOutsideLimits }));
    let rate = "SELECT details ->> 'annual_effective_rate' FROM timeline WHERE kind = 'terms_outside_limits'";
    let rate: Decimal = scene.value(rate).await.parse().expect("a rate");
    assert!(rate > Decimal::from(40), "by how much is on record: {rate}");
    assert_eq!(scene.payouts().await, 0);
    scene.end().await;
}

/// Another application of the same client, signed for at an instant.
async fn another_was_signed(scene: &Scene, number: u8, tiyn: i64, at: DateTime<Utc>) {
    let id = scene.another_application(number, tiyn).await;
    for statement in [
        format!(
            "INSERT INTO submissions (id, application_id, act, body_sealed, body_sha256, submitted_by, received_at)
             VALUES ('{id}', '{id}', 'sign', '', '', 'issuer|front', '{at}')"
        ),
        format!(
            "INSERT INTO signatures (application_id, try, submission_id, accepted, contract_sha256, verified_at)
             VALUES ('{id}', 1, '{id}', true, '', '{at}')"
        ),
    ] {
        scene.execute(&statement).await;
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_loan_counts_from_the_call_for_its_money_and_not_from_the_day_on_which_that_was_known(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_money(&plan).await;
    scene.reserve(&plan).await;
    let called_on = today(&scene);
    scene.fault("payments", "transfer", json!({ "kind": "timeout_after" }), Some(1)).await;
    scene.transfer().await.expect_err("no answer came");
    scene.wait(TimeDelta::days(3));
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed));
    loan::record_loan(&scene.world, scene.step()).await.expect("recorded");
    assert_eq!(stored(&scene, "SELECT schedule FROM loans").await.disbursed_on, called_on);
    assert_eq!(scene.ledger("accounting").await[0]["disbursed_on"], called_on.to_string());
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn one_borrower_gets_no_more_in_all_than_the_limit(pool: PgPool) {
    let scene = Scene::new(pool, Ask::default()).await;
    let maximum = Subject::load(&scene.world, scene.id).await.expect("read").policies.amount_maximum();
    let room = Money::parse_decimal(&format!("{maximum:.2}")).expect("an amount").tiyn() - 30_000_000;
    another_was_signed(&scene, 1, room, scene.now()).await;
    let subject = Subject::load(&scene.world, scene.id).await.expect("read");
    let above = async || {
        borrowed::with_what_is_borrowed(&scene.world, &subject, "fetch_credit_report", scene.now())
            .await
            .expect("summed")
    };
    assert!(!above().await.above_the_limit, "up to the limit");
    scene
        .execute(
            "UPDATE applications SET amount_tiyn = amount_tiyn + 1 WHERE id <> '00000000-0000-0000-0000-000000000a11'",
        )
        .await;
    assert!(above().await.above_the_limit, "a tiyn more");
    let refused = CreditVerdict::Refuse { ground: RefusalGround::TermsOutsideLimits };
    assert_eq!(credit::fetch_credit_report(&scene.world, scene.step()).await, Ok(refused));
    assert_eq!(scene.calls("accounting", "balance").await, 0, "no loan yet: the books are not asked");

    // Granted, and repaid but for the last 1 000 tenge: what is owed counts, not what was lent.
    let owed =
        Schedule::draft(RepaymentMethod::Annuity, Money::from_tiyn(100_000), subject.rate, subject.term, today(&scene));
    let owed = owed.expect("a schedule");
    let loan = NewLoan {
        loan_reference: "N-1",
        application_id: scene.id,
        amount: owed.amount,
        annual_rate: owed.rate,
        method: owed.method,
        disbursed_on: owed.disbursed_on,
        instalments: &owed.instalments,
    };
    scene.world.providers.accounting.open_loan("k-1", &loan).await.expect("in the books");
    scene
        .execute(
            "INSERT INTO loans (application_id, loan_reference, accounting_id, bureau_receipt, recorded_at, schedule
                 , annual_effective_rate)
             SELECT id, 'N-1', 'a', 'b', now(), '{}', 1 FROM applications
             WHERE id <> '00000000-0000-0000-0000-000000000a11'",
        )
        .await;
    let asked = above().await;
    assert_eq!((asked.above_the_limit, asked.received.len()), (false, 1));
    assert_eq!(scene.calls("accounting", "balance").await, 1);
    scene.end().await;
}

/// An application at its signature, under a policy by which a day's loans of 100 МРП and more have a cooling-off.
async fn about_to_sign_with_a_cooling_off(pool: PgPool) -> Scene {
    for (rule, value) in [("cooling_off_hours", 24), ("cooling_off_threshold_indices", 100)] {
        let row = format!("INSERT INTO policy_rows VALUES ('{rule}', {value}, '2026-01-02', 'test')");
        sqlx::query(sqlx::AssertSqlSafe(row)).execute(&pool).await.expect("the hold is switched on");
    }
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("dedup");
    scene.reach_offer(plan.care).await;
    scene.reach_method(&plan).await;
    scene.reach_contract(&plan).await;
    scene.identify(plan.care).await;
    scene
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn loans_of_one_day_are_summed_for_the_cooling_off(pool: PgPool) {
    let scene = about_to_sign_with_a_cooling_off(pool).await;
    let subject = Subject::load(&scene.world, scene.id).await.expect("read");
    let destination = disbursement_method::confirmed(&scene.world, &subject).await.expect("confirmed").destination;
    let stage = async || {
        signing::after_signing(&scene.world, &subject, &destination, scene.now()).await.expect("a stage").stage
    };
    another_was_signed(&scene, 1, 20_000_000, scene.now() - TimeDelta::days(1)).await;
    assert_eq!(
        stage().await,
        Stage::Processing { act: None },
        "300 000 are below 100 МРП, and yesterday is another day"
    );
    another_was_signed(&scene, 2, 20_000_000, scene.now()).await;
    assert!(matches!(stage().await, Stage::CoolingOff { .. }), "500 000 of one day are not");
    scene.execute("UPDATE applications SET outcome = '{\"outcome\": \"withdrawn\"}', closed_at = now() WHERE amount_tiyn = 20000000").await;
    assert_eq!(stage().await, Stage::Processing { act: None }, "one that was given up is no loan");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn of_two_contracts_that_are_signed_at_once_the_second_counts_the_first(pool: PgPool) {
    let scene = about_to_sign_with_a_cooling_off(pool).await;
    let mut other = scene.owner.begin().await.expect("begun");
    locks::client_of(&mut other, scene.id).await.expect("the turn of another contract");
    let other_is_signed = async {
        scene.until_somebody_waits().await;
        another_was_signed(&scene, 1, 20_000_000, scene.now()).await;
        other.commit().await.expect("its turn is over");
    };
    let (stage, ()) = tokio::join!(scene.sign(Care::Quick), other_is_signed);
    assert!(matches!(stage, Stage::CoolingOff { .. }), "{stage:?}");
    scene.end().await;
}
