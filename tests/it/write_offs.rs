//! Write-offs on a court's verdict (para 13 ¶4–5) over the real stack: books, bureau and payment provider of
//! the sandbox are the oracle of what was written off, corrected and refunded.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::calendar::local_date;
use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Case, Front, Granted, Stack, StackOptions, calendar_day, document, eventually, time};
use crate::parking::decide as decide_on_parked;

fn verdict(granted: &Granted, number: &str, received_at: DateTime<Utc>) -> Value {
    json!({
        "verdict": {
            "court": "Алмалинский районный суд", "number": number, "issued_on": "2026-01-12",
            "in_force_on": "2026-01-30", "received_at": received_at, "non_receipt_established": true
        },
        "iin": granted.iin, "loan": granted.loan, "confirmed_by_lawyer": "Юрист А. Б.", "documents": [document()]
    })
}

pub(crate) async fn report(compliance: &Front, granted: &Granted, number: &str) -> Case {
    let case = Case::report(compliance, "write-offs", verdict(granted, number, now() - TimeDelta::minutes(5))).await;
    case.with_duties("open", 4).await;
    case
}

/// Asks for the second person and returns the request's id.
async fn proposed(case: &Case) -> String {
    let (status, answer) = case.act("decision", json!({"reason": "приговор вступил в силу"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["made"].as_str().expect("the request for a second person").to_string()
}

/// Two people write the debt off.
pub(crate) async fn write_off(stack: &Stack, case: &Case) {
    let approval = proposed(case).await;
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// A court act of the client's own guilt.
pub(crate) fn guilt() -> Value {
    json!({
        "court": "Суд", "number": "2-1", "issued_on": "2026-02-01", "in_force_on": "2026-02-20",
        "own_guilt_established": true, "reason": "вина клиента", "documents": [document()]
    })
}

pub(crate) fn refund_to(profile: &str) -> Value {
    json!({"iban": "KZ86125KZT5004100100", "payment_profile": profile})
}

/// The references of the refunds that were reserved, by kind, in the order of their tries.
pub(crate) async fn references(case: &Case, kind: &str) -> Vec<String> {
    let timeline = case.get("timeline").await;
    let facts = timeline["items"].as_array().expect("a timeline").clone();
    let of_kind = |fact: &&Value| fact["kind"] == "refund_reserved" && fact["details"]["refund"] == kind;
    let read = |fact: &Value| fact["details"]["our_reference"].as_str().expect("a reference").to_string();
    facts.iter().filter(of_kind).map(read).collect()
}

/// Every movement of money for a kind of refund, whatever the try.
pub(crate) async fn refunded(stack: &Stack, case: &Case, kind: &str) -> Vec<Value> {
    let mut moved = Vec::new();
    for reference in references(case, kind).await {
        moved.extend(stack.sandbox.payouts(&reference).await);
    }
    moved
}

pub(crate) async fn parked_of(operations: &Front, case: &Case, step: &str) -> Value {
    eventually("a step of the case is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let items = open["items"].as_array().cloned().unwrap_or_default();
        let found = items.into_iter().find(|item| item["case_id"] == case.id.as_str() && item["step"] == step);
        found.ok_or(open.to_string())
    })
    .await
}

#[tokio::test]
async fn a_verdict_leads_to_a_write_off_by_two_people_a_correction_and_two_refunds() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let granted = stack.grant().await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 1_500_000, true).await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 700_000, false).await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 50_000, false).await;

    let unknown = Granted { iin: granted.iin.clone(), loan: "MK-0".to_string() };
    let body = verdict(&unknown, "1-17/2026", now());
    let (status, answer) = compliance.send(Method::POST, "/v1/write-offs", Some(body)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert!(answer.to_string().contains("loan.unknown"), "{answer}");

    let case = report(&compliance, &granted, "1-17/2026").await;
    let again = verdict(&granted, "1-17/2026", now());
    let (status, answer) = compliance.send(Method::POST, "/v1/write-offs", Some(again)).await;
    assert_eq!((status, &answer["id"]), (StatusCode::OK, &json!(case.id)), "the same verdict: {answer}");
    for (kind, requirement) in [
        ("decide_write_off", "R-150"),
        ("correct_credit_history", "R-151"),
        ("refund_collected", "R-152"),
        ("refund_paid", "R-153"),
    ] {
        let duty = case.duty(kind).await;
        assert_eq!((&duty["working_days"], &duty["requirements"]), (&json!(15), &json!([requirement])), "{duty}");
    }
    let guilt = guilt();
    case.refused("reopening", guilt.clone(), "write_off.not_finished").await;

    // Rejected once, then asked for anew; nobody may be both.
    let rejected = proposed(&case).await;
    case.refused("decision", json!({"reason": "ещё раз"}), "approval.waits").await;
    let approver = stack.front("aliya", "approver").await;
    assert_eq!(approver.decide(&rejected, "reject").await.0, StatusCode::OK);
    let approval = proposed(&case).await;
    let (status, answer) = stack.front("dana", "compliance approver").await.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")));
    let shown = approver.get(&format!("/v1/approvals/{approval}")).await;
    assert_eq!(shown["difference"]["before"]["principal"], "277500.00", "{shown}");
    assert_eq!(approver.decide(&approval, "approve").await.0, StatusCode::OK);

    let view = case.with_duties("met", 2).await;
    assert_eq!(view["duty_counts"]["open"], 2, "refunds wait for an account: {view}");
    let balance = stack.sandbox.balance(&granted.loan, local_date(now())).await;
    for part in ["principal", "interest", "penalty"] {
        assert_eq!(balance[part], 0, "{balance}");
    }
    let decided = case.duty("decide_write_off").await;
    assert_eq!(decided["evidence"]["principal"], "277500.00", "{decided}");
    assert!(decided["ended_by"].as_str().is_some_and(|by| by.ends_with("|aliya")), "{decided}");
    let told = stack.sandbox.ledger("bureau").await;
    let correction = told.iter().find(|entry| entry["corrected_on"].is_string()).expect("a correction");
    assert_eq!((&correction["overdue_days"], &correction["principal"]), (&json!(0), &json!(0)), "{correction}");
    let corrected = case.duty("correct_credit_history").await;
    assert_eq!(corrected["evidence"]["acknowledgement_id"], correction["acknowledgement_id"], "{corrected}");
    case.refused("decision", json!({"reason": "ещё раз"}), "write_off.decided").await;

    stack.sandbox.person(&granted.iin, json!({"ownership": "NOT_CONFIRMED"})).await;
    case.refused("refund-account", refund_to("dedup"), "account.not_confirmed").await;
    stack.sandbox.person(&granted.iin, json!({"ownership": "CONFIRMED"})).await;
    case.done("refund-account", refund_to("dedup")).await;
    case.at_stage("written_off").await;
    for (kind, duty, amount) in [("collected", "refund_collected", 1_500_000), ("paid", "refund_paid", 750_000)] {
        let moved = refunded(&stack, &case, kind).await;
        assert_eq!(moved.len(), 1, "{kind}: {moved:?}");
        assert_eq!((&moved[0]["amount"], &moved[0]["destination"]), (&json!(amount), &json!("KZ86125KZT5004100100")));
        let duty = case.duty(duty).await;
        assert_eq!((&duty["state"], &duty["evidence"]["our_reference"]), (&json!("met"), &moved[0]["order_id"]));
    }
    case.refused("refund-account", refund_to("dedup"), "duty.not_open").await;

    let mut without = guilt.clone();
    without["own_guilt_established"] = json!(false);
    let (status, answer) = case.act("reopening", without).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    case.done("reopening", guilt).await;
    case.at_stage("closed").await;
    let told = case.get("timeline").await.to_string();
    assert!(told.contains("claim_reopened") && told.contains("debt_written_off"), "{told}");
    assert!(!told.contains(&granted.iin) && !told.contains("KZ86125"), "no personal data");
    let object = case.workflow();
    stack
        .proves(
            "R-003",
            &object,
            "debt_written_off",
            json!({"principal": "277500.00", "interest": "0.00", "penalty": "0.00"}),
        )
        .await;
    stack.proves("R-150", &object, "debt_written_off", json!({"principal": "277500.00"})).await;
    stack.proves("R-151", &object, "credit_history_corrected", json!({})).await;
    stack.proves("R-152", &object, "duty_met", json!({"kind": "refund_collected"})).await;
    stack.proves("R-153", &object, "duty_met", json!({"kind": "refund_paid"})).await;
    stack.proves("R-154", &object, "claim_reopened", json!({})).await;
    stack.keep_history_of(&object, "write-off").await;
}

#[tokio::test]
async fn each_credit_bureau_is_corrected_and_one_that_fails_holds_up_no_other() {
    let stack = Stack::start_with(StackOptions { second_bureau: true, ..StackOptions::default() }).await;
    let compliance = stack.front("dana", "compliance").await;
    let operations = stack.front("marat", "operations").await;
    let granted = stack.grant().await;
    stack.sandbox.fault("second-bureau", "correction", json!({"kind": "status", "code": 503}), None).await;
    let case = Case::report(&compliance, "write-offs", verdict(&granted, "6-1", now() - TimeDelta::minutes(5))).await;
    case.with_duties("open", 5).await;
    write_off(&stack, &case).await;
    let step = parked_of(&operations, &case, "correct_credit_history").await;
    assert_eq!(step["provider"], "second-bureau", "{step}");
    let view = case.with_duties("met", 4).await;
    let duties = view["duties"].as_array().expect("duties");
    let open: Vec<&Value> = duties.iter().filter(|duty| duty["state"] == "open").collect();
    assert_eq!((open.len(), &open[0]["subject"]), (1, &json!("second-bureau")), "{view}");

    stack.sandbox.clear_faults().await;
    let (status, answer) = decide_on_parked(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let view = case.at_stage("written_off").await;
    let mut acknowledged = Vec::new();
    for bureau in ["bureau", "second-bureau"] {
        let told = stack.sandbox.ledger(bureau).await;
        let corrections: Vec<&Value> = told.iter().filter(|entry| entry["operation"] == "correction").collect();
        assert_eq!(corrections.len(), 1, "once each: {told:?}");
        assert_eq!((&corrections[0]["overdue_days"], &corrections[0]["principal"]), (&json!(0), &json!(0)));
        let duties = view["duties"].as_array().expect("duties");
        let duty = duties.iter().find(|duty| duty["subject"] == bureau).expect("a duty for each");
        assert_eq!(duty["evidence"]["acknowledgement_id"], corrections[0]["acknowledgement_id"], "{duty}");
        acknowledged.push(corrections[0]["acknowledgement_id"].clone());
    }
    assert_ne!(acknowledged[0], acknowledged[1], "each acknowledged it itself");
    stack.proves("R-151", &case.workflow(), "credit_history_corrected", json!({"bureau": "second-bureau"})).await;
}

#[tokio::test]
async fn nothing_paid_is_nothing_to_refund_and_the_books_prove_it() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let granted = stack.grant().await;
    let case = report(&compliance, &granted, "1-18/2026").await;
    write_off(&stack, &case).await;
    case.at_stage("written_off").await;
    for kind in ["refund_collected", "refund_paid"] {
        let duty = case.duty(kind).await;
        assert_eq!(duty["evidence"]["nothing_to_refund"], true, "{duty}");
    }
}

#[tokio::test]
async fn a_verdict_that_was_reported_in_error_is_withdrawn_before_the_debt_is_written_off_and_not_after() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let granted = stack.grant().await;
    let case = report(&compliance, &granted, "10-1").await;
    let approval = case.withdrawal_proposed("не тот микрокредит").await;
    case.refused("decision", json!({"reason": "ещё раз"}), "approval.waits").await;
    case.refused("withdrawal", json!({"reason": "ещё раз"}), "approval.waits").await;
    let both = stack.front("dana", "compliance approver").await;
    let (status, answer) = both.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")));
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.withdrawn(&stack, 4).await;
    let (status, answer) = case.act("decision", json!({"reason": "поздно"})).await;
    assert_eq!((status, &answer["refusal"]["code"]), (StatusCode::CONFLICT, &json!("case.closed")), "{answer}");
    assert_eq!(stack.sandbox.balance(&granted.loan, local_date(now())).await["principal"], 30_000_000);

    // The same verdict may be reported anew: the first case was an error.
    let again = report(&compliance, &granted, "10-1").await;
    assert_ne!(again.id, case.id);
    write_off(&stack, &again).await;
    again.at_stage("written_off").await;
    again.refused("withdrawal", json!({"reason": "поздно"}), "write_off.decided").await;
}

#[tokio::test]
async fn the_clock_of_a_verdict_counts_fifteen_working_days_and_a_breach_stays_open() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let granted = stack.grant().await;
    // A Friday before the 9th of March and Nauryz: the fifteenth working day is known to be the 2nd of April.
    let received: DateTime<Utc> = "2026-03-06T05:00:00Z".parse().expect("an instant");
    let late = Case::report(&compliance, "write-offs", verdict(&granted, "5-0", received)).await;
    late.with_duties("breached", 4).await;
    let duty = late.duty("refund_paid").await;
    assert_eq!(duty["due_on"], "2026-04-02", "{duty}");
    assert!(duty["due_at_almaty"].as_str().expect("due").starts_with("2026-04-03T00:00:00+05:00"), "{duty}");

    // A holiday inside the term that begins now, whenever this runs: the fifth of the days that would be counted. What was
    // the sixteenth day is the fifteenth.
    let today = local_date(now() - TimeDelta::minutes(5));
    let sixteen = compliance.get(&format!("/v1/calendar/working-days?from={today}&days=16")).await;
    let holiday = sixteen["counted"][4].as_str().expect("a day").to_string();
    let day_off = calendar_day(&holiday, "public_holiday", "День, объявленный праздничным");
    stack.publish_calendar("kz-holiday", None, &[day_off]).await;

    let case = report(&compliance, &granted, "5-1").await;
    let duty = case.duty("decide_write_off").await;
    let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
    assert_eq!(full["count"]["counted"].as_array().expect("days").len(), 15, "{full}");
    assert_eq!(full["due_on"], sixteen["due_on"], "{full}");
    let skipped = full["count"]["skipped"].as_array().expect("days");
    let off = json!({"on": holiday, "reason": "День, объявленный праздничным"});
    assert!(skipped.contains(&off), "{full}");
    let due: DateTime<Utc> = full["due_at"].as_str().expect("a due instant").parse().expect("an instant");
    let (temporal, database) = (stack.temporal().await, stack.database().await);
    let past_due = (due - now()).to_std().expect("ahead") + Duration::from_secs(60);
    time::advance(&temporal, &case.workflow(), past_due).await;
    let view = case.with_duties("open", 4).await;
    assert!(view["closed_at"].is_null(), "{view}");
    for kind in ["decide_write_off", "correct_credit_history", "refund_collected", "refund_paid"] {
        let rungs = eventually("each rung is told of", || async {
            let rungs = case.rungs(&database, kind).await;
            if rungs.len() >= 2 { Ok(rungs) } else { Err(format!("{rungs:?}")) }
        })
        .await;
        let names: Vec<&str> = rungs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["day_10_end", "breached"], "{kind}");
    }
}
