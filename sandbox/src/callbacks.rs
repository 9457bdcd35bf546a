//! The payment provider's callbacks: signed, delivered with a few attempts, kept on record.
//! A callback never changes a transfer; the one who receives it learns nothing that the status would not say.

use std::{sync::Mutex, time::Duration};

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::json;
use sha2::Sha256;

use crate::{ambient, state::locked};

const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a callback says, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Callback {
    /// Where it goes.
    pub(crate) url: String,
    /// Our reference.
    pub(crate) order_id: String,
    /// The provider's reference.
    pub(crate) provider_id: String,
    /// The transfer's status.
    pub(crate) status: u8,
    /// How many times it is sent, under one event id.
    pub(crate) copies: u32,
}

/// One delivery as the provider remembers it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delivery {
    event_id: String,
    order_id: String,
    provider_id: String,
    status: u8,
    /// What the receiver answered last; null where nothing came back.
    answered: Option<u16>,
    at: String,
}

/// The sender of callbacks.
pub(crate) struct Callbacks {
    secret: Option<String>,
    http: reqwest::Client,
    sent: Mutex<Vec<Delivery>>,
}

impl Callbacks {
    /// A sender; without a secret it sends nothing.
    pub(crate) fn try_new(secret: Option<String>) -> anyhow::Result<Self> {
        // An error means that a provider of cryptography is installed already, which is what is wanted.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let http = http_client().context("cannot make an HTTP client")?;
        Ok(Self { secret, http, sent: Mutex::default() })
    }

    /// Sends every copy; each is given up after a few attempts.
    pub(crate) async fn deliver(&self, callback: &Callback) {
        let Some(secret) = &self.secret else { return };
        let event_id = ambient::new_id("event");
        let body = json!({
            "event_id": event_id, "order_id": callback.order_id, "provider_id": callback.provider_id,
            "status": callback.status, "occurred_at": ambient::written(ambient::now()),
        })
        .to_string();
        let signature = format!("sha256={}", hmac_hex(secret, &body));
        for _copy in 0..callback.copies {
            let answered = self.post(&callback.url, &body, &signature).await;
            locked(&self.sent).push(Delivery {
                event_id: event_id.clone(),
                order_id: callback.order_id.clone(),
                provider_id: callback.provider_id.clone(),
                status: callback.status,
                answered,
                at: ambient::written(ambient::now()),
            });
        }
    }

    async fn post(&self, url: &str, body: &str, signature: &str) -> Option<u16> {
        let mut answered = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let request = self
                .http
                .post(url)
                .header("content-type", "application/json")
                .header("x-signature", signature)
                .body(body.to_owned());
            match request.send().await {
                Ok(response) => {
                    answered = Some(response.status().as_u16());
                    if response.status().is_success() {
                        break;
                    }
                }
                Err(error) => tracing::debug!(error = %error.without_url(), "a callback was not delivered"),
            }
        }
        answered
    }

    /// The deliveries about an order, or all.
    pub(crate) fn list(&self, order_id: Option<&str>) -> Vec<Delivery> {
        let matches = |delivery: &&Delivery| order_id.is_none_or(|order_id| delivery.order_id == order_id);
        locked(&self.sent).iter().filter(matches).cloned().collect()
    }

    /// Forgets every delivery.
    pub(crate) fn clear(&self) {
        locked(&self.sent).clear();
    }
}

#[expect(clippy::disallowed_methods, reason = "the sandbox knows no other crate of ours, and sets its own time-out")]
fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(ATTEMPT_TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()
}

fn hmac_hex(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
