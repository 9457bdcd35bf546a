//! Terms of an application, on the server's own time skipping: days in seconds, no special path in the product.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{NewApplication, Stack, account, time};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn an_application_left_alone_expires_when_policy_says_and_not_before() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    site.at_stage(&id, "awaiting_acknowledgement").await;
    let (client, workflow) = (stack.temporal().await, format!("application/{id}"));
    time::advance(&client, &workflow, 9 * DAY).await;
    assert_eq!(site.application(&id).await["stage"]["stage"], "awaiting_acknowledgement");
    time::advance(&client, &workflow, 2 * DAY).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "expired"}));
}

#[tokio::test]
async fn cooling_off_holds_the_money_back_and_binds_only_applications_from_its_date_on() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let (old, new) = (stack.somebody(), stack.somebody());
    let large = |iin: &str| NewApplication::of(iin).with("/amount", json!("400000.00"));
    let before = site.submit(&large(&old)).await;
    stack.set_policy("cooling_off_hours", 24).await;
    let after = site.submit(&large(&new)).await;

    site.walk_to_money(&before, &old, account("dedup")).await;
    assert_eq!(site.outcome(&before).await, json!({"outcome": "granted"}), "it keeps the policy of its own day");

    site.walk_to_money(&after, &new, account("dedup")).await;
    site.at_stage(&after, "cooling_off").await;
    let (client, workflow) = (stack.temporal().await, format!("application/{after}"));
    time::advance(&client, &workflow, DAY - Duration::from_secs(600)).await;
    assert_eq!(site.application(&after).await["stage"]["stage"], "cooling_off");
    time::advance(&client, &workflow, Duration::from_secs(1_200)).await;
    site.at_stage(&after, "awaiting_renewed_consent").await;
    assert_eq!(site.application(&after).await["payment"], json!(null), "no money is reserved yet");
    let contract = site.get(&format!("/v1/applications/{after}/contract")).await;
    let consent = json!({"acknowledged": [{"kind": "renewed_consent", "sha256": contract["sha256"]}]});
    let (status, answer) = site.act(Method::POST, &format!("/v1/applications/{after}/acknowledgements"), consent).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(site.outcome(&after).await, json!({"outcome": "granted"}));
    stack.keep_history(&after, "cooling-off").await;
}
