//! Terms of an application, on the server's own time skipping: days in seconds, no special path in the product.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{NewApplication, Stack, account, time};
use crate::parking::{decide, parked};

const HOUR: Duration = Duration::from_secs(3_600);
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

#[tokio::test]
async fn a_cooling_off_period_is_not_taken_from_the_clients_time() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.set_policy("cooling_off_hours", 24).await;
    let id = site.submit(&NewApplication::of(&iin).with("/amount", json!("400000.00"))).await;
    site.walk_to_signature(&id, account("dedup")).await;
    let (client, workflow) = (stack.temporal().await, format!("application/{id}"));
    // Signed six hours before the ten days are over.
    time::advance(&client, &workflow, 9 * DAY + 18 * HOUR).await;
    site.sign(&id, &iin, json!({})).await;
    site.at_stage(&id, "cooling_off").await;
    time::advance(&client, &workflow, 25 * HOUR).await;
    site.at_stage(&id, "awaiting_renewed_consent").await;
    time::advance(&client, &workflow, 4 * HOUR).await;
    assert_eq!(site.application(&id).await["stage"]["stage"], "awaiting_renewed_consent", "the hours that were left");
    time::advance(&client, &workflow, 2 * HOUR).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "expired"}), "and no more");
    stack.keep_history(&id, "cooling-off-past-validity").await;
}

#[tokio::test]
async fn a_client_loses_no_time_while_a_step_of_ours_is_parked() {
    let stack = Stack::start().await;
    let (site, operations) = (stack.site().await, stack.front("marat", "operations").await);
    stack.sandbox.fault("bureau", "report", json!({"kind": "malformed"}), None).await;
    let id = site.submit(&NewApplication::of(&stack.somebody())).await;
    let step = parked(&operations, &id).await;
    let (client, workflow) = (stack.temporal().await, format!("application/{id}"));
    time::advance(&client, &workflow, 11 * DAY).await;
    stack.sandbox.clear_faults().await;
    let (status, answer) = decide(&operations, &step, "retry").await;
    assert_eq!(status, 200, "{answer}");
    site.at_stage(&id, "awaiting_acknowledgement").await;
    time::advance(&client, &workflow, 9 * DAY).await;
    assert_eq!(site.application(&id).await["stage"]["stage"], "awaiting_acknowledgement");
    time::advance(&client, &workflow, 2 * DAY).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "expired"}));
    stack.keep_history(&id, "parked-past-validity").await;
}
