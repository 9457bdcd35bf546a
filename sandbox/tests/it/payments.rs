//! What each payment profile promises, and what it does not.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, sync::mpsc};

use crate::harness::{IBAN, IIN, SECRET, World, eventually, to_account};

#[tokio::test]
async fn a_transfer_by_each_method_moves_money_once_and_is_in_the_ledger() {
    let world = World::start().await;
    let by = |method: &str, fields: Value| {
        let mut body = json!({ "order_id": method, "method": method, "amount": 1_000, "currency": "KZT" });
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        body
    };
    let requests = [
        (by("account", json!({ "iban": IBAN, "holder_iin": IIN })), IBAN),
        (by("card", json!({ "card_token": "tok_1a2b", "holder_iin": IIN })), "tok_1a2b"),
        (by("merchant", json!({ "merchant_id": "M-0001" })), "M-0001"),
    ];
    for (request, destination) in requests {
        let (status, body) = world.post("/payments/dedup/transfers", &request).await;
        assert_eq!((status, &body["status"], &body["err"]), (StatusCode::OK, &json!(2), &Value::Null));
        let order_id = request["order_id"].as_str().expect("an id");
        let entries = world.paid(order_id).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0]["destination"], destination);
        assert_eq!(entries[0]["amount"], 1_000);
        assert_eq!(entries[0]["provider_id"], body["provider_id"]);
        assert_eq!(world.status("dedup", order_id).await, (StatusCode::OK, body));
    }
    assert_eq!(world.entries(&format!("payments?iin={IIN}")).await.len(), 2);
}

#[tokio::test]
async fn dedup_pays_once_and_answers_the_same_every_time() {
    let world = World::start().await;
    let first = world.transfer("dedup", "order-1").await;
    for _ in 0..5 {
        assert_eq!(world.transfer("dedup", "order-1").await, first);
    }
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_transfers_under_one_order_id_pay_once() {
    let world = std::sync::Arc::new(World::start().await);
    for profile in ["dedup", "lagging"] {
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let world = std::sync::Arc::clone(&world);
                tokio::spawn(async move { world.transfer(profile, profile).await })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.expect("an answer").0, StatusCode::OK);
        }
        assert_eq!(world.paid(profile).await.len(), 1);
    }
}

#[tokio::test]
async fn plain_pays_twice_for_two_calls() {
    let world = World::start().await;
    let (_, first) = world.transfer("plain", "order-1").await;
    let (_, second) = world.transfer("plain", "order-1").await;
    assert_ne!(first["provider_id"], second["provider_id"]);
    assert_eq!(world.paid("order-1").await.len(), 2);
    assert_eq!(world.status("plain", "order-1").await.1, second);
}

#[tokio::test]
async fn lagging_does_not_know_the_transfer_for_a_while_and_pays_once() {
    let world = World::start().await;
    world.transfer("lagging", "order-1").await;
    assert_eq!(world.status("lagging", "order-1").await, (StatusCode::NOT_FOUND, json!({ "error": "not_found" })));
    assert_eq!(world.transfer("lagging", "order-1").await.0, StatusCode::OK);
    let known = eventually(async || {
        let (status, body) = world.status("lagging", "order-1").await;
        (status == StatusCode::OK).then_some(body)
    });
    assert_eq!(known.await["status"], 2);
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn an_order_id_for_another_payment_is_refused_without_a_payment() {
    let world = World::start().await;
    world.transfer("dedup", "order-1").await;
    let mut other = to_account("order-1");
    other["amount"] = json!(1);
    assert_eq!(world.post("/payments/dedup/transfers", &other).await.0, StatusCode::CONFLICT);
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn malformed_requests_do_nothing() {
    let world = World::start().await;
    let changes = [
        ("amount", json!(0)),
        ("currency", json!("USD")),
        ("iban", json!("KZ86125KZT5004100101")),
        ("method", json!("cash")),
        ("holder_iin", json!("9001")),
        ("order_id", json!("")),
    ];
    for (field, value) in changes {
        let mut request = to_account("order-1");
        request[field] = value;
        let (status, body) = world.post("/payments/dedup/transfers", &request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}");
        assert!(body["error"].is_string());
    }
    let card = json!({
        "order_id": "order-2", "method": "card", "amount": 1, "currency": "KZT",
        "card_token": "4400430000000007", "holder_iin": IIN,
    });
    assert_eq!(world.post("/payments/dedup/transfers", &card).await.0, StatusCode::BAD_REQUEST);
    assert!(world.entries("payments").await.is_empty());
    assert_eq!(world.transfer("other", "order-1").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn ownership_is_what_was_arranged() {
    let world = World::start().await;
    let request = json!({ "request_id": "r-1", "iin": IIN, "kind": "account", "iban": IBAN });
    for ownership in ["CONFIRMED", "NOT_CONFIRMED", "UNAVAILABLE"] {
        world.put(&format!("/admin/persons/{IIN}"), &json!({ "ownership": ownership })).await;
        let (status, body) = world.post("/payments/plain/ownership-checks", &request).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!(ownership)));
        assert!(body["check_id"].is_string());
    }
}

/// A receiver of callbacks: gives its URL and what it receives.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    type Sender = mpsc::UnboundedSender<(HeaderMap, Bytes)>;
    let (sender, received) = mpsc::unbounded_channel();
    let receive = async |State(sender): State<Sender>, headers: HeaderMap, body: Bytes| {
        sender.send((headers, body)).expect("the test listens");
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/callback", listener.local_addr().expect("an address"));
    let router = Router::new().route("/callback", post(receive)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

fn with_callback(order_id: &str, url: &str) -> Value {
    let mut request = to_account(order_id);
    request["callback_url"] = json!(url);
    request
}

#[tokio::test]
async fn a_callback_is_signed_and_comes_once() {
    let world = World::start().await;
    let (url, mut received) = receiver().await;
    let (_, answer) = world.post("/payments/dedup/transfers", &with_callback("order-1", &url)).await;
    let (headers, body) = received.recv().await.expect("a callback");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(&body);
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(headers["x-signature"], format!("sha256={expected}"));
    let said: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&said["order_id"], &said["status"]), (&json!("order-1"), &json!(2)));
    assert_eq!(said["provider_id"], answer["provider_id"]);
    assert!(said["event_id"].is_string() && said["occurred_at"].is_string());
    let delivered = eventually(async || {
        let (_, body) = world.get("/admin/callbacks?order_id=order-1").await;
        body["callbacks"].as_array().filter(|all| !all.is_empty()).cloned()
    });
    assert_eq!(delivered.await.len(), 1);
    // A repeated request is no second payment and no second event.
    world.post("/payments/dedup/transfers", &with_callback("order-1", &url)).await;
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_duplicated_callback_comes_under_one_event_id() {
    let world = World::start().await;
    let (url, mut received) = receiver().await;
    world.fault("transfer", json!({ "kind": "duplicate_callback", "copies": 3 })).await;
    world.post("/payments/dedup/transfers", &with_callback("order-1", &url)).await;
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(received.recv().await.expect("a callback").1);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn an_early_callback_is_received_before_the_answer() {
    let world = std::sync::Arc::new(World::start().await);
    let (url, mut received) = receiver().await;
    world.fault("transfer", json!({ "kind": "early_callback" })).await;
    world.fault("transfer", json!({ "kind": "hold", "point": "after_effect" })).await;
    let caller = std::sync::Arc::clone(&world);
    let request = with_callback("order-1", &url);
    let answered = tokio::spawn(async move { caller.post("/payments/dedup/transfers", &request).await });
    // The answer is still held, yet the callback is here.
    received.recv().await.expect("a callback");
    let hold = world.wait_for_hold().await;
    assert!(!answered.is_finished());
    world.release(&hold, true).await;
    assert_eq!(answered.await.expect("an answer").1["status"], 2);
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_processing_transfer_moves_money_later_and_then_calls_back() {
    let world = World::start().await;
    let (url, mut received) = receiver().await;
    world.fault("transfer", json!({ "kind": "processing", "milliseconds": 1_500 })).await;
    let (_, answer) = world.post("/payments/dedup/transfers", &with_callback("order-1", &url)).await;
    assert_eq!(answer["status"], 1);
    assert_eq!(world.status("dedup", "order-1").await.1["status"], 1);
    assert!(world.paid("order-1").await.is_empty());
    let said: Value = serde_json::from_slice(&received.recv().await.expect("a callback").1).expect("JSON");
    assert_eq!(said["status"], 2);
    assert_eq!(world.status("dedup", "order-1").await.1["status"], 2);
    assert_eq!(world.paid("order-1").await.len(), 1);
}

#[tokio::test]
async fn a_rejected_transfer_moves_nothing_and_stays_rejected() {
    let world = World::start().await;
    world.fault("transfer", json!({ "kind": "reject" })).await;
    let (status, answer) = world.transfer("dedup", "order-1").await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!(0)));
    assert!(answer["err"].is_string());
    assert_eq!(world.transfer("dedup", "order-1").await.1, answer);
    assert_eq!(world.status("dedup", "order-1").await.1, answer);
    assert!(world.paid("order-1").await.is_empty());
}
