//! Notices of channels (paras 4, 5): sent to the regulator once, ten full working days waited out on the server's own
//! time skipping, and no application before the channel is open nor for what was not notified.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nesie_workflows::case::{AnyCase, Stirred};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use temporalio_client::WorkflowSignalOptions;

use crate::harness::{Front, NewApplication, Stack, StackOptions, account, calendar_day, eventually, notice, time};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn without_channels() -> Stack {
    Stack::start_with(StackOptions { no_channel: true, ..StackOptions::default() }).await
}

/// Drafts a notice; the path of its case.
async fn draft(compliance: &Front, body: Value) -> String {
    let (status, answer) = compliance.send(Method::POST, "/v1/channel-notices", Some(body)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let path = format!("/v1/channel-notices/{}", answer["id"].as_str().expect("an id"));
    compliance.case_at(&path, "draft").await;
    path
}

async fn done(compliance: &Front, method: Method, path: &str, body: Value) {
    let (status, answer) = compliance.act(method, path, body).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
}

/// the notice with its document is with the regulator once, also where the channel failed after it took
/// the letter; the channel opens after ten full working days and not before.
#[tokio::test]
async fn a_channel_opens_ten_full_working_days_after_its_notice_was_sent_once() {
    let stack = without_channels().await;
    let compliance = stack.front("aigul", "compliance").await;
    let path = draft(&compliance, notice("web", "web_resource", json!({}))).await;
    let (status, answer) = compliance.act(Method::POST, &format!("{path}/activation"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert_eq!(answer["refusal"]["code"], "channel_notice.not_sent", "{answer}");

    stack.sandbox.fault("regulator", "submit", json!({"kind": "status_after", "code": 500}), Some(1)).await;
    done(&compliance, Method::POST, &format!("{path}/sending"), json!({})).await;
    let waiting = compliance.case_at(&path, "awaiting_term").await;
    let letters = stack.sandbox.ledger("regulator").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["kind"], "channel_notice");
    assert_eq!(letters[0]["documents"][0]["sha256"], waiting["documents"][0]["sha256"], "the hash that was kept");
    assert_eq!(stack.sandbox.calls("regulator").await.len(), 2, "asked twice under one key");
    let notice = compliance.get(&format!("{path}/draft")).await;
    assert_eq!(notice["receipt"]["receipt_number"], letters[0]["receipt_number"], "{notice}");
    assert_eq!(notice["term"]["counted"]["counted"].as_array().map(Vec::len), Some(10), "{notice}");

    let earliest = waiting["stage"]["earliest_on"].clone();
    let (status, answer) = compliance.act(Method::POST, &format!("{path}/activation"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let too_early = json!({"code": "channel_notice.too_early", "detail": earliest});
    assert_eq!(answer["refusal"], too_early, "{answer}");
    let denied: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit WHERE NOT allowed AND reason = 'channel_notice.too_early'")
            .fetch_one(&stack.database().await)
            .await
            .expect("the audit");
    assert_eq!(denied, 1);
    assert_eq!(compliance.get("/v1/channels").await["items"], json!([]));

    let case = format!("case/{}", path.rsplit('/').next().expect("an id"));
    let client = stack.temporal().await;
    // Ten working days last eleven days at least; by then the term is not over.
    time::advance(&client, &case, 10 * DAY).await;
    let (status, answer) = compliance.act(Method::POST, &format!("{path}/activation"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    // The longest stretch of ten working days, with the holidays of the New Year, Nauryz or May inside.
    time::advance(&client, &case, 16 * DAY).await;
    eventually("the term is told of", || async {
        let story = compliance.get(&format!("{path}/timeline")).await;
        let told = story["items"]
            .as_array()
            .is_some_and(|facts| facts.iter().any(|fact| fact["kind"] == "channel_notice_term_passed"));
        if told { Ok(()) } else { Err(story.to_string()) }
    })
    .await;
    done(&compliance, Method::POST, &format!("{path}/activation"), json!({})).await;
    let closed = compliance.case_at(&path, "closed").await;
    assert_eq!(closed["stage"]["outcome"], "completed");
    assert_eq!(compliance.get("/v1/channels").await["items"][0]["code"], "web");
    assert_eq!(stack.sandbox.ledger("regulator").await.len(), 1, "and still one letter");
    stack.proves("R-035", &case, "channel_notice_drafted", json!({"code": "web"})).await;
    stack.proves_denial("R-030", &case, "activate", json!({"detail": earliest})).await;
    stack.proves("R-030", &case, "channel_opened", json!({"kind": "web_resource", "earliest_on": earliest})).await;
}

/// no application before the channel is open, none for an operation that was not notified, until a notified
/// change is in effect.
#[tokio::test]
async fn applications_need_an_open_channel_and_a_notified_operation() {
    let stack = without_channels().await;
    let (site, compliance) = (stack.site().await, stack.front("aigul", "compliance").await);
    let iin = stack.somebody();
    let body = NewApplication::of(&iin).0;
    let (status, answer) = site.send(Method::POST, "/v1/applications", Some(body)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert_eq!(answer["errors"][0]["code"], "channel.unknown", "{answer}");

    let sent = json!({"sent_on": "2026-01-12", "receipt_number": "ЗТ-1", "received_at": "2026-01-12T10:00:00+05:00"});
    let cards = json!({"sent_outside": sent, "operations": ["microcredit_card"]});
    let first = notice("web", "web_resource", cards);
    let (status, reported) = compliance.send(Method::POST, "/v1/channel-notices", Some(first.clone())).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{reported}");
    let (status, again) = compliance.send(Method::POST, "/v1/channel-notices", Some(first)).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &reported["id"]), "the same notice is the first case: {again}");
    let path = format!("/v1/channel-notices/{}", reported["id"].as_str().expect("an id"));
    let waiting = compliance.case_at(&path, "awaiting_term").await;
    assert_eq!(waiting["stage"]["earliest_on"], "2026-01-27", "ten full working days after 12 January");
    done(&compliance, Method::POST, &format!("{path}/activation"), json!({})).await;
    assert!(stack.sandbox.ledger("regulator").await.is_empty(), "it was sent before");

    let id = site.submit(&NewApplication::of(&iin)).await;
    site.acknowledge(&id).await;
    site.choose(&id, "annuity").await;
    site.disburse_by(&id, account("dedup")).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "channel_closed"}));
    let object = format!("application/{id}");
    stack
        .proves(&["R-021", "R-034"], &object, "application_closed", json!({"outcome": {"ground": "channel_closed"}}))
        .await;
    compliance.case_at(&path, "closed").await;

    let change = json!({"sent_outside": sent, "notice": "change", "effective_on": "2026-02-02",
        "operations": ["microcredit_card", "microcredit_account"]});
    let (status, changed) =
        compliance.send(Method::POST, "/v1/channel-notices", Some(notice("web", "web_resource", change))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "a notice of change is another one: {changed}");
    let path = format!("/v1/channel-notices/{}", changed["id"].as_str().expect("an id"));
    let waiting = compliance.case_at(&path, "awaiting_term").await;
    assert_eq!(waiting["stage"]["earliest_on"], "2026-02-02", "not before the day that was announced");
    assert_eq!(waiting["duties"][0]["state"], "met", "{waiting}");
    done(&compliance, Method::POST, &format!("{path}/activation"), json!({})).await;
    let other = stack.somebody();
    let id = site.submit(&NewApplication::of(&other)).await;
    site.walk_to_money(&id, &other, account("dedup")).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let case = format!("case/{}", changed["id"].as_str().expect("an id"));
    stack.proves("R-036", &case, "channel_notice_term_counted", json!({"earliest_on": "2026-02-02"})).await;
    stack.proves("R-036", &case, "channel_changed", json!({"earliest_on": "2026-02-02"})).await;
}

/// a draft is amended with its duty, never after it was sent; a withdrawn notice opens nothing.
#[tokio::test]
async fn a_draft_is_amended_with_its_duty_and_a_sent_notice_can_only_be_withdrawn() {
    let stack = without_channels().await;
    let compliance = stack.front("aigul", "compliance").await;
    let planned = |day: &str| notice("mobile", "mobile_application", json!({"planned_on": day}));
    let path = draft(&compliance, planned("2027-06-01")).await;
    let mut amended = planned("2027-07-01");
    for fixed in ["notice", "code", "kind", "documents"] {
        amended.as_object_mut().expect("an object").remove(fixed);
    }
    done(&compliance, Method::PUT, &format!("{path}/draft"), amended.clone()).await;
    let case = compliance.get(&path).await;
    let mut states: Vec<&str> =
        case["duties"].as_array().expect("duties").iter().filter_map(|duty| duty["state"].as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["open", "superseded"], "{case}");

    done(&compliance, Method::POST, &format!("{path}/sending"), json!({})).await;
    let waiting = compliance.case_at(&path, "awaiting_term").await;
    assert_eq!(waiting["stage"]["earliest_on"], "2027-07-01");
    assert_eq!(waiting["duty_counts"]["met"], 1, "{waiting}");
    assert_eq!(stack.sandbox.ledger("regulator").await[0]["body"]["planned_on"], "2027-07-01");
    let (status, answer) = compliance.act(Method::PUT, &format!("{path}/draft"), amended).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert_eq!(answer["refusal"]["code"], "channel_notice.already_sent", "{answer}");
    done(&compliance, Method::POST, &format!("{path}/withdrawal"), json!({"reason": "проект отложен"})).await;
    let closed = compliance.case_at(&path, "closed").await;
    assert_eq!(closed["stage"]["outcome"], "withdrawn");
    let id = path.rsplit_once('/').expect("a path with an id").1;
    let case = format!("case/{id}");
    stack.keep_history_of(&case, "channel-notice-withdrawn").await;
    stack.proves(&["R-014", "R-031"], &case, "channel_notice_sent", json!({})).await;
    stack.proves("R-031", &case, "channel_notice_term_counted", json!({"earliest_on": "2027-07-01"})).await;
    assert_eq!(compliance.get("/v1/channels").await["items"], json!([]));
    let (status, answer) =
        stack.site().await.act(Method::POST, &format!("{path}/withdrawal"), json!({"reason": "x"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
}

/// a terminal is notified by its location, each by a notice of its own.
#[tokio::test]
async fn each_terminal_is_notified_by_its_location() {
    let stack = without_channels().await;
    let compliance = stack.front("aigul", "compliance").await;
    let mut locations = Vec::new();
    for (code, location) in [("terminal-1", "Алматы, пр. Абая 1"), ("terminal-2", "Астана, ул. Сыганак 2")]
    {
        let path = draft(&compliance, notice(code, "terminal", json!({"name": location}))).await;
        done(&compliance, Method::POST, &format!("{path}/sending"), json!({})).await;
        compliance.case_at(&path, "awaiting_term").await;
        locations.push(location);
        let case = format!("case/{}", path.rsplit('/').next().expect("an id"));
        stack
            .proves(&["R-032", "R-033"], &case, "channel_notice_drafted", json!({"code": code, "kind": "terminal"}))
            .await;
        stack.proves(&["R-032", "R-033"], &case, "channel_notice_sent", json!({})).await;
    }
    let letters = stack.sandbox.ledger("regulator").await;
    let told: Vec<&str> = letters.iter().filter_map(|letter| letter["body"]["name"].as_str()).collect();
    assert_eq!(told, locations, "{letters:?}");
}

/// How often the term of a notice was told of as passed.
async fn told(compliance: &Front, path: &str) -> usize {
    let story = compliance.get(&format!("{path}/timeline")).await;
    let facts = story["items"].as_array().expect("a timeline").clone();
    facts.iter().filter(|fact| fact["kind"] == "channel_notice_term_passed").count()
}

/// The first instant of a day in Almaty.
fn begins(day: NaiveDate) -> DateTime<Utc> {
    format!("{day}T00:00:00+05:00").parse().expect("an instant")
}

/// The day comes: it is told of, and the channel opens.
async fn opens_on(stack: &Stack, compliance: &Front, path: &str, earliest: NaiveDate) {
    let case = format!("case/{}", path.rsplit('/').next().expect("an id"));
    time::advance_to(&stack.temporal().await, &case, begins(earliest) + TimeDelta::minutes(1)).await;
    eventually("the term is told of", || async {
        match told(compliance, path).await {
            1 => Ok(()),
            times => Err(times.to_string()),
        }
    })
    .await;
    done(compliance, Method::POST, &format!("{path}/activation"), json!({})).await;
    compliance.case_at(path, "closed").await;
}

/// Whoever tells a notice that waits, as the sweep does where it finds something, wakes it and moves nothing. The history is
/// of a worker that did not listen yet.
#[tokio::test]
async fn a_notice_that_is_told_though_nothing_moved_waits_for_its_day() {
    let stack = without_channels().await;
    let compliance = stack.front("aigul", "compliance").await;
    let path = draft(&compliance, notice("web", "web_resource", json!({}))).await;
    done(&compliance, Method::POST, &format!("{path}/sending"), json!({})).await;
    let waiting = compliance.case_at(&path, "awaiting_term").await;
    let earliest: NaiveDate = waiting["stage"]["earliest_on"].as_str().expect("a day").parse().expect("a day");
    let case = format!("case/{}", path.rsplit('/').next().expect("an id"));
    let temporal = stack.temporal().await;
    let handle = temporal.get_workflow_handle::<AnyCase>(case.clone());
    handle.signal(Stirred, (), WorkflowSignalOptions::default()).await.expect("it is told");
    time::advance_to(&temporal, &case, begins(earliest) - TimeDelta::minutes(1)).await;
    assert_eq!(told(&compliance, &path).await, 0, "not before its day");
    opens_on(&stack, &compliance, &path, earliest).await;
    stack.keep_history_of(&case, "channel-notice-told").await;
}

/// a calendar that comes into force while a notice waits moves the first day, what the pages show of it, and the timer.
#[tokio::test]
async fn a_calendar_published_in_mid_term_moves_the_day_on_which_a_channel_may_open() {
    let stack = without_channels().await;
    let compliance = stack.front("aigul", "compliance").await;
    let path = draft(&compliance, notice("web", "web_resource", json!({}))).await;
    done(&compliance, Method::POST, &format!("{path}/sending"), json!({})).await;
    let day = |value: &Value| value.as_str().expect("a day").parse::<NaiveDate>().expect("a day");
    let before = day(&compliance.case_at(&path, "awaiting_term").await["stage"]["earliest_on"]);
    let counted = compliance.get(&format!("{path}/draft")).await["term"]["counted"]["counted"].clone();
    let tenth = day(&counted[9]);
    assert_eq!(before, tenth.succ_opt().expect("a day"));

    // The tenth day becomes a day off: the next working day is the tenth now.
    let next = compliance.get(&format!("/v1/calendar/working-days?from={tenth}&days=1")).await;
    let earliest = day(&next["due_on"]).succ_opt().expect("a day");
    let day_off = calendar_day(&tenth.to_string(), "transferred_day_off", "Перенос");
    stack.publish_calendar("kz-moved", None, &[day_off]).await;
    let change = eventually("the change is listed and the case told", || async {
        let changes = compliance.get("/v1/calendar/versions/kz-moved/changes").await;
        let items = changes["items"].as_array().cloned().unwrap_or_default();
        let told = items.len() == 1 && !items[0]["woken_at"].is_null();
        if told { Ok(items[0].clone()) } else { Err(changes.to_string()) }
    })
    .await;
    assert_eq!(
        (&change["old_earliest_on"], &change["new_earliest_on"], &change["earlier"], &change["duty_id"]),
        (&json!(before), &json!(earliest), &json!(false), &Value::Null)
    );
    assert_eq!(compliance.get(&path).await["stage"]["earliest_on"], json!(earliest));
    let term = compliance.get(&format!("{path}/draft")).await["term"].clone();
    assert_eq!((&term["earliest_on"], &term["calendar_version"]), (&json!(earliest), &json!("kz-moved")));

    let case = format!("case/{}", path.rsplit('/').next().expect("an id"));
    let temporal = stack.temporal().await;
    time::advance_to(&temporal, &case, begins(earliest) - TimeDelta::minutes(1)).await;
    assert_eq!(told(&compliance, &path).await, 0, "the day that it was has passed, and is none any more");
    let (status, answer) = compliance.act(Method::POST, &format!("{path}/activation"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let too_early = json!({"code": "channel_notice.too_early", "detail": earliest});
    assert_eq!(answer["refusal"], too_early, "{answer}");
    opens_on(&stack, &compliance, &path, earliest).await;
    stack.proves("R-030", &case, "channel_notice_term_counted", json!({"instead_of": before})).await;
    stack.keep_history_of(&case, "channel-notice-term-moved").await;
}
