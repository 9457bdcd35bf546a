//! A list that changes between signature and payout: a likely match stops the money until compliance has decided on it,
//! and the application goes on by itself from there (paras 8(1), 10). The sandbox's ledger is the judge.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Front, NewApplication, Stack, account, eventually, time};
use crate::parking::{decide as decide_step, parked};

/// Somebody whose name is much like the client's, on the list from now on.
async fn list_alike(stack: &Stack, surname: &str) {
    let alike =
        json!({"surname": surname, "given_name": "Айгерим", "patronymic": "Канаткызы", "birth_date": "1990-03-14"});
    stack.sandbox.list_person(alike).await;
    stack.refresh_lists().await;
}

/// An application that was clear at its assessment and signed when somebody alike stood on the list.
async fn stopped_by_a_match(stack: &Stack, site: &Front) -> String {
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    list_alike(stack, "Сагынбаева").await;
    site.sign(&id, &iin, json!({})).await;
    id
}

/// The matches of an application that wait for compliance, oldest first, once there are this many.
async fn matches(compliance: &Front, id: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} matches wait"), || async {
        let open = compliance.get("/v1/screening-matches").await;
        let mut items = open["items"].as_array().expect("matches").clone();
        items.retain(|item| item["application_id"] == id);
        if items.len() == count { Ok(items) } else { Err(open.to_string()) }
    })
    .await
}

async fn decide(front: &Front, found: &Value, decision: &str) -> (StatusCode, Value) {
    let path = format!("/v1/screening-matches/{}/decision", found["id"].as_str().expect("an id"));
    front.act(Method::POST, &path, json!({"decision": decision, "reason": "сверено с документом"})).await
}

/// Our reference of the payment, and every movement of money in the sandbox's ledger.
async fn reference_and_payouts(stack: &Stack, site: &Front, id: &str) -> (String, Vec<Value>) {
    let application = site.application(id).await;
    let reference = application["payment"]["our_reference"].as_str().expect("reserved").to_string();
    let mut entries = stack.sandbox.ledger("payments").await;
    entries.retain(|entry| entry["amount"].is_i64());
    (reference, entries)
}

/// How often the decision on a match was recorded, and tried in vain.
async fn decisions(stack: &Stack, id: &str) -> (i64, i64) {
    let database = stack.database().await;
    let counted = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE action = 'screening_decided'),
                count(*) FILTER (WHERE action = 'decide_screening_match' AND NOT allowed)
         FROM audit WHERE object = 'application/' || $1",
    )
    .bind(id)
    .fetch_one(&database)
    .await
    .expect("the audit log");
    database.close().await;
    counted
}

#[tokio::test]
async fn a_match_that_compliance_clears_lets_the_payout_go_on_by_itself() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let compliance = stack.front("aigul", "compliance").await;
    let id = stopped_by_a_match(&stack, &site).await;

    let found = matches(&compliance, &id, 1).await.remove(0);
    assert_eq!(found["occasion"], "payment");
    assert_eq!(found["matches"][0]["reason"], "name_and_birth_date", "{found}");
    assert!(found["matches"][0]["score_percent"].as_u64().is_some_and(|score| score > 80), "{found}");
    assert!(found["lists"][0]["sha256"].as_str().is_some_and(|hash| hash.len() == 64), "{found}");
    let step = parked(&operations, &id).await;
    assert_eq!(
        (&step["failure_code"], &step["provider"]),
        (&json!("check.waits"), &json!(null)),
        "operations learn nothing"
    );
    let expected = compliance.application(&id).await["expected"].clone();
    assert_eq!((&expected["act"], &expected["of"]), (&json!("decide_screening_match"), &json!("compliance")));
    let (reference, payouts) = reference_and_payouts(&stack, &site, &id).await;
    assert!(payouts.is_empty(), "{payouts:?}");

    for front in [&site, &operations] {
        let (status, answer) = decide(front, &found, "false_positive").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    }
    let path = format!("/v1/screening-matches/{}/decision", found["id"].as_str().expect("an id"));
    let (status, answer) = compliance.act(Method::POST, &path, json!({"decision": "false_positive"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a reason is required: {answer}");
    let (status, answer) = decide(&compliance, &found, "false_positive").await;
    assert_eq!(status, StatusCode::OK, "{answer}");

    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}), "nobody of operations was needed");
    let (same, payouts) = reference_and_payouts(&stack, &site, &id).await;
    assert_eq!((same, payouts.len()), (reference.clone(), 1), "{payouts:?}");
    assert_eq!(payouts[0]["order_id"], reference.as_str());
    matches(&compliance, &id, 0).await;
    let (status, answer) = decide(&compliance, &found, "confirmed").await;
    assert_eq!(status, StatusCode::CONFLICT, "decided before: {answer}");
    let told = site.get(&format!("/v1/applications/{id}/timeline")).await.to_string();
    for word in ["screening", "match", "aml", "list"] {
        assert!(!told.contains(word), "{word} tips the client off: {told}");
    }
    let object = format!("application/{id}");
    stack.proves(&["R-080", "R-100"], &object, "likely_match_found", json!({"match_id": found["id"]})).await;
    stack.proves(&["R-080", "R-100"], &object, "screening_decided", json!({"match_id": found["id"]})).await;
    stack.keep_history(&id, "match-before-payment").await;
}

#[tokio::test]
async fn a_match_that_compliance_confirms_refuses_and_nobody_is_paid() {
    let stack = Stack::start().await;
    let (site, compliance) = (stack.site().await, stack.front("aigul", "compliance").await);
    let id = stopped_by_a_match(&stack, &site).await;
    let found = matches(&compliance, &id, 1).await.remove(0);
    let (status, answer) = decide(&compliance, &found, "confirmed").await;
    assert_eq!(status, StatusCode::OK, "{answer}");

    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "not_granted"}));
    assert_eq!(compliance.outcome(&id).await, json!({"outcome": "refused", "ground": "confirmed_list_match"}));
    assert!(reference_and_payouts(&stack, &site, &id).await.1.is_empty(), "nobody was paid");
    assert_eq!(site.application(&id).await["payment"]["state"], "released");
    let (status, answer) = decide(&compliance, &found, "false_positive").await;
    assert_eq!(status, StatusCode::CONFLICT, "decided before: {answer}");
    let object = format!("application/{id}");
    stack.proves("R-100", &object, "application_closed", json!({"outcome": {"ground": "not_granted"}})).await;
}

#[tokio::test]
async fn of_two_compliance_officers_at_once_one_decides() {
    let stack = Stack::start().await;
    let (site, aigul) = (stack.site().await, stack.front("aigul", "compliance").await);
    let dana = stack.front("dana", "compliance").await;
    let id = stopped_by_a_match(&stack, &site).await;
    let found = matches(&aigul, &id, 1).await.remove(0);
    parked(&aigul, &id).await;

    let (first, second) =
        tokio::join!(decide(&aigul, &found, "false_positive"), decide(&dana, &found, "false_positive"));
    let mut statuses = [first.0, second.0];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT], "{} {}", first.1, second.1);
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    assert_eq!(decisions(&stack, &id).await, (1, 1), "one decision, one denial");
    assert_eq!(reference_and_payouts(&stack, &site, &id).await.1.len(), 1);
}

#[tokio::test]
async fn a_retry_parks_again_on_the_same_match_and_a_list_that_changes_again_is_searched_again() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let compliance = stack.front("aigul", "compliance").await;
    let id = stopped_by_a_match(&stack, &site).await;
    let first = matches(&compliance, &id, 1).await.remove(0);
    let retry = async |step: &Value| {
        let (status, answer) = decide_step(&operations, step, "retry").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        eventually("the step is parked again", || async {
            let next = parked(&operations, &id).await;
            if next["id"] == step["id"] { Err(next.to_string()) } else { Ok(next) }
        })
        .await
    };
    let again = retry(&parked(&operations, &id).await).await;
    assert_eq!(matches(&compliance, &id, 1).await.remove(0), first, "the same row");

    list_alike(&stack, "Сагинбаева").await;
    retry(&again).await;
    let both = matches(&compliance, &id, 2).await;
    assert_eq!(both[0], first);
    assert_eq!(both[1]["matches"].as_array().map(Vec::len), Some(2), "{}", both[1]);
    // The first covers one of the two persons: the step is tried, and parks on the second once more.
    let (status, answer) = decide(&compliance, &first, "false_positive").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(matches(&compliance, &id, 1).await.remove(0), both[1]);
    let (status, answer) = decide(&compliance, &both[1], "false_positive").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    assert_eq!(reference_and_payouts(&stack, &site, &id).await.1.len(), 1);
}

#[tokio::test]
async fn a_transfer_that_waited_is_stopped_by_a_match_and_goes_on_once_it_is_cleared() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let compliance = stack.front("aigul", "compliance").await;
    let iin = stack.somebody();
    stack.sandbox.fault("payments", "transfer", json!({"kind": "status", "code": 503}), None).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;
    let step = parked(&operations, &id).await;
    assert_eq!(step["step"], "transfer_money");
    let (reference, _) = reference_and_payouts(&stack, &site, &id).await;

    // Longer than the checks before a payment hold.
    let (client, workflow) = (stack.temporal().await, format!("application/{id}"));
    time::advance(&client, &workflow, Duration::from_secs(700)).await;
    list_alike(&stack, "Сагынбаева").await;
    stack.sandbox.clear_faults().await;
    let (status, answer) = decide_step(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let found = matches(&compliance, &id, 1).await.remove(0);
    assert_eq!(found["occasion"], "payment");
    assert!(reference_and_payouts(&stack, &site, &id).await.1.is_empty(), "nothing more was sent");

    let (status, answer) = decide(&compliance, &found, "false_positive").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let (same, payouts) = reference_and_payouts(&stack, &site, &id).await;
    assert_eq!((same, payouts.len()), (reference, 1), "{payouts:?}");
}
