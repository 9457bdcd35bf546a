//! The working calendar over the real stack: two people publish a version while a term runs (R-130 to R-133 stand for
//! every duty). Never a date of a holiday by heart: the version in force is read and changed by one day.

use chrono::TimeDelta;
use nesie_platform::clock::now;
use nesie_workflows::contract::DutySweepDone;
use nesie_workflows::duty_sweep::DutySweep;
use reqwest::StatusCode;
use serde_json::{Value, json};
use temporalio_client::{UntypedWorkflow, WorkflowStartOptions};

use crate::harness::{Case, Stack, calendar_day, eventually};

#[tokio::test]
async fn a_version_published_by_two_people_in_mid_term_supersedes_the_duties_that_move() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let incident = json!({
        "reference": "INC-1", "kind": "other_fraud", "detected_at": now() - TimeDelta::minutes(1),
        "description": "Заявки от чужого имени",
    });
    let case = Case::report(&compliance, "fraud-incidents", incident).await;
    case.with_duties("open", 2).await;
    let before = case.duty("inform_regulator").await;
    let due_on = before["due_on"].as_str().expect("a day").to_string();
    let counted = compliance.get(&format!("/v1/calendar/working-days?from={due_on}&days=1")).await;
    let after_it = counted["due_on"].as_str().expect("a day").to_string();

    // The day on which the regulator is to be informed becomes a day off.
    let day_off = calendar_day(&due_on, "transferred_day_off", "Перенос");
    let approval = stack.propose_calendar("kz-story", None, &[day_off]).await;
    let (status, answer) = stack.front("dana", "compliance approver").await.decide(&approval, "approve").await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("same_person")), "{answer}");
    let (status, answer) = stack.front("aliya", "approver").await.decide(&approval, "approve").await;
    assert_eq!(status, StatusCode::OK, "{answer}");

    let view = case.with_duties("superseded", 2).await;
    assert_eq!(view["duty_counts"]["open"], 2, "each has one that took its place: {view}");
    let duties = view["duties"].as_array().expect("duties");
    let of_regulator: Vec<&Value> = duties.iter().filter(|duty| duty["kind"] == "inform_regulator").collect();
    let (old, new): (Vec<&Value>, Vec<&Value>) =
        of_regulator.into_iter().partition(|duty| duty["state"] == "superseded");
    assert_eq!((&old[0]["id"], &old[0]["due_on"]), (&before["id"], &before["due_on"]), "the old one is kept");
    assert_eq!((&new[0]["due_on"], &new[0]["calendar_version"]), (&json!(after_it), &json!("kz-story")));
    assert_eq!((&old[0]["superseded_by"], &new[0]["generation"]), (&new[0]["id"], &json!(1)));

    let changes = eventually("every change is listed and its case woken", || async {
        let changes = compliance.get("/v1/calendar/versions/kz-story/changes").await;
        let items = changes["items"].as_array().cloned().unwrap_or_default();
        let woken = items.len() == 2 && items.iter().all(|change| !change["woken_at"].is_null());
        if woken { Ok(items) } else { Err(changes.to_string()) }
    })
    .await;
    assert!(changes.iter().all(|change| change["case_id"] == case.id.as_str() && change["earlier"] == false));
    let history = stack.history(&case.workflow()).await;
    assert!(String::from_utf8_lossy(&history).contains("stirred"), "the case was woken by a signal");
}

fn sweep_id(stack: &Stack, number: u32) -> String {
    format!("{}/sweep/{number}", stack.task_queue)
}

/// One sweep over all cases of the stack, as the schedule starts it.
async fn sweep(stack: &Stack, number: u32) -> DutySweepDone {
    let id = sweep_id(stack, number);
    let options = WorkflowStartOptions::new(stack.task_queue.clone(), id).build();
    let handle = stack.temporal().await.start_workflow(DutySweep::run, (), options).await.expect("the sweep starts");
    handle.get_result(Default::default()).await.expect("the sweep succeeds")
}

#[tokio::test]
async fn the_sweep_proves_that_every_open_duty_has_a_live_timer_and_tells_of_one_that_has_none() {
    let stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    let incident = json!({
        "reference": "INC-1", "kind": "other_fraud", "detected_at": now() - TimeDelta::minutes(1),
        "description": "Заявки от чужого имени",
    });
    let case = Case::report(&compliance, "fraud-incidents", incident).await;
    case.with_duties("open", 2).await;
    let clean = eventually("the case's timer agrees with its rows", || async {
        let done = sweep(&stack, rand::random()).await;
        if done.findings.is_empty() { Ok(done) } else { Err(format!("{:?}", done.findings)) }
    })
    .await;
    assert_eq!((clean.cases, clean.duties), (1, 2));

    // Somebody ends the workflow behind our back: the duties are still open, and nothing would wake.
    let handle = stack.temporal().await.get_workflow_handle::<UntypedWorkflow>(case.workflow());
    handle.terminate(Default::default()).await.expect("terminated");
    let found = sweep(&stack, 0).await;
    stack.keep_history_of(&sweep_id(&stack, 0), "duty-sweep").await;
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
    assert_eq!(found.findings[0].case_id.to_string(), case.id);
    let alerts: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'duty_sweep_findings'")
        .fetch_one(&stack.database().await)
        .await
        .expect("the audit log");
    assert_eq!(alerts, 1);
}
