//! The outside world of the demonstration: its documented admin endpoint and its public list of persons.
//! It arranges and reads; it never decides what ought to have happened.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::{Http, Reply};

/// The sandbox of outside providers.
pub(super) struct Sandbox {
    http: Http,
    url: String,
}

impl Sandbox {
    /// The sandbox at this URL.
    pub(super) fn new(http: Http, url: String) -> Self {
        Self { http, url }
    }

    /// What providers know of a person.
    pub(super) fn set_person(&self, iin: &str, facts: &Value) -> Result<()> {
        self.ask("PUT", &format!("/admin/persons/{iin}"), Some(facts)).map(drop)
    }

    /// A merchant under contract.
    pub(super) fn set_merchant(&self, merchant_id: &str) -> Result<()> {
        self.ask("PUT", &format!("/admin/merchants/{merchant_id}"), Some(&json!({ "contract_active": true }))).map(drop)
    }

    /// Programs a fault, and gives its id.
    pub(super) fn set_fault(&self, rule: &Value) -> Result<String> {
        let answer = self.ask("POST", "/admin/faults", Some(rule))?.json()?;
        answer["fault_id"].as_str().map(str::to_owned).context("the fault has no id")
    }

    /// Ends a fault, if it has not ended by itself.
    pub(super) fn remove_fault(&self, fault_id: &str) -> Result<Removed> {
        let url = format!("{}/admin/faults/{fault_id}", self.url);
        let reply = self.http.send("DELETE", &url, &[], None)?;
        match reply.status {
            204 => Ok(Removed::WasInForce),
            404 => Ok(Removed::HadEnded),
            _ => bail!("removing a fault: {}", reply.described()),
        }
    }

    /// The client's own key signs a text, which is given and returned in base64.
    pub(super) fn sign(&self, iin: &str, data: &str) -> Result<String> {
        let answer = self.ask("POST", "/admin/eds/sign", Some(&json!({ "iin": iin, "data": data })))?.json()?;
        answer["cms"].as_str().map(str::to_owned).context("the signature has no cms")
    }

    /// A payment that the client makes on a loan, as the lender's accounting receives it; `key` is this payment's own.
    pub(super) fn pay(&self, loan: &str, key: &str, payment: &Value) -> Result<()> {
        let path = format!("/accounting/loans/{loan}/payments");
        self.send("POST", &path, &[("idempotency-key", key)], Some(payment)).map(drop)
    }

    /// Every effect that a provider had.
    pub(super) fn ledger(&self, provider: &str) -> Result<Vec<Value>> {
        self.entries(&format!("/admin/ledger/{provider}"), "entries")
    }

    /// Every request that the providers received.
    pub(super) fn calls(&self) -> Result<Vec<Value>> {
        self.entries("/admin/calls", "calls")
    }

    /// The list of persons connected with financing, as it is published.
    pub(super) fn published_list(&self) -> Result<String> {
        Ok(self.ask("GET", "/aml/xml_category_1/?status=acting", None)?.text)
    }

    fn entries(&self, path: &str, name: &str) -> Result<Vec<Value>> {
        let mut answer = self.ask("GET", path, None)?.json()?;
        match answer[name].take() {
            Value::Array(entries) => Ok(entries),
            _ => bail!("{path} has no {name}"),
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        self.send(method, path, &[], body)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Result<Reply> {
        let reply = self.http.send(method, &format!("{}{path}", self.url), headers, body)?;
        if !reply.is_success() {
            bail!("the sandbox, {method} {path}: {}", reply.described());
        }
        Ok(reply)
    }
}

/// What became of a fault that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It had not met all the calls that it was for.
    WasInForce,
    /// It had.
    HadEnded,
}
