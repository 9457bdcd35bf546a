//! The issuer's keys, fetched when one is needed and kept. A token cannot make us fetch more often than every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::verified::VerifiedTokens;

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

/// A key of the issuer.
pub(crate) struct Key {
    /// What verifies signatures.
    pub(crate) decoding: DecodingKey,
    /// When the list was fetched that it stands in.
    pub(crate) list: Instant,
}

/// The keys of the configured issuer.
pub(crate) struct Keys(Arc<Source>);

struct Source {
    http: reqwest::Client,
    issuer: String,
    url: String,
    known: RwLock<Known>,
    /// When the last attempt ended; whoever holds it makes the next one.
    last_attempt: Arc<Mutex<Option<Instant>>>,
    verified: VerifiedTokens,
}

impl Keys {
    /// Keys of an issuer at a URL; nothing is fetched yet.
    pub(crate) fn new(http: reqwest::Client, issuer: String, url: String) -> Self {
        let (known, last_attempt, verified) = Default::default();
        Self(Arc::new(Source { http, issuer, url, known, last_attempt, verified }))
    }

    /// The issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Tokens that these keys verified.
    pub(crate) fn verified(&self) -> &VerifiedTokens {
        &self.0.verified
    }

    /// The key of an id; `None` when the issuer has no such key. Waits for the issuer only where nothing is known.
    pub(crate) async fn find(&self, kid: &str) -> Result<Option<Key>, KeysUnavailable> {
        let source = &self.0;
        if let Some(key) = source.known(kid, FRESH) {
            return Ok(Some(key));
        }
        if let Some(key) = source.known(kid, STALE_MAX) {
            // An issuer that hangs must not hold up whom we know: one task asks it, nobody waits. But where nobody has asked it
            // for long, it may have withdrawn the key: then it is asked first.
            match Arc::clone(&source.last_attempt).try_lock_owned() {
                Ok(attempt) if attempt.is_none_or(|at| at.elapsed() >= FRESH) => drop(attempt),
                Ok(attempt) => {
                    if is_due(*attempt) {
                        tokio::spawn(Arc::clone(source).refresh(attempt));
                    }
                    return Ok(Some(key));
                }
                Err(_under_way) => return Ok(Some(key)),
            }
        }
        // One request fetches, the others wait for it and then find what it found.
        let attempt = Arc::clone(&source.last_attempt).lock_owned().await;
        if source.known(kid, FRESH).is_none() && is_due(*attempt) {
            // A task of its own: a caller that goes away does not end it before it is noted.
            let refreshed = tokio::spawn(Arc::clone(source).refresh(attempt)).await;
            refreshed.map_err(|_| KeysUnavailable)?;
        }
        if let Some(key) = source.known(kid, STALE_MAX) {
            return Ok(Some(key));
        }
        // A key that is in no list that we have is unknown only if the list is fresh.
        let known = source.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.fetched_at.is_some_and(|at| at.elapsed() < FRESH) { Ok(None) } else { Err(KeysUnavailable) }
    }
}

fn is_due(last_attempt: Option<Instant>) -> bool {
    last_attempt.is_none_or(|at| at.elapsed() >= PAUSE)
}

impl Source {
    /// One attempt. It is noted when it is over: while the issuer hangs, those who waited do not try one by one.
    async fn refresh(self: Arc<Self>, mut attempt: OwnedMutexGuard<Option<Instant>>) {
        match self.fetch().await {
            Ok(keys) => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                *known = Known { keys, fetched_at: Some(Instant::now()) };
            }
            Err(what) => tracing::error!(what, "the issuer's keys cannot be fetched"),
        }
        *attempt = Some(Instant::now());
    }

    fn known(&self, kid: &str, age_max: Duration) -> Option<Key> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let list = known.fetched_at.filter(|at| at.elapsed() <= age_max)?;
        known.keys.get(kid).map(|key| Key { decoding: key.clone(), list })
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use nesie_platform::http::{HttpSettings, client};

    use super::*;

    /// Keys of an issuer that accepts connections and never answers, and how many it accepted.
    async fn of_a_hanging_issuer(timeout: Duration) -> (Keys, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("an address"));
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                open.push(stream);
            }
        });
        let milliseconds = u64::try_from(timeout.as_millis()).expect("short");
        let settings = HttpSettings { timeout_milliseconds: milliseconds, ..HttpSettings::default() };
        (Keys::new(client(settings).expect("a client"), "issuer".to_owned(), url), accepted)
    }

    fn remember(keys: &Keys, age: Duration) {
        let known = HashMap::from([("k".to_owned(), DecodingKey::from_secret(b"a key of the tests"))]);
        let fetched_at = Instant::now().checked_sub(age).expect("the clock goes back that far");
        *keys.0.known.write().expect("not poisoned") = Known { keys: known, fetched_at: Some(fetched_at) };
    }

    #[tokio::test]
    async fn a_stale_key_is_answered_at_once_while_one_task_asks_a_hanging_issuer() {
        let (keys, accepted) = of_a_hanging_issuer(Duration::from_secs(60)).await;
        remember(&keys, FRESH + Duration::from_secs(1));
        *keys.0.last_attempt.lock().await = Instant::now().checked_sub(PAUSE);
        let all = async {
            for _ in 0..20 {
                assert!(keys.find("k").await.expect("known").is_some());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("nobody waits for the issuer");
        assert!(keys.0.last_attempt.try_lock().is_err(), "one task is asking");
        assert!(accepted.load(Ordering::SeqCst) <= 1);
    }

    #[tokio::test]
    async fn a_key_of_which_nobody_asked_for_long_is_asked_for_before_it_is_taken() {
        let (keys, accepted) = of_a_hanging_issuer(Duration::from_millis(200)).await;
        remember(&keys, FRESH + Duration::from_secs(1));
        *keys.0.last_attempt.lock().await = Instant::now().checked_sub(FRESH);
        assert!(keys.find("k").await.expect("the issuer does not answer: it holds").is_some());
        assert_eq!(accepted.load(Ordering::SeqCst), 1, "it was asked first");
    }

    #[tokio::test]
    async fn who_waits_for_a_hanging_issuer_waits_for_one_attempt_only() {
        // Longer than the pause: an attempt noted at its start would be due again at its end.
        let timeout = PAUSE + Duration::from_millis(200);
        let (keys, accepted) = of_a_hanging_issuer(timeout).await;
        let found = futures::future::join_all((0..4).map(|_| keys.find("unknown"))).await;
        assert!(found.iter().all(Result::is_err));
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_key_that_is_too_old_no_longer_holds() {
        let (keys, _) = of_a_hanging_issuer(Duration::from_millis(100)).await;
        remember(&keys, STALE_MAX + Duration::from_secs(1));
        assert!(keys.find("k").await.is_err());
    }
}
