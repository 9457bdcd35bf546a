//! Signing of webhooks as <https://www.standardwebhooks.com> has it: `v1,` and the base64 of HMAC-SHA-256 over
//! `id.timestamp.body`, one signature a valid secret. Never prints a secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A secret that signs webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new, unpredictable one of 32 bytes.
    #[must_use]
    pub fn generate() -> Self {
        Self(crate::protection::random_bytes().to_vec())
    }

    /// From its bytes, as they are sealed.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As the receiver is shown it, once: `whsec_` and its base64.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// One signature of a message.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebhookSecret(****)")
    }
}

/// The header `webhook-signature`: a signature under each valid secret, so that receivers may change theirs in their own
/// time.
#[must_use]
pub fn signatures(secrets: &[WebhookSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(revealed: &str) -> WebhookSecret {
        let bytes = STANDARD.decode(revealed.strip_prefix(PREFIX).expect("a secret")).expect("base64");
        WebhookSecret::from_bytes(bytes)
    }

    #[test]
    fn the_vector_of_the_specifications_own_libraries_holds() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_valid_secrets_sign_both_and_neither_is_printed() {
        let secrets = [WebhookSecret::generate(), WebhookSecret::generate()];
        assert_ne!(secrets[0], secrets[1]);
        let header = signatures(&secrets, "evt", 1, b"{}");
        let expected: Vec<String> = secrets.iter().map(|secret| secret.sign("evt", 1, b"{}")).collect();
        assert_eq!(header.split(' ').collect::<Vec<_>>(), expected);
        assert_eq!(secret(&secrets[0].reveal()), secrets[0], "what is shown is what signs");
        assert_eq!(format!("{:?}", secrets[0]), "WebhookSecret(****)");
    }
}
