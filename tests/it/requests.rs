//! What the API says to requests that are wrong, early, late, repeated, or not allowed.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Front, NewApplication, Stack, account};

#[tokio::test]
async fn a_bad_application_names_each_bad_field_and_stores_nothing() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let application = NewApplication::of("871008401428")
        .with("/client/phone", json!("12345"))
        .with("/client/identity_document/expires_on", json!("2020-01-01"))
        .with("/amount", json!("-5"));
    let (status, problem) = site.send(Method::POST, "/v1/applications", Some(application.0)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let pointers: Vec<&str> =
        problem["errors"].as_array().expect("errors").iter().filter_map(|error| error["pointer"].as_str()).collect();
    for pointer in ["/client/iin", "/client/phone", "/amount"] {
        assert!(pointers.contains(&pointer), "{pointer} in {problem}");
    }
    assert!(!problem.to_string().contains("871008401428"), "a refusal does not repeat an IIN: {problem}");
    let whole = NewApplication::of(&stack.somebody());
    for pointer in [
        "/client/surname",
        "/client/given_name",
        "/client/iin",
        "/client/identity_document/number",
        "/client/identity_document/expires_on",
        "/client/phone",
    ] {
        let (status, problem) =
            site.send(Method::POST, "/v1/applications", Some(whole.clone().with(pointer, Value::Null).0)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{pointer}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let birth_certificate = whole.clone().with("/client/identity_document/kind", json!("birth_certificate"));
    let (status, problem) = site.send(Method::POST, "/v1/applications", Some(birth_certificate.0)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let stored = site.get("/v1/applications").await;
    assert!(stored["items"].as_array().expect("items").is_empty(), "{stored}");
    let object = format!("application/{}", site.submit(&whole).await);
    stack.proves(&["R-009", "R-040", "R-041", "R-042", "R-043"], &object, "submit_application", json!({})).await;
}

#[tokio::test]
async fn an_application_above_a_cap_is_refused_and_a_quote_above_it_says_so() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    // Above the cap by every method; at 39 % only the bullet would be within it.
    let application = NewApplication::of(&stack.somebody()).with("/annual_rate", json!("60.0"));
    let (status, problem) = site.send(Method::POST, "/v1/applications", Some(application.0)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");

    let quote = |rate: &str| json!({"amount": "300000.00", "annual_rate": rate, "term_months": 12, "disbursed_on": "2026-01-15"});
    let (status, quotes) = site.send(Method::POST, "/v1/quotes", Some(quote("39.0"))).await;
    assert_eq!(status, StatusCode::OK, "{quotes}");
    assert_eq!(quotes["quotes"][0]["within_limits"], false, "{quotes}");
    let (_, quotes) = site.send(Method::POST, "/v1/quotes", Some(quote("36.0"))).await;
    let annuity = &quotes["quotes"][0];
    assert_eq!(annuity["method"], "annuity");
    assert_eq!(annuity["annual_effective_rate"], "42.8");
    assert_eq!(annuity["total_interest"], "61663.50");
    assert_eq!(annuity["total_payable"], "361663.50");
    assert_eq!(
        annuity["instalments"][0],
        json!({"number": 1, "due_on": "2026-02-15", "principal": "21138.63", "interest": "9000.00", "total": "30138.63", "balance_after": "278861.37"})
    );
}

#[tokio::test]
async fn twenty_choices_at_once_leave_one() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.acknowledge(&id).await;
    let draft = site.draft(&id, "annuity").await;
    let path = format!("/v1/applications/{id}/schedule");
    let answers = join_all((0..20).map(|_| site.act(Method::PUT, &path, json!({"draft_id": draft["draft_id"]})))).await;
    let accepted = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    let refused = answers.iter().filter(|(status, _)| *status == StatusCode::CONFLICT).count();
    assert_eq!((accepted, refused), (1, 19), "{answers:?}");
    site.at_stage(&id, "awaiting_disbursement_method").await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM schedule_choices")
        .fetch_one(&stack.database().await)
        .await
        .expect("the rows can be counted");
    assert_eq!(rows, 1);
    let audited: Vec<(bool, i64)> = sqlx::query_as(
        "SELECT allowed, count(*) FROM audit WHERE action = 'choose_schedule' GROUP BY allowed ORDER BY allowed",
    )
    .fetch_all(&stack.database().await)
    .await
    .expect("the audit can be counted");
    assert_eq!(audited, [(false, 19), (true, 1)], "every denial is audited, and one act");
    let object = format!("application/{id}");
    stack.proves("R-207", &object, "choose_schedule", json!({})).await;
    stack.proves_denial("R-207", &object, "choose_schedule", json!({})).await;
    for change in ["UPDATE audit SET allowed = true", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused =
            sqlx::query(change).execute(&stack.database().await).await.expect_err("the log can not be changed");
        let code = refused.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{change}: {refused}");
    }
    stack.proves_denial("R-208", &object, "choose_schedule", json!({})).await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_body_is_refused() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let application = NewApplication::of(&stack.somebody()).0;
    let key = Uuid::new_v4().to_string();
    let (status, first) = site.send_with_key(Method::POST, "/v1/applications", Some(application.clone()), &key).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let (status, again) = site.send_with_key(Method::POST, "/v1/applications", Some(application.clone()), &key).await;
    assert_eq!((status, &again["id"]), (StatusCode::ACCEPTED, &first["id"]));
    let mut other = application;
    other["amount"] = json!("250000.00");
    let (status, problem) = site.send_with_key(Method::POST, "/v1/applications", Some(other), &key).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["code"], "idempotency_key_reused");
    let listed = site.get("/v1/applications").await;
    assert_eq!(listed["items"].as_array().expect("items").len(), 1);
}

#[tokio::test]
async fn an_act_at_the_wrong_stage_says_what_is_expected() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    site.at_stage(&id, "awaiting_acknowledgement").await;
    let (status, problem) =
        site.act(Method::PUT, &format!("/v1/applications/{id}/disbursement-method"), account("dedup")).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(problem["code"], "act_not_expected");
    assert_eq!(problem["expected"]["act"], "acknowledge", "{problem}");
}

#[tokio::test]
async fn nobody_learns_of_applications_that_are_not_his() {
    let stack = Stack::start().await;
    let (site, other) = (stack.site().await, stack.front("another-service", "service").await);
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    let unknown = Uuid::new_v4();
    let (status, theirs) = other.send(Method::GET, &format!("/v1/applications/{id}"), None).await;
    let (status_unknown, nobodys) = other.send(Method::GET, &format!("/v1/applications/{unknown}"), None).await;
    assert_eq!((status, status_unknown), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    let shape = |problem: &Value| (problem["code"].clone(), problem["title"].clone(), problem["detail"].clone());
    assert_eq!(shape(&theirs), shape(&nobodys));
    assert!(other.get("/v1/applications").await["items"].as_array().expect("items").is_empty());
    stack.proves_denial("R-112", &format!("application/{id}"), "GET /v1/applications/{id}", json!({})).await;
}

#[tokio::test]
async fn denials_are_answered_and_audited() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let anonymous = stack.client.get(format!("{}/v1/applications", stack.api_url)).send().await.expect("an answer");
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    let forged =
        stack.client.get(format!("{}/v1/screening-matches", stack.api_url)).bearer_auth("e30.e30.e30").send().await;
    assert_eq!(forged.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    let (status, _) = site.send(Method::GET, "/v1/parked-steps", None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let denials: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE NOT allowed")
        .fetch_one(&stack.database().await)
        .await
        .expect("the denials can be counted");
    assert_eq!(denials, 3);
    stack.proves_denial("R-200", "/v1/parked-steps", "GET /v1/parked-steps", json!({})).await;
    stack.proves_denial("R-201", "/v1/screening-matches", "GET /v1/screening-matches", json!({})).await;
}

#[tokio::test]
async fn without_a_worker_acts_are_not_known_to_be_done_and_reads_go_on() {
    let mut stack = Stack::start().await;
    let site = stack.site().await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    site.acknowledge(&id).await;
    let draft = site.draft(&id, "annuity").await;
    stack.kill_worker();
    let key = Uuid::new_v4().to_string();
    let path = format!("/v1/applications/{id}/schedule");
    let body = json!({"draft_id": draft["draft_id"]});
    let (status, problem) = site.send_with_key(Method::PUT, &path, Some(body.clone()), &key).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    assert_eq!(site.application(&id).await["stage"]["stage"], "awaiting_schedule_choice", "reads need no worker");
    stack.restart_worker().await;
    let (status, answer) = crate::harness::eventually("the same key is answered", || async {
        let (status, answer) = site.send_with_key(Method::PUT, &path, Some(body.clone()), &key).await;
        if status == StatusCode::SERVICE_UNAVAILABLE { Err(answer.to_string()) } else { Ok((status, answer)) }
    })
    .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    site.at_stage(&id, "awaiting_disbursement_method").await;
}

#[tokio::test]
async fn an_act_that_is_refused_after_nobody_waits_for_the_answer_is_audited_all_the_same() {
    let (mut stack, site, id) = without_a_worker().await;
    let path = format!("/v1/applications/{id}/disbursement-method");
    let key = Uuid::new_v4().to_string();
    let (status, problem) = site.send_with_key(Method::PUT, &path, Some(account("dedup")), &key).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    stack.restart_worker().await;
    is_denied(&stack, &id).await;
}

#[tokio::test]
async fn an_act_whose_caller_hangs_up_is_seen_through_and_audited() {
    let (mut stack, site, id) = without_a_worker().await;
    let path = format!("/v1/applications/{id}/disbursement-method");
    let owner = stack.owner().await;
    let received = "SELECT count(*) FROM submissions WHERE application_id = $1";
    let stored = crate::harness::eventually("the act is stored", async || {
        let id: Uuid = id.parse().expect("an id");
        let stored: i64 = sqlx::query_scalar(received).bind(id).fetch_one(&owner).await.expect("counted");
        if stored == 1 { Ok(()) } else { Err(stored.to_string()) }
    });
    tokio::select! {
        answer = site.act(Method::PUT, &path, account("dedup")) => panic!("no worker answers: {answer:?}"),
        () = stored => {}
    }
    stack.restart_worker().await;
    is_denied(&stack, &id).await;
}

/// An application that waits for its acknowledgement, and whose worker is gone.
async fn without_a_worker() -> (Stack, Front, String) {
    let mut stack = Stack::start().await;
    let site = stack.site().await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    site.at_stage(&id, "awaiting_acknowledgement").await;
    stack.kill_worker();
    (stack, site, id)
}

/// Waits until the refusal of an account, chosen too early, is on record.
async fn is_denied(stack: &Stack, id: &str) {
    let owner = stack.owner().await;
    let denied =
        "SELECT count(*) FROM audit WHERE object = $1 AND action = 'choose_disbursement_method' AND NOT allowed
                  AND reason = 'act_not_expected'";
    crate::harness::eventually("the refusal is audited, though the request is not repeated", async || {
        let denials: i64 =
            sqlx::query_scalar(denied).bind(format!("application/{id}")).fetch_one(&owner).await.expect("counted");
        if denials == 1 { Ok(()) } else { Err(denials.to_string()) }
    })
    .await;
}
