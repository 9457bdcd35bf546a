//! Fraud incidents (para 13 ¶1) over the real stack, with the sandbox's ledgers as the oracle.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use nesie_platform::clock::now;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use temporalio_client::UntypedWorkflow;

use crate::harness::{Case, Stack, StackOptions, document, eventually, time};

fn incident(reference: &str, detected_at: DateTime<Utc>, clients: Vec<Value>) -> Value {
    let mut body = json!({
        "reference": reference, "kind": "unauthorised_access", "detected_at": detected_at,
        "description": "Доступ к анкетам с чужой учетной записи",
    });
    if !clients.is_empty() {
        body["clients"] = clients.into();
    }
    body
}

fn client(stack: &Stack) -> Value {
    json!({"iin": stack.somebody(), "phone": "+77011234567", "loans": ["L-1"]})
}

#[tokio::test]
async fn everybody_is_informed_measures_are_proved_and_the_case_closes_when_nothing_is_open() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let clients = vec![client(&stack), client(&stack)];
    let iin = clients[0]["iin"].as_str().expect("an IIN").to_string();
    let body = incident("INC-1", now() - TimeDelta::minutes(5), clients);
    let case = Case::report(&compliance, "fraud-incidents", body.clone()).await;
    // The duties to inform clients are met by the system itself, each with its own evidence.
    let view = case.with_duties("met", 2).await;
    assert_eq!(view["duty_counts"]["open"], 2, "{view}");
    let notices = stack.sandbox.ledger("notifications").await;
    assert_eq!(notices.len(), 2);
    assert!(notices.iter().all(|notice| notice["case_id"] == case.id.as_str()), "{notices:?}");
    for (kind, days, requirement) in [("inform_regulator", 1, "R-133"), ("take_measures", 2, "R-131")] {
        let duty = case.duty(kind).await;
        assert_eq!((&duty["working_days"], &duty["requirements"]), (&json!(days), &json!([requirement])), "{duty}");
        let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
        assert_eq!(full["count"]["counted"].as_array().expect("days").len(), days, "{full}");
        assert!(duty["due_at_almaty"].as_str().expect("due").ends_with("T00:00:00+05:00"), "{duty}");
    }

    case.refused("closure", json!({"reason": "всё сделано"}), "case.duties_open").await;
    case.refused("measures-completion", json!({"reason": "меры приняты"}), "measures.none_recorded").await;
    let (status, _) = case.act("measures", json!({"description": "Пароль сменен", "done_at": now()})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a measure needs its proof");
    let measure = json!({"description": "Пароль сменен", "done_at": now(), "documents": [document()]});
    case.done("measures", measure).await;
    case.done("measures-completion", json!({"reason": "меры приняты"})).await;
    case.done("regulator-notice", json!({"text": "Сообщаем об инциденте", "documents": [document()]})).await;
    let letters = stack.sandbox.ledger("regulator").await;
    assert_eq!(letters.len(), 1);
    let duty = case.duty("inform_regulator").await;
    assert_eq!(duty["evidence"]["receipt_number"], letters[0]["receipt_number"], "{duty}");
    assert_eq!(duty["state"], "met");
    case.refused("regulator-notice", json!({"text": "Ещё раз"}), "duty.not_open").await;
    case.done("closure", json!({"reason": "всё сделано"})).await;
    case.at_stage("closed").await;
    case.refused("closure", json!({"reason": "ещё раз"}), "case.closed").await;
    stack.keep_history_of(&case.workflow(), "fraud-incident").await;
    let object = case.workflow();
    stack.proves("R-130", &object, "incident_opened", json!({"kind": "unauthorised_access", "clients": 2})).await;
    stack.proves("R-131", &object, "measure_recorded", json!({})).await;
    stack.proves("R-131", &object, "duty_met", json!({"kind": "take_measures"})).await;
    stack.proves("R-132", &object, "duty_met", json!({"kind": "inform_client"})).await;
    stack.proves("R-133", &object, "duty_met", json!({"kind": "inform_regulator"})).await;

    let database = stack.database().await;
    let audit = case.audit(&database).await;
    for (action, allowed) in [
        ("report:fraud_incident", true),
        ("incident_opened", true),
        ("close_incident", false),
        ("duty_met", true),
        ("measure_recorded", true),
        ("closure_decided", true),
        ("case_closed", true),
    ] {
        assert!(audit.iter().any(|row| row.1 == action && row.2 == allowed), "{action} in {audit:?}");
    }
    let told: String = sqlx::query_scalar(
        "SELECT coalesce(string_agg(payload::text, ' '), '') || (SELECT string_agg(details::text, ' ') FROM timeline)
             || (SELECT string_agg(details::text || object, ' ') FROM audit) || (SELECT string_agg(summary::text, ' ') FROM cases)
         FROM outbox",
    )
    .fetch_one(&database)
    .await
    .expect("what is told");
    assert!(!told.contains(&iin) && !told.contains("7011234567"), "personal data is told");

    let (status, answer) = compliance.send(Method::POST, "/v1/fraud-incidents", Some(body)).await;
    assert_eq!((status, &answer["id"]), (StatusCode::OK, &json!(case.id)), "the same incident: {answer}");
    assert_eq!(answer["status"], "already_reported");
}

#[tokio::test]
async fn an_incident_that_is_reported_late_is_breached_at_once_and_still_has_to_be_done() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    // A Friday evening, 23:59 in Almaty: the Monday is the first working day.
    let friday: DateTime<Utc> = "2026-11-13T18:59:00Z".parse().expect("an instant");
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-2", friday, Vec::new())).await;
    case.with_duties("breached", 2).await;
    assert_eq!(case.duty("inform_regulator").await["due_on"], "2026-11-16");
    assert_eq!(case.duty("take_measures").await["due_on"], "2026-11-17");
    let database = stack.database().await;
    let names = |rungs: Vec<(String, DateTime<Utc>)>| rungs.into_iter().map(|rung| rung.0).collect::<Vec<_>>();
    let told = eventually("each passed rung is told of", || async {
        let (regulator, measures) =
            (case.rungs(&database, "inform_regulator").await, case.rungs(&database, "take_measures").await);
        let told = (names(regulator), names(measures));
        if told.0.len() + told.1.len() >= 4 { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await;
    assert_eq!(told.0, ["due_day_noon", "breached"]);
    assert_eq!(told.1, ["day_1_end", "breached"]);

    case.done("regulator-notice", json!({"text": "Сообщаем с опозданием"})).await;
    let duty = case.duty("inform_regulator").await;
    assert_eq!(duty["state"], "met_late", "{duty}");
    let audit = case.audit(&database).await;
    assert!(audit.iter().any(|row| row.1 == "duty_met_late" && row.0.ends_with("|dana")), "{audit:?}");
    stack.proves("R-133", &case.workflow(), "duty_met_late", json!({"kind": "inform_regulator"})).await;
    assert_eq!(names(case.rungs(&database, "inform_regulator").await).len(), 2, "nothing is told twice");
}

#[tokio::test]
async fn a_client_found_later_has_a_term_of_his_own_across_nauryz() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let detected_at = now().trunc_subsecs(6);
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-3", detected_at, Vec::new())).await;
    case.with_duties("open", 2).await;
    // Nobody can be told: the duty stays open, and its date can be seen.
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let temporal = stack.temporal().await;
    let evening: DateTime<Utc> = "2027-03-19T18:30:00Z".parse().expect("an instant");
    time::advance_to(&temporal, &case.workflow(), evening).await;
    case.done("clients", json!({"clients": [client(&stack)]})).await;
    let duty = case.duty("inform_client").await;
    // 19 March, 23:30 in Almaty, a Friday; 22 to 24 March are off.
    assert_eq!((&duty["due_on"], &duty["state"]), (&json!("2027-03-25"), &json!("open")), "{duty}");
    let anchor: DateTime<Utc> = duty["anchor_at"].as_str().expect("an anchor").parse().expect("an instant");
    assert!(anchor >= evening && anchor > detected_at + TimeDelta::days(90), "{anchor}");
    let full = compliance.get(&format!("/v1/duties/{}", duty["id"].as_str().expect("an id"))).await;
    let skipped = full["count"]["skipped"].as_array().expect("skipped");
    assert_eq!(skipped.len(), 5, "two days of the weekend and three of Nauryz: {skipped:?}");
    let lines = case.get("clients").await;
    assert_eq!(lines["items"].as_array().expect("clients").len(), 1);
    assert_eq!(case.duty("inform_regulator").await["anchor_at"], json!(detected_at), "the others keep theirs");
}

#[tokio::test]
async fn after_down_time_each_passed_rung_is_told_of_once_and_in_order() {
    let mut stack = Stack::start().await;
    let rungs: Vec<Value> = [2, 3, 4, 600]
        .map(|seconds| json!({"rung": format!("after_{seconds}"), "when": "after_opening", "seconds": seconds}))
        .to_vec();
    stack.set_case_policy(json!({"ladders": {"inform_regulator": rungs}})).await;
    let compliance = stack.front("dana", "compliance").await;
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-4", now(), Vec::new())).await;
    case.with_duties("open", 2).await;
    let due_on = case.duty("inform_regulator").await["due_on"].clone();
    stack.kill_worker();
    let opened: DateTime<Utc> =
        case.view().await["stage_at"].as_str().expect("an instant").parse().expect("an instant");
    eventually("the rungs pass while nobody works", || async {
        let late = now() - opened;
        if late > TimeDelta::seconds(5) { Ok(()) } else { Err(late.to_string()) }
    })
    .await;
    stack.restart_worker().await;
    let database = stack.database().await;
    let told = eventually("the rungs are told of", || async {
        let told = case.rungs(&database, "inform_regulator").await;
        if told.len() >= 3 { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["after_2", "after_3", "after_4"]);
    time::advance(&stack.temporal().await, &case.workflow(), Duration::from_secs(30)).await;
    assert_eq!(case.rungs(&database, "inform_regulator").await.len(), 3, "the last one's time has not come");

    // Three warnings, and yet in time.
    case.done("regulator-notice", json!({"text": "Сообщаем об инциденте"})).await;
    assert_eq!(case.duty("inform_regulator").await["due_on"], due_on);
    let state: String =
        sqlx::query_scalar("SELECT state FROM duties WHERE case_id::text = $1 AND kind = 'inform_regulator'")
            .bind(&case.id)
            .fetch_one(&database)
            .await
            .expect("the duty's row");
    assert_eq!(state, "met");
    assert_eq!(case.rungs(&database, "inform_regulator").await.len(), 3, "and nothing more is told");
}

#[tokio::test]
async fn a_thousand_clients_are_one_case_with_a_row_evidence_and_act_each() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let mut clients = std::collections::BTreeMap::new();
    while clients.len() < 1_000 {
        let client = client(&stack);
        clients.insert(client["iin"].to_string(), client);
    }
    let clients: Vec<Value> = clients.into_values().collect();
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-5", now(), clients)).await;
    case.with_duties("met", 1_000).await;
    let notices = stack.sandbox.ledger("notifications").await;
    let keys: std::collections::BTreeSet<String> =
        notices.iter().map(|notice| notice["idempotency_key"].to_string()).collect();
    assert_eq!((notices.len(), keys.len()), (1_000, 1_000), "each once");
    let database = stack.database().await;
    let evidence: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT evidence ->> 'evidence_id') FROM duties WHERE state = 'met'")
            .fetch_one(&database)
            .await
            .expect("evidence");
    assert_eq!(evidence, 1_000);
}

#[tokio::test]
async fn an_incident_that_was_reported_in_error_is_withdrawn_while_nobody_has_been_told() {
    let stack = Stack::start().await;
    let (compliance, approver) = (stack.front("dana", "compliance").await, stack.front("aliya", "approver").await);
    let operations = stack.front("marat", "operations").await;
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let body = incident("INC-E1", now() - TimeDelta::minutes(5), vec![client(&stack)]);
    let case = Case::report(&compliance, "fraud-incidents", body.clone()).await;
    let parked = async || {
        let open = operations.get("/v1/parked-steps").await;
        let steps = open["items"].as_array().cloned().unwrap_or_default();
        steps.iter().filter(|step| step["case_id"] == case.id.as_str()).count()
    };
    eventually("the notice is parked", || async {
        if parked().await == 1 { Ok(()) } else { Err("not yet".to_string()) }
    })
    .await;
    let rejected = case.withdrawal_proposed("ложная тревога").await;
    assert_eq!(approver.decide(&rejected, "reject").await.0, StatusCode::OK);
    let approval = case.withdrawal_proposed("ложная тревога").await;
    assert_eq!(approver.decide(&approval, "approve").await.0, StatusCode::OK);
    case.withdrawn(&stack, 3).await;
    assert_eq!(parked().await, 0, "nobody has to decide on a step of a case that is withdrawn");
    stack.sandbox.clear_faults().await;
    assert!(stack.sandbox.ledger("notifications").await.is_empty());

    // Reported anew it is another case; once somebody is told, it goes its way to the end.
    let again = Case::report(&compliance, "fraud-incidents", body).await;
    assert_ne!(again.id, case.id);
    again.with_duties("met", 1).await;
    again.refused("withdrawal", json!({"reason": "поздно"}), "incident.told").await;
    stack.keep_history_of(&case.workflow(), "fraud-incident-withdrawn").await;
}

/// The run of a workflow that runs now, and the first of its chain.
async fn runs(stack: &Stack, case: &Case) -> (String, String) {
    let handle = stack.temporal().await.get_workflow_handle::<UntypedWorkflow>(case.workflow());
    let described = handle.describe(Default::default()).await.expect("described");
    let info = described.raw().workflow_execution_info.clone().expect("what it is");
    (info.execution.expect("an execution").run_id, info.first_run_id)
}

#[tokio::test]
async fn an_incident_with_many_acts_goes_on_as_a_new_run_and_loses_none() {
    let worker = vec![("NESIE_CASE_EVENTS_MAX", "150")];
    let stack = Stack::start_with(StackOptions { worker, ..StackOptions::default() }).await;
    let compliance = stack.front("dana", "compliance").await;
    let body = incident("INC-L1", now() - TimeDelta::minutes(5), vec![client(&stack), client(&stack)]);
    let case = Case::report(&compliance, "fraud-incidents", body).await;
    case.with_duties("met", 2).await;
    // Acts come several at once, also while one run ends and the next begins.
    for round in 0..6 {
        let measures = (0..8).map(|number| {
            let description = format!("Мера {round}-{number}");
            case.done("measures", json!({"description": description, "done_at": now(), "documents": [document()]}))
        });
        futures::future::join_all(measures).await;
    }
    let found_later = json!({"clients": [client(&stack)]});
    case.done("clients", found_later).await;
    case.with_duties("met", 3).await;
    let (run, first) = runs(&stack, &case).await;
    assert_ne!(run, first, "the case has gone on as another run");
    let database = stack.database().await;
    let measures: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT description) FROM case_measures WHERE case_id::text = $1")
            .bind(&case.id)
            .fetch_one(&database)
            .await
            .expect("counted");
    assert_eq!(measures, 48, "none is lost");
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM case_measures WHERE case_id::text = $1")
        .bind(&case.id)
        .fetch_one(&database)
        .await
        .expect("counted");
    assert_eq!(all, 48, "and none is done twice");
    assert_eq!(stack.sandbox.ledger("notifications").await.len(), 3, "nobody is told twice");
    case.done("measures-completion", json!({"reason": "меры приняты"})).await;
    case.done("regulator-notice", json!({"text": "Сообщаем об инциденте", "documents": [document()]})).await;
    case.done("closure", json!({"reason": "всё сделано"})).await;
    case.at_stage("closed").await;
    stack.keep_history_of(&case.workflow(), "fraud-incident-renewed").await;
}
