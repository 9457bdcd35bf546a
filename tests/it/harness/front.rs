//! The lender's front end: what it sends for a client, an act a function.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Sandbox, eventually};

/// A front end with a token.
#[derive(Clone)]
pub(crate) struct Front {
    api_url: String,
    client: reqwest::Client,
    sandbox: Sandbox,
    token: String,
}

/// An application as the front end sends it.
#[derive(Clone)]
pub(crate) struct NewApplication(pub(crate) Value);

impl NewApplication {
    /// 300 000 ₸ at 36 % for twelve months, by a person with this IIN.
    pub(crate) fn of(iin: &str) -> Self {
        Self(json!({
            "client": {
                "kind": "individual", "iin": iin,
                "surname": "Сағынбаева", "given_name": "Айгерім", "patronymic": "Қанатқызы", "birth_date": "1990-03-14",
                "identity_document": {"kind": "identity_card", "number": "045678912", "expires_on": "2044-01-01"},
                "phone": "+77011234567", "politically_exposed": false
            },
            "channel": "web", "purpose": "consumer",
            "amount": "300000.00", "annual_rate": "36.0", "term_months": 12
        }))
    }

    /// With some fields replaced, by JSON pointer.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, field) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = self.0.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
        parent[field] = value;
        self
    }
}

impl Front {
    pub(crate) fn new(api_url: String, client: reqwest::Client, sandbox: Sandbox, token: String) -> Self {
        Self { api_url, client, sandbox, token }
    }

    /// A request with a key of its own, and its answer.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.send_with_key(method, path, body, &Uuid::new_v4().to_string()).await
    }

    /// A request under a given idempotency key.
    pub(crate) async fn send_with_key(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
    ) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.api_url)).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.header("idempotency-key", key).json(body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {answer}");
        answer
    }

    /// Submits an application and returns its id.
    pub(crate) async fn submit(&self, application: &NewApplication) -> String {
        let (status, answer) = self.send(Method::POST, "/v1/applications", Some(application.0.clone())).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_string()
    }

    pub(crate) async fn application(&self, id: &str) -> Value {
        self.get(&format!("/v1/applications/{id}")).await
    }

    /// Waits until the application is at a stage, and returns it.
    pub(crate) async fn at_stage(&self, id: &str, stage: &str) -> Value {
        eventually(&format!("application at {stage}"), || async {
            let application = self.application(id).await;
            if application["stage"]["stage"] == stage { Ok(application) } else { Err(application.to_string()) }
        })
        .await
    }

    /// Waits until the application is at a stage whose data has a value.
    pub(crate) async fn at_stage_with(&self, id: &str, stage: &str, field: &str, value: &Value) -> Value {
        eventually(&format!("application at {stage} with {field} {value}"), || async {
            let application = self.application(id).await;
            let there = application["stage"]["stage"] == stage && application["stage"][field] == *value;
            if there { Ok(application) } else { Err(application.to_string()) }
        })
        .await
    }

    /// Waits until a case is at a stage, and returns it.
    pub(crate) async fn case_at(&self, path: &str, stage: &str) -> Value {
        eventually(&format!("{path} at {stage}"), || async {
            let case = self.get(path).await;
            if case["stage"]["stage"] == stage { Ok(case) } else { Err(case.to_string()) }
        })
        .await
    }

    /// Waits for the outcome, and returns it.
    pub(crate) async fn outcome(&self, id: &str) -> Value {
        eventually("an outcome", || async {
            let application = self.application(id).await;
            if application["outcome"].is_null() {
                Err(application.to_string())
            } else {
                Ok(application["outcome"].clone())
            }
        })
        .await
    }

    /// An act, and its answer; asked again under the same key while the system says that it does not know.
    pub(crate) async fn act(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let key = Uuid::new_v4().to_string();
        eventually("an act is answered", || async {
            let (status, answer) = self.send_with_key(method.clone(), path, Some(body.clone()), &key).await;
            if status == StatusCode::SERVICE_UNAVAILABLE { Err(answer.to_string()) } else { Ok((status, answer)) }
        })
        .await
    }

    /// Decides as the second person: `approve` or `reject`.
    pub(crate) async fn decide(&self, approval: &str, decision: &str) -> (StatusCode, Value) {
        let path = format!("/v1/approvals/{approval}/decision");
        self.act(Method::POST, &path, json!({"decision": decision, "reason": "сверено с документами"})).await
    }

    async fn accepted(&self, method: Method, path: &str, body: Value) {
        let (status, answer) = self.act(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }

    pub(crate) async fn acknowledge(&self, id: &str) {
        self.at_stage(id, "awaiting_acknowledgement").await;
        let shown = self.get(&format!("/v1/applications/{id}/disclosures")).await;
        let shown = shown.as_array().or_else(|| shown["disclosures"].as_array()).expect("disclosures").clone();
        let acknowledged: Vec<Value> =
            shown.iter().map(|text| json!({"kind": text["kind"], "sha256": text["sha256"]})).collect();
        self.accepted(
            Method::POST,
            &format!("/v1/applications/{id}/acknowledgements"),
            json!({"acknowledged": acknowledged}),
        )
        .await;
    }

    /// The draft of a method.
    pub(crate) async fn draft(&self, id: &str, method: &str) -> Value {
        self.at_stage(id, "awaiting_schedule_choice").await;
        let drafts = self.get(&format!("/v1/applications/{id}/schedules")).await;
        let drafts = drafts["drafts"].as_array().expect("drafts").clone();
        drafts.into_iter().find(|draft| draft["method"] == method).unwrap_or_else(|| panic!("no draft by {method}"))
    }

    pub(crate) async fn choose(&self, id: &str, method: &str) {
        let draft = self.draft(id, method).await;
        self.accepted(Method::PUT, &format!("/v1/applications/{id}/schedule"), json!({"draft_id": draft["draft_id"]}))
            .await;
    }

    pub(crate) async fn disburse_by(&self, id: &str, method: Value) {
        self.at_stage(id, "awaiting_disbursement_method").await;
        self.accepted(Method::PUT, &format!("/v1/applications/{id}/disbursement-method"), method).await;
    }

    /// Passes the identification of the stage, for the contract or for a payment.
    pub(crate) async fn identify(&self, id: &str, stage: &str) {
        let application = self.at_stage(id, stage).await;
        let body = json!({
            "challenge_id": application["stage"]["challenge_id"],
            "image": STANDARD.encode(b"\x89PNG\r\n\x1a\n a face"),
            "image_type": "image/png"
        });
        self.accepted(Method::POST, &format!("/v1/applications/{id}/identification"), body).await;
    }

    /// The frozen contract's exact text.
    pub(crate) async fn contract(&self, id: &str) -> String {
        let contract = self.get(&format!("/v1/applications/{id}/contract")).await;
        contract["content"].as_str().expect("the contract has a text").to_string()
    }

    pub(crate) async fn sign(&self, id: &str, iin: &str, more: Value) {
        self.at_stage(id, "awaiting_signature").await;
        let cms = self.sandbox.sign(iin, &self.contract(id).await, more).await;
        self.accepted(Method::POST, &format!("/v1/applications/{id}/signature"), json!({"cms": cms})).await;
    }

    /// Everything up to the signature, after which the system goes on by itself.
    pub(crate) async fn walk_to_money(&self, id: &str, iin: &str, method: Value) {
        self.walk_to_signature(id, method).await;
        self.sign(id, iin, json!({})).await;
    }

    /// Everything before the signature.
    pub(crate) async fn walk_to_signature(&self, id: &str, method: Value) {
        self.acknowledge(id).await;
        self.choose(id, "annuity").await;
        self.disburse_by(id, method).await;
        self.identify(id, "awaiting_identification").await;
    }

    /// The kinds of facts in the application's story, in order.
    pub(crate) async fn story(&self, id: &str) -> Vec<String> {
        let timeline = self.get(&format!("/v1/applications/{id}/timeline")).await;
        let items = timeline["items"].as_array().expect("a timeline").clone();
        items.iter().map(|item| item["kind"].as_str().expect("a kind").to_string()).collect()
    }
}

/// A notice of a channel as compliance sends it, with some fields replaced or added.
pub(crate) fn notice(code: &str, kind: &str, more: Value) -> Value {
    let mut body = json!({
        "notice": "opening", "code": code, "kind": kind, "name": "Личный кабинет nesie.kz",
        "operations": ["microcredit_account", "microcredit_card", "microcredit_merchant"],
        "security_procedures": "Политика информационной безопасности, утверждена приказом № 1",
        "documents": [{
            "name": "policy.pdf", "content_type": "application/pdf", "content": STANDARD.encode(b"%PDF-1.7 a policy")
        }]
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

/// An account of the client, at a profile of the payment provider.
pub(crate) fn account(profile: &str) -> Value {
    json!({"method": "account", "iban": "KZ86125KZT5004100100", "payment_profile": profile})
}

/// A well-formed IIN that no other story of this run uses.
pub(crate) fn iin() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let serial = (rand::rng().random::<u32>() ^ NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let (year, month, day) =
            (rand::rng().random_range(60..100), rand::rng().random_range(1..13), rand::rng().random_range(1..29));
        let stem = format!("{year:02}{month:02}{day:02}4{serial:04}");
        if let Some(digit) = control_digit(&stem) {
            return format!("{stem}{digit}");
        }
    }
}

fn control_digit(stem: &str) -> Option<u32> {
    let digits: Vec<u32> = stem.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let sum = |weights: [u32; 11]| digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    match sum([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
        10 => Some(sum([3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2])).filter(|digit| *digit < 10),
        digit => Some(digit),
    }
}
