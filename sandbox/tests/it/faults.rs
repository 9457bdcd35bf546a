//! Every kind of fault that the shared mechanism knows; those of callbacks and of a transfer's own course are in
//! `payments`, holds in `holds`.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{IIN, World, eventually, to_account};

#[tokio::test]
async fn latency_delays_the_answer() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "latency", "milliseconds": 300 })).await;
    let begun = Instant::now();
    assert_eq!(world.transfer("dedup", "order-1").await.0, StatusCode::OK);
    assert!(begun.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn a_status_before_the_effect_does_nothing() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "status", "code": 503 })).await;
    assert_eq!(world.transfer("dedup", "order-1").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(world.paid("order-1").await.is_empty());
    assert_eq!(world.transfer("dedup", "order-1").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_status_after_the_effect_hides_a_payment() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "status_after", "code": 500 })).await;
    assert_eq!(world.transfer("dedup", "order-1").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.paid("order-1").await.len(), 1);
    assert_eq!(world.status("dedup", "order-1").await.1["status"], 2);
}

#[tokio::test]
async fn a_timeout_before_the_effect_never_answers_and_does_nothing() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "timeout_before" })).await;
    assert!(world.impatient_transfer("order-1").await.expect_err("no answer").is_timeout());
    assert!(world.paid("order-1").await.is_empty());
    let (_, body) = world.get("/admin/calls?provider=payments&key=order-1").await;
    assert_eq!(body["calls"].as_array().expect("calls").len(), 1);
    assert!(body["calls"][0]["status"].is_null());
}

#[tokio::test]
async fn a_timeout_after_the_effect_never_answers_and_has_paid() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "timeout_after" })).await;
    assert!(world.impatient_transfer("order-1").await.expect_err("no answer").is_timeout());
    world.wait_until_paid("order-1", 1).await;
    assert_eq!(world.status("dedup", "order-1").await.1["status"], 2);
}

#[tokio::test]
async fn a_malformed_answer_does_not_parse_and_hides_a_payment() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "malformed" })).await;
    let (status, body) = world.transfer("dedup", "order-1").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.is_string(), "it parsed: {body}");
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn a_lag_hides_a_transfer_of_any_profile() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "lag", "milliseconds": 2_000 })).await;
    world.transfer("plain", "order-1").await;
    assert_eq!(world.status("plain", "order-1").await.0, StatusCode::NOT_FOUND);
    eventually(async || (world.status("plain", "order-1").await.0 == StatusCode::OK).then_some(())).await;
}

#[tokio::test]
async fn an_unknown_reference_is_not_found_for_as_often_as_told() {
    let world = World::start().await;
    world.transfer("dedup", "order-1").await;
    world.fault("status", json!({ "kind": "unknown_reference" })).await;
    assert_eq!(world.status("dedup", "order-1").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.status("dedup", "order-1").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_provider_that_is_down_closes_connections_and_comes_back() {
    let world = World::start().await;
    world.fault_rule(json!({ "provider": "payments", "fault": { "kind": "down", "seconds": 2 } })).await;
    let refused = world.impatient_transfer("order-1").await.expect_err("no answer");
    assert!(!refused.is_timeout(), "{refused}");
    assert_eq!(world.get("/merchants/M-0001").await.0, StatusCode::OK);
    eventually(async || world.impatient_transfer("order-1").await.ok()).await;
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn a_rule_meets_only_its_keys_and_its_person() {
    let world = World::start().await;
    let fault = json!({ "kind": "status", "code": 503 });
    let by_key = json!({ "provider": "payments", "operation": null, "key_contains": "der-2", "iin": null,
        "fault": fault, "times": null });
    let fault_id = world.fault_rule(by_key).await;
    assert_eq!(world.transfer("dedup", "order-1").await.0, StatusCode::OK);
    assert_eq!(world.transfer("dedup", "order-2").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.status("dedup", "order-2").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let removed = world.request(reqwest::Method::DELETE, &format!("/admin/faults/{fault_id}")).send().await;
    assert_eq!(removed.expect("an answer").status(), StatusCode::NO_CONTENT);
    assert_eq!(world.transfer("dedup", "order-2").await.0, StatusCode::OK);

    world.fault_rule(json!({ "provider": "bureau", "iin": IIN, "fault": fault })).await;
    let report = |iin: &str| json!({ "request_id": iin, "iin": iin });
    assert_eq!(world.post("/bureau/reports", &report("680503450037")).await.0, StatusCode::OK);
    assert_eq!(world.post("/bureau/reports", &report(IIN)).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_call_uses_up_only_the_faults_that_it_gets_as_far_as() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "status", "code": 503 })).await;
    world.fault("transfer", json!({ "kind": "status_after", "code": 500 })).await;
    world.fault("transfer", json!({ "kind": "reject" })).await;
    assert_eq!(world.transfer("plain", "order-1").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.transfer("plain", "order-1").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.transfer("plain", "order-1").await.1["status"], 2);
    assert_eq!(world.paid("order-1").await.len(), 1, "the second call was rejected, the third paid");
}

#[tokio::test]
async fn every_operation_takes_faults() {
    let world = World::start().await;
    for provider in [
        "aml",
        "bureau",
        "coid",
        "ncanode",
        "proprietors",
        "payments",
        "merchants",
        "accounting",
        "notifications",
        "regulator",
    ] {
        world.fault_rule(json!({ "provider": provider, "fault": { "kind": "status", "code": 503 } })).await;
    }
    let cms = world.post("/admin/eds/sign", &json!({ "iin": IIN, "data": "QQ==" })).await.1["cms"].clone();
    let contract = json!({ "contract_reference": "c", "iin": IIN, "amount": 1, "granted_on": "2026-11-22",
        "annual_rate": "36.0", "term_days": null, "term_months": 12 });
    let loan = json!({ "loan_reference": "l", "application_id": "a", "amount": 0, "annual_rate": "36.0",
        "method": "annuity", "disbursed_on": "2026-11-22", "instalments": [] });
    let message = json!({ "template": "t", "phone": "+77010000000", "application_id": "a", "language": "ru" });
    let letter = json!({ "kind": "fraud_incident", "reference": "case", "body": { "a": 1 }, "documents": [] });
    let coid = format!("/coid/identity/1.1.0/verify?iin={IIN}&vendor=v&challenge_id=c&movements=blink");
    let image = world.request(reqwest::Method::POST, &coid).header("x-idempotency-key", "k");
    let image = image.header("content-type", "image/png").body("png").send().await.expect("an answer");
    let statuses = [
        world.get("/aml/xml_category_1/?status=acting").await.0,
        world.get("/aml/xml_category_2/?status=acting").await.0,
        world.post("/bureau/reports", &json!({ "request_id": "r", "iin": IIN })).await.0,
        world.post_keyed("/bureau/contracts", "k", &contract).await.0,
        image.status(),
        world.post("/ncanode/cms/verify", &json!({ "cms": cms })).await.0,
        world.post("/ncanode/cms/extract", &json!({ "cms": cms })).await.0,
        world.get(&format!("/proprietors/{IIN}")).await.0,
        world.post("/payments/dedup/transfers", &to_account("o")).await.0,
        world.status("dedup", "o").await.0,
        world.get("/merchants/M-0001").await.0,
        world.post_keyed("/accounting/loans", "k", &loan).await.0,
        world.post_keyed("/notifications/messages", "k", &message).await.0,
        world.post_keyed("/regulator/letters", "k", &letter).await.0,
    ];
    assert!(statuses.iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    let (_, body) = world.get("/admin/calls").await;
    assert_eq!(body["calls"].as_array().expect("calls").len(), statuses.len());
}

#[tokio::test]
async fn rules_that_could_never_meet_a_call_are_refused() {
    let world = World::start().await;
    let status = json!({ "kind": "status", "code": 503 });
    for rule in [
        json!({ "provider": "payment", "fault": status }),
        json!({ "provider": "payments", "operation": "pay", "fault": status }),
        json!({ "provider": "bureau", "fault": { "kind": "reject" } }),
        json!({ "provider": "payments", "operation": "status", "fault": { "kind": "early_callback" } }),
        json!({ "provider": "payments", "fault": status, "times": 0 }),
        json!({ "provider": "payments", "fault": { "kind": "status", "code": 200 } }),
        json!({ "provider": "payments", "fault": { "kind": "slow" } }),
        json!({ "provider": "payments", "fault": status, "time": 1 }),
    ] {
        assert_eq!(world.post("/admin/faults", &rule).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{rule}");
    }
    assert_eq!(world.get("/admin/faults").await.1, json!({ "faults": [] }));
}

#[tokio::test]
async fn weather_follows_from_its_seed() {
    let world = World::start().await;
    let stormy = json!({ "seed": 7, "latency_ms": { "min": 0, "max": 2 }, "error_rate": 0.5 });
    let mut runs = Vec::new();
    for _ in 0..2 {
        world.post("/admin/reset", &json!({})).await;
        assert_eq!(world.put("/admin/seed", &stormy).await.0, StatusCode::NO_CONTENT);
        assert_eq!(world.get("/admin/seed").await.1, stormy);
        let mut run = Vec::new();
        for number in 0..40 {
            run.push(world.transfer("plain", &format!("order-{number}")).await.0);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    for seen in [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR] {
        assert!(runs[0].contains(&seen), "{seen} was never seen in {:?}", runs[0]);
    }
    let impossible = json!({ "seed": 7, "error_rate": 2.0 });
    assert_eq!(world.put("/admin/seed", &impossible).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}
