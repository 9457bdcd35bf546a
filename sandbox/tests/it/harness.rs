//! Starts a sandbox for one test and speaks HTTP to it.
//! It never sleeps to wait for something: it asks again until it is so, and gives up loudly.

use std::{sync::Arc, time::Duration};

use nesie_sandbox::{Config, Sandbox, app};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const IIN: &str = "900101300811";
pub(crate) const IBAN: &str = "KZ86125KZT5004100100";
pub(crate) const SECRET: &str = "callback secret of the tests";

/// A running sandbox and a client of it.
pub(crate) struct World {
    pub(crate) base: String,
    client: Client,
}

impl World {
    /// A sandbox as it is by default.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A sandbox with changed settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let mut config = Config::new(format!("{base}/oidc"));
        config.callback_secret = Some(SECRET.to_owned());
        change(&mut config);
        let sandbox = Sandbox::try_new(config).expect("a sandbox");
        tokio::spawn(async move { axum::serve(listener, app(Arc::new(sandbox))).await });
        Self { base, client: client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.request(Method::GET, path).send().await.expect("an answer")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.request(Method::POST, path).json(body).send().await.expect("an answer")).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.request(Method::PUT, path).json(body).send().await.expect("an answer")).await
    }

    pub(crate) async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, path).header("idempotency-key", key).json(body);
        read(request.send().await.expect("an answer")).await
    }

    /// Puts a fault in force on one operation of the payments.
    pub(crate) async fn fault(&self, operation: &str, fault: Value) -> String {
        self.fault_rule(json!({ "provider": "payments", "operation": operation, "fault": fault, "times": 1 })).await
    }

    pub(crate) async fn fault_rule(&self, rule: Value) -> String {
        let (status, body) = self.post("/admin/faults", &rule).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["fault_id"].as_str().expect("a fault id").to_owned()
    }

    /// The movements of money under an order id.
    pub(crate) async fn paid(&self, order_id: &str) -> Vec<Value> {
        self.entries(&format!("payments?order_id={order_id}")).await
    }

    pub(crate) async fn entries(&self, ledger: &str) -> Vec<Value> {
        let (status, body) = self.get(&format!("/admin/ledger/{ledger}")).await;
        assert_eq!(status, StatusCode::OK);
        body["entries"].as_array().expect("entries").clone()
    }

    /// Waits until so much money has moved under an order id.
    pub(crate) async fn wait_until_paid(&self, order_id: &str, times: usize) {
        eventually(async || (self.paid(order_id).await.len() == times).then_some(())).await;
    }

    /// Waits for the one request that is held.
    pub(crate) async fn wait_for_hold(&self) -> Value {
        eventually(async || self.get("/admin/holds").await.1["holds"].get(0).cloned()).await
    }

    pub(crate) async fn release(&self, hold: &Value, proceed: bool) {
        let hold_id = hold["hold_id"].as_str().expect("a hold id");
        let (status, _) = self.post(&format!("/admin/holds/{hold_id}/release"), &json!({ "proceed": proceed })).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }

    /// A transfer to an account.
    pub(crate) async fn transfer(&self, profile: &str, order_id: &str) -> (StatusCode, Value) {
        self.post(&format!("/payments/{profile}/transfers"), &to_account(order_id)).await
    }

    /// A transfer by a caller who does not wait for long.
    pub(crate) async fn impatient_transfer(&self, order_id: &str) -> Result<Response, reqwest::Error> {
        let request = self.request(Method::POST, "/payments/dedup/transfers").json(&to_account(order_id));
        request.timeout(Duration::from_millis(700)).send().await
    }

    pub(crate) async fn status(&self, profile: &str, order_id: &str) -> (StatusCode, Value) {
        self.get(&format!("/payments/{profile}/transfers/{order_id}")).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the sandbox knows no other crate of ours")]
fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

pub(crate) fn to_account(order_id: &str) -> Value {
    json!({
        "order_id": order_id, "method": "account", "amount": 30_000_000, "currency": "KZT",
        "iban": IBAN, "holder_iin": IIN, "callback_url": null,
    })
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Asks again until there is an answer, for ten seconds at most.
pub(crate) async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asked = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    asked.await.expect("it never became so")
}
