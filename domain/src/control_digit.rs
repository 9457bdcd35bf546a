//! The control digit that IIN and BIN share (Government resolution №406 of 22.05.2007).
//! It never decides whether a number names a person or an organisation.

/// Weights of the first pass.
const FIRST_PASS: [u32; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// Weights of the second pass, taken only if the first gives ten.
const SECOND_PASS: [u32; 11] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2];

/// The twelve digits of a number, or nothing if it is not twelve ASCII digits.
pub(crate) fn twelve_digits(text: &str) -> Option<[u32; 12]> {
    let mut digits = [0; 12];
    let mut characters = text.chars();
    for digit in &mut digits {
        *digit = characters.next().filter(char::is_ascii_digit)?.to_digit(10)?;
    }
    characters.next().is_none().then_some(digits)
}

/// The control digit that the first eleven digits call for; nothing if such a number is not issued.
pub(crate) fn expected(digits: &[u32; 12]) -> Option<u32> {
    let pass = |weights: [u32; 11]| digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    [pass(FIRST_PASS), pass(SECOND_PASS)].into_iter().find(|remainder| *remainder < 10)
}

/// Whether the twelfth digit is the one that the first eleven call for.
pub(crate) fn holds(digits: &[u32; 12]) -> bool {
    expected(digits) == Some(digits[11])
}

/// Whether the fifth digit is the type of an organisation (4, 5, 6), where an IIN has the tens of the day.
pub(crate) fn looks_like_bin(digits: &[u32; 12]) -> bool {
    (4..=6).contains(&digits[4])
}
