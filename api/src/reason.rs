//! Reasons in a person's own words. Those of staff stand in the audit log, in the clear and for ever: none with personal data is
//! taken. Never a judgement of what a reason says.

use nesie_domain::iban::Iban;
use nesie_domain::iin::Iin;
use nesie_domain::phone::Phone;

use crate::parse::Fields;

/// The longest reason.
const CHARACTERS_MAX: usize = 1000;
const PHONE_DIGITS: usize = 11;
const CARD_DIGITS: usize = 16;
/// What stands within a number that is written in groups.
const SEPARATORS: &str = " \u{a0}-.()";
/// Separators that keep two numbers apart.
const APART: usize = 3;
/// Groups that one number is written in at most.
const GROUPS_MAX: usize = 6;

/// Reads the reason of a member of staff, which is kept in the clear: it must be there, not be blank, and name nobody by number.
pub(crate) fn read_reason(fields: &mut Fields) -> Option<String> {
    let reason = read_sealed_reason(fields)?;
    if names_somebody(&reason) {
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

/// Whether there is a number in it that is somebody's, in whatever groups it is written.
fn names_somebody(reason: &str) -> bool {
    let numbers = joined(reason, |character| character.is_ascii_digit());
    let accounts = joined(reason, |character| character.is_ascii_alphanumeric());
    numbers.iter().any(|number| is_persons(number)) || accounts.iter().any(|account| Iban::parse(account).is_ok())
}

/// The words of a text, and what neighbours come to that only one or two separators keep apart.
fn joined(text: &str, of_word: fn(char) -> bool) -> Vec<String> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut between = 0;
    for part in text.split_inclusive(|character: char| !of_word(character)) {
        let word = part.trim_end_matches(|character: char| !of_word(character));
        if !word.is_empty() {
            words.push((between, word));
            between = 0;
        }
        // A letter keeps numbers apart for good.
        let separators = part.chars().skip(word.chars().count());
        between += separators.map(|separator| if SEPARATORS.contains(separator) { 1 } else { APART }).sum::<usize>();
    }
    let from = |start: usize| {
        let mut whole = words[start].1.to_owned();
        let mut all = vec![whole.clone()];
        for (_, next) in words[start + 1..].iter().take(GROUPS_MAX - 1).take_while(|(between, _)| *between < APART) {
            whole.push_str(next);
            all.push(whole.clone());
        }
        all
    };
    (0..words.len()).flat_map(from).collect()
}

/// A number of a person, a telephone or a card. Of references of banks, which are as long, a tenth has a control digit that
/// happens to hold: so a person's number must begin with a date, and a card's as cards do.
fn is_persons(number: &str) -> bool {
    let is_iin = Iin::parse(number).is_ok_and(|iin| iin.warnings().is_empty());
    let is_phone = number.len() == PHONE_DIGITS && Phone::parse(number).is_ok();
    is_iin || is_phone || is_card(number)
}

/// Whether it is the number of a card, by its first digit and its control digit (ISO/IEC 7812).
fn is_card(number: &str) -> bool {
    if number.len() != CARD_DIGITS || !number.starts_with(['2', '3', '4', '5', '6']) {
        return false;
    }
    let digits = number.chars().filter_map(|character| character.to_digit(10));
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled @ ..=9) => doubled,
            (_, doubled) => doubled - 9,
        })
        .sum();
    sum.is_multiple_of(10)
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
            "карта 4111 1111 1111 1111, счет другой",
            "KZ86 125K ZT50 0410 0100",
            "ИИН871008401427",
            "871008-401427",
            "клиент 87011234567 12.01.2026 подтвердил",
        ] {
            assert_eq!(read(reason), Err(vec!["reason.personal_data".to_owned()]), "{reason}");
        }
        for reason in [
            "банк подтвердил",
            "письмо банка 2026-11-29 №123456789011",
            "перевод 01a22797-8364-704d-8b76-577998edf9b1 найден",
            "дважды: 12.01.2026 и 13.01.2026, 4111111111111112",
            "RRN 625414495185 от 20261129140004",
            "договор 12/2026, письмо 77-1, сумма 300 000.00",
        ] {
            assert_eq!(read(reason), Ok(reason.to_owned()));
        }
        assert_eq!(read(" "), Err(vec!["reason.length".to_owned()]));
    }
}
