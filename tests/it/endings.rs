//! The ordinary ends other than a grant: refusal, withdrawal, expiry; and signatures that are not accepted.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{NewApplication, Stack, account};
use crate::parking::{decide, parked};

/// Submits for a person of whom the world knows `facts`, and returns the stack, the audit's name of the application and
/// the outcome that compliance sees.
async fn refused(facts: Value) -> (Stack, String, Value) {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, facts).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    let outcome = site.outcome(&id).await;
    assert!(stack.sandbox.ledger("payments").await.is_empty(), "nobody was paid");
    (stack, format!("application/{id}"), outcome)
}

#[tokio::test]
async fn a_voluntary_refusal_ends_the_application() {
    let (stack, object, outcome) = refused(json!({"voluntary_refusal": "ACTIVE"})).await;
    assert_eq!(outcome, json!({"outcome": "refused", "ground": "voluntary_refusal"}));
    stack.proves("R-088", &object, "credit_report_received", json!({"verdict": {"ground": "voluntary_refusal"}})).await;
    stack.proves("R-101", &object, "application_closed", json!({"outcome": {"ground": "voluntary_refusal"}})).await;
}

#[tokio::test]
async fn a_debt_burden_above_the_limit_ends_the_application() {
    let (_stack, _, outcome) =
        refused(json!({"monthly_payments": 40_000_000, "average_monthly_income": 60_000_000})).await;
    assert_eq!(outcome, json!({"outcome": "refused", "ground": "debt_burden"}));
}

#[tokio::test]
async fn long_overdue_ends_the_application() {
    let (_stack, _, outcome) = refused(json!({"overdue_days_current": 91, "overdue_days_max_12m": 91})).await;
    assert_eq!(outcome, json!({"outcome": "refused", "ground": "overdue"}));
}

#[tokio::test]
async fn a_listed_person_is_refused_and_only_compliance_learns_why() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.list_person(json!({"iin": iin, "surname": "Темиров", "given_name": "Ержан"})).await;
    stack.refresh_lists().await;
    let id = site.submit(&NewApplication::of(&iin)).await;

    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "not_granted"}));
    let compliance = stack.front("aigul", "compliance").await;
    assert_eq!(compliance.outcome(&id).await, json!({"outcome": "refused", "ground": "terrorism_financing_list"}));
    let told = site.get(&format!("/v1/applications/{id}/timeline")).await.to_string();
    assert!(!told.contains("terrorism"), "the client's side is not tipped off: {told}");
    stack.keep_history(&id, "refused").await;
}

#[tokio::test]
async fn a_likely_match_waits_for_compliance_and_a_false_positive_goes_on() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let name = json!({"surname": "Сагынбаева", "given_name": "Айгерим", "patronymic": "Канаткызы", "birth_date": "1990-03-14"});
    stack.sandbox.list_person(name).await;
    stack.refresh_lists().await;
    let id = site.submit(&NewApplication::of(&iin)).await;

    let compliance = stack.front("aigul", "compliance").await;
    compliance.at_stage(&id, "awaiting_screening_decision").await;
    let open = compliance.get("/v1/screening-matches").await;
    let found = open["items"].as_array().expect("matches").iter().find(|item| item["application_id"] == id.as_str());
    let match_id = found.expect("the match is listed")["id"].as_str().expect("an id").to_string();
    let decision = json!({"decision": "false_positive", "reason": "другая дата рождения"});
    let path = format!("/v1/screening-matches/{match_id}/decision");
    let (status, answer) = site.act(Method::POST, &path, decision.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a front end decides nothing: {answer}");
    let (status, answer) = compliance.act(Method::POST, &path, decision).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    site.at_stage(&id, "awaiting_acknowledgement").await;
    let object = format!("application/{id}");
    stack.proves("R-080", &object, "screening_decided", json!({"match_id": match_id})).await;
}

#[tokio::test]
async fn unconfirmed_ownership_blocks_the_payout_and_ends_at_the_policy_limit() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"ownership": "NOT_CONFIRMED"})).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.acknowledge(&id).await;
    site.choose(&id, "annuity").await;
    for tries_left in [3, 2, 1] {
        let application =
            site.at_stage_with(&id, "awaiting_disbursement_method", "tries_left", &json!(tries_left)).await;
        assert_eq!(application["expected"]["act"], "choose_disbursement_method");
        site.disburse_by(&id, account("dedup")).await;
    }
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "ownership_not_confirmed"}));
    assert!(stack.sandbox.ledger("payments").await.is_empty(), "nobody was paid");
    stack
        .proves(
            "R-096",
            &format!("application/{id}"),
            "disbursement_method_not_confirmed",
            json!({"verdict": {"ground": "ownership_not_confirmed"}}),
        )
        .await;
}

#[tokio::test]
async fn a_client_withdraws_until_money_is_reserved() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    let path = format!("/v1/applications/{id}/withdrawal");
    let (status, answer) = site.act(Method::POST, &path, json!({"reason": "передумал"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "withdrawn"}));
    assert!(stack.sandbox.ledger("payments").await.is_empty(), "nobody was paid");

    let (status, answer) = site.act(Method::POST, &path, json!({"reason": "ещё раз"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    stack.keep_history(&id, "withdrawn").await;
}

#[tokio::test]
async fn a_withdrawal_that_was_accepted_comes_before_the_refusal_of_the_step_under_way() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"voluntary_refusal": "ACTIVE"})).await;
    let hold = json!({"provider": "bureau", "operation": "report", "times": 1, "iin": iin,
        "fault": {"kind": "hold", "point": "before_effect"}});
    let fault = stack.sandbox.fault_on(hold).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    let hold = stack.sandbox.held(&fault).await;
    let path = format!("/v1/applications/{id}/withdrawal");
    let (status, answer) = site.act(Method::POST, &path, json!({"reason": "передумал"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    stack.sandbox.release(&hold, true).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "withdrawn"}));
    stack.keep_history(&id, "withdrawn-before-refusal").await;
}

#[tokio::test]
async fn an_application_whose_time_runs_out_expires() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin).with("/valid_for_seconds", json!(3))).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "expired"}));
    stack.keep_history(&id, "expired").await;
}

#[tokio::test]
async fn signatures_that_prove_nothing_are_not_accepted() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    for (tries_left, flaw) in
        [(3, json!({"key_usage": "AUTH"})), (2, json!({"revoked": true})), (1, json!({"tamper": true}))]
    {
        site.at_stage_with(&id, "awaiting_signature", "tries_left", &json!(tries_left)).await;
        site.sign(&id, &iin, flaw).await;
    }
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "signature_not_accepted"}));
    assert!(stack.sandbox.ledger("payments").await.is_empty(), "nobody was paid");
    let object = format!("application/{id}");
    stack
        .proves("R-090", &object, "signature_rejected", json!({"verdict": {"ground": "signature_not_accepted"}}))
        .await;
}

#[tokio::test]
async fn a_challenge_serves_one_identification() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"biometric_score": 0.5})).await;
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    let asked = site.at_stage_with(&id, "awaiting_identification", "tries_left", &json!(2)).await;
    let database = stack.database().await;
    let used: String = sqlx::query_scalar("SELECT id::text FROM challenges WHERE used_by IS NOT NULL")
        .fetch_one(&database)
        .await
        .expect("the first challenge was used");
    assert_ne!(asked["stage"]["challenge_id"], used.as_str());

    stack.sandbox.person(&iin, json!({"biometric_score": 0.99})).await;
    let again = json!({"challenge_id": used, "image": "iVBORw0KGgoAAA==", "image_type": "image/png"});
    let (status, answer) = site.act(Method::POST, &format!("/v1/applications/{id}/identification"), again).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let object = format!("application/{id}");
    stack.proves("R-114", &object, "challenge_not_usable", json!({"verdict": {"stage": {"tries_left": 2}}})).await;
    assert_eq!(stack.sandbox.ledger("coid").await.len(), 1, "the image was compared with nothing");
    site.identify(&id, "awaiting_identification").await;
    site.at_stage(&id, "awaiting_signature").await;
}

#[tokio::test]
async fn a_contract_that_was_changed_behind_our_back_is_neither_shown_nor_signed() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    let cms = stack.sandbox.sign(&iin, &site.contract(&id).await, json!({})).await;
    let owner = stack.owner().await;
    sqlx::query("UPDATE contracts SET content_sealed = content_sealed || '\\x00'::bytea")
        .execute(&owner)
        .await
        .expect("changed");
    let (status, problem) = site.send(Method::GET, &format!("/v1/applications/{id}/contract"), None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("internal")), "{problem}");
    let path = format!("/v1/applications/{id}/signature");
    let (status, answer) = site.act(Method::POST, &path, json!({"cms": cms})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let step = parked(&operations, &id).await;
    assert_eq!((&step["step"], &step["failure_code"]), (&json!("verify_signature"), &json!("storage.inconsistent")));
    let object = format!("application/{id}");
    stack.proves(&["R-111", "R-113"], &object, "step_parked", json!({"failure_code": "storage.inconsistent"})).await;

    sqlx::query(
        "UPDATE contracts SET content_sealed = substring(content_sealed FROM 1 FOR length(content_sealed) - 1)",
    )
    .execute(&owner)
    .await
    .expect("changed back");
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
}
