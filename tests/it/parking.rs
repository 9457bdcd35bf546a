//! Failed steps: visible, decided on by a person, and tried again under the same keys.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Front, NewApplication, Stack, account, eventually};

/// Waits for the one open parked step of an application.
pub(crate) async fn parked(operations: &Front, id: &str) -> Value {
    eventually("a step is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let found = open["items"].as_array().and_then(|items| items.iter().find(|item| item["application_id"] == id));
        found.cloned().ok_or(open.to_string())
    })
    .await
}

pub(crate) async fn decide(operations: &Front, step: &Value, decision: &str) -> (StatusCode, Value) {
    let path = format!("/v1/parked-steps/{}/decision", step["id"].as_str().expect("an id"));
    operations.act(Method::POST, &path, json!({"decision": decision, "reason": "поставщик снова отвечает"})).await
}

#[tokio::test]
async fn a_step_of_a_broken_provider_is_parked_and_a_retry_mends_it() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let iin = stack.somebody();
    stack.sandbox.fault("accounting", "open_loan", json!({"kind": "status", "code": 503}), None).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;

    let step = parked(&operations, &id).await;
    assert_eq!(step["step"], "record_loan");
    assert_eq!(step["provider"], "accounting");
    assert_eq!(step["retry_is_safe"], true);
    let (status, answer) = decide(&operations, &step, "fail_and_compensate").await;
    assert_eq!(status, StatusCode::CONFLICT, "the money is gone: {answer}");
    assert_eq!(answer["expected"]["decisions"], json!(["retry"]), "{answer}");
    let (status, answer) = decide(&site, &step, "retry").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");

    stack.sandbox.clear_faults().await;
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    assert_eq!(stack.sandbox.ledger("accounting").await.len(), 1, "one loan");
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::CONFLICT, "decided before: {answer}");
    stack.keep_history(&id, "parked-and-retried").await;
}

#[tokio::test]
async fn operations_may_end_an_application_whose_step_can_not_be_mended() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let iin = stack.somebody();
    stack.sandbox.fault("bureau", "report", json!({"kind": "malformed"}), None).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    let step = parked(&operations, &id).await;
    assert_eq!(step["step"], "fetch_credit_report");
    let (status, answer) = decide(&operations, &step, "fail_and_compensate").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "failed", "step": "fetch_credit_report"}));
}

#[tokio::test]
async fn an_unknown_voluntary_refusal_is_never_taken_for_none() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"voluntary_refusal": "UNKNOWN"})).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    let step = parked(&operations, &id).await;
    assert_eq!(step["failure_code"], "bureau.voluntary_refusal_unknown");
    stack.sandbox.person(&iin, json!({"voluntary_refusal": "ACTIVE"})).await;
    decide(&operations, &step, "retry").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "voluntary_refusal"}));
}

#[tokio::test]
async fn a_client_may_withdraw_while_a_step_is_parked() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let iin = stack.somebody();
    stack.sandbox.fault("bureau", "report", json!({"kind": "status", "code": 500}), None).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    let step = parked(&operations, &id).await;
    let (status, answer) =
        site.act(Method::POST, &format!("/v1/applications/{id}/withdrawal"), json!({"reason": "не буду ждать"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "withdrawn"}));
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let open = operations.get("/v1/parked-steps").await;
    assert!(open["items"].as_array().expect("steps").is_empty(), "nothing is left parked: {open}");
}
