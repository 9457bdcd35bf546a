//! Who the client is: names, identity document, kind, purpose and channel (paragraph 6, R-040 to R-042).
//! It never shows a name or a document number in `Debug`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    rejection::rejections,
    text_form::{UnknownCode, coded_enum, personal_text},
};

/// The most characters that one part of a name may have.
const NAME_LENGTH_MAXIMUM: usize = 100;

/// A surname, a given name or a patronymic: letters of any alphabet, spaces, hyphens, apostrophes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamePart(String);

personal_text!(NamePart, NamePartError);

rejections! {
    /// Why a text is not a part of a name.
    pub enum NamePartError {
        /// No letter in it.
        Empty = "name.empty", "a name has at least one letter", "Укажите имя буквами, как в документе";
        /// Longer than 100 characters.
        TooLong = "name.too_long", "a name has at most 100 characters", "Не больше 100 знаков";
        /// Digits or signs.
        Characters = "name.characters", "a name has letters, spaces, hyphens and apostrophes only",
            "Допустимы только буквы, пробел, дефис и апостроф, как в документе";
    }
}

impl NamePart {
    /// Reads a part of a name as it stands in the document; spaces around and doubled ones are dropped.
    pub fn parse(text: &str) -> Result<Self, NamePartError> {
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.chars().count() > NAME_LENGTH_MAXIMUM {
            return Err(NamePartError::TooLong);
        }
        let admissible =
            |character: char| character.is_alphabetic() || matches!(character, ' ' | '-' | '\'' | '’' | 'ʼ' | 'ʹ');
        if !name.chars().all(admissible) {
            return Err(NamePartError::Characters);
        }
        if !name.chars().any(char::is_alphabetic) {
            return Err(NamePartError::Empty);
        }
        Ok(Self(name))
    }

    /// The name as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The full name of a person, as in the identity document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonName {
    /// Surname.
    pub surname: NamePart,
    /// Given name.
    pub given_name: NamePart,
    /// Patronymic, if the document has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patronymic: Option<NamePart>,
}

impl PersonName {
    /// Reads all parts; the first that does not hold is the answer. To name every bad field, parse the parts singly.
    pub fn parse(surname: &str, given_name: &str, patronymic: Option<&str>) -> Result<Self, NamePartError> {
        Ok(Self {
            surname: NamePart::parse(surname)?,
            given_name: NamePart::parse(given_name)?,
            patronymic: patronymic.map(NamePart::parse).transpose()?,
        })
    }

    /// Surname, given name and patronymic in this order: for documents and for screening.
    #[must_use]
    pub fn full(&self) -> String {
        let parts = [Some(&self.surname), Some(&self.given_name), self.patronymic.as_ref()];
        parts.into_iter().flatten().map(NamePart::as_str).collect::<Vec<_>>().join(" ")
    }
}

coded_enum! {
    /// The identity documents that paragraph 6 admits. A birth certificate is not among them.
    pub enum IdentityDocumentKind, "document.kind_unknown" {
        /// Identity card of a citizen.
        IdentityCard = "identity_card",
        /// Passport.
        Passport = "passport",
        /// Residence permit of a foreigner.
        ResidencePermit = "residence_permit",
    }
}

/// Why something is not an identity document that paragraph 6 admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityDocumentError {
    /// Paragraph 6 excludes birth certificates by name.
    #[error("a birth certificate does not identify a client")]
    BirthCertificate,
    /// An unknown kind of document.
    #[error(transparent)]
    Kind(#[from] UnknownCode),
    /// The number is not 5 to 20 letters and digits.
    #[error("a document number is 5 to 20 letters and digits")]
    Number,
}

impl IdentityDocumentError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BirthCertificate => "document.birth_certificate",
            Self::Kind(unknown) => unknown.code(),
            Self::Number => "document.number",
        }
    }

    /// What to put right, in Russian.
    #[must_use]
    pub fn message_ru(&self) -> String {
        match self {
            Self::BirthCertificate => {
                "Свидетельство о рождении не принимается: нужны удостоверение личности, паспорт или вид на жительство"
                    .to_owned()
            }
            Self::Kind(unknown) => unknown.message_ru(),
            Self::Number => "Номер документа состоит из 5–20 букв и цифр".to_owned(),
        }
    }
}

impl crate::rejection::Rejection for IdentityDocumentError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message_ru(&self) -> String {
        Self::message_ru(self)
    }
}

/// The number of an identity document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentNumber(String);

personal_text!(DocumentNumber, IdentityDocumentError);

impl DocumentNumber {
    /// Reads a number: 5 to 20 letters and digits; spaces are dropped, letters become upper case.
    pub fn parse(text: &str) -> Result<Self, IdentityDocumentError> {
        let number: String =
            text.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_uppercase).collect();
        let length = number.chars().count();
        if (5..=20).contains(&length) && number.chars().all(char::is_alphanumeric) {
            Ok(Self(number))
        } else {
            Err(IdentityDocumentError::Number)
        }
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identity document with its expiry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityDocument {
    /// What it is.
    pub kind: IdentityDocumentKind,
    /// Its number.
    pub number: DocumentNumber,
    /// The last day on which it is valid.
    pub expires_on: NaiveDate,
}

impl IdentityDocument {
    /// Reads kind and number; a birth certificate has its own refusal.
    pub fn parse(kind: &str, number: &str, expires_on: NaiveDate) -> Result<Self, IdentityDocumentError> {
        if kind == "birth_certificate" {
            return Err(IdentityDocumentError::BirthCertificate);
        }
        Ok(Self { kind: IdentityDocumentKind::parse(kind)?, number: DocumentNumber::parse(number)?, expires_on })
    }

    /// Whether the document still identifies its holder on that day.
    #[must_use]
    pub fn valid_on(&self, date: NaiveDate) -> bool {
        self.expires_on >= date
    }
}

coded_enum! {
    /// What the client is before the law.
    pub enum ClientKind, "client_kind.unknown" {
        /// An individual.
        Individual = "individual",
        /// An individual registered as a sole proprietor (ИП).
        SoleProprietor = "sole_proprietor",
    }
}

coded_enum! {
    /// What the money is for; with [`ClientKind::SoleProprietor`] it decides whether an EDS is needed (R-092, reading A4).
    pub enum Purpose, "purpose.unknown" {
        /// Consumption.
        Consumer = "consumer",
        /// Business activity.
        Business = "business",
    }
}

rejections! {
    /// Why a text is not the code of a channel.
    pub enum ChannelError {
        /// Not 2 to 32 lower-case letters, digits, hyphens or underscores.
        Format = "channel.format", "a channel code is 2 to 32 lower-case letters, digits, hyphens or underscores",
            "Код канала состоит из 2–32 строчных латинских букв, цифр, дефисов и подчёркиваний";
    }
}

/// The code of a notified channel: web resource, mobile application or terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

crate::text_form::shown_text!(Channel);

impl Channel {
    /// Reads the code of a channel. Whether such a channel is open is for the table of channels to say.
    pub fn parse(text: &str) -> Result<Self, ChannelError> {
        let well_formed = (2..=32).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(ChannelError::Format) }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

impl std::str::FromStr for Channel {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("exists")
    }

    #[test]
    fn names_keep_kazakh_letters_and_lose_stray_spaces() {
        let name = PersonName::parse(" Әбдіқадыров ", "Ғалым  Нұр", Some("Өмірұлы")).expect("valid");
        assert_eq!(name.full(), "Әбдіқадыров Ғалым Нұр Өмірұлы");
        assert_eq!(format!("{:?}", name.surname), "NamePart(****)");
        assert!(!format!("{name:?}").contains("Ғалым"));
        for valid in ["Ким-Ли", "O'Brien", "Д’Артаньян", "Ян"] {
            assert!(NamePart::parse(valid).is_ok(), "{valid}");
        }
        assert_eq!(NamePart::parse("  "), Err(NamePartError::Empty));
        assert_eq!(NamePart::parse("-"), Err(NamePartError::Empty));
        assert_eq!(NamePart::parse("Иван4"), Err(NamePartError::Characters));
        assert_eq!(NamePart::parse("<script>"), Err(NamePartError::Characters));
        assert_eq!(NamePart::parse(&"а".repeat(101)), Err(NamePartError::TooLong));
    }

    #[test]
    fn a_birth_certificate_identifies_nobody() {
        let refused = IdentityDocument::parse("birth_certificate", "123456789", day(2030, 1, 1));
        assert_eq!(refused, Err(IdentityDocumentError::BirthCertificate));
        let unknown = IdentityDocument::parse("driving_licence", "123456789", day(2030, 1, 1)).expect_err("refused");
        assert_eq!(unknown.code(), "document.kind_unknown");
        assert_eq!(IdentityDocument::parse("passport", "1", day(2030, 1, 1)), Err(IdentityDocumentError::Number));
    }

    #[test]
    fn a_document_is_valid_through_its_last_day() {
        let document = IdentityDocument::parse("identity_card", "012 345 678", day(2030, 1, 1)).expect("valid");
        assert_eq!(document.number.as_str(), "012345678");
        assert!(document.valid_on(day(2030, 1, 1)));
        assert!(!document.valid_on(day(2030, 1, 2)));
    }

    #[test]
    fn channels_are_plain_codes() {
        assert_eq!(Channel::parse("mobile-app").expect("valid").as_str(), "mobile-app");
        for malformed in ["", "a", "Web", "веб", "a b"] {
            assert_eq!(Channel::parse(malformed), Err(ChannelError::Format), "{malformed}");
        }
    }
}
