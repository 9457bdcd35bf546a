//! Personal data at rest: sealed with AES-256-GCM, searched by a keyed hash (paras 34, 37(2); ).
//! Never the same bytes twice for the same text, and never an index that can be tried out without the key.

use std::fmt;

use aes_gcm::aead::{Aead, Generate, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The version of the sealing, the first byte of everything sealed, so that keys and ciphers can be changed later.
const SEAL_VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// Seals, opens and indexes personal data.
#[derive(Clone)]
pub struct Protection {
    cipher: Aes256Gcm,
    index_key: [u8; 32],
}

/// What was sealed can not be opened: another key, another place, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data can not be opened here")]
pub struct ProtectionError;

impl Protection {
    /// With a key that seals and another that indexes.
    #[must_use]
    pub fn new(data_key: &[u8; 32], index_key: &[u8; 32]) -> Self {
        Self { cipher: Aes256Gcm::new(data_key.into()), index_key: *index_key }
    }

    /// Seals `plain` for one place, named by `associated` (`applicant|<id>` and the like): moved to another place it
    /// can not be opened.
    ///
    /// # Panics
    /// When the system has no randomness, or for more than 64 GiB.
    #[must_use]
    pub fn seal(&self, associated: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = Nonce::generate();
        let sealed = self
            .cipher
            .encrypt(&nonce, Payload { msg: plain, aad: associated.as_bytes() })
            .expect("AES-GCM refuses only texts over 64 GiB");
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(SEAL_VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// Opens what [`Protection::seal`] sealed for the same place.
    ///
    /// # Errors
    /// [`ProtectionError`] for another key, another place, or changed bytes.
    pub fn open(&self, associated: &str, sealed: &[u8]) -> Result<Vec<u8>, ProtectionError> {
        let (version, rest) = sealed.split_first().ok_or(ProtectionError)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(ProtectionError)?;
        if *version != SEAL_VERSION {
            return Err(ProtectionError);
        }
        let nonce = Nonce::try_from(nonce).map_err(|_| ProtectionError)?;
        self.cipher.decrypt(&nonce, Payload { msg: text, aad: associated.as_bytes() }).map_err(|_| ProtectionError)
    }

    /// The keyed hash under which `value` is found; `kind` keeps an IIN and a phone number apart.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn index(&self, kind: &str, value: &str) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.index_key).expect("HMAC takes keys of any length");
        mac.update(kind.as_bytes());
        mac.update(b"|");
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Protection(****)")
    }
}

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Unpredictable bytes, for challenges and ids.
///
/// # Panics
/// When the system has no randomness.
#[must_use]
pub fn random_bytes() -> [u8; 32] {
    <[u8; 32]>::generate()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection() -> Protection {
        Protection::new(&[1; 32], &[2; 32])
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place_with_its_key_and_unchanged() {
        let sealed = protection().seal("applicant|1", "Әлия".as_bytes());
        assert_eq!(protection().open("applicant|1", &sealed).as_deref(), Ok("Әлия".as_bytes()));
        assert_eq!(protection().open("applicant|2", &sealed), Err(ProtectionError));
        assert_eq!(Protection::new(&[3; 32], &[2; 32]).open("applicant|1", &sealed), Err(ProtectionError));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(protection().open("applicant|1", &changed), Err(ProtectionError), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert_eq!(protection().open("applicant|1", &sealed[..length]), Err(ProtectionError));
        }
    }

    #[test]
    fn the_same_text_never_seals_to_the_same_bytes() {
        assert_ne!(protection().seal("a", b"x"), protection().seal("a", b"x"));
    }

    #[test]
    fn the_index_is_stable_keyed_and_kept_apart_by_kind() {
        let index = protection().index("iin", "871008401427");
        assert_eq!(index, protection().index("iin", "871008401427"));
        assert_ne!(index, protection().index("phone", "871008401427"));
        assert_ne!(index, Protection::new(&[1; 32], &[9; 32]).index("iin", "871008401427"));
    }
}
