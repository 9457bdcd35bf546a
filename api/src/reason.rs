//! Reasons in a person's own words. Those of staff stand in the audit log, in the clear and for ever: none with personal data is
//! taken. Never a judgement of what a reason says.

use nesie_domain::iban::Iban;
use nesie_domain::iin::Iin;
use nesie_domain::phone::Phone;

use crate::parse::Fields;

/// The longest reason.
const CHARACTERS_MAX: usize = 1000;
/// Digits of a card's number (ISO/IEC 7812).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Reads the reason of a member of staff, which is kept in the clear: it must be there, not be blank, and name nobody by number.
pub(crate) fn read_reason(fields: &mut Fields) -> Option<String> {
    let reason = read_sealed_reason(fields)?;
    if reason.split(is_between).any(is_personal) || numbers(&reason).any(|number| Phone::parse(number).is_ok()) {
        let message = "Без ИИН, телефона, счета и номера карты: причина хранится открыто и навсегда";
        fields.refuse("/reason", "reason.personal_data", message);
        return None;
    }
    Some(reason)
}

/// Reads a reason that is kept sealed: it must be there, and not be blank.
pub(crate) fn read_sealed_reason(fields: &mut Fields) -> Option<String> {
    let reason = fields.text("/reason")?.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > CHARACTERS_MAX {
        fields.refuse("/reason", "reason.length", format!("От 1 до {CHARACTERS_MAX} знаков"));
        return None;
    }
    Some(reason)
}

/// What stands between two words; a hyphen does not, since references have some.
fn is_between(character: char) -> bool {
    !character.is_alphanumeric() && character != '-'
}

fn is_personal(word: &str) -> bool {
    Iin::parse(word).is_ok() || Iban::parse(word).is_ok() || is_card(word)
}

/// Whether it is the number of a card, by its control digit (Luhn).
fn is_card(word: &str) -> bool {
    let digits: Option<Vec<u32>> = word.chars().map(|character| character.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| CARD_DIGITS.contains(&digits.len())) else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled @ ..=9) => doubled,
            (_, doubled) => doubled - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Numbers as they are written with spaces, hyphens, dots and brackets within.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let within = |character: char| character.is_ascii_digit() || " \u{a0}-.()+".contains(character);
    text.split(move |character| !within(character)).map(|number| number.trim_matches([' ', '.', '-', '\u{a0}']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::Problem;

    fn read(reason: &str) -> Result<String, Vec<String>> {
        let body = json!({ "reason": reason }).to_string();
        let mut fields = Fields::read(body.as_bytes()).expect("JSON");
        let read = read_reason(&mut fields);
        fields.finish(read).map_err(|problem| {
            let Problem::Invalid(errors) = problem else { panic!("{problem:?}") };
            errors.into_iter().map(|error| error.code).collect()
        })
    }

    #[test]
    fn what_is_kept_in_the_clear_names_nobody_by_number() {
        for reason in [
            "клиент 871008401427 подтвердил",
            "счет KZ86125KZT5004100100.",
            "позвонили на +7 (701) 123-45-67",
            "номер 87011234567",
            "карта 4111111111111111",
        ] {
            assert_eq!(read(reason), Err(vec!["reason.personal_data".to_owned()]), "{reason}");
        }
        for reason in [
            "банк подтвердил",
            "письмо банка 2026-11-29 №123456789011",
            "перевод 01a22797-8364-704d-8b76-577998edf9b1 найден",
            "дважды: 12.01.2026 и 13.01.2026, 4111111111111112",
        ] {
            assert_eq!(read(reason), Ok(reason.to_owned()));
        }
        assert_eq!(read(" "), Err(vec!["reason.length".to_owned()]));
    }
}
