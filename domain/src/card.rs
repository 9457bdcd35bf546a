//! `CardToken`: the payment provider's opaque name for a card.
//! It never holds a card number: what reads like one is refused before it can be stored (PCI DSS, paragraph 34).

use crate::{rejection::rejections, text_form::personal_text};

/// A token that only the payment provider can turn into a card.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardToken(String);

personal_text!(CardToken, CardTokenError);

rejections! {
    /// Why a text is not a card token.
    pub enum CardTokenError {
        /// Wrong length or characters.
        Format = "card_token.format", "a card token is 8 to 64 letters, digits, hyphens or underscores",
            "Токен карты состоит из 8–64 латинских букв, цифр, дефисов и подчёркиваний";
        /// It reads like the number of a card.
        IsPan = "card_token.is_pan", "this reads like a card number, which must not be sent",
            "Передан номер карты: номер карты передавать нельзя, нужен токен платёжной организации";
    }
}

impl CardToken {
    /// Reads a token, and refuses anything in which a card number stands.
    pub fn parse(text: &str) -> Result<Self, CardTokenError> {
        // First of all: a card number with spaces is malformed too, and its sender must hear the graver reason.
        if holds_card_number(text) {
            return Err(CardTokenError::IsPan);
        }
        let well_formed = (8..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(CardTokenError::Format) }
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the whole text without its separators, or one unbroken run of digits in it, is a card number.
///
/// Runs are not joined over separators inside a longer token: the groups of a UUID would read as cards too often.
fn holds_card_number(text: &str) -> bool {
    let joined: String =
        text.chars().filter(|character| !matches!(character, '-' | '_' | '.') && !character.is_whitespace()).collect();
    is_card_number(&joined) || text.split(|character: char| !character.is_ascii_digit()).any(is_card_number)
}

/// Thirteen to nineteen digits whose Luhn sum is divisible by ten.
fn is_card_number(digits: &str) -> bool {
    (13..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && luhn_holds(digits)
}

fn luhn_holds(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|character| character.to_digit(10))
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled @ 10..) => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn card_numbers_are_refused_however_they_are_written() {
        let numbers = [
            "4400430000000007",
            "5169490000000009",
            "4111111111111111",
            "4400 4300 0000 0007",
            "4400-4300-0000-0007",
            "tok_4400430000000007",
            "4400430000000007abc",
            "4222222222222",
        ];
        for number in numbers {
            assert_eq!(CardToken::parse(number), Err(CardTokenError::IsPan), "{number}");
        }
    }

    #[test]
    fn tokens_are_read() {
        for token in ["tok_1a2b3c4d", "550e8400-e29b-41d4-a716-446655440000", "4400430000000008", "abcdefgh"] {
            assert_eq!(CardToken::parse(token).expect(token).as_str(), token);
        }
        for malformed in ["", "short", "with space", "кириллица", &"a".repeat(65)] {
            assert_eq!(CardToken::parse(malformed), Err(CardTokenError::Format), "{malformed}");
        }
        assert_eq!(format!("{:?}", CardToken::parse("tok_1a2b3c4d").expect("valid")), "CardToken(****)");
    }

    proptest! {
        #[test]
        fn every_number_with_its_luhn_digit_is_refused(head in "[0-9]{12,18}") {
            let number = (0..10).map(|last| format!("{head}{last}")).find(|number| luhn_holds(number)).expect("one fits");
            prop_assert_eq!(CardToken::parse(&number), Err(CardTokenError::IsPan));
        }
    }
}
