//! The key of the token issuer: an ECDSA key on P-256, made at start or kept in a file.
//! It never leaves the process except into that file; only its public half is published.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::{
    ecdsa::SigningKey,
    elliptic_curve::rand_core::OsRng,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Signs tokens and publishes what is needed to verify them.
pub(crate) struct Issuer {
    url: String,
    key_id: String,
    key: EncodingKey,
    public_key: Value,
}

impl Issuer {
    /// Takes the key from the file, or makes one and puts it there.
    pub(crate) fn try_new(url: String, key_file: Option<&Path>) -> anyhow::Result<Self> {
        let key = match key_file {
            Some(path) => kept_key(path).with_context(|| format!("key file {}", path.display()))?,
            None => SigningKey::random(&mut OsRng),
        };
        let point = key.verifying_key().to_encoded_point(false);
        let x = point.x().context("the public key has no x")?;
        let y = point.y().context("the public key has no y")?;
        let key_id: String =
            Sha256::digest(point.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let public_key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id,
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        });
        let der = key.to_pkcs8_der().context("the key cannot be written as PKCS#8")?;
        Ok(Self { url, key_id, key: EncodingKey::from_ec_der(der.as_bytes()), public_key })
    }

    /// The issuer's URL, which is `iss` in its tokens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The JWK set.
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": [self.public_key] })
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

fn kept_key(path: &Path) -> anyhow::Result<SigningKey> {
    match fs::read_to_string(path) {
        Ok(pem) => SigningKey::from_pkcs8_pem(&pem).context("does not hold a P-256 key in PKCS#8 PEM"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = SigningKey::random(&mut OsRng);
            let pem = key.to_pkcs8_pem(LineEnding::LF).context("the key cannot be written as PKCS#8")?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .context("cannot be created")?;
            file.write_all(pem.as_bytes()).context("cannot be written")?;
            Ok(key)
        }
        Err(error) => Err(error).context("cannot be read"),
    }
}
