//! The sandbox's admin endpoint: what the outside world is told to do, and what it says it did.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::eventually;

/// The outside world of one stack.
#[derive(Clone)]
pub(crate) struct Sandbox {
    base: String,
    client: reqwest::Client,
}

impl Sandbox {
    pub(crate) fn new(base: String, client: reqwest::Client) -> Self {
        Self { base, client }
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("sandbox {path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "sandbox {path}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    /// Sets what the world knows of a person.
    pub(crate) async fn person(&self, iin: &str, facts: Value) {
        self.send(reqwest::Method::PUT, &format!("/admin/persons/{iin}"), Some(&facts)).await;
    }

    /// Adds a person to the AML list of category 1.
    pub(crate) async fn list_person(&self, entry: Value) {
        self.send(reqwest::Method::PUT, "/admin/aml/persons", Some(&entry)).await;
    }

    /// Programs a fault. Returns its id.
    pub(crate) async fn fault(&self, provider: &str, operation: &str, fault: Value, times: Option<u32>) -> String {
        self.fault_on(json!({"provider": provider, "operation": operation, "fault": fault, "times": times})).await
    }

    /// Programs a fault with all its matchers. Returns its id.
    pub(crate) async fn fault_on(&self, body: Value) -> String {
        let answer = self.send(reqwest::Method::POST, "/admin/faults", Some(&body)).await;
        answer["fault_id"].as_str().unwrap_or_else(|| panic!("no fault_id in {answer}")).to_string()
    }

    /// Ends all faults.
    pub(crate) async fn clear_faults(&self) {
        self.send(reqwest::Method::DELETE, "/admin/faults", None).await;
    }

    /// Ends one fault.
    pub(crate) async fn remove_fault(&self, fault_id: &str) {
        self.send(reqwest::Method::DELETE, &format!("/admin/faults/{fault_id}"), None).await;
    }

    /// Waits until a fault holds a request, and returns the hold.
    pub(crate) async fn held(&self, fault_id: &str) -> String {
        eventually("a request is held", || async {
            let holds = self.send(reqwest::Method::GET, "/admin/holds", None).await;
            let found = holds["holds"].as_array().and_then(|all| all.iter().find(|hold| hold["fault_id"] == fault_id));
            found.and_then(|hold| hold["hold_id"].as_str()).map(str::to_string).ok_or(holds.to_string())
        })
        .await
    }

    /// Lets a held request go on, or cuts it off.
    pub(crate) async fn release(&self, hold_id: &str, proceed: bool) {
        let path = format!("/admin/holds/{hold_id}/release");
        self.send(reqwest::Method::POST, &path, Some(&json!({"proceed": proceed}))).await;
    }

    /// Where a receiver of webhooks is.
    pub(crate) fn receiver_url(&self, receiver: &str) -> String {
        format!("{}/webhooks/{receiver}", self.base)
    }

    /// Tells a receiver of webhooks the secrets that it verifies under.
    pub(crate) async fn receiver(&self, receiver: &str, secrets: &[&str]) {
        let body = json!({"secrets": secrets});
        self.send(reqwest::Method::PUT, &format!("/admin/webhooks/{receiver}"), Some(&body)).await;
    }

    /// Every effect that a provider had.
    pub(crate) async fn ledger(&self, provider: &str) -> Vec<Value> {
        let ledger = self.send(reqwest::Method::GET, &format!("/admin/ledger/{provider}"), None).await;
        ledger["entries"].as_array().cloned().unwrap_or_default()
    }

    /// Every movement of money, under whatever reference.
    pub(crate) async fn movements(&self) -> Vec<Value> {
        let mut entries = self.ledger("payments").await;
        entries.retain(|entry| entry["amount"].is_i64());
        entries
    }

    /// Every movement of money under one of our references.
    pub(crate) async fn payouts(&self, our_reference: &str) -> Vec<Value> {
        let mut entries = self.ledger("payments").await;
        entries.retain(|entry| entry["order_id"] == our_reference);
        entries
    }

    /// A payment that the client made on a loan, or that the lender collected, as the books get to know of it.
    pub(crate) async fn pay(&self, loan: &str, paid_on: NaiveDate, tiyn: i64, collected: bool) {
        let url = format!("{}/accounting/loans/{loan}/payments", self.base);
        let body = json!({"paid_on": paid_on, "amount": tiyn, "collected": collected});
        let key = uuid::Uuid::new_v4().to_string();
        let answer = self.client.post(url).header("idempotency-key", key).json(&body).send().await.expect("the books");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// What the books say is owed at the end of a day.
    pub(crate) async fn balance(&self, loan: &str, on: NaiveDate) -> Value {
        self.send(reqwest::Method::GET, &format!("/accounting/loans/{loan}/balance?on={on}"), None).await
    }

    /// Every request that a provider received.
    pub(crate) async fn calls(&self, provider: &str) -> Vec<Value> {
        let calls = self.send(reqwest::Method::GET, &format!("/admin/calls?provider={provider}"), None).await;
        calls["calls"].as_array().cloned().unwrap_or_default()
    }

    /// The client's own key signs a text.
    pub(crate) async fn sign(&self, iin: &str, text: &str, more: Value) -> String {
        let mut body = json!({"iin": iin, "data": STANDARD.encode(text)});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let answer = self.send(reqwest::Method::POST, "/admin/eds/sign", Some(&body)).await;
        answer["cms"].as_str().unwrap_or_else(|| panic!("no cms in {answer}")).to_string()
    }

    /// A token of the sandbox's issuer.
    pub(crate) async fn token(&self, subject: &str, roles: &str) -> String {
        let body = json!({"grant_type": "client_credentials", "subject": subject, "roles": roles});
        let answer = self.send(reqwest::Method::POST, "/oidc/token", Some(&body)).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token in {answer}")).to_string()
    }
}
