//! Money moves at most once: killed processes, time-outs, callbacks, storms. The sandbox's ledger is the judge.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Front, NewApplication, OwnServers, Stack, StackOptions, account, eventually};
use crate::parking::{decide, parked};

/// Walks a new application up to the money, at a profile of the payment provider. Returns its id.
async fn send_off(stack: &Stack, site: &Front, profile: &str) -> String {
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_money(&id, &iin, account(profile)).await;
    id
}

/// Every movement of money for an application.
async fn payouts(stack: &Stack, site: &Front, id: &str) -> Vec<Value> {
    let application = site.application(id).await;
    let Some(reference) = application["payment"]["our_reference"].as_str() else { return Vec::new() };
    stack.sandbox.payouts(reference).await
}

async fn granted_and_paid_once(stack: &Stack, site: &Front, id: &str) {
    assert_eq!(site.outcome(id).await, json!({"outcome": "granted"}), "{id}");
    let payouts = payouts(stack, site, id).await;
    assert_eq!(payouts.len(), 1, "{payouts:?}");
}

/// Who is killed while the sandbox holds.
#[derive(Clone, Copy, PartialEq)]
enum Victim {
    Worker,
    Temporal,
    Postgres,
}

/// Four applications, held at the four points of a payout; the victim is killed, the holds are released, the victim
/// comes back. Each is granted and paid exactly once.
async fn survives_the_death_of(victim: Victim, profile: &str) {
    let servers = (victim != Victim::Worker)
        .then(|| OwnServers::start(&std::env::temp_dir().join(format!("nesie-{}", uuid::Uuid::new_v4()))));
    // Patience for a server that is down for seconds: without it the steps would rightly be parked.
    let worker = vec![("NESIE_STEP_ATTEMPTS", "40"), ("NESIE_HTTP_TIMEOUT_MILLISECONDS", "30000")];
    let mut stack = Stack::start_with(StackOptions { servers, worker, ..StackOptions::default() }).await;
    let site = stack.site().await;
    let points = [
        ("reserved", "bureau", "report", "before_effect"),
        ("sent", "payments", "transfer", "before_effect"),
        ("after the effect", "payments", "transfer", "after_effect"),
        ("recorded", "accounting", "open_loan", "before_effect"),
    ];
    let mut held = Vec::new();
    for (point, provider, operation, moment) in points {
        let iin = stack.somebody();
        let id = site.submit(&NewApplication::of(&iin)).await;
        site.walk_to_signature(&id, account(profile)).await;
        site.at_stage(&id, "awaiting_signature").await;
        let matcher = if provider == "payments" { ("iin", iin.clone()) } else { ("key_contains", id.clone()) };
        let mut fault = json!({"provider": provider, "operation": operation, "times": 1, "fault": {"kind": "hold", "point": moment}});
        fault[matcher.0] = json!(matcher.1);
        let fault_id = stack.sandbox.fault_on(fault).await;
        site.sign(&id, &iin, json!({})).await;
        held.push((point, id, stack.sandbox.held(&fault_id).await));
    }
    match victim {
        Victim::Worker => stack.kill_worker(),
        Victim::Temporal => stack.servers.as_ref().expect("own servers").kill("temporal"),
        Victim::Postgres => stack.servers.as_ref().expect("own servers").kill("postgres"),
    }
    for (_, _, hold) in &held {
        stack.sandbox.release(hold, true).await;
    }
    match victim {
        Victim::Worker => stack.restart_worker().await,
        Victim::Temporal | Victim::Postgres => stack.servers.as_ref().expect("own servers").up(),
    }
    for (_, id, _) in &held {
        granted_and_paid_once(&stack, &site, id).await;
    }
    let moved = stack.sandbox.movements().await;
    assert_eq!(moved.len(), held.len(), "nothing was paid under another reference either: {moved:?}");
}

#[tokio::test]
async fn a_killed_worker_pays_once() {
    survives_the_death_of(Victim::Worker, "dedup").await;
}

#[tokio::test]
async fn a_killed_worker_pays_once_at_a_provider_that_does_not_deduplicate() {
    survives_the_death_of(Victim::Worker, "plain").await;
}

#[tokio::test]
async fn a_killed_worker_pays_once_at_a_provider_whose_status_lags() {
    survives_the_death_of(Victim::Worker, "lagging").await;
}

#[tokio::test]
async fn a_killed_temporal_pays_once() {
    survives_the_death_of(Victim::Temporal, "plain").await;
}

#[tokio::test]
async fn a_killed_postgres_pays_once() {
    survives_the_death_of(Victim::Postgres, "dedup").await;
}

#[tokio::test]
async fn a_time_out_after_the_effect_is_found_out_not_repeated() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    for profile in ["dedup", "plain", "lagging"] {
        stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_after"}), Some(1)).await;
        let id = send_off(&stack, &site, profile).await;
        granted_and_paid_once(&stack, &site, &id).await;
    }
}

#[tokio::test]
async fn a_time_out_before_the_effect_is_repeated_only_where_the_provider_deduplicates() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_before"}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    granted_and_paid_once(&stack, &site, &id).await;

    stack.sandbox.fault("payments", "transfer", json!({"kind": "timeout_before"}), Some(1)).await;
    let id = send_off(&stack, &site, "plain").await;
    let step = parked(&operations, &id).await;
    assert_eq!(step["step"], "transfer_money");
    assert_eq!(step["retry_is_safe"], false);
    let (status, answer) = decide(&operations, &step, "fail_and_compensate").await;
    assert_eq!(status, 409, "money may have moved: {answer}");
    let (status, answer) =
        site.act(Method::POST, &format!("/v1/applications/{id}/withdrawal"), json!({"reason": "поздно"})).await;
    assert_eq!(status, 409, "no withdrawal once money is reserved: {answer}");
    // A retry asks again, and does not pay.
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, 200, "{answer}");
    let again = crate::harness::eventually("the step is parked again", || async {
        let next = parked(&operations, &id).await;
        if next["id"] == step["id"] { Err(next.to_string()) } else { Ok(next) }
    })
    .await;
    assert_eq!(again["failure_code"], step["failure_code"]);
    assert!(payouts(&stack, &site, &id).await.is_empty());
}

#[tokio::test]
async fn a_status_that_lags_behind_the_payout_never_leads_to_a_second_one() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    for fault in [json!({"kind": "timeout_after"}), json!({"kind": "lag", "milliseconds": 4_000})] {
        stack
            .sandbox
            .fault("payments", if fault["kind"] == "lag" { "status" } else { "transfer" }, fault, Some(1))
            .await;
    }
    let id = send_off(&stack, &site, "plain").await;
    let step = parked(&operations, &id).await;
    assert_eq!(payouts(&stack, &site, &id).await.len(), 1, "paid, but the status does not know it yet");
    stack.sandbox.clear_faults().await;
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, 200, "{answer}");
    granted_and_paid_once(&stack, &site, &id).await;
    stack.keep_history(&id, "unknown-resolved").await;
}

#[tokio::test]
async fn a_storm_of_server_errors_pays_once() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    for fault in [
        json!({"kind": "status", "code": 503}),
        json!({"kind": "status_after", "code": 500}),
        json!({"kind": "malformed"}),
    ] {
        stack.sandbox.fault("payments", "transfer", fault, Some(2)).await;
        let id = send_off(&stack, &site, "dedup").await;
        granted_and_paid_once(&stack, &site, &id).await;
        stack.sandbox.clear_faults().await;
    }
}

#[tokio::test]
async fn callbacks_early_twice_or_forged_change_nothing_but_the_moment() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    stack.sandbox.fault("payments", "transfer", json!({"kind": "early_callback"}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    granted_and_paid_once(&stack, &site, &id).await;

    stack.sandbox.fault("payments", "transfer", json!({"kind": "duplicate_callback", "copies": 3}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    granted_and_paid_once(&stack, &site, &id).await;

    let received = "SELECT count(*), count(passed_on_at) FROM inbox";
    let database = stack.database().await;
    eventually("each of them is received once, however often it came, and passed on", async || {
        let counts: (i64, i64) = sqlx::query_as(received).fetch_one(&database).await.expect("counted");
        if counts == (2, 2) { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
    assert_eq!(stack.sandbox.movements().await.len(), 2);

    let (status, answer) = site
        .send(Method::POST, "/v1/callbacks/payments", Some(json!({"event_id": "e", "order_id": "o", "status": 2})))
        .await;
    assert_eq!(status, 401, "an unsigned callback: {answer}");
    stack.proves_denial("R-199", "inbox/payments", "POST /v1/callbacks/payments", json!({})).await;
}

#[tokio::test]
async fn a_callback_wakes_the_workflow_that_waits_for_a_pending_transfer() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    // Long enough to be awaited in a pause, which is longer each time.
    stack.sandbox.fault("payments", "transfer", json!({"kind": "processing", "milliseconds": 5_000}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    granted_and_paid_once(&stack, &site, &id).await;
    let history = stack.history(&format!("application/{id}")).await;
    assert!(String::from_utf8_lossy(&history).contains("payment_callback"), "it was told, and asked for the status");
}

#[tokio::test]
async fn a_pending_transfer_is_waited_for_and_a_rejected_one_ends_the_application() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    stack.sandbox.fault("payments", "transfer", json!({"kind": "processing", "milliseconds": 300}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    granted_and_paid_once(&stack, &site, &id).await;

    stack.sandbox.fault("payments", "transfer", json!({"kind": "reject"}), Some(1)).await;
    let id = send_off(&stack, &site, "dedup").await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "payment_rejected"}));
    assert!(payouts(&stack, &site, &id).await.is_empty());
}

#[tokio::test]
async fn what_changes_between_signature_and_payout_stops_the_payout() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    stack.sandbox.person(&iin, json!({"voluntary_refusal": "ACTIVE"})).await;
    site.sign(&id, &iin, json!({})).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "voluntary_refusal"}));
    assert!(payouts(&stack, &site, &id).await.is_empty());
    let application = site.application(&id).await;
    assert_eq!(application["payment"]["state"], "released");
    stack
        .proves(
            &["R-088", "R-101"],
            &format!("application/{id}"),
            "payment_checked",
            json!({"verdict": {"ground": "voluntary_refusal"}}),
        )
        .await;
}
