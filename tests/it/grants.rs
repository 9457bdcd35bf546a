//! Microcredits that are granted: to an account, to a card, to a merchant, by each method of repayment.

use serde_json::{Value, json};

use crate::harness::{NewApplication, Stack, account, eventually};

#[tokio::test]
async fn a_grant_by_bank_transfer_pays_once_and_leaves_its_whole_story() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.walk_to_signature(&id, account("dedup")).await;
    site.at_stage(&id, "awaiting_signature").await;
    let shown = site.contract(&id).await;
    site.sign(&id, &iin, json!({})).await;

    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let application = site.application(&id).await;
    let drafts = site.get(&format!("/v1/applications/{id}/schedules")).await;
    let chosen =
        drafts["drafts"].as_array().expect("drafts").iter().find(|draft| draft["draft_id"] == drafts["chosen"]);
    assert_eq!(application["annual_effective_rate"], chosen.expect("the choice")["annual_effective_rate"]);
    assert_eq!(application["payment"]["state"], "confirmed");
    let reference = application["payment"]["our_reference"].as_str().expect("our reference");
    let payouts = stack.sandbox.payouts(reference).await;
    assert_eq!(payouts.len(), 1, "{payouts:?}");
    assert_eq!(payouts[0]["amount"], 30_000_000, "300 000 ₸ in tiyn");

    let loans = stack.sandbox.ledger("accounting").await;
    assert_eq!(loans.len(), 1, "{loans:?}");
    // The notice goes out beside the record of the end, and may come after it.
    eventually("a notice", || async {
        let notices = stack.sandbox.ledger("notifications").await;
        if notices.len() == 1 { Ok(()) } else { Err(format!("{notices:?}")) }
    })
    .await;
    let story = site.story(&id).await;
    for kind in ["money_transferred", "application_closed"] {
        assert_eq!(story.iter().filter(|told| *told == kind).count(), 1, "{kind} in {story:?}");
    }
    stack.keep_history(&id, "account-annuity").await;
    names_its_build(&stack).await;

    let object = format!("application/{id}");
    stack.proves(&["R-001", "R-074"], &object, "application_closed", json!({"outcome": {"outcome": "granted"}})).await;
    stack.proves("R-070", &object, "submit_application", json!({})).await;
    stack.proves(&["R-010", "R-021"], &object, "submit_application", json!({"channel": "web"})).await;
    // The text that was shown before it was signed is the one that is shown after: byte by byte, as it was frozen.
    let contract = site.get(&format!("/v1/applications/{id}/contract")).await;
    assert_eq!(contract["content"], shown.as_str());
    assert_eq!(contract["sha256"], nesie_domain::hash::sha256_hex(shown.as_bytes()));
    let sha256 = &contract["sha256"];
    stack.proves(&["R-073", "R-213"], &object, "contract_frozen", json!({"sha256": sha256})).await;
    stack.proves("R-080", &object, "client_screened", json!({})).await;
    stack.proves("R-088", &object, "credit_report_received", json!({"occasion": "assessment"})).await;
    stack
        .proves(
            "R-083",
            &object,
            "offer_drafted",
            json!({"drafts": [{"method": "annuity"}, {"method": "differentiated"}, {"method": "bullet"}]}),
        )
        .await;
    stack.proves(&["R-081", "R-082", "R-085"], &object, "disclosures_acknowledged", json!({})).await;
    stack.proves("R-084", &object, "schedule_chosen", json!({"method": "annuity"})).await;
    stack.proves(&["R-086", "R-087"], &object, "disbursement_method_confirmed", json!({"method": "account"})).await;
    stack.proves("R-090", &object, "client_identified", json!({"purpose": "contract"})).await;
    stack.proves(&["R-002", "R-090"], &object, "contract_signed", json!({"contract_sha256": sha256})).await;
    stack.proves("R-093", &object, "money_transferred", json!({"our_reference": reference})).await;
}

/// The API says which build it is, and what it took in and the worker decided says so too.
async fn names_its_build(stack: &Stack) {
    let health = stack.client.get(format!("{}/healthz", stack.api_url)).send().await.expect("the API answers");
    let health: Value = health.json().await.expect("JSON");
    assert_eq!(health["build"], Stack::BUILD);
    let builds: Vec<String> = sqlx::query_scalar("SELECT build FROM applications UNION SELECT build FROM timeline")
        .fetch_all(&stack.database().await)
        .await
        .expect("the builds");
    assert_eq!(builds, [Stack::BUILD]);
}

#[tokio::test]
async fn a_sole_proprietor_on_business_signs_nothing_and_is_paid_to_a_card() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"sole_proprietor": true})).await;
    let application =
        NewApplication::of(&iin).with("/client/kind", json!("sole_proprietor")).with("/purpose", json!("business"));
    let id = site.submit(&application).await;
    site.acknowledge(&id).await;
    site.choose(&id, "differentiated").await;
    site.disburse_by(&id, json!({"method": "card", "card_token": "tok_4f3a9c21d0"})).await;
    site.identify(&id, "awaiting_identification").await;

    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let payouts = stack.sandbox.ledger("payments").await;
    assert_eq!(payouts.iter().filter(|entry| entry["method"] == "card").count(), 1, "{payouts:?}");
    assert!(stack.sandbox.calls("ncanode").await.is_empty(), "no signature was asked for (A4)");
    stack.keep_history(&id, "card-differentiated").await;
    let object = format!("application/{id}");
    stack.proves("R-092", &object, "client_screened", json!({"register_asked": true})).await;
    // Identified, and on to the money: no signature is waited for.
    stack.proves("R-092", &object, "client_identified", json!({"verdict": {"stage": {"stage": "processing"}}})).await;
    stack.proves(&["R-086", "R-087"], &object, "disbursement_method_confirmed", json!({"method": "card"})).await;
}

#[tokio::test]
async fn a_sole_proprietor_for_consumption_signs_like_anybody() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    stack.sandbox.person(&iin, json!({"sole_proprietor": true})).await;
    let id = site.submit(&NewApplication::of(&iin).with("/client/kind", json!("sole_proprietor"))).await;
    site.walk_to_money(&id, &iin, account("dedup")).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
}

#[tokio::test]
async fn a_merchant_is_paid_after_an_identification_bound_to_the_payment() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iin = stack.somebody();
    let id = site.submit(&NewApplication::of(&iin)).await;
    site.acknowledge(&id).await;
    site.choose(&id, "bullet").await;
    site.disburse_by(&id, json!({"method": "merchant", "merchant_id": "M-0001"})).await;
    site.identify(&id, "awaiting_identification").await;
    site.sign(&id, &iin, json!({})).await;
    let asked = site.at_stage(&id, "awaiting_payment_identification").await;
    let challenge = &asked["stage"]["challenge_id"];
    site.identify(&id, "awaiting_payment_identification").await;

    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    let identifications = stack.sandbox.ledger("coid").await;
    assert_eq!(identifications.len(), 2, "one for the contract, one for the payment: {identifications:?}");
    let challenges: Vec<_> = identifications.iter().map(|entry| entry["challenge_id"].to_string()).collect();
    assert_ne!(challenges[0], challenges[1], "a challenge is used once");
    stack.keep_history(&id, "merchant-bullet").await;
    let object = format!("application/{id}");
    stack.proves(&["R-004", "R-012"], &object, "client_identified", json!({"purpose": "contract"})).await;
    stack
        .proves(
            &["R-097", "R-214"],
            &object,
            "client_identified",
            json!({"purpose": "payment", "challenge_id": challenge}),
        )
        .await;
    stack.proves("R-095", &object, "payment_reserved", json!({"method": "merchant"})).await;
    stack.proves("R-095", &object, "money_transferred", json!({})).await;
}
