//! `Phone`: a Kazakh phone number in E.164 form, `+77XXXXXXXXX` (R-043, `domain.md` §2).
//! It never tells whose number it is, nor whether it is a mobile one: operators' prefixes change.

use crate::{rejection::rejections, text_form::personal_text};

/// A phone number in the form `+77XXXXXXXXX`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

personal_text!(Phone, PhoneError);

rejections! {
    /// Why a text is not a Kazakh phone number.
    pub enum PhoneError {
        /// Not eleven digits, or characters that no phone number has.
        Format = "phone.format", "a phone number is +7 and ten digits", "Номер телефона записывается как +7 7XX XXX XX XX";
        /// A number of another country or zone.
        Country = "phone.country", "not a number of Kazakhstan", "Нужен номер Казахстана: он начинается с +7 7";
    }
}

impl Phone {
    /// Reads `+7 7xx…`, `7 7xx…` and `8 7xx…`, with the usual spaces, hyphens, dots and brackets.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let text = text.trim();
        let (international, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        let mut digits = String::with_capacity(12);
        for character in rest.chars() {
            match character {
                '0'..='9' => digits.push(character),
                ' ' | '\u{a0}' | '-' | '.' | '(' | ')' => {}
                _ => return Err(PhoneError::Format),
            }
        }
        if international && !digits.starts_with('7') && !digits.is_empty() {
            return Err(PhoneError::Country);
        }
        // Eight is the trunk prefix of dialling inside the country, where E.164 has the country's seven.
        let subscriber =
            digits.strip_prefix(['7', '8']).filter(|subscriber| subscriber.len() == 10).ok_or(PhoneError::Format)?;
        if !subscriber.starts_with('7') {
            return Err(PhoneError::Country);
        }
        Ok(Self(format!("+7{subscriber}")))
    }

    /// The number with its plus sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_spellings_come_to_one_form() {
        for spelling in
            ["+77011234567", "87011234567", "77011234567", "8 701 123 45 67", "+7 (701) 123-45-67", " 8-701-123.45.67 "]
        {
            assert_eq!(Phone::parse(spelling).expect(spelling).as_str(), "+77011234567");
        }
    }

    #[test]
    fn each_kind_of_bad_number_has_its_own_answer() {
        for foreign in ["+74951234567", "84951234567", "+441234567890"] {
            assert_eq!(Phone::parse(foreign), Err(PhoneError::Country), "{foreign}");
        }
        for malformed in
            ["", "+", "7011234567", "+7701123456", "+770112345678", "8701123456a", "8+7011234567", "+7701;1234567"]
        {
            assert_eq!(Phone::parse(malformed), Err(PhoneError::Format), "{malformed}");
        }
        assert_eq!(format!("{:?}", Phone::parse("+77011234567").expect("valid")), "Phone(****)");
    }

    proptest! {
        #[test]
        fn what_is_read_is_canonical(text in "[+78 ()-]{0,4}7[0-9 -]{7,14}") {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert!(phone.as_str().len() == 12 && phone.as_str().starts_with("+77"));
                prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone.clone()));
            }
        }
    }
}
