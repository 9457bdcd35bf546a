//! Down-time as it happens: the worker is killed with SIGKILL while a term ends, or while a new calendar is worked through.
//! Never a look at logs: what was told of, and what moved, stands in rows.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use nesie_platform::clock::now;
use nesie_workflows::calendar_publication::CalendarPublication;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::harness::{Case, Stack, calendar_day, eventually, time};

fn incident(reference: &str, clients: Vec<Value>) -> Value {
    let mut body = json!({
        "reference": reference, "kind": "other_fraud", "detected_at": now() - TimeDelta::minutes(1),
        "description": "Заявки от чужого имени",
    });
    if !clients.is_empty() {
        body["clients"] = clients.into();
    }
    body
}

/// How a duty ended by its row: the page shows what had happened by the real clock, and the case's clock is ahead.
async fn ended(database: &PgPool, case: &Case, kind: &str) -> (String, Option<String>) {
    sqlx::query_as("SELECT state, ended_by FROM duties WHERE case_id::text = $1 AND kind = $2")
        .bind(&case.id)
        .bind(kind)
        .fetch_one(database)
        .await
        .expect("the duty's row")
}

#[tokio::test]
async fn rungs_and_a_due_instant_that_pass_while_nobody_works_are_told_of_once_and_in_order() {
    let mut stack = Stack::start().await;
    let ladder = ["23:59:50", "23:59:53", "23:59:56"]
        .map(|at| json!({"rung": at, "when": "on_working_day", "day": 1, "at": at}))
        .to_vec();
    stack.set_case_policy(json!({"ladders": {"inform_regulator": ladder}})).await;
    let compliance = stack.front("dana", "compliance").await;
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-1", Vec::new())).await;
    case.with_duties("open", 2).await;
    let duty = case.duty("inform_regulator").await;
    let due: DateTime<Utc> = duty["due_at"].as_str().expect("an instant").parse().expect("an instant");
    let (temporal, database) = (stack.temporal().await, stack.database().await);
    time::advance_to(&temporal, &case.workflow(), due - TimeDelta::seconds(20)).await;

    stack.kill_worker();
    assert_eq!(case.rungs(&database, "inform_regulator").await, [], "none has passed yet");
    eventually("three rungs and the due instant pass while nobody works", || async {
        let at = time::now(&temporal, &case.workflow()).await;
        if at > due + TimeDelta::seconds(2) { Ok(()) } else { Err(at.to_string()) }
    })
    .await;
    assert_eq!(case.rungs(&database, "inform_regulator").await, [], "nobody was there to tell");
    stack.restart_worker().await;
    let told = eventually("each rung is told of", || async {
        let told = case.rungs(&database, "inform_regulator").await;
        if told.len() >= 4 { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["23:59:50", "23:59:53", "23:59:56", "breached"]);
    assert_eq!(told[3].1, due);
    assert_eq!(
        ended(&database, &case, "inform_regulator").await,
        ("open".to_string(), None),
        "it still has to be done"
    );

    // Killed once more, with nothing new to be told of: nothing is.
    stack.kill_worker();
    stack.restart_worker().await;
    case.done("regulator-notice", json!({"text": "Сообщаем с опозданием"})).await;
    let (state, by) = ended(&database, &case, "inform_regulator").await;
    assert_eq!(state, "met_late");
    assert!(by.as_deref().is_some_and(|by| by.ends_with("|dana")), "{by:?}");
    assert_eq!(case.rungs(&database, "inform_regulator").await.len(), 4, "nothing is told of twice");
    stack.proves("R-133", &case.workflow(), "duty_met_late", json!({"kind": "inform_regulator"})).await;
}

/// How many duties were moved, and how many queries of a page wait for a row.
async fn progress(owner: &PgPool) -> (i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM calendar_changes)
              , (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                     AND query LIKE '%ANY($1)%FOR UPDATE%')",
    )
    .fetch_one(owner)
    .await
    .expect("progress")
}

#[tokio::test]
async fn a_publication_whose_worker_is_killed_between_two_pages_moves_every_duty_once() {
    let mut stack = Stack::start().await;
    let compliance = stack.front("dana", "compliance").await;
    // Nobody can be told: every client's duty stays open, so that there are three pages of them.
    stack.sandbox.fault("notifications", "message", json!({"kind": "status", "code": 503}), None).await;
    let mut clients = BTreeMap::new();
    while clients.len() < 250 {
        let iin = stack.somebody();
        clients.insert(iin.clone(), json!({"iin": iin, "phone": "+77011234567"}));
    }
    let clients: Vec<Value> = clients.into_values().collect();
    let case = Case::report(&compliance, "fraud-incidents", incident("INC-2", clients)).await;
    case.with_duties("open", 252).await;

    // A duty of the second page is held by somebody else: the page waits for it.
    let owner = stack.owner().await;
    let mut holder = owner.begin().await.expect("begun");
    sqlx::query(
        "SELECT id FROM duties WHERE id = (SELECT id FROM duties WHERE state = 'open' ORDER BY id OFFSET 150 LIMIT 1) FOR UPDATE",
    )
    .execute(&mut *holder)
    .await
    .expect("held");
    let due_on = case.view().await["duties"][0]["due_on"].as_str().expect("a day").to_string();
    let day_off = calendar_day(&due_on, "transferred_day_off", "Перенос");
    let publication = stack.publish_calendar("kz-killed", None, &[day_off]).await;
    eventually("the first page is done and the second waits", || async {
        let (moved, waiting) = progress(&owner).await;
        if moved == 100 && waiting > 0 { Ok(()) } else { Err(format!("{moved} moved, {waiting} wait")) }
    })
    .await;
    stack.kill_worker();
    holder.rollback().await.expect("let go");
    eventually("what the killed worker had begun is undone", || async {
        let (moved, waiting) = progress(&owner).await;
        if waiting == 0 { Ok(moved) } else { Err(format!("{moved} moved, {waiting} wait")) }
    })
    .await;
    assert_eq!(progress(&owner).await.0, 100, "no half of a page");

    stack.restart_worker().await;
    eventually("every page is done and the case is told", || async {
        let told: i64 = sqlx::query_scalar("SELECT count(*) FROM calendar_changes WHERE woken_at IS NOT NULL")
            .fetch_one(&owner)
            .await
            .expect("counted");
        if told == 252 { Ok(()) } else { Err(told.to_string()) }
    })
    .await;
    // The pause before it goes through them once more, for what was opened late.
    let temporal = stack.temporal().await;
    time::advance(&temporal, &publication, Duration::from_secs(90)).await;
    let handle = temporal.get_workflow_handle::<CalendarPublication>(publication.clone());
    let published = handle.get_result(Default::default()).await.expect("it succeeds");
    assert_eq!(published.changed, 252, "the first page counts though its worker died");
    let rows: (i64, i64, i64, i32, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM duties WHERE state = 'superseded' AND generation = 0)
              , (SELECT count(*) FROM duties WHERE state = 'open' AND generation = 1 AND calendar_version = 'kz-killed')
              , (SELECT count(*) FROM duties), (SELECT max(generation) FROM duties)
              , (SELECT count(DISTINCT duty_id) FROM calendar_changes)
              , (SELECT count(*) FROM audit WHERE action = 'duty_superseded')
              , (SELECT count(*) FROM outbox WHERE event = 'duty.superseded')",
    )
    .fetch_one(&owner)
    .await
    .expect("rows");
    assert_eq!(rows, (252, 252, 504, 1, 252, 252, 252), "each superseded once, and listed once");
    let mut listed = std::collections::BTreeSet::<Uuid>::new();
    let mut path = "/v1/calendar/versions/kz-killed/changes?limit=100".to_string();
    loop {
        let page = compliance.get(&path).await;
        for change in page["items"].as_array().expect("changes") {
            assert!(listed.insert(change["duty_id"].as_str().expect("an id").parse().expect("a UUID")), "{change}");
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/calendar/versions/kz-killed/changes?limit=100&cursor={next}");
    }
    assert_eq!(listed.len(), 252);
    stack.keep_history_of(&publication, "calendar-publication").await;
}
