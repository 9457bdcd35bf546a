//! A small seeded generator (SplitMix64) for made-up list entries and for weather.
//! It is our own so that the same seed gives the same lists under every version of every crate: a published version of
//! a list never changes.
//! It is never used for keys.

use sha2::{Digest, Sha256};

/// A deterministic sequence of numbers.
pub(crate) struct Sequence {
    state: u64,
}

impl Sequence {
    /// The sequence that belongs to a seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The sequence that belongs to a seed and a text, whatever else has been drawn meanwhile.
    pub(crate) fn of(seed: u64, text: &str) -> Self {
        let digest = Sha256::digest(format!("{seed}\n{text}"));
        Self::seeded(digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..limit`; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number in `0.0..=1.0`.
    pub(crate) fn fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / f64::from(u32::MAX)
    }

    /// One of the given texts.
    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let length = u64::try_from(from.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.below(length)).unwrap_or(0);
        from.get(index).copied().unwrap_or("")
    }
}
