//! The signed message that stands for a CMS here: JSON in base64, with an ECDSA signature that is really verified.
//! To the lender it is opaque bytes, as a CMS is; nobody but this provider and the client's key at the admin endpoint
//! reads it.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Duration, Utc};
use p256::{
    ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
    elliptic_curve::rand_core::OsRng,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ambient;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum KeyUsage {
    /// Signing.
    #[default]
    Sign,
    /// Authentication.
    Auth,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Role {
    /// A person's.
    #[default]
    Individual,
    /// An organisation's first head's.
    Organization,
}

/// What the client's key is asked to do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignRequest {
    pub(crate) iin: String,
    data: String,
    #[serde(default)]
    key_usage: KeyUsage,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    expired: bool,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    bin: Option<String>,
    #[serde(default)]
    tamper: bool,
    #[serde(default = "one")]
    signers: u8,
    #[serde(default)]
    ocsp_unavailable: bool,
    #[serde(default = "yes")]
    embed_certificate: bool,
    #[serde(default = "yes")]
    tsp: bool,
    #[serde(default)]
    detached: bool,
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

/// A signed message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    /// The content in base64; none where it is detached.
    pub(super) content: Option<String>,
    pub(super) signers: Vec<SignerInfo>,
}

/// One signature with its certificate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SignerInfo {
    pub(super) iin: String,
    pub(super) bin: Option<String>,
    pub(super) role: Role,
    pub(super) key_usage: KeyUsage,
    pub(super) serial_number: String,
    pub(super) not_before: DateTime<Utc>,
    pub(super) not_after: DateTime<Utc>,
    pub(super) revoked: bool,
    pub(super) ocsp_unavailable: bool,
    pub(super) embed_certificate: bool,
    pub(super) stamped_at: Option<DateTime<Utc>>,
    /// Lower hex of the signature's SHA-256, as the time stamp holds it.
    pub(super) stamped_hash: String,
    pub(super) public_key: String,
    pub(super) signature: String,
}

impl Container {
    /// Signs with a fresh key of the client.
    pub(crate) fn signed(request: &SignRequest) -> Result<String, String> {
        let mut content = BASE64_STANDARD.decode(&request.data).map_err(|_| "data is not base64".to_owned())?;
        let signers = (0..request.signers).map(|_| SignerInfo::new(request, &content)).collect();
        if request.tamper {
            content.extend_from_slice(b" ");
        }
        let container = Self { content: (!request.detached).then(|| BASE64_STANDARD.encode(&content)), signers };
        let written = serde_json::to_vec(&container).map_err(|error| error.to_string())?;
        Ok(BASE64_STANDARD.encode(written))
    }

    /// Reads a message; the problem is worded as the original words its own.
    pub(super) fn read(cms: &str) -> Result<Self, String> {
        let bytes = BASE64_STANDARD.decode(cms.trim()).map_err(|_| "Malformed CMS: not base64".to_owned())?;
        serde_json::from_slice(&bytes).map_err(|_| "Malformed CMS: IOException reading content.".to_owned())
    }
}

impl SignerInfo {
    fn new(request: &SignRequest, content: &[u8]) -> Self {
        let key = SigningKey::random(&mut OsRng);
        let signature: Signature = key.sign(content);
        let now = ambient::now();
        let age = if request.expired { Duration::days(400) } else { Duration::days(30) };
        Self {
            iin: request.iin.clone(),
            bin: request.bin.clone(),
            role: request.role,
            key_usage: request.key_usage,
            serial_number: Uuid::new_v4().simple().to_string(),
            not_before: now - age,
            not_after: now - age + Duration::days(365),
            revoked: request.revoked,
            ocsp_unavailable: request.ocsp_unavailable,
            embed_certificate: request.embed_certificate,
            stamped_at: request.tsp.then_some(now),
            stamped_hash: Sha256::digest(signature.to_bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
            public_key: BASE64_STANDARD.encode(key.verifying_key().to_encoded_point(false).as_bytes()),
            signature: BASE64_STANDARD.encode(signature.to_bytes()),
        }
    }

    /// Whether the signature is of this content.
    pub(super) fn signed(&self, content: &[u8]) -> bool {
        let key =
            BASE64_STANDARD.decode(&self.public_key).ok().and_then(|key| VerifyingKey::from_sec1_bytes(&key).ok());
        let signature =
            BASE64_STANDARD.decode(&self.signature).ok().and_then(|signature| Signature::from_slice(&signature).ok());
        key.zip(signature).is_some_and(|(key, signature)| key.verify(content, &signature).is_ok())
    }
}
