//! Tokens whose signature was verified a moment ago: a front end sends the same one with every request.
//! Never longer than the token holds, and never beyond the list of keys that it was verified by.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::roles::Role;

/// More tokens than this are not kept: a flood of them costs signatures, not memory.
const TOKENS_MAX: usize = 1024;

/// What a token said, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// The actor and the known roles.
    pub(crate) who: (String, Vec<Role>),
    /// `exp`, in seconds since 1970.
    pub(crate) expires_at: f64,
    /// When the list of keys was fetched whose key verified it.
    pub(crate) keys_of: Instant,
}

/// The tokens of this process, by their SHA-256: whoever reads the memory finds no token to use.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens(Mutex<HashMap<[u8; 32], Verified>>);

impl VerifiedTokens {
    /// Who sends this token, if it was verified by a key of this very list and has not expired since.
    pub(crate) fn find(&self, sha256: &[u8; 32], keys_of: Instant, expired_before: f64) -> Option<(String, Vec<Role>)> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = tokens.get(sha256)?;
        (verified.keys_of == keys_of && verified.expires_at >= expired_before).then(|| verified.who.clone())
    }

    /// Remembers a token that holds.
    pub(crate) fn remember(&self, sha256: [u8; 32], verified: Verified) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(sha256, verified);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn verified(keys_of: Instant) -> Verified {
        Verified { who: ("issuer|front".to_owned(), vec![Role::Service]), expires_at: 100.0, keys_of }
    }

    #[test]
    fn a_token_is_known_until_it_expires_and_while_its_list_of_keys_is_the_one_in_use() {
        let (tokens, list) = (VerifiedTokens::default(), Instant::now());
        assert_eq!(tokens.find(&[1; 32], list, 90.0), None);
        tokens.remember([1; 32], verified(list));
        assert_eq!(tokens.find(&[1; 32], list, 100.0), Some(verified(list).who));
        assert_eq!(tokens.find(&[1; 32], list, 100.5), None, "expired");
        assert_eq!(
            tokens.find(&[1; 32], list + Duration::from_secs(1), 90.0),
            None,
            "verified by an older list of keys"
        );
        assert_eq!(tokens.find(&[2; 32], list, 90.0), None, "another token");
    }

    #[test]
    fn tokens_do_not_pile_up() {
        let (tokens, list) = (VerifiedTokens::default(), Instant::now());
        for number in 0..3 * TOKENS_MAX {
            let mut sha256 = [0; 32];
            sha256[..8].copy_from_slice(&number.to_be_bytes());
            tokens.remember(sha256, verified(list));
        }
        assert!(tokens.0.lock().expect("not poisoned").len() <= TOKENS_MAX);
    }
}
