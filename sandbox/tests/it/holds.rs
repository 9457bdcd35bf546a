//! Requests that are held: the effect stands or does not, whatever becomes of the caller.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{World, eventually};

#[tokio::test]
async fn a_caller_held_before_the_effect_is_paid_for_once_released() {
    let world = Arc::new(World::start().await);
    let fault_id = world.fault("transfer", json!({ "kind": "hold", "point": "before_effect" })).await;
    let caller = Arc::clone(&world);
    let answered = tokio::spawn(async move { caller.transfer("dedup", "order-1").await });
    let hold = world.wait_for_hold().await;
    assert_eq!(
        (&hold["fault_id"], &hold["provider"], &hold["operation"], &hold["key"], &hold["point"]),
        (&json!(fault_id), &json!("payments"), &json!("transfer"), &json!("order-1"), &json!("before_effect")),
    );
    assert!(world.paid("order-1").await.is_empty());
    world.release(&hold, true).await;
    assert_eq!(answered.await.expect("an answer").0, StatusCode::OK);
    assert_eq!(world.paid("order-1").await.len(), 1);
    assert_eq!(world.get("/admin/holds").await.1, json!({ "holds": [] }));
}

#[tokio::test]
async fn the_effect_happens_though_the_caller_hung_up_while_held_before_it() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "hold", "point": "before_effect" })).await;
    assert!(world.impatient_transfer("order-1").await.expect_err("no answer").is_timeout());
    let hold = world.wait_for_hold().await;
    assert!(world.paid("order-1").await.is_empty());
    world.release(&hold, true).await;
    world.wait_until_paid("order-1", 1).await;
}

#[tokio::test]
async fn an_effect_held_after_it_stands_though_the_caller_crashed() {
    let world = Arc::new(World::start().await);
    world.fault("transfer", json!({ "kind": "hold", "point": "after_effect" })).await;
    let caller = Arc::clone(&world);
    let crashing = tokio::spawn(async move { caller.transfer("dedup", "order-1").await });
    let hold = world.wait_for_hold().await;
    assert_eq!(world.paid("order-1").await.len(), 1);
    crashing.abort();
    assert!(crashing.await.expect_err("it crashed").is_cancelled());
    assert_eq!(world.status("dedup", "order-1").await.1["status"], 2);
    world.release(&hold, false).await;
    assert_eq!(world.paid("order-1").await.len(), 1);
    assert_eq!(world.transfer("dedup", "order-1").await.1["status"], 2);
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn a_release_that_does_not_proceed_closes_the_connection_without_an_effect() {
    let world = Arc::new(World::start().await);
    world.fault("transfer", json!({ "kind": "hold", "point": "before_effect" })).await;
    let caller = Arc::clone(&world);
    let answered = tokio::spawn(async move { caller.impatient_transfer("order-1").await.map(|_| ()) });
    let hold = world.wait_for_hold().await;
    world.release(&hold, false).await;
    answered.await.expect("it ended").expect_err("no answer");
    assert!(world.paid("order-1").await.is_empty());
    let gone = format!("/admin/holds/{}/release", hold["hold_id"].as_str().expect("an id"));
    assert_eq!(world.post(&gone, &json!({ "proceed": true })).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reset_lets_nothing_go_on_that_was_held() {
    let world = Arc::new(World::start().await);
    world.fault("transfer", json!({ "kind": "hold", "point": "before_effect" })).await;
    let caller = Arc::clone(&world);
    let answered = tokio::spawn(async move { caller.impatient_transfer("order-1").await.map(|_| ()) });
    world.wait_for_hold().await;
    assert_eq!(world.post("/admin/reset", &json!({})).await.0, StatusCode::NO_CONTENT);
    answered.await.expect("it ended").expect_err("no answer");
    eventually(async || (world.get("/admin/holds").await.1 == json!({ "holds": [] })).then_some(())).await;
    assert!(world.paid("order-1").await.is_empty());
}
