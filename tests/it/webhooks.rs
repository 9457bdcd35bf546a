//! Webhooks: what the lender's own systems receive, as a receiver of the outside world verifies and enters it.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Front, NewApplication, Stack, account, eventually};

/// Registers a receiver of the sandbox, which is told the secret; its path and the secret.
async fn registered(stack: &Stack, operations: &Front, receiver: &str, events: Value) -> (String, String) {
    let body = json!({"url": stack.sandbox.receiver_url(receiver), "events": events});
    let (status, answer) = operations.send(Method::POST, "/v1/webhook-endpoints", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let secret = answer["secret"].as_str().expect("a secret").to_owned();
    stack.sandbox.receiver(receiver, &[&secret]).await;
    (format!("/v1/webhook-endpoints/{}", answer["endpoint"]["id"].as_str().expect("an id")), secret)
}

/// What a receiver entered.
async fn received(stack: &Stack, receiver: &str) -> Vec<Value> {
    let mut entries = stack.sandbox.ledger("webhooks").await;
    entries.retain(|entry| entry["receiver"] == receiver);
    entries
}

/// Waits until a receiver entered so many, and returns them.
async fn received_so_many(stack: &Stack, receiver: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} webhooks"), || async {
        let entries = received(stack, receiver).await;
        if entries.len() >= count { Ok(entries) } else { Err(format!("{entries:?}")) }
    })
    .await
}

fn types(entries: &[Value]) -> BTreeSet<&str> {
    entries.iter().filter_map(|entry| entry["body"]["type"].as_str()).collect()
}

/// The one delivery of an event, once it is in a state.
async fn delivery(operations: &Front, endpoint: &str, event: &str, state: &str) -> Value {
    eventually(&format!("{event} is {state}"), || async {
        let log = operations.get(&format!("{endpoint}/deliveries?state={state}")).await;
        let found = log["items"].as_array().and_then(|all| all.iter().find(|one| one["event"] == event)).cloned();
        found.ok_or(log.to_string())
    })
    .await
}

#[tokio::test]
async fn events_arrive_signed_under_one_id_however_often_they_are_sent_and_tell_nothing_personal() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let (everything, secret) = registered(&stack, &operations, "crm", json!(["application.*", "payment.*"])).await;
    registered(&stack, &operations, "book", json!(["payment.*"])).await;
    // A receiver that never answers holds up nobody.
    registered(&stack, &operations, "silent", json!(["*"])).await;
    let silence = json!({"kind": "timeout_before"});
    stack.sandbox.fault_on(json!({"provider": "webhooks", "key_contains": "silent/", "fault": silence})).await;
    let broken = json!({"kind": "status", "code": 500});
    stack.sandbox.fault_on(json!({"provider": "webhooks", "key_contains": "book/", "fault": broken, "times": 2})).await;
    let accounting = stack.sandbox.fault("accounting", "open_loan", json!({"kind": "status", "code": 503}), None).await;

    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;
    let step = crate::parking::parked(&operations, &id).await;
    stack.sandbox.remove_fault(&accounting).await;
    crate::parking::decide(&operations, &step, "retry").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));

    let entries = received_so_many(&stack, "crm", 3).await;
    assert_eq!(
        types(&entries),
        BTreeSet::from(["application.granted", "application.step_parked", "payment.confirmed"])
    );
    assert!(entries.iter().all(|entry| entry["body"]["data"]["application_id"] == id.as_str()), "{entries:?}");
    assert!(entries.iter().all(|entry| entry["verified_by"] == json!([0])), "{entries:?}");
    let delivered = serde_json::to_string(&stack.sandbox.ledger("webhooks").await).expect("JSON");
    for personal in
        [iin.as_str(), "7011234567", "Айгерім", "Сағынбаева", "Қанатқызы", "045678912", "KZ86125KZT5004100100"]
    {
        assert!(!delivered.contains(personal), "{personal} in {delivered}");
    }

    // 500 twice, then delivered: three calls under the one id, of which the receiver entered one.
    let paid = received_so_many(&stack, "book", 1).await;
    assert_eq!((paid.len(), types(&paid)), (1, BTreeSet::from(["payment.confirmed"])));
    let webhook_id = paid[0]["webhook_id"].as_str().expect("an id");
    let calls = stack.sandbox.calls("webhooks").await;
    let key = format!("book/{webhook_id}");
    let statuses: Vec<&Value> =
        calls.iter().filter(|call| call["key"] == key.as_str()).map(|call| &call["status"]).collect();
    assert_eq!(statuses, [&json!(500), &json!(500), &json!(200)]);
    let in_crm = entries.iter().find(|entry| entry["body"]["type"] == "payment.confirmed").expect("received");
    assert_eq!(in_crm["webhook_id"], paid[0]["webhook_id"], "an event has one id wherever it goes");

    // The secret is rotated: both sign, whichever the receiver knows.
    let rotation = json!({"reason": "плановая смена"});
    let (status, answer) = operations.send(Method::POST, &format!("{everything}/rotation"), Some(rotation)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let rotated = answer["secret"].as_str().expect("a secret");
    stack.sandbox.receiver("crm", &[&secret, rotated]).await;
    let sent = delivery(&operations, &everything, "application.granted", "delivered").await;
    let replay = json!({"reason": "получатель терял уведомления", "event_id": sent["webhook_id"]});
    let (status, answer) = operations.send(Method::POST, &format!("{everything}/replays"), Some(replay)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let entries = received_so_many(&stack, "crm", 4).await;
    let granted: Vec<&Value> = entries.iter().filter(|entry| entry["webhook_id"] == sent["webhook_id"]).collect();
    assert_eq!(granted.len(), 2, "{entries:?}");
    assert_eq!((&granted[1]["signatures"], &granted[1]["verified_by"]), (&json!(2), &json!([0, 1])));
    assert_eq!(granted[0]["body"], granted[1]["body"]);
    let log = eventually("the replay is logged", || async {
        let sent = delivery(&operations, &everything, "application.granted", "delivered").await;
        if sent["attempts"].as_array().is_some_and(|all| all.len() == 2) { Ok(sent) } else { Err(sent.to_string()) }
    })
    .await;
    assert_eq!((&log["replays"], &log["attempts"][1]["status"]), (&json!(1), &json!(200)), "{log}");
}

#[tokio::test]
async fn a_disabled_endpoint_is_left_alone_a_given_up_event_is_seen_and_a_range_is_sent_again() {
    let stack = Stack::start_with(crate::harness::StackOptions {
        worker: vec![("NESIE_WEBHOOKS_ATTEMPTS", "2")],
        ..Default::default()
    })
    .await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let (crm, _) = registered(&stack, &operations, "crm", json!(["application.*"])).await;
    // It verifies under no secret of ours: each attempt is answered 401.
    stack.sandbox.receiver("crm", &[]).await;
    let withdraw = async || {
        let id = site.submit(&NewApplication::of(&stack.somebody())).await;
        site.at_stage(&id, "awaiting_acknowledgement").await;
        site.act(Method::POST, &format!("/v1/applications/{id}/withdrawal"), json!({"reason": "передумал"})).await;
        assert_eq!(site.outcome(&id).await, json!({"outcome": "withdrawn"}));
        id
    };
    let began = nesie_platform::clock::now();
    let first = withdraw().await;
    let given_up = delivery(&operations, &crm, "application.withdrawn", "exhausted").await;
    let attempts = given_up["attempts"].as_array().expect("attempts");
    let shown: Vec<_> = attempts.iter().map(|attempt| (&attempt["status"], &attempt["failure"])).collect();
    assert_eq!(shown, [(&json!(401), &json!("status")), (&json!(401), &json!("status"))]);
    assert_eq!(operations.get(&crm).await["exhausted"], 1);
    assert!(received(&stack, "crm").await.is_empty());

    let (status, answer) =
        operations.send(Method::POST, &format!("{crm}/disablement"), Some(json!({"reason": "ремонт"}))).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let second = withdraw().await;
    let database = stack.database().await;
    eventually("the second event is looked at", || async {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE fanned_out_at IS NULL")
            .fetch_one(&database)
            .await
            .expect("counted");
        if waiting == 0 { Ok(()) } else { Err(format!("{waiting} wait")) }
    })
    .await;
    let log = operations.get(&format!("{crm}/deliveries")).await;
    assert_eq!(log["items"].as_array().map(Vec::len), Some(1), "nothing is queued for it: {log}");

    // Mended: enabled with a new secret, and all of the time that was missed is sent again.
    let (_, rotated) = operations
        .send(Method::POST, &format!("{crm}/rotation"), Some(json!({"reason": "утечка", "overlap_hours": 0})))
        .await;
    stack.sandbox.receiver("crm", &[rotated["secret"].as_str().expect("a secret")]).await;
    operations.send(Method::POST, &format!("{crm}/enablement"), Some(json!({"reason": "исправен"}))).await;
    let until = nesie_platform::clock::now() + std::time::Duration::from_secs(60);
    let range = json!({"reason": "получатель был отключён", "from": began, "to": until});
    let (status, answer) = operations.send(Method::POST, &format!("{crm}/replays"), Some(range)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let entries = received_so_many(&stack, "crm", 2).await;
    let of: BTreeSet<&str> =
        entries.iter().filter_map(|entry| entry["body"]["data"]["application_id"].as_str()).collect();
    assert_eq!(of, BTreeSet::from([first.as_str(), second.as_str()]));
    assert!(entries.iter().all(|entry| entry["signatures"] == 1), "no overlap after a leak: {entries:?}");
    let site_sees = site.send(Method::GET, "/v1/webhook-endpoints", None).await.0;
    assert_eq!(site_sees, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_receiver_that_asks_to_wait_is_left_alone_so_long_and_one_that_is_gone_for_good() {
    let stack = Stack::start_with(crate::harness::StackOptions {
        worker: vec![("NESIE_WEBHOOKS_LONGEST_PAUSE_MILLISECONDS", "2000")],
        ..Default::default()
    })
    .await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    let (slow, _) = registered(&stack, &operations, "slow", json!(["application.*"])).await;
    let (gone, _) = registered(&stack, &operations, "gone", json!(["application.*"])).await;
    registered(&stack, &operations, "watch", json!(["webhook.*"])).await;
    // It asks for an hour; the longest pause here is two seconds, without it the second try comes after a fifth of one.
    let wait = json!({"kind": "ask_to_wait", "code": 429, "seconds": 3_600});
    stack.sandbox.fault_on(json!({"provider": "webhooks", "key_contains": "slow/", "fault": wait, "times": 1})).await;
    let no_more = json!({"kind": "status", "code": 410});
    stack.sandbox.fault_on(json!({"provider": "webhooks", "key_contains": "gone/", "fault": no_more})).await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    site.at_stage(&id, "awaiting_acknowledgement").await;
    site.act(Method::POST, &format!("/v1/applications/{id}/withdrawal"), json!({"reason": "передумал"})).await;

    let told = received_so_many(&stack, "watch", 1).await;
    assert_eq!(types(&told), BTreeSet::from(["webhook.endpoint_disabled"]));
    let endpoint_id = gone.rsplit('/').next().expect("an id");
    assert_eq!(told[0]["body"]["data"]["details"]["endpoint_id"], endpoint_id, "{told:?}");
    let standing = operations.get(&gone).await;
    assert!(standing["endpoint"]["disabled_at"].is_string(), "{standing}");
    assert_eq!(standing["pending"], 1, "it waits until the endpoint is enabled: {standing}");
    let object = format!("webhook_endpoint/{endpoint_id}");
    let audited: (String, String) =
        sqlx::query_as("SELECT actor, reason FROM audit WHERE object = $1 AND action = 'disable_webhook_endpoint'")
            .bind(&object)
            .fetch_one(&stack.database().await)
            .await
            .expect("audited");
    assert_eq!(audited, ("system".to_string(), "endpoint_gone".to_string()));

    let sent = delivery(&operations, &slow, "application.withdrawn", "delivered").await;
    let attempts = sent["attempts"].as_array().expect("attempts");
    let at = |number: usize| -> chrono::DateTime<chrono::Utc> {
        attempts[number]["at"].as_str().expect("an instant").parse().expect("an instant")
    };
    assert_eq!((attempts.len(), &attempts[0]["status"]), (2, &json!(429)), "{sent}");
    assert!(at(1) - at(0) >= chrono::TimeDelta::milliseconds(1_900), "it was left alone as long as it may ask: {sent}");
    let calls = stack.sandbox.calls("webhooks").await;
    let to_gone = calls.iter().filter(|call| call["key"].as_str().is_some_and(|key| key.starts_with("gone/"))).count();
    assert_eq!(to_gone, 1, "one that is gone is not called again");
}
