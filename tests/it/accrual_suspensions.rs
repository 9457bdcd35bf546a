//! Suspensions of accrual (para 13 ¶2–3) over the real stack: the sandbox's books and the bureau's ledger
//! are the oracle.

use std::time::Duration;

use chrono::{Days, TimeDelta};
use nesie_domain::calendar::local_date;
use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Case, Granted, Stack, StackOptions, document, eventually, time};

fn paper(kind: &str, number: &str, iin: &str, loans: &[&str]) -> Value {
    let received_at = now() - TimeDelta::minutes(5);
    json!({
        "document": {
            "kind": kind, "number": number, "issued_on": local_date(received_at) - Days::new(2),
            "issuing_body": "УП Алмалинского района", "officer": "Следователь Т.", "criminal_case": "267500121000001",
        },
        "received_at": received_at, "iin": iin, "loans": loans, "documents": [document()],
    })
}

fn proof() -> Value {
    json!({"done_at": now() - TimeDelta::minutes(1), "description": "Агентство уведомлено письмом", "documents": [document()]})
}

async fn stand_still(case: &Case) -> Value {
    case.with_duties("open", 2).await;
    case.done("collection-suspension", proof()).await;
    case.done("claims-suspension", proof()).await;
    case.at_stage("suspended").await
}

async fn cancel(case: &Case) {
    let received_at = now();
    let body = json!({
        "number": "17-5/2026", "issued_on": local_date(received_at), "issuing_body": "УП Алмалинского района",
        "received_at": received_at - TimeDelta::seconds(2), "documents": [document()],
    });
    case.done("cancellation", body).await;
}

async fn propose(case: &Case, back_accrual: bool, resume_collection: bool) -> String {
    let body = json!({
        "back_accrual": back_accrual, "resume_collection": resume_collection, "reason": "документ отменен прокурором",
    });
    let (status, answer) = case.act("resumption", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["made"].as_str().expect("a request").to_string()
}

#[tokio::test]
async fn five_acts_are_done_and_two_people_decide_what_follows_the_cancellation() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let Granted { iin, loan } = stack.grant().await;
    let body = paper("representation_art200", "17-4/2026", &iin, &[&loan]);
    let case = Case::report(&compliance, "accrual-suspensions", body.clone()).await;
    // Three of the five are the system's own; the others are proved by staff.
    let view = case.with_duties("met", 3).await;
    assert_eq!(view["duty_counts"]["open"], 2, "{view}");
    for (kind, requirement) in [
        ("suspend_accrual", "R-141"),
        ("suspend_collection", "R-142"),
        ("suspend_claims", "R-143"),
        ("suspend_bureau_reporting", "R-144"),
        ("notify_of_suspension", "R-145"),
    ] {
        let duty = case.duty(kind).await;
        assert_eq!((&duty["working_days"], &duty["requirements"]), (&json!(3), &json!([requirement])), "{duty}");
        assert_eq!(duty["paragraph"], "13(2)", "{duty}");
    }
    let today = local_date(now());
    let later = today + Days::new(30);
    let still = stack.sandbox.balance(&loan, later).await;
    assert_eq!((&still["interest"], &still["accruing"]), (&json!(0), &json!(false)), "nothing accrues: {still}");
    let told = stack.sandbox.ledger("bureau").await;
    let suspended = told.iter().filter(|entry| entry["operation"] == "suspension").collect::<Vec<_>>();
    assert_eq!(suspended.len(), 1, "{told:?}");
    assert_eq!((&suspended[0]["contract_reference"], &suspended[0]["iin"]), (&json!(loan), &json!(iin)));
    let notices = stack.sandbox.ledger("notifications").await;
    assert!(notices.iter().any(|notice| notice["case_id"] == case.id.as_str()), "{notices:?}");

    case.refused(
        "resumption",
        json!({"back_accrual": false, "resume_collection": true, "reason": "р"}),
        "suspension.not_cancelled",
    )
    .await;
    stand_still(&case).await;
    case.refused("claims-suspension", proof(), "duty.not_open").await;
    let (status, again) = compliance.send(Method::POST, "/v1/accrual-suspensions", Some(body)).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &json!(case.id)), "the same document is the same case");

    cancel(&case).await;
    case.at_stage("awaiting_resumption").await;
    let approval = propose(&case, false, true).await;
    case.refused(
        "resumption",
        json!({"back_accrual": true, "resume_collection": true, "reason": "р"}),
        "approval.waits",
    )
    .await;
    let both = stack.front("dana", "compliance approver").await;
    let (status, answer) = both.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")));
    let approver = stack.front("aliya", "approver").await;
    let (status, answer) = approver.decide(&approval, "reject").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(case.view().await["stage"]["stage"], "awaiting_resumption", "rejected: nothing moves");
    let approval = propose(&case, false, true).await;
    let (status, answer) = approver.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.at_stage("closed").await;
    let goes_on = stack.sandbox.balance(&loan, later).await;
    assert_eq!(goes_on["accruing"], json!(true), "{goes_on}");
    let holds = case.get("holds").await;
    assert_eq!(holds["items"][0]["collection_resumed"], true, "{holds}");
    let told = stack.sandbox.ledger("bureau").await;
    assert_eq!(told.iter().filter(|entry| entry["operation"] == "resumption").count(), 1, "{told:?}");
    let object = format!("case/{}", case.id);
    stack.proves("R-140", &object, "suspension_opened", json!({"document": "representation_art200"})).await;
    stack.proves("R-141", &object, "accrual_suspended", json!({"loan": loan})).await;
    stack.proves("R-142", &object, "duty_met", json!({"kind": "suspend_collection"})).await;
    stack.proves("R-143", &object, "duty_met", json!({"kind": "suspend_claims"})).await;
    stack.proves("R-144", &object, "duty_met", json!({"kind": "suspend_bureau_reporting"})).await;
    stack.proves("R-145", &object, "duty_met", json!({"kind": "notify_of_suspension"})).await;
    stack.proves("R-146", &object, "resumption_proposed", json!({"back_accrual": false})).await;
    stack.proves("R-147", &object, "accrual_resumed", json!({"resume_collection": true})).await;
    let audit = case.audit(&stack.database().await).await;
    let resumed = audit.iter().find(|(_, done, ..)| done == "accrual_resumed").expect("the resumption");
    assert!(resumed.0.ends_with("|aliya"), "in the second person's name: {audit:?}");
    stack.keep_history_of(&case.workflow(), "accrual-suspension").await;
}

#[tokio::test]
async fn a_loan_is_held_until_the_last_of_its_documents_is_cancelled_and_back_accrual_is_to_the_tiyn() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let approver = stack.front("aliya", "approver").await;
    let Granted { iin, loan } = stack.grant().await;
    let first =
        Case::report(&compliance, "accrual-suspensions", paper("representation_art200", "1", &iin, &[&loan])).await;
    stand_still(&first).await;
    let second =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "2", &iin, &[&loan])).await;
    stand_still(&second).await;
    let duty = second.duty("suspend_accrual").await;
    let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
    assert_eq!(full["evidence"]["loans"][0]["suspended_before"], true, "{full}");
    let suspensions = |entries: &[Value]| entries.iter().filter(|entry| entry["operation"] == "suspend").count();
    assert_eq!(suspensions(&stack.sandbox.ledger("accounting").await), 1, "one suspension in the books");

    cancel(&first).await;
    let approval = propose(&first, true, true).await;
    approver.decide(&approval, "approve").await;
    first.at_stage("closed").await;
    let today = local_date(now());
    assert_eq!(
        stack.sandbox.balance(&loan, today).await["accruing"],
        json!(false),
        "the second document still holds it"
    );
    let holds = first.get("holds").await;
    assert_eq!(holds["items"][0]["collection_resumed"], false, "{holds}");

    cancel(&second).await;
    let approval = propose(&second, true, false).await;
    approver.decide(&approval, "approve").await;
    second.at_stage("closed").await;
    let after = stack.sandbox.balance(&loan, today + Days::new(10)).await;
    // 300 000 ₸ at 36 % for ten days: as if accrual had never stopped.
    assert_eq!((&after["interest"], &after["accruing"]), (&json!(295_890), &json!(true)), "{after}");
    let holds = second.get("holds").await;
    assert_eq!(holds["items"][0]["collection_resumed"], false, "collection was not to be resumed: {holds}");
}

#[tokio::test]
async fn a_second_document_with_an_earlier_day_moves_the_first_day_of_the_suspension() {
    let mut stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let approver = stack.front("aliya", "approver").await;
    let Granted { iin, loan } = stack.grant().await;
    // The first document is acted on twenty days from now, and holds the loan from that day on.
    stack.set_case_policy(json!({"suspension_start": "act"})).await;
    stack.kill_worker();
    let first =
        Case::report(&compliance, "accrual-suspensions", paper("representation_art200", "8", &iin, &[&loan])).await;
    let budget = json!({"attempts": 4, "first_pause_milliseconds": 200, "longest_pause_milliseconds": 1_000});
    let input = json!({"case_id": first.id, "budget": budget});
    let twenty_days = Duration::from_secs(20 * 24 * 3_600);
    let workflow = first.workflow();
    let named = ("AccrualSuspension", workflow.as_str());
    time::start_later(&stack.temporal().await, &stack.task_queue, named, &input, twenty_days).await;
    stack.restart_worker().await;
    // From the hold: the page shows what had happened by the real clock, and this case's clock is ahead.
    eventually("accrual is suspended", || async {
        let holds = first.get("holds").await;
        if holds["items"][0]["suspended_from"].is_string() { Ok(()) } else { Err(holds.to_string()) }
    })
    .await;
    first.done("collection-suspension", proof()).await;
    first.done("claims-suspension", proof()).await;
    first.at_stage("suspended").await;
    let (today, later) = (local_date(now()), local_date(now()) + Days::new(19));
    // 300 000 ₸ at 36 % for nineteen days.
    let accrued = stack.sandbox.balance(&loan, later).await;
    assert_eq!((&accrued["interest"], &accrued["accruing"]), (&json!(562_192), &json!(true)), "{accrued}");
    assert_eq!(stack.sandbox.balance(&loan, later + Days::new(1)).await["accruing"], json!(false));

    // The second is acted on today: what accrued between is reversed, to the tiyn.
    let second =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "9", &iin, &[&loan])).await;
    stand_still(&second).await;
    let books = stack.sandbox.ledger("accounting").await;
    let moved = books.iter().rfind(|entry| entry["operation"] == "suspend").expect("the second suspension");
    assert_eq!(moved["reversed"], json!({"interest": 562_192, "penalty": 0}), "{moved}");
    assert_eq!(moved["effective_from"], json!(today));
    assert!(moved["idempotency_key"].as_str().is_some_and(|key| key.contains(&second.id)), "a key of its own: {moved}");
    let nothing = stack.sandbox.balance(&loan, later).await;
    assert_eq!((&nothing["interest"], &nothing["accruing"]), (&json!(0), &json!(false)), "{nothing}");
    for case in [&first, &second] {
        assert_eq!(case.get("holds").await["items"][0]["suspended_from"], json!(today));
    }
    stack.proves("R-141", &second.workflow(), "accrual_suspended", json!({"reversed_interest": "5621.92"})).await;

    // Released while the other holds it, the day stays; with the last one accrual goes on as if nothing had been.
    cancel(&second).await;
    approver.decide(&propose(&second, true, true).await, "approve").await;
    second.at_stage("closed").await;
    assert_eq!(stack.sandbox.balance(&loan, later).await["accruing"], json!(false));
    cancel(&first).await;
    approver.decide(&propose(&first, true, true).await, "approve").await;
    first.at_stage("closed").await;
    let after = stack.sandbox.balance(&loan, today + Days::new(10)).await;
    assert_eq!((&after["interest"], &after["accruing"]), (&json!(295_890), &json!(true)), "{after}");
}

#[tokio::test]
async fn a_provider_that_fails_holds_up_neither_the_other_acts_nor_the_clock() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let operations = stack.front("marat", "operations").await;
    let Granted { iin, loan } = stack.grant().await;
    stack.sandbox.fault("accounting", "suspend", json!({"kind": "status_after", "code": 500}), None).await;
    let case =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "3", &iin, &[&loan])).await;
    case.with_duties("met", 2).await;
    case.done("collection-suspension", proof()).await;
    case.done("claims-suspension", proof()).await;
    let step = eventually("the step is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let found = open["items"].as_array().and_then(|all| all.iter().find(|step| step["step"] == "suspend_accrual"));
        found.cloned().ok_or(open.to_string())
    })
    .await;
    assert_eq!(case.view().await["stage"]["stage"], "handling", "one act is still to be done");
    stack.sandbox.clear_faults().await;
    let (status, answer) = crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.at_stage("suspended").await;
    let ledger = stack.sandbox.ledger("accounting").await;
    assert_eq!(ledger.iter().filter(|entry| entry["operation"] == "suspend").count(), 1, "once, under one key");
}

#[tokio::test]
async fn each_credit_bureau_is_told_of_the_suspension_and_of_its_end() {
    let stack = Stack::start_with(StackOptions { second_bureau: true, ..StackOptions::default() }).await;
    let compliance = stack.front("dana", "compliance").await;
    let operations = stack.front("marat", "operations").await;
    let Granted { iin, loan } = stack.grant().await;
    stack.sandbox.fault("bureau", "suspension", json!({"kind": "status", "code": 503}), None).await;
    let case =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "7", &iin, &[&loan])).await;
    let step = eventually("the step is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let steps = open["items"].as_array().cloned().unwrap_or_default();
        steps.into_iter().find(|step| step["step"] == "suspend_bureau_reporting").ok_or(open.to_string())
    })
    .await;
    assert_eq!(step["provider"], "bureau", "{step}");
    let told = async |bureau: &str, operation: &str| {
        let ledger = stack.sandbox.ledger(bureau).await;
        ledger.iter().filter(|entry| entry["operation"] == operation && entry["contract_reference"] == loan).count()
    };
    let (first, second) = (told("bureau", "suspension").await, told("second-bureau", "suspension").await);
    assert_eq!((first, second), (0, 1), "the second is not held up by the first");
    stack.sandbox.clear_faults().await;
    let (status, answer) = crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.with_duties("met", 4).await;
    stand_still(&case).await;
    cancel(&case).await;
    let approval = propose(&case, false, true).await;
    stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    case.at_stage("closed").await;
    for bureau in ["bureau", "second-bureau"] {
        let suspended_and_resumed = (told(bureau, "suspension").await, told(bureau, "resumption").await);
        assert_eq!(suspended_and_resumed, (1, 1), "{bureau}");
    }
    stack.proves("R-144", &case.workflow(), "duty_met", json!({"subject": "second-bureau"})).await;
}

#[tokio::test]
async fn a_suspension_that_was_opened_in_error_is_withdrawn_and_everything_goes_on() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let Granted { iin, loan } = stack.grant().await;
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let body = paper("victim_ruling_art71", "10", &iin, &[&loan]);
    let case = Case::report(&compliance, "accrual-suspensions", body.clone()).await;
    case.with_duties("met", 2).await;
    case.refused("withdrawal", json!({"reason": "не тот микрокредит"}), "suspension.under_way").await;
    stack.sandbox.clear_faults().await;
    let operations = stack.front("marat", "operations").await;
    let step = eventually("the notice is parked", || async {
        let open = operations.get("/v1/parked-steps").await;
        let steps = open["items"].as_array().cloned().unwrap_or_default();
        let found = steps.into_iter().find(|step| step["step"] == "notify_of_suspension");
        let met = case.view().await["duty_counts"]["met"] == 3;
        // The notice may have gone out within the step's own tries.
        if met { Ok(None) } else { found.map(Some).ok_or(open.to_string()) }
    })
    .await;
    if let Some(step) = step {
        crate::parking::decide(&operations, &step, "retry").await;
    }
    case.with_duties("met", 3).await;
    let today = local_date(now());
    assert_eq!(stack.sandbox.balance(&loan, today).await["accruing"], json!(false));
    let approval = case.withdrawal_proposed("не тот микрокредит").await;
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    case.withdrawn(&stack, 2).await;
    let books = stack.sandbox.balance(&loan, today + Days::new(10)).await;
    assert_eq!(books["accruing"], json!(true), "{books}");
    let resumed = stack.sandbox.ledger("accounting").await;
    let resumed = resumed.iter().find(|entry| entry["operation"] == "resume").expect("accrual goes on");
    assert_eq!(resumed["back_accrual"], json!(false), "only the document's cancellation gives leave to that");
    let told = stack.sandbox.ledger("bureau").await;
    assert_eq!(told.iter().filter(|entry| entry["operation"] == "resumption").count(), 1, "{told:?}");
    let notices = stack.sandbox.ledger("notifications").await;
    let templates: Vec<&Value> = notices
        .iter()
        .filter(|notice| notice["case_id"] == case.id.as_str())
        .map(|notice| &notice["template"])
        .collect();
    assert_eq!(templates, ["accrual_suspended", "accrual_suspension_withdrawn"]);
    assert_eq!(case.get("holds").await["items"][0]["collection_resumed"], true);

    // The same document for the loan that it meant: another case. Once it is cancelled, that leads to the end.
    let again = Case::report(&compliance, "accrual-suspensions", body).await;
    assert_ne!(again.id, case.id);
    stand_still(&again).await;
    cancel(&again).await;
    again.refused("withdrawal", json!({"reason": "поздно"}), "suspension.cancelled_before").await;
}

#[tokio::test]
async fn a_document_of_an_unknown_or_foreign_loan_or_of_the_future_stores_nothing() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let Granted { iin, loan } = stack.grant().await;
    let stranger = stack.somebody();
    for (body, code) in [
        (paper("victim_ruling_art71", "4", &iin, &["MC-unknown"]), "loan.unknown"),
        (paper("victim_ruling_art71", "4", &stranger, &[&loan]), "loan.of_another_person"),
    ] {
        let (status, answer) = compliance.send(Method::POST, "/v1/accrual-suspensions", Some(body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert_eq!(answer["errors"][0]["code"], code, "{answer}");
    }
    let mut future = paper("victim_ruling_art71", "4", &iin, &[&loan]);
    future["received_at"] = json!("2999-01-01T00:00:00Z");
    let (status, answer) = compliance.send(Method::POST, "/v1/accrual-suspensions", Some(future)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let cases: i64 = sqlx::query_scalar("SELECT count(*) FROM cases WHERE kind = 'accrual_suspension'")
        .fetch_one(&stack.database().await)
        .await
        .expect("counted");
    assert_eq!(cases, 0);
}

#[tokio::test]
async fn an_act_left_undone_is_warned_of_twice_then_breached_and_met_late() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let Granted { iin, loan } = stack.grant().await;
    let case =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "5", &iin, &[&loan])).await;
    case.with_duties("met", 3).await;
    // Three working days lie within ten days of any season but the long holidays of January and March.
    time::advance(&stack.temporal().await, &case.workflow(), Duration::from_secs(14 * 24 * 3_600)).await;
    let database = stack.database().await;
    for kind in ["suspend_collection", "suspend_claims"] {
        let rungs: Vec<String> = case.rungs(&database, kind).await.into_iter().map(|(rung, _)| rung).collect();
        assert_eq!(rungs, ["day_1_end", "day_2_end", "breached"], "{kind}");
    }
    case.done("collection-suspension", proof()).await;
    case.done("claims-suspension", proof()).await;
    case.at_stage("suspended").await;
    // From the rows: the page shows what had happened by the real clock, and this case's clock is ahead.
    let states: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM duties WHERE case_id::text = $1 GROUP BY state ORDER BY state")
            .bind(&case.id)
            .fetch_all(&database)
            .await
            .expect("states");
    assert_eq!(states, [("met".to_string(), 3), ("met_late".to_string(), 2)]);
}

#[tokio::test]
async fn a_loan_that_was_written_off_meanwhile_is_released_without_accrual() {
    let stack = Stack::start().await;
    let (compliance, approver) = (stack.front("dana", "compliance").await, stack.front("aliya", "approver").await);
    let Granted { iin, loan } = stack.grant().await;
    let case =
        Case::report(&compliance, "accrual-suspensions", paper("victim_ruling_art71", "6", &iin, &[&loan])).await;
    stand_still(&case).await;
    let verdict = json!({
        "verdict": {
            "court": "Алмалинский районный суд", "number": "1-6/2026", "issued_on": "2026-01-12",
            "in_force_on": "2026-01-30", "received_at": now() - TimeDelta::minutes(1), "non_receipt_established": true
        },
        "iin": iin, "loan": loan, "confirmed_by_lawyer": "Юрист А. Б.", "documents": [document()]
    });
    let write_off = Case::report(&compliance, "write-offs", verdict).await;
    write_off.with_duties("open", 4).await;
    let (status, answer) = write_off.act("decision", json!({"reason": "приговор вступил в силу"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    approver.decide(answer["made"].as_str().expect("a request"), "approve").await;
    write_off.at_stage("written_off").await;

    cancel(&case).await;
    let approval = propose(&case, true, true).await;
    approver.decide(&approval, "approve").await;
    case.at_stage("closed").await;
    stack.proves("R-146", &case.workflow(), "hold_released", json!({"written_off": true})).await;
    let holds = case.get("holds").await;
    assert_eq!(holds["items"][0]["collection_resumed"], false, "{holds}");
    let resumed = stack.sandbox.ledger("accounting").await;
    assert!(resumed.iter().all(|entry| entry["operation"] != "resume"), "{resumed:?}");
}
