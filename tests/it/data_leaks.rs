//! Leaks of personal data (para 36) over the real stack, with the sandbox's ledgers as the oracle.

use std::time::Duration;

use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Case, Front, NewApplication, Stack, account, document, eventually, time};
use crate::parking::{decide, parked};

const PHONE: &str = "+77011234567";

fn leak(reference: &str, iins: &[&str]) -> Value {
    let clients: Vec<Value> = iins.iter().map(|iin| json!({"iin": iin})).collect();
    json!({
        "reference": reference, "source": "сообщение КНБ", "learned_at": now(),
        "description": "База клиентов выложена на форуме", "clients": clients,
    })
}

fn call(client_id: &Value) -> Value {
    json!({
        "client_id": client_id, "phone": PHONE, "called_at": now(), "operator": "saule", "outcome": "reached",
        "informed_of_theft": true, "recommended_voluntary_refusal": true, "script_version": "2026-1",
        "documents": [document()],
    })
}

/// Reports a leak and waits until its one client is flagged; the client's row.
async fn flagged(compliance: &Front, body: Value) -> (Case, Value) {
    let case = Case::report(compliance, "data-leaks", body).await;
    case.at_stage("handling").await;
    let client = client(&case).await;
    (case, client["client_id"].clone())
}

async fn client(case: &Case) -> Value {
    case.get("clients").await["items"][0].clone()
}

async fn checks(stack: &Stack) -> (usize, usize) {
    (stack.sandbox.ledger("mobile-operators").await.len(), stack.sandbox.ledger("egov-mobile").await.len())
}

#[tokio::test]
async fn a_flagged_client_waits_for_all_three_measures_and_then_goes_on() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let iin = stack.somebody();
    let body = leak("LEAK-1", &[&iin]);
    let (case, client_id) = flagged(&compliance, body.clone()).await;
    let (status, again) = compliance.send(Method::POST, "/v1/data-leaks", Some(body)).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &json!(case.id)), "the same report: {again}");
    case.refused("verification-calls", call(&client_id), "phone.not_the_clients").await;

    let id = site.submit(&NewApplication::of(&iin)).await;
    let held = site.at_stage(&id, "awaiting_leak_verification").await;
    assert_eq!((&held["expected"]["act"], &held["waiting_for"]), (&json!("identify_after_leak"), &json!("client")));
    assert!(held["expected"]["challenge"]["movements"].is_array(), "{held}");
    site.identify(&id, "awaiting_leak_verification").await;
    let waiting = site.at_stage(&id, "awaiting_verification_call").await;
    assert_eq!(waiting["waiting_for"], "lender", "{waiting}");
    assert_eq!((checks(&stack).await, stack.sandbox.ledger("coid").await.len()), ((1, 0), 1));

    for (field, value) in [
        ("outcome", json!("not_reached")),
        ("informed_of_theft", json!(false)),
        ("recommended_voluntary_refusal", json!(false)),
    ] {
        let mut other = call(&client_id);
        other[field] = value;
        case.done("verification-calls", other).await;
        let row = client(&case).await;
        assert!(row["called_at"].is_null() && row["cleared_at"].is_null(), "{field} does not count: {row}");
    }
    let mut other = call(&client_id);
    other["phone"] = json!("+77017654321");
    case.refused("verification-calls", other, "phone.not_the_clients").await;
    let mut other = call(&client_id);
    other["called_at"] = json!("2026-01-12T10:00:00Z");
    case.refused("verification-calls", other, "call.before_the_leak").await;
    assert_eq!(site.application(&id).await["stage"]["stage"], "awaiting_verification_call");

    case.done("verification-calls", call(&client_id)).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let row = client(&case).await;
    for measure in ["identified_at", "phone_checked_at", "called_at", "cleared_at"] {
        assert!(!row[measure].is_null(), "{measure}: {row}");
    }
    assert_eq!(row["phone_source"], "mobile-operators");
    let told = case.get("timeline").await.to_string() + &row.to_string();
    assert!(told.contains("client_cleared") && !told.contains(&iin) && !told.contains("7011234567"), "{told}");
    stack.proves("R-220", &case.workflow(), "data_leak_opened", json!({})).await;
    stack.proves("R-221", &format!("application/{id}"), "client_identified", json!({"purpose": "leak"})).await;
    stack
        .proves(
            "R-222",
            &format!("application/{id}"),
            "verification_call_awaited",
            json!({"phone": {"source": "mobile-operators"}}),
        )
        .await;
    stack.proves("R-223", &case.workflow(), "verification_call_recorded", json!({"outcome": "reached"})).await;
    stack.keep_history(&id, "leak-verified").await;

    case.done("closure", json!({"reason": "проверен"})).await;
    case.at_stage("closed").await;
    stack.keep_history_of(&case.workflow(), "data-leak").await;
    let next = site.submit(&NewApplication::of(&iin)).await;
    site.at_stage(&next, "awaiting_acknowledgement").await;
    assert_eq!(checks(&stack).await, (1, 0), "whoever is cleared goes on at once");
}

#[tokio::test]
async fn a_leak_in_flight_holds_the_money_of_a_signed_contract() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"phone_at_operator": "UNKNOWN"})).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    let (case, client_id) = flagged(&compliance, leak("LEAK-2", &[&iin])).await;
    // The call comes first here: whatever the order, all three are needed.
    case.done("verification-calls", call(&client_id)).await;
    site.sign(&id, &iin, json!({})).await;
    site.at_stage(&id, "awaiting_leak_verification").await;
    let payouts = stack.sandbox.ledger("payments").await;
    assert!(!payouts.iter().any(|entry| entry["amount"].is_i64()), "no money: {payouts:?}");
    site.identify(&id, "awaiting_leak_verification").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    assert_eq!(checks(&stack).await, (1, 1), "the operators can not tell: eGov is asked");
    assert_eq!(client(&case).await["phone_source"], "egov-mobile");
}

#[tokio::test]
async fn a_payout_that_a_leak_stops_after_its_reservation_can_be_given_up() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let operations = stack.front("marat", "operations").await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    // The leak becomes known between the question whether there is one and the reservation.
    let hold = json!({"provider": "bureau", "operation": "report", "times": 1, "key_contains": id,
        "fault": {"kind": "hold", "point": "before_effect"}});
    let fault = stack.sandbox.fault_on(hold).await;
    site.sign(&id, &iin, json!({})).await;
    let held = stack.sandbox.held(&fault).await;
    flagged(&compliance, leak("LEAK-9", &[&iin])).await;
    stack.sandbox.release(&held, true).await;

    let step = parked(&operations, &id).await;
    assert_eq!((&step["step"], &step["failure_code"]), (&json!("transfer_money"), &json!("client.leak_unverified")));
    assert_eq!(site.application(&id).await["payment"]["state"], "reserved");
    let (status, answer) = decide(&operations, &step, "fail_and_compensate").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await["outcome"], "failed");
    assert_eq!(site.application(&id).await["payment"]["state"], "released");
    assert!(stack.sandbox.movements().await.is_empty());
    stack.keep_history(&id, "payout-given-up").await;
}

#[tokio::test]
async fn a_number_of_somebody_else_refuses_and_one_that_nobody_knows_parks() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let operations = stack.front("marat", "operations").await;
    let (iin, unknown) = (stack.somebody(), stack.somebody());
    stack.sandbox.person(&iin, json!({"phone_at_operator": "NO_MATCH"})).await;
    stack.sandbox.person(&unknown, json!({"phone_at_operator": "UNKNOWN", "phone_at_egov": "UNKNOWN"})).await;
    let case = Case::report(&compliance, "data-leaks", leak("LEAK-3", &[&iin, &unknown])).await;
    case.at_stage("handling").await;

    let id = site.submit(&NewApplication::of(&iin)).await;
    site.identify(&id, "awaiting_leak_verification").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "phone_not_confirmed"}));

    let id = site.submit(&NewApplication::of(&unknown)).await;
    site.identify(&id, "awaiting_leak_verification").await;
    let step = parked(&operations, &id).await;
    assert_eq!(
        (&step["step"], &step["failure_code"]),
        (&json!("verify_after_leak"), &json!("phones.unknown")),
        "{step}"
    );
    let path = format!("/v1/applications/{id}/withdrawal");
    let (status, answer) = site.act(Method::POST, &path, json!({"reason": "передумал"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "withdrawn"}));
}

#[tokio::test]
async fn a_flag_outlives_its_case_and_another_report_brings_the_call() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let iin = stack.somebody();
    let (first, first_client) = flagged(&compliance, leak("LEAK-4", &[&stack.somebody()])).await;
    first.done("clients", json!({"clients": [{"iin": iin}]})).await;
    first.done("closure", json!({"reason": "клиент не приходит"})).await;
    first.at_stage("closed").await;
    first.refused("verification-calls", call(&first_client), "case.closed").await;

    let id = site.submit(&NewApplication::of(&iin)).await;
    site.identify(&id, "awaiting_leak_verification").await;
    site.at_stage(&id, "awaiting_verification_call").await;
    let (second, second_client) = flagged(&compliance, leak("LEAK-5", &[&iin])).await;
    second.done("verification-calls", call(&second_client)).await;
    // The new report is a leak of its own: the identification before it does not serve it.
    site.identify(&id, "awaiting_leak_verification").await;
    site.at_stage(&id, "awaiting_acknowledgement").await;
    let open = eventually("both flags are gone", || async {
        let rows = [first.get("clients").await, second.get("clients").await];
        let text = json!(rows).to_string();
        let cleared = rows.iter().filter(|rows| {
            rows["items"].as_array().is_some_and(|rows| rows.iter().any(|row| !row["cleared_at"].is_null()))
        });
        if cleared.count() == 2 { Ok(text) } else { Err(text) }
    })
    .await;
    assert!(!open.contains(&iin), "{open}");
    let (status, _) = compliance.send(Method::POST, "/v1/data-leaks", Some(leak("LEAK-6", &["123"]))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// An application of a flagged client, as far as the call that compliance has to make.
async fn waiting_for_call(site: &Front, iin: &str) -> String {
    let id = site.submit(&NewApplication::of(iin)).await;
    site.identify(&id, "awaiting_leak_verification").await;
    site.at_stage(&id, "awaiting_verification_call").await;
    id
}

#[tokio::test]
async fn an_application_that_waits_for_the_call_is_withdrawn_or_expires_and_the_call_still_counts() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let (changes_his_mind, stays_away) = (stack.somebody(), stack.somebody());
    let (first, first_client) = flagged(&compliance, leak("LEAK-7", &[&changes_his_mind])).await;
    let (second, second_client) = flagged(&compliance, leak("LEAK-8", &[&stays_away])).await;

    let withdrawn = waiting_for_call(&site, &changes_his_mind).await;
    let path = format!("/v1/applications/{withdrawn}/withdrawal");
    let (status, answer) = site.act(Method::POST, &path, json!({"reason": "передумал"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&withdrawn).await, json!({"outcome": "withdrawn"}));

    let expired = waiting_for_call(&site, &stays_away).await;
    let (temporal, workflow, day) = (stack.temporal().await, format!("application/{expired}"), 24 * 3_600);
    time::advance(&temporal, &workflow, Duration::from_secs(9 * day)).await;
    assert_eq!(site.application(&expired).await["stage"]["stage"], "awaiting_verification_call");
    time::advance(&temporal, &workflow, Duration::from_secs(2 * day)).await;
    assert_eq!(site.outcome(&expired).await, json!({"outcome": "expired"}));
    stack.keep_history(&expired, "leak-call-expired").await;
    let payouts = stack.sandbox.ledger("payments").await;
    assert!(!payouts.iter().any(|entry| entry["amount"].is_i64()), "no money: {payouts:?}");

    // The flags are still there, and so is what was done; the call ends them, and wakes nothing that is over.
    for (case, client_id, iin, over) in
        [(&first, first_client, &changes_his_mind, &withdrawn), (&second, second_client, &stays_away, &expired)]
    {
        let row = client(case).await;
        assert!(!row["identified_at"].is_null() && row["cleared_at"].is_null(), "{row}");
        let outcome = site.application(over).await["outcome"].clone();
        case.done("verification-calls", call(&client_id)).await;
        let row = client(case).await;
        assert!(!row["cleared_at"].is_null(), "{row}");
        assert_eq!(site.application(over).await["outcome"], outcome, "what is over stays over");
        let next = site.submit(&NewApplication::of(iin)).await;
        site.at_stage(&next, "awaiting_acknowledgement").await;
    }
}

#[tokio::test]
async fn a_leak_that_was_reported_in_error_is_withdrawn_with_its_flags() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("dana", "compliance").await);
    let iin = stack.somebody();
    let (case, client_id) = flagged(&compliance, leak("LEAK-E1", &[&iin])).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.at_stage(&id, "awaiting_leak_verification").await;
    site.identify(&id, "awaiting_leak_verification").await;
    site.at_stage(&id, "awaiting_verification_call").await;
    let approval = case.withdrawal_proposed("сообщение не подтвердилось").await;
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.withdrawn(&stack, 0).await;
    let row = client(&case).await;
    assert!(!row["withdrawn_at"].is_null() && row["cleared_at"].is_null(), "{row}");
    // The application that waited for a call goes on; the next one is not held at all.
    site.at_stage(&id, "awaiting_acknowledgement").await;
    let next = stack.somebody();
    let (told, told_client) = flagged(&compliance, leak("LEAK-E2", &[&next])).await;
    let other = site.submit(&NewApplication::of(&next)).await;
    site.at_stage(&other, "awaiting_leak_verification").await;
    told.done("verification-calls", call(&told_client)).await;
    told.refused("withdrawal", json!({"reason": "поздно"}), "leak.client_told").await;
    assert_ne!(client_id, told_client);
}
