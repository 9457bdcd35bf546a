//! The issuer's keys, fetched when one is needed and kept. A token cannot make us fetch more often than every few seconds.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;

/// After this long the keys are fetched again, so that a withdrawn key ends.
const FRESH: Duration = Duration::from_secs(600);
/// While the issuer does not answer, known keys hold for this long.
const STALE_MAX: Duration = Duration::from_secs(3600);
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(3);
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The issuer's keys are not to be had.
#[derive(Debug)]
pub(crate) struct KeysUnavailable;

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    fetched_at: Option<Instant>,
}

/// The keys of the configured issuer.
pub(crate) struct Keys {
    http: reqwest::Client,
    issuer: String,
    url: String,
    known: RwLock<Known>,
    last_attempt: Mutex<Option<Instant>>,
}

impl Keys {
    /// Keys of an issuer at a URL; nothing is fetched yet.
    pub(crate) fn new(http: reqwest::Client, issuer: String, url: String) -> Self {
        Self { http, issuer, url, known: RwLock::default(), last_attempt: Mutex::new(None) }
    }

    /// The issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key of an id; `None` when the issuer has no such key.
    pub(crate) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, KeysUnavailable> {
        if let Some(key) = self.known(kid, FRESH) {
            return Ok(Some(key));
        }
        // One request fetches, the others wait for it and then find what it found.
        let mut last_attempt = self.last_attempt.lock().await;
        if let Some(key) = self.known(kid, FRESH) {
            return Ok(Some(key));
        }
        if last_attempt.is_none_or(|at| at.elapsed() >= PAUSE) {
            *last_attempt = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => {
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Known { keys, fetched_at: Some(Instant::now()) };
                }
                Err(what) => tracing::error!(what, "the issuer's keys cannot be fetched"),
            }
        }
        drop(last_attempt);
        if let Some(key) = self.known(kid, STALE_MAX) {
            return Ok(Some(key));
        }
        // A key that is in no list that we have is unknown only if the list is fresh.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.fetched_at.is_some_and(|at| at.elapsed() < FRESH) { Ok(None) } else { Err(KeysUnavailable) }
    }

    fn known(&self, kid: &str, age_max: Duration) -> Option<DecodingKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.fetched_at?.elapsed() > age_max { None } else { known.keys.get(kid).cloned() }
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, &'static str> {
        let mut response = self.http.get(&self.url).send().await.map_err(|_| "no answer")?;
        if !response.status().is_success() {
            return Err("an answer other than 2xx");
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "the answer broke off")? {
            document.extend_from_slice(&chunk);
            if document.len() > DOCUMENT_BYTES_MAX {
                return Err("the answer is too large");
            }
        }
        let set: JwkSet = serde_json::from_slice(&document).map_err(|_| "the answer is no JWKS")?;
        let keys = set.keys.iter().filter_map(|jwk| {
            let kid = jwk.common.key_id.clone()?;
            Some((kid, DecodingKey::from_jwk(jwk).ok()?))
        });
        Ok(keys.collect())
    }
}
