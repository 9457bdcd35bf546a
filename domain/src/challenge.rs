//! Control movements against a static image or video (paragraph 35, R-214).
//! The seed comes from outside and is used once: from one seed always the same movements follow.

use crate::text_form::coded_enum;

coded_enum! {
    /// One movement that the client is asked for.
    pub enum Movement, "movement.unknown" {
        /// Close the eyes for a moment.
        Blink = "blink",
        /// Turn the head to the left.
        TurnLeft = "turn_left",
        /// Turn the head to the right.
        TurnRight = "turn_right",
        /// Smile.
        Smile = "smile",
        /// Nod.
        Nod = "nod",
        /// Open the mouth.
        OpenMouth = "open_mouth",
    }
}

/// The fewest movements of a challenge; the biometric rules ask for three.
const MOVEMENTS_MINIMUM: usize = 4;

/// Four to six movements, none like the one before it.
#[must_use]
pub fn movements_from_seed(seed: &[u8; 32]) -> Vec<Movement> {
    let [count_byte, first_byte, rest @ ..] = seed;
    let kinds = Movement::ALL.len();
    let count = MOVEMENTS_MINIMUM + usize::from(*count_byte) % 3;
    let mut place = usize::from(*first_byte) % kinds;
    let mut movements = vec![Movement::ALL[place]];
    for byte in rest.iter().take(count - 1) {
        // A step of one to five from the last place reaches every other kind and never the same.
        place = (place + 1 + usize::from(*byte) % (kinds - 1)) % kinds;
        movements.push(Movement::ALL[place]);
    }
    movements
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_differ_from_seed_to_seed() {
        let challenges: BTreeSet<Vec<Movement>> =
            (0..=255_u8).map(|byte| movements_from_seed(&crate::hash::sha256(&[byte]))).collect();
        // 256 draws from more than 24,000 sequences: a few may coincide, most must not.
        assert!(challenges.len() > 200, "{} different challenges of 256", challenges.len());
        let movements: BTreeSet<Movement> = challenges.into_iter().flatten().collect();
        assert_eq!(movements.len(), Movement::ALL.len());
    }

    proptest! {
        #[test]
        fn at_least_three_and_none_twice_in_a_row(seed in any::<[u8; 32]>()) {
            let movements = movements_from_seed(&seed);
            prop_assert!((4..=6).contains(&movements.len()));
            prop_assert!(movements.windows(2).all(|pair| pair[0] != pair[1]));
            prop_assert_eq!(&movements, &movements_from_seed(&seed));
        }
    }
}
