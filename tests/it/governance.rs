//! Two people: a parked step completed by hand with proof, tried again with corrected input, or left as it is.
//! The sandbox's ledgers are the judge of what moved; the audit is the judge of who did it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::harness::{Front, NewApplication, Stack, account, eventually};
use crate::parking::parked;

/// Asks for a second person on a parked step.
async fn ask(operations: &Front, step: &Value, what: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("/v1/parked-steps/{}/{what}", step["id"].as_str().expect("an id"));
    operations.act(Method::POST, &path, body).await
}

async fn asked(operations: &Front, step: &Value, what: &str, body: Value) -> String {
    let (status, answer) = ask(operations, step, what, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    answer["id"].as_str().expect("an id").to_string()
}

/// How many entries of the audit somebody left with an action, allowed or denied.
async fn audited(pool: &PgPool, subject: &str, action: &str, allowed: bool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit WHERE actor LIKE $1 AND action = $2 AND allowed = $3")
        .bind(format!("%|{subject}"))
        .bind(action)
        .bind(allowed)
        .fetch_one(pool)
        .await
        .expect("counted")
}

/// An application whose transfer had its effect, of which the provider says nothing: its step is parked.
async fn paid_in_silence(stack: &Stack, site: &Front, operations: &Front) -> (String, Value) {
    stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_after"}), Some(1)).await;
    stack.sandbox.fault("payments", "status", json!({"kind": "unknown_reference"}), None).await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account("plain")).await;
    let step = parked(operations, &id).await;
    assert_eq!(step["step"], "transfer_money");
    (id, step)
}

fn bank_confirmed() -> Value {
    json!({
        "proof": {"description": "Банк подтвердил исполнение", "money_moved": true, "provider_reference": "BANK-77"},
        "reason": "статус недоступен, банк подтвердил письмом"
    })
}

#[tokio::test]
async fn a_transfer_proved_by_two_people_is_granted_and_paid_once() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let (id, step) = paid_in_silence(&stack, &site, &operations).await;

    let approval = asked(&operations, &step, "completion", bank_confirmed()).await;
    let (status, answer) = ask(&operations, &step, "completion", bank_confirmed()).await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("approval_waits")));
    let (status, answer) = ask(&operations, &step, "correction", json!({"phone": "+77011234568", "reason": "р"})).await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("remedy_not_possible")));

    // The same subject with both roles is still one person.
    let both = stack.front("marat", "operations approver").await;
    let (status, answer) = both.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")));
    let (status, answer) = stack.front("dana", "operations").await.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
    assert_eq!(parked(&operations, &id).await["id"], step["id"], "nothing has moved");

    let approver = stack.front("aliya", "approver").await;
    let shown = approver.get(&format!("/v1/approvals/{approval}")).await;
    assert_eq!(shown["proof"]["description"], "Банк подтвердил исполнение");
    assert_eq!(shown["difference"]["after"]["provider_reference"], "BANK-77");
    let (status, answer) = approver.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));

    let application = site.application(&id).await;
    assert_eq!(application["payment"]["state"], "confirmed");
    let reference = application["payment"]["our_reference"].as_str().expect("our reference");
    assert_eq!(stack.sandbox.payouts(reference).await.len(), 1, "paid once");
    assert_eq!(stack.sandbox.ledger("accounting").await.len(), 1, "one loan");
    let pool = stack.database().await;
    for (subject, action, allowed, count) in [
        ("marat", "propose:complete_by_hand", true, 1),
        ("marat", "propose:complete_by_hand", false, 1),
        ("marat", "propose:retry_corrected", false, 1),
        ("marat", "approve", false, 1),
        ("dana", "approve", false, 1),
        ("aliya", "approve", true, 1),
        ("aliya", "parked_step_decided", true, 1),
        ("marat", "money_transferred", true, 1),
    ] {
        assert_eq!(audited(&pool, subject, action, allowed).await, count, "{subject} {action} {allowed}");
    }
    let (status, answer) = approver.decide(&approval, "reject").await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("approval_not_pending")));
}

#[tokio::test]
async fn a_rejected_request_leaves_the_step_parked() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let (id, step) = paid_in_silence(&stack, &site, &operations).await;
    let approval = asked(&operations, &step, "completion", bank_confirmed()).await;
    let approver = stack.front("aliya", "approver").await;
    let (status, answer) = approver.decide(&approval, "reject").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let pool = stack.database().await;
    eventually("the relay has seen it", || async {
        let sql = "SELECT passed_on_at IS NOT NULL FROM approvals WHERE id::text = $1";
        let passed_on: bool = sqlx::query_scalar(sql).bind(&approval).fetch_one(&pool).await.expect("read");
        if passed_on { Ok(()) } else { Err("not passed on".to_string()) }
    })
    .await;
    assert_eq!(parked(&operations, &id).await["id"], step["id"], "it waits as before");
    assert_eq!(operations.get(&format!("/v1/approvals/{approval}")).await["state"], "rejected");

    // A retry settles it in the ordinary way; what is approved too late is moot, and says so.
    let late = asked(&operations, &step, "completion", bank_confirmed()).await;
    stack.sandbox.clear_faults().await;
    let (status, answer) = crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let (status, answer) = approver.decide(&late, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    eventually("the late approval is moot", || async {
        let moot = audited_moot(&pool, &late).await;
        if moot == 1 { Ok(()) } else { Err(format!("{moot}")) }
    })
    .await;
    let application = site.application(&id).await;
    let reference = application["payment"]["our_reference"].as_str().expect("our reference");
    assert_eq!(stack.sandbox.payouts(reference).await.len(), 1, "paid once");
}

async fn audited_moot(pool: &PgPool, approval: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'pass_on_approval' AND NOT allowed AND object = $1")
        .bind(format!("approval/{approval}"))
        .fetch_one(pool)
        .await
        .expect("counted")
}

#[tokio::test]
async fn a_loan_proved_and_a_phone_corrected_by_two_people() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let approver = stack.front("aliya", "approver").await;
    stack.sandbox.fault("accounting", "open_loan", json!({"kind": "status_after", "code": 500}), None).await;
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;
    let step = parked(&operations, &id).await;
    assert_eq!(step["step"], "record_loan");
    let (status, answer) =
        ask(&operations, &step, "completion", json!({"proof": {"description": "в учете"}, "reason": "видно"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let proof = json!({"description": "займ открыт в учете", "provider_reference": "L-1", "bureau_receipt": "R-1"});
    let approval = asked(&operations, &step, "completion", json!({"proof": proof, "reason": "видно в учете"})).await;
    approver.decide(&approval, "approve").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));

    let step = eventually("the notice is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let found =
            open["items"].as_array().and_then(|items| items.iter().find(|item| item["step"] == "notify_client"));
        found.cloned().ok_or(open.to_string())
    })
    .await;
    let approval =
        asked(&operations, &step, "correction", json!({"phone": "8 701 765 43 21", "reason": "опечатка"})).await;
    let shown = approver.get(&format!("/v1/approvals/{approval}")).await;
    assert_eq!(shown["difference"]["before"]["phone"], "+7 *** *** ** 67");
    assert_eq!(shown["difference"]["after"]["phone"], "+7 *** *** ** 21");
    assert!(!shown.to_string().contains("7654321"), "personal values are masked: {shown}");
    stack.sandbox.clear_faults().await;
    approver.decide(&approval, "approve").await;
    eventually("the client is told under the corrected phone", || async {
        let notices = stack.sandbox.ledger("notifications").await;
        let told = notices.iter().any(|notice| notice["phone"] == "+77017654321");
        if told && notices.len() == 1 { Ok(()) } else { Err(format!("{notices:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_parked_step_of_a_case_is_retried_and_a_decided_request_reaches_the_case() {
    let stack = Stack::start().await;
    let (compliance, operations) = (stack.front("saule", "compliance").await, stack.front("marat", "operations").await);
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let incident = json!({
        "reference": "INC-1", "kind": "other_fraud", "detected_at": "2026-11-20T10:00:00Z", "description": "вход с чужого",
        "clients": [{"iin": stack.somebody(), "phone": "+77011234567"}],
    });
    let (status, answer) = compliance.act(Method::POST, "/v1/fraud-incidents", incident).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let id = answer["id"].as_str().expect("an id").to_string();
    let step = eventually("a step of the case is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let found = open["items"].as_array().and_then(|items| items.iter().find(|item| item["case_id"] == id.as_str()));
        found.cloned().ok_or(open.to_string())
    })
    .await;
    let (status, answer) = crate::parking::decide(&operations, &step, "fail_and_compensate").await;
    let code = &answer["refusal"]["code"];
    assert_eq!((status, code), (StatusCode::CONFLICT, &json!("parked_step.not_open")), "{answer}");
    let proof = json!({"proof": {"description": "звонок"}, "reason": "сообщили по телефону"});
    let (status, answer) = ask(&operations, &step, "completion", proof).await;
    assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("remedy_not_possible")), "{answer}");
    stack.sandbox.clear_faults().await;
    let (status, answer) = crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    eventually("the client is told", || async {
        let notices = stack.sandbox.ledger("notifications").await;
        if notices.len() == 1 { Ok(()) } else { Err(format!("{notices:?}")) }
    })
    .await;
    let (status, answer) = crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::CONFLICT, "decided before: {answer}");

    // A request of the case's own, as its activity would store it.
    let pool = stack.database().await;
    let approval = uuid::Uuid::new_v4();
    sqlx::query(
        "INSERT INTO approvals (id, kind, case_id, object, proposal, difference, rule, maker, maker_reason, created_at,
                                expires_at, state)
         SELECT $1, 'resumption', id, 'case/' || id, '{}', '{}', '{\"roles\":[\"approver\"],\"valid_hours\":72}',
                'i|saule', 'r', now(), now() + interval '72 hours', 'pending' FROM cases WHERE id = $2",
    )
    .bind(approval)
    .bind(id.parse::<uuid::Uuid>().expect("a UUID"))
    .execute(&pool)
    .await
    .expect("asked");
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval.to_string(), "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    eventually("the case was told", || async {
        let sql = "SELECT passed_on_at IS NOT NULL FROM approvals WHERE id = $1";
        let told: bool = sqlx::query_scalar(sql).bind(approval).fetch_one(&pool).await.expect("read");
        if told { Ok(()) } else { Err("not passed on".to_string()) }
    })
    .await;
    let history = stack.history(&format!("case/{id}")).await;
    assert!(String::from_utf8_lossy(&history).contains("stirred"), "the signal is in the case's history");
}
