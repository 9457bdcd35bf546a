//! `Iin`: the individual identification number, twelve digits (R-041, `domain.md` §1).
//! It never rejects a number for its birth date: since 2013 an IIN need not agree with it.

use chrono::NaiveDate;

use crate::{control_digit, rejection::rejections, text_form::personal_text};

/// An individual identification number whose control digit holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iin(String);

personal_text!(Iin, IinError);

rejections! {
    /// Why a text is not an IIN.
    pub enum IinError {
        /// Not exactly twelve digits.
        Format = "iin.format", "an IIN is twelve digits", "ИИН состоит ровно из 12 цифр";
        /// The twelfth digit is not the one that the others call for.
        Checksum = "iin.checksum", "the control digit does not hold",
            "Контрольная цифра ИИН не сходится: проверьте номер по документу";
        /// The first eleven digits call for no control digit at all, so the number was never issued.
        NotIssued = "iin.not_issued", "such a number is not issued", "ИИН с таким номером не выдаётся: проверьте номер по документу";
        /// It is a well-formed number of an organisation.
        IsBin = "iin.is_bin", "this is the number of an organisation (BIN)",
            "Это БИН организации, а нужен ИИН физического лица";
    }
}

/// What looks odd about an IIN and is no reason to refuse it (Government resolution №853 of 26.08.2013).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IinWarning {
    /// The first six digits are no date.
    NotADate,
    /// The seventh digit names neither century nor sex.
    CenturyUnknown,
    /// The birth date that the client gave is another.
    BirthDateDiffers,
}

impl IinWarning {
    /// The stable code of this warning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotADate => "iin.not_a_date",
            Self::CenturyUnknown => "iin.century_unknown",
            Self::BirthDateDiffers => "iin.birth_date_differs",
        }
    }
}

impl Iin {
    /// Reads an IIN: twelve ASCII digits, control digit, and not the number of an organisation.
    pub fn parse(text: &str) -> Result<Self, IinError> {
        let digits = control_digit::twelve_digits(text).ok_or(IinError::Format)?;
        if control_digit::expected(&digits).is_none() {
            return Err(IinError::NotIssued);
        }
        if !control_digit::holds(&digits) {
            return Err(IinError::Checksum);
        }
        // Only to help: a person's number may break its date layout, an organisation's number always shows a type here.
        if control_digit::looks_like_bin(&digits) {
            return Err(IinError::IsBin);
        }
        Ok(Self(text.to_owned()))
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What looks odd about the number by itself.
    #[must_use]
    pub fn warnings(&self) -> Vec<IinWarning> {
        let mut warnings = Vec::new();
        if self.century().is_none() {
            warnings.push(IinWarning::CenturyUnknown);
        }
        // A leap day is judged by the likelier century where the seventh digit is silent.
        if self.date_in(self.century().unwrap_or(2000)).is_none() {
            warnings.push(IinWarning::NotADate);
        }
        warnings
    }

    /// What looks odd about the number beside the birth date that the client gave.
    #[must_use]
    pub fn warnings_against(&self, birth_date: NaiveDate) -> Vec<IinWarning> {
        let mut warnings = self.warnings();
        if self.birth_date_hint().is_some_and(|hint| hint != birth_date) {
            warnings.push(IinWarning::BirthDateDiffers);
        }
        warnings
    }

    /// The birth date that the layout suggests: a hint, never a fact.
    #[must_use]
    pub fn birth_date_hint(&self) -> Option<NaiveDate> {
        self.date_in(self.century()?)
    }

    fn century(&self) -> Option<i32> {
        match self.0.as_bytes().get(6)? {
            b'1' | b'2' => Some(1800),
            b'3' | b'4' => Some(1900),
            b'5' | b'6' => Some(2000),
            _ => None,
        }
    }

    fn date_in(&self, century: i32) -> Option<NaiveDate> {
        let year: i32 = self.0.get(0..2)?.parse().ok()?;
        let month = self.0.get(2..4)?.parse().ok()?;
        let day = self.0.get(4..6)?.parse().ok()?;
        NaiveDate::from_ymd_opt(century + year, month, day)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The vectors of `domain.md` §1: second pass and 19th century among them.
    const VALID: [&str; 12] = [
        "871008401427",
        "760212350620",
        "800416300257",
        "680503450037",
        "931002451325",
        "800416100254",
        "061211600012",
        "900101300811",
        "050101600017",
        "000229500018",
        "851217301235",
        "920630456782",
    ];

    #[test]
    fn valid_numbers_are_read_and_written_back() {
        for number in VALID {
            let iin = Iin::parse(number).expect(number);
            assert_eq!(iin.as_str(), number);
            assert_eq!(iin.warnings(), [], "{number}");
            let json = serde_json::to_string(&iin).expect("writes");
            assert_eq!(serde_json::from_str::<Iin>(&json).expect("reads"), iin);
        }
    }

    #[test]
    fn each_kind_of_bad_number_has_its_own_answer() {
        assert_eq!(Iin::parse("123456789011"), Err(IinError::Checksum));
        for last in 0..10 {
            assert_eq!(Iin::parse(&format!("90010130080{last}")), Err(IinError::NotIssued));
        }
        for malformed in
            ["", "87100840142", "87100840142A", "8710084014270", " 871008401427", "٨٧١٠٠٨٤٠١٤٢٧", "87100840142７"]
        {
            assert_eq!(Iin::parse(malformed), Err(IinError::Format), "{malformed}");
        }
        assert_eq!(Iin::parse("940140000385"), Err(IinError::IsBin));
    }

    #[test]
    fn birth_date_is_a_hint_and_its_absence_a_warning() {
        let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("exists");
        let hint = |number: &str| Iin::parse(number).expect("valid").birth_date_hint();
        assert_eq!(hint("871008401427"), Some(date(1987, 10, 8)));
        assert_eq!(hint("800416100254"), Some(date(1880, 4, 16)));
        assert_eq!(hint("000229500018"), Some(date(2000, 2, 29)));
        let iin = Iin::parse("871008401427").expect("valid");
        assert_eq!(iin.warnings_against(date(1987, 10, 8)), []);
        assert_eq!(iin.warnings_against(date(1987, 10, 9)), [IinWarning::BirthDateDiffers]);
        // 30 February, and no century: odd, and accepted all the same.
        let odd =
            (0..10).find_map(|last| Iin::parse(&format!("80023000012{last}")).ok()).expect("one control digit fits");
        assert_eq!(odd.warnings(), [IinWarning::CenturyUnknown, IinWarning::NotADate]);
        assert_eq!(odd.birth_date_hint(), None);
    }

    #[test]
    fn neither_debug_nor_errors_show_the_number() {
        let iin = Iin::parse("871008401427").expect("valid");
        assert_eq!(format!("{iin:?}"), "Iin(****)");
        let error = serde_json::from_str::<Iin>("\"123456789011\"").expect_err("refused");
        assert!(!error.to_string().contains("123456789011"));
        let errors = [IinError::Format, IinError::Checksum, IinError::NotIssued, IinError::IsBin];
        assert!(errors.iter().all(|error| error.code().starts_with("iin.") && error.message_ru().contains("ИИН")));
    }

    proptest! {
        #[test]
        fn at_most_one_control_digit_fits(head in "[0-9]{11}") {
            let fitting = (0..10).filter(|last| {
                !matches!(Iin::parse(&format!("{head}{last}")), Err(IinError::Checksum | IinError::NotIssued))
            });
            prop_assert!(fitting.count() <= 1);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,20}") {
            let _ = Iin::parse(&text);
        }
    }
}
