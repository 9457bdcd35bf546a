//! Numbers of made-up persons: IIN, IBAN, card token, phone. Well-formed, and of nobody.
//! It never gives the same IIN twice in a run.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use super::book::Sex;

/// Gives out numbers of persons, each once.
#[derive(Default)]
pub(super) struct Registry {
    given: BTreeSet<String>,
}

impl Registry {
    /// A new IIN of this birth date and sex; the search for one that is issued begins at `start`.
    pub(super) fn iin(&mut self, birth_date: &str, sex: Sex, start: u32) -> Result<String> {
        for serial in start..start.saturating_add(10_000) {
            let Some(iin) = iin(birth_date, sex, serial % 10_000)? else { continue };
            if self.given.insert(iin.clone()) {
                return Ok(iin);
            }
        }
        bail!("no IIN is left for this birth date")
    }
}

/// The IIN with this serial number; none where such a number is not issued (Government resolution №853 of 26.08.2013).
fn iin(birth_date: &str, sex: Sex, serial: u32) -> Result<Option<String>> {
    let parts: Vec<&str> = birth_date.split('-').collect();
    let [year, month, day] = parts[..] else { bail!("a birth date is written as 1990-01-31") };
    let century: u32 = year.get(..2).context("a year has four digits")?.parse()?;
    let (Some(short_year), 2, 2) = (year.get(2..4), month.len(), day.len()) else {
        bail!("a birth date is written as 1990-01-31")
    };
    let male = match century {
        19 => 3,
        20 => 5,
        _ => bail!("nobody was born in that century"),
    };
    let seventh = if sex == Sex::Male { male } else { male + 1 };
    let stem = format!("{short_year}{month}{day}{seventh}{serial:04}");
    Ok(control_digit(&stem).map(|digit| format!("{stem}{digit}")))
}

/// The twelfth digit: two passes of weights modulo 11, none where both give 10 (resolution №406 of 22.05.2007).
fn control_digit(stem: &str) -> Option<u32> {
    const PASSES: [[u32; 11]; 2] = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]];
    let digits: Vec<u32> = stem.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let remainder =
        |weights: &[u32; 11]| digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    PASSES.iter().map(remainder).find(|remainder| *remainder < 10)
}

/// A Kazakh IBAN with this account number of thirteen letters and digits; ISO 13616.
pub(super) fn iban(account: &str) -> String {
    let bank_account = format!("125{account}");
    let digits = bank_account.chars().chain("KZ00".chars()).filter_map(|letter| letter.to_digit(36));
    let remainder = digits.fold(0, |remainder, value| (remainder * if value < 10 { 10 } else { 100 } + value) % 97);
    format!("KZ{:02}{bank_account}", 98 - remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_digits_are_those_of_the_published_numbers() {
        for iin in ["871008401427", "760212350620", "061211600012", "900101300811", "680503450037"] {
            let (stem, digit) = iin.split_at(11);
            assert_eq!(control_digit(stem), digit.parse().ok(), "{iin}");
        }
        assert_eq!(control_digit("90010130080"), None, "both passes give ten: not issued");
    }

    #[test]
    fn an_iin_shows_birth_date_century_and_sex() {
        let stem = |birth_date, sex| Registry::default().iin(birth_date, sex, 42).expect("given")[..7].to_owned();
        assert_eq!(stem("1987-10-08", Sex::Female), "8710084");
        assert_eq!(stem("1976-02-12", Sex::Male), "7602123");
        assert_eq!(stem("2004-12-11", Sex::Female), "0412116");
        for refused in ["", "1987", "87-10-08", "1887-10-08", "1987-1-08", "é987-10-08"] {
            assert!(Registry::default().iin(refused, Sex::Male, 1).is_err(), "{refused}");
        }
    }

    #[test]
    fn nobody_gets_the_number_of_another() {
        let mut registry = Registry::default();
        let numbers: BTreeSet<_> =
            (0..50).map(|_| registry.iin("1990-01-31", Sex::Male, 9_990).expect("given")).collect();
        assert_eq!(numbers.len(), 50, "also past the last serial number");
        for number in numbers {
            let (stem, digit) = number.split_at(11);
            assert_eq!(control_digit(stem), digit.parse().ok());
        }
    }

    #[test]
    fn an_iban_has_its_check_digits() {
        assert_eq!(iban("KZT5004100100"), "KZ86125KZT5004100100");
        for account in ["D000001000100", "D999999032003"] {
            let iban = iban(account);
            assert_eq!(iban.len(), 20);
            let moved = format!("{}{}", &iban[4..], &iban[..4]);
            let number: String =
                moved.chars().map(|letter| letter.to_digit(36).expect("a letter").to_string()).collect();
            let remainder = number.bytes().fold(0, |remainder, digit| (remainder * 10 + u32::from(digit - b'0')) % 97);
            assert_eq!(remainder, 1, "{iban}");
        }
    }
}
