//! `Bin`: the business identification number, twelve digits (R-047, `domain.md` §1).
//! It never tells who may act for the organisation.

use crate::{control_digit, rejection::rejections, text_form::personal_text};

/// A business identification number whose type and control digits hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bin(String);

personal_text!(Bin, BinError);

rejections! {
    /// Why a text is not a BIN.
    pub enum BinError {
        /// Not exactly twelve digits.
        Format = "bin.format", "a BIN is twelve digits", "БИН состоит ровно из 12 цифр";
        /// The twelfth digit is not the one that the others call for.
        Checksum = "bin.checksum", "the control digit does not hold", "Контрольная цифра БИН не сходится: проверьте номер";
        /// The first eleven digits call for no control digit at all, so the number was never issued.
        NotIssued = "bin.not_issued", "such a number is not issued", "БИН с таким номером не выдаётся: проверьте номер";
        /// The fifth digit is no type of organisation: it is the number of a person.
        IsIin = "bin.is_iin", "this is the number of a person (IIN)", "Это ИИН физического лица, а нужен БИН организации";
    }
}

impl Bin {
    /// Reads a BIN: twelve ASCII digits, control digit, and a type of organisation in the fifth place.
    pub fn parse(text: &str) -> Result<Self, BinError> {
        let digits = control_digit::twelve_digits(text).ok_or(BinError::Format)?;
        if control_digit::expected(&digits).is_none() {
            return Err(BinError::NotIssued);
        }
        if !control_digit::holds(&digits) {
            return Err(BinError::Checksum);
        }
        if !control_digit::looks_like_bin(&digits) {
            return Err(BinError::IsIin);
        }
        Ok(Self(text.to_owned()))
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::iin::Iin;

    #[test]
    fn valid_numbers_are_read() {
        let valid = [
            "940140000385",
            "950341000052",
            "961141000023",
            "070941024691",
            "241240000127",
            "201050000018",
            "210560001236",
            "190341900071",
            "151143000091",
        ];
        for number in valid {
            assert_eq!(Bin::parse(number).expect(number).as_str(), number);
        }
    }

    #[test]
    fn each_kind_of_bad_number_has_its_own_answer() {
        assert_eq!(Bin::parse("940140000380"), Err(BinError::Checksum));
        assert_eq!(Bin::parse("94014000038"), Err(BinError::Format));
        assert_eq!(Bin::parse("90010130080x"), Err(BinError::Format));
        assert_eq!(Bin::parse("900101300800"), Err(BinError::NotIssued));
        assert_eq!(Bin::parse("871008401427"), Err(BinError::IsIin));
        assert_eq!(format!("{:?}", Bin::parse("940140000385").expect("valid")), "Bin(****)");
    }

    proptest! {
        #[test]
        fn at_most_one_control_digit_fits_and_no_number_is_both_an_organisations_and_a_persons(head in "[0-9]{11}") {
            let numbers = (0..10).map(|last| format!("{head}{last}"));
            let read: Vec<_> = numbers.map(|number| (Bin::parse(&number).is_ok(), Iin::parse(&number).is_ok())).collect();
            prop_assert!(read.iter().filter(|(bin, iin)| *bin || *iin).count() <= 1);
            prop_assert!(read.iter().all(|(bin, iin)| !(*bin && *iin)));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,20}") {
            let _ = Bin::parse(&text);
        }
    }
}
