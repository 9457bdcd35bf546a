//! The admin endpoint's arrangements: persons, merchants, lists, reset.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{IIN, World};

#[tokio::test]
async fn a_person_keeps_what_was_not_changed_and_an_unknown_field_is_refused() {
    let world = World::start().await;
    let path = format!("/admin/persons/{IIN}");
    world.put(&path, &json!({ "monthly_payments": 5_000, "average_monthly_income": null })).await;
    world.put(&path, &json!({ "voluntary_refusal": "ACTIVE" })).await;
    for wrong in [json!({ "voluntary_refusals": "ACTIVE" }), json!({ "voluntary_refusal": "MAYBE" })] {
        assert_eq!(world.put(&path, &wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (_, report) = world.post("/bureau/reports", &json!({ "request_id": "r-1", "iin": IIN })).await;
    assert_eq!(report["monthly_payments"], 5_000);
    assert!(report["average_monthly_income"].is_null());
    assert_eq!(report["voluntary_refusal"]["status"], "ACTIVE");
    assert!(report["voluntary_refusal"]["since"].is_string());
}

#[tokio::test]
async fn a_merchant_can_be_added_and_lose_its_contract() {
    let world = World::start().await;
    assert_eq!(world.get("/merchants/M-0002").await.0, StatusCode::NOT_FOUND);
    world.put("/admin/merchants/M-0002", &json!({ "name": "ТОО «Сауда»", "contract_active": false })).await;
    let (status, merchant) = world.get("/merchants/M-0002").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&merchant["merchant_id"], &merchant["contract_active"]), (&json!("M-0002"), &json!(false)));
}

#[tokio::test]
async fn a_reset_forgets_what_happened_and_who_was_arranged() {
    let world = World::start().await;
    world.put(&format!("/admin/persons/{IIN}"), &json!({ "ownership": "NOT_CONFIRMED" })).await;
    world.transfer("dedup", "order-1").await;
    world.fault_rule(json!({ "provider": "bureau", "fault": { "kind": "status", "code": 503 } })).await;
    assert_eq!(world.post("/admin/reset", &json!({})).await.0, StatusCode::NO_CONTENT);
    assert!(world.entries("payments").await.is_empty());
    assert_eq!(world.get("/admin/calls").await.1, json!({ "calls": [] }));
    assert_eq!(world.get("/admin/faults").await.1, json!({ "faults": [] }));
    assert_eq!(world.status("dedup", "order-1").await.0, StatusCode::NOT_FOUND);
    let (_, report) = world.post("/bureau/reports", &json!({ "request_id": "r-1", "iin": IIN })).await;
    assert_eq!(report["average_monthly_income"], 60_000_000);
}

#[tokio::test]
async fn ledgers_of_no_provider_are_not_found_and_health_is_up() {
    let world = World::start().await;
    assert_eq!(world.get("/admin/ledger/nobody").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/healthz").await, (StatusCode::OK, json!({ "status": "UP" })));
    assert_eq!(world.get("/ncanode/actuator/health").await, (StatusCode::OK, json!({ "status": "UP" })));
}
