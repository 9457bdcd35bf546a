//! Refunds after a write-off (para 13 ¶5) over the real stack: killed, silent, rejected, completed by hand.
//! The payment provider's ledger is the oracle: whatever happens, the client is paid once.

use std::time::Duration;

use nesie_domain::calendar::local_date;
use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Case, Front, Granted, Stack, StackOptions, eventually, time};
use crate::parking::decide as decide_on_parked;
use crate::write_offs::{guilt, parked_of, references, refund_to, refunded, report, write_off};

/// A loan on which the client was made to pay, written off: decided and corrected, with nothing paid by the client himself. What
/// was collected waits for an account.
async fn written_off(stack: &Stack, compliance: &Front, number: &str) -> (Granted, Case) {
    let granted = stack.grant().await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 1_500_000, true).await;
    let case = report(compliance, &granted, number).await;
    write_off(stack, &case).await;
    case.with_duties("met", 3).await;
    (granted, case)
}

/// The worker is killed while a refund is held at a point; it is paid once, and the duty met.
async fn a_refund_survives_a_killed_worker(profile: &str) {
    let worker = vec![("NESIE_STEP_ATTEMPTS", "40"), ("NESIE_HTTP_TIMEOUT_MILLISECONDS", "30000")];
    let mut stack = Stack::start_with(StackOptions { worker, ..StackOptions::default() }).await;
    let compliance = stack.front("dana", "compliance").await;
    let mut held = Vec::new();
    for (number, point) in [("2-1", "before_effect"), ("2-2", "after_effect")] {
        let (granted, case) = written_off(&stack, &compliance, number).await;
        let fault = json!({"provider": "payments", "operation": "transfer", "times": 1, "iin": granted.iin,
            "fault": {"kind": "hold", "point": point}});
        let fault_id = stack.sandbox.fault_on(fault).await;
        case.done("refund-account", refund_to(profile)).await;
        held.push((case, stack.sandbox.held(&fault_id).await));
    }
    stack.kill_worker();
    for (_, hold) in &held {
        stack.sandbox.release(hold, true).await;
    }
    stack.restart_worker().await;
    for (case, _) in &held {
        case.at_stage("written_off").await;
        let moved = refunded(&stack, case, "collected").await;
        assert_eq!(moved.len(), 1, "{profile}: {moved:?}");
    }
}

#[tokio::test]
async fn a_killed_worker_refunds_once() {
    a_refund_survives_a_killed_worker("dedup").await;
}

#[tokio::test]
async fn a_killed_worker_refunds_once_at_a_provider_that_does_not_deduplicate() {
    a_refund_survives_a_killed_worker("plain").await;
}

#[tokio::test]
async fn silence_about_a_refund_is_found_out_and_never_paid_over() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let operations = stack.front("marat", "operations").await;
    for (number, profile, fault) in [
        ("3-1", "plain", json!({"kind": "timeout_after"})),
        ("3-2", "dedup", json!({"kind": "timeout_before"})),
        ("3-3", "plain", json!({"kind": "processing", "milliseconds": 300})),
    ] {
        let (_granted, case) = written_off(&stack, &compliance, number).await;
        stack.sandbox.fault("payments", "transfer", fault, Some(1)).await;
        case.done("refund-account", refund_to(profile)).await;
        case.at_stage("written_off").await;
        assert_eq!(refunded(&stack, &case, "collected").await.len(), 1, "{number}");
    }

    // A time-out before the effect at a provider that promises nothing: a person must find out.
    let (_granted, case) = written_off(&stack, &compliance, "3-4").await;
    stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_before"}), Some(1)).await;
    case.done("refund-account", refund_to("plain")).await;
    let step = parked_of(&operations, &case, "refund_collected").await;
    assert_eq!((&step["retry_is_safe"], &step["provider"]), (&json!(false), &json!("payments")), "{step}");
    case.refused("refund-account", refund_to("dedup"), "refund.under_way").await;
    let (status, answer) = decide_on_parked(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    eventually("the step is parked again", || async {
        let next = parked_of(&operations, &case, "refund_collected").await;
        if next["id"] == step["id"] { Err(next.to_string()) } else { Ok(()) }
    })
    .await;
    assert!(refunded(&stack, &case, "collected").await.is_empty(), "a retry asks, and does not pay");
    assert_eq!(references(&case, "collected").await.len(), 1, "one reference for ever");
}

#[tokio::test]
async fn a_rejected_refund_takes_another_account_under_another_reference() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let (_granted, case) = written_off(&stack, &compliance, "4-1").await;
    stack.sandbox.fault("payments", "transfer", json!({"kind": "reject"}), Some(1)).await;
    case.done("refund-account", refund_to("dedup")).await;
    eventually("the refund is rejected", || async {
        let timeline = case.get("timeline").await.to_string();
        if timeline.contains("refund_rejected") { Ok(()) } else { Err(timeline) }
    })
    .await;
    assert_eq!(case.duty("refund_collected").await["state"], "open");
    case.done("refund-account", refund_to("plain")).await;
    case.at_stage("written_off").await;
    let tries = references(&case, "collected").await;
    assert_eq!(tries.len(), 2, "{tries:?}");
    assert!(stack.sandbox.payouts(&tries[0]).await.is_empty());
    assert_eq!(stack.sandbox.payouts(&tries[1]).await.len(), 1);
}

#[tokio::test]
async fn an_account_that_is_the_clients_no_longer_gets_no_refund() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let granted = stack.grant().await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 1_500_000, true).await;
    let case = report(&compliance, &granted, "7-1").await;
    // Given and confirmed before anything is decided; another's by the time that money is to move.
    case.done("refund-account", refund_to("dedup")).await;
    stack.sandbox.person(&granted.iin, json!({"ownership": "NOT_CONFIRMED"})).await;
    write_off(&stack, &case).await;
    stack.proves("R-152", &case.workflow(), "refund_released", json!({"refund": "collected"})).await;
    let transfers = async || {
        let calls = stack.sandbox.calls("payments").await;
        let orders = references(&case, "collected").await;
        let of_case = |call: &&Value| orders.iter().any(|order| call["key"] == order.as_str());
        calls.iter().filter(of_case).filter(|call| call["operation"] == "transfer").count()
    };
    assert_eq!(transfers().await, 0, "nobody was called for a transfer");
    assert_eq!(case.duty("refund_collected").await["state"], "open");

    stack.sandbox.person(&granted.iin, json!({"ownership": "CONFIRMED"})).await;
    case.done("refund-account", refund_to("plain")).await;
    case.at_stage("written_off").await;
    let tries = references(&case, "collected").await;
    assert_eq!((tries.len(), transfers().await), (2, 1), "another try under another reference");
    assert!(stack.sandbox.payouts(&tries[0]).await.is_empty());
    assert_eq!(stack.sandbox.payouts(&tries[1]).await.len(), 1);
}

#[tokio::test]
async fn what_the_client_pays_while_refunds_are_under_way_is_refunded_too_and_once() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let (granted, case) = written_off(&stack, &compliance, "8-1").await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 400_000, true).await;
    stack.sandbox.pay(&granted.loan, local_date(now()), 250_000, false).await;
    case.done("refund-account", refund_to("plain")).await;
    let view = case.at_stage("written_off").await;
    let amounts = async |kind: &str| {
        let moved = refunded(&stack, &case, kind).await;
        moved.iter().map(|entry| entry["amount"].as_i64().expect("tiyn")).collect::<Vec<_>>()
    };
    assert_eq!(amounts("collected").await, [1_500_000, 400_000]);
    assert_eq!(amounts("paid").await, [250_000]);
    let timeline = case.get("timeline").await;
    let facts = timeline["items"].as_array().expect("a timeline").iter();
    let calculated = facts.filter(|fact| fact["kind"] == "refund_calculated");
    let covered = calculated.flat_map(|fact| fact["details"]["payments"].as_array().cloned().unwrap_or_default());
    let mut covered: Vec<String> = covered.map(|id| id.as_str().expect("an id").to_string()).collect();
    covered.sort();
    let all = covered.len();
    covered.dedup();
    assert_eq!((all, covered.len()), (3, 3), "each of the client's payments is refunded once");
    let duties = view["duties"].as_array().expect("duties");
    let later = duties.iter().filter(|duty| duty["subject"] == "1").collect::<Vec<_>>();
    assert_eq!(later.len(), 2, "each later refund is a duty of its own: {view}");
    assert!(later.iter().all(|duty| duty["state"] == "met"), "{view}");
    stack.proves("R-153", &case.workflow(), "duty_met", json!({"kind": "refund_paid", "subject": "1"})).await;
    stack.proves("R-152", &case.workflow(), "duty_met", json!({"kind": "refund_collected", "subject": "1"})).await;
}

/// A refund of which nobody knows whether it was paid: its step is parked at a provider that promises nothing.
async fn refund_in_doubt(stack: &Stack, compliance: &Front, operations: &Front, number: &str) -> (Case, Value) {
    let (_granted, case) = written_off(stack, compliance, number).await;
    stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_before"}), Some(1)).await;
    case.done("refund-account", refund_to("plain")).await;
    let step = parked_of(operations, &case, "refund_collected").await;
    (case, step)
}

/// Operations prove how a parked refund ended, and another person agrees.
async fn complete(stack: &Stack, operations: &Front, step: &Value, proof: Value) {
    let path = format!("/v1/parked-steps/{}/completion", step["id"].as_str().expect("an id"));
    let body = json!({"proof": proof, "reason": "банк ответил письмом"});
    let (status, answer) = operations.act(Method::POST, &path, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let approval = answer["id"].as_str().expect("an id");
    let both = stack.front("marat", "operations approver").await;
    let (status, answer) = both.decide(approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")));
    let approver = stack.front("aliya", "approver").await;
    let shown = approver.get(&format!("/v1/approvals/{approval}")).await;
    assert_eq!(shown["proof"]["money_moved"], proof["money_moved"], "{shown}");
    let (status, answer) = approver.decide(approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn a_refund_in_doubt_is_completed_by_hand_by_two_people() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let operations = stack.front("marat", "operations").await;
    let (case, step) = refund_in_doubt(&stack, &compliance, &operations, "9-1").await;
    let moved = json!({"description": "Банк исполнил", "money_moved": true, "provider_reference": "BANK-9"});
    complete(&stack, &operations, &step, moved).await;
    case.at_stage("written_off").await;
    let duty = case.duty("refund_collected").await;
    assert_eq!((&duty["state"], &duty["evidence"]["provider_reference"]), (&json!("met"), &json!("BANK-9")), "{duty}");
    assert!(duty["ended_by"].as_str().is_some_and(|by| by.ends_with("|marat")), "{duty}");
    assert!(refunded(&stack, &case, "collected").await.is_empty(), "nothing was sent again");
    assert_eq!(references(&case, "collected").await.len(), 1);

    // The other word: no money moved. Then the client's account is asked for anew, and the refund is a new try.
    let (case, step) = refund_in_doubt(&stack, &compliance, &operations, "9-2").await;
    let unproved =
        json!({"proof": {"description": "Не исполнено", "money_moved": false}, "reason": "банк не исполнял"});
    let path = format!("/v1/parked-steps/{}/completion", step["id"].as_str().expect("an id"));
    let (status, answer) = operations.act(Method::POST, &path, unproved).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "that no money moved needs a document: {answer}");
    let not_moved = json!({"description": "Не исполнено", "money_moved": false,
        "document": "JVBERi0xLjc=", "document_type": "application/pdf"});
    complete(&stack, &operations, &step, not_moved).await;
    stack.proves("R-152", &case.workflow(), "refund_rejected", json!({"refund": "collected"})).await;
    case.done("refund-account", refund_to("dedup")).await;
    case.at_stage("written_off").await;
    let tries = references(&case, "collected").await;
    assert_eq!((tries.len(), refunded(&stack, &case, "collected").await.len()), (2, 1), "{tries:?}");
}

#[tokio::test]
async fn a_refund_that_is_under_way_for_long_is_asked_for_less_often() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let (_granted, case) = written_off(&stack, &compliance, "8-1").await;
    let under_way = json!({"kind": "processing", "milliseconds": 40_000});
    stack.sandbox.fault("payments", "transfer", under_way, Some(1)).await;
    case.done("refund-account", refund_to("dedup")).await;
    let order = eventually("the refund is reserved", || async {
        references(&case, "collected").await.pop().ok_or_else(|| "none".to_string())
    })
    .await;
    let asked = async || {
        let calls = stack.sandbox.calls("payments").await;
        calls.iter().filter(|call| call["key"] == order.as_str() && call["operation"] == "status").count()
    };
    eventually("its state is asked for", || async {
        if asked().await > 0 { Ok(()) } else { Err("not yet".to_string()) }
    })
    .await;
    let client = stack.temporal().await;
    time::advance(&client, &case.workflow(), Duration::from_secs(12 * 3_600)).await;
    let asked = asked().await;
    assert!((10..40).contains(&asked), "{asked} times within half a day; every five minutes would be 144");
    case.at_stage("written_off").await;
    assert_eq!(refunded(&stack, &case, "collected").await.len(), 1, "the provider's callback comes first");
    case.done("reopening", guilt()).await;
    stack.keep_history_of(&case.workflow(), "refund-under-way-for-long").await;
}
