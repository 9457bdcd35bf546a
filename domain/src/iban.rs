//! `Iban`: the number of a bank account in Kazakhstan, twenty characters (R-087, `domain.md` §2).
//! It never tells whose account it is: that is the ownership check.

use iban::IbanLike as _;

use crate::{rejection::rejections, text_form::personal_text};

/// How long a Kazakh IBAN is.
const LENGTH: usize = 20;

/// A Kazakh IBAN in electronic form: upper case, without spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iban(String);

personal_text!(Iban, IbanError);

rejections! {
    /// Why a text is not a Kazakh IBAN.
    pub enum IbanError {
        /// Wrong length or characters.
        Format = "iban.format", "a Kazakh IBAN is KZ, two digits, a bank code of three digits and thirteen letters or digits",
            "IBAN состоит из KZ и ещё 18 знаков: двух контрольных цифр, трёх цифр кода банка и 13 букв или цифр счёта";
        /// The account is kept in another country.
        Country = "iban.country", "the account is not kept in Kazakhstan", "Нужен счёт в банке Казахстана: IBAN начинается с KZ";
        /// The remainder by 97 is not one (ISO 13616).
        Checksum = "iban.checksum", "the control digits do not hold", "Контрольные цифры IBAN не сходятся: проверьте номер счёта";
    }
}

impl Iban {
    /// Reads an IBAN as people write it: spaces and lower case are tolerated.
    pub fn parse(text: &str) -> Result<Self, IbanError> {
        let electronic: String = text
            .chars()
            .filter(|character| !character.is_whitespace())
            .map(|character| character.to_ascii_uppercase())
            .collect();
        let mut head = electronic.chars();
        let country = (head.next(), head.next());
        if let (Some('A'..='Z'), Some('A'..='Z')) = country
            && country != (Some('K'), Some('Z'))
        {
            return Err(IbanError::Country);
        }
        // The crate judges the sum first; a wrong length deserves the plainer answer.
        if electronic.len() != LENGTH {
            return Err(IbanError::Format);
        }
        match electronic.parse::<iban::Iban>() {
            Ok(iban) => Ok(Self(iban.electronic_str().to_owned())),
            Err(iban::ParseIbanError::InvalidBaseIban { source: iban::ParseBaseIbanError::InvalidChecksum }) => {
                Err(IbanError::Checksum)
            }
            Err(_) => Err(IbanError::Format),
        }
    }

    /// The twenty characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The three digits of the bank.
    #[must_use]
    pub fn bank_code(&self) -> &str {
        self.0.get(4..7).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn valid_accounts_are_read() {
        let valid = [
            ("KZ86125KZT5004100100", "125"),
            ("KZ563190000012344567", "319"),
            ("KZ84722C000012345678", "722"),
            ("KZ96601A123100000000", "601"),
            ("KZ189470398000000001", "947"),
            ("KZ758560000000000001", "856"),
        ];
        for (account, bank) in valid {
            let iban = Iban::parse(account).expect(account);
            assert_eq!((iban.as_str(), iban.bank_code()), (account, bank));
        }
        assert_eq!(Iban::parse(" kz86 125k zt50 0410 0100 ").expect("spaces").as_str(), "KZ86125KZT5004100100");
    }

    #[test]
    fn each_kind_of_bad_account_has_its_own_answer() {
        assert_eq!(Iban::parse("KZ86125KZT5004100101"), Err(IbanError::Checksum));
        assert_eq!(Iban::parse("KZ87125KZT5004100100"), Err(IbanError::Checksum));
        assert_eq!(Iban::parse("DE89370400440532013000"), Err(IbanError::Country));
        for malformed in
            ["", "KZ", "KZ86125KZT500410010", "KZ86125KZT50041001000", "KZ86-125KZT5004100100", "КZ86125KZT5004100100"]
        {
            assert_eq!(Iban::parse(malformed), Err(IbanError::Format), "{malformed}");
        }
        assert_eq!(format!("{:?}", Iban::parse("KZ86125KZT5004100100").expect("valid")), "Iban(****)");
    }

    proptest! {
        #[test]
        fn a_slip_in_one_digit_is_noticed(index in 7_usize..20, digit in 0_u8..10) {
            let mut account = *b"KZ563190000012344567";
            prop_assume!(account[index] != b'0' + digit);
            account[index] = b'0' + digit;
            let account = std::str::from_utf8(&account).expect("ASCII");
            prop_assert_eq!(Iban::parse(account), Err(IbanError::Checksum));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,24}") {
            let _ = Iban::parse(&text);
        }
    }
}
