//! What an application says, read from its body to domain types (paras 2(9), 6; ).
//! Never a look at what is stored: whether its channel is open and its terms are within the limits is asked in `submit`.

use chrono::NaiveDate;
use nesie_domain::iin::Iin;
use nesie_domain::limits::PolicySet;
use nesie_domain::person::{
    Channel, ClientKind, DocumentNumber, IdentityDocument, IdentityDocumentError, IdentityDocumentKind, NamePart,
    PersonName, Purpose,
};
use nesie_domain::phone::Phone;
use nesie_storage::bodies::Applicant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::parse::Fields;
use crate::problem::Problem;
use crate::routes::quotes::{Terms, read_terms};

/// What whoever comes by a terminal or the cash desk is told.
pub(super) const NOT_SUPPORTED_CHANNEL: &str = "Терминалы и касса пока не поддерживаются";

/// An application for a microcredit.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = NewApplication)]
pub(crate) struct ApplicationRequest {
    client: ClientRequest,
    /// The channel's code, such as `web`.
    #[schema(example = "web")]
    channel: String,
    /// `consumer` or `business`.
    #[schema(example = "consumer")]
    purpose: String,
    /// Tenge with at most two decimals.
    #[schema(example = "300000.00")]
    amount: String,
    /// Percent a year.
    #[schema(example = "36.0")]
    annual_rate: String,
    /// The term in months, or else `term_days`.
    #[schema(example = 12)]
    term_months: Option<u16>,
    /// The term in days, or else `term_months`.
    term_days: Option<u16>,
    /// How long the client may take in all; the policy's longest when absent.
    valid_for_seconds: Option<u64>,
}

/// Who applies.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientRequest {
    /// `individual` or `sole_proprietor`.
    #[schema(example = "individual")]
    kind: String,
    /// Twelve digits.
    iin: String,
    surname: String,
    given_name: String,
    patronymic: Option<String>,
    birth_date: Option<NaiveDate>,
    identity_document: IdentityDocumentRequest,
    /// `+7 7XX XXX XX XX`
    phone: String,
    /// Whether the client says that he is a politically exposed person.
    politically_exposed: bool,
}

/// The document that identifies the client.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = IdentityDocument)]
pub(crate) struct IdentityDocumentRequest {
    /// `identity_card`, `passport` or `residence_permit`.
    #[schema(example = "identity_card")]
    kind: String,
    number: String,
    expires_on: NaiveDate,
}

/// An application in domain types.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) applicant: Applicant,
    pub(super) channel: Channel,
    pub(super) purpose: Purpose,
    pub(super) terms: Terms,
    pub(super) valid_for_seconds: u64,
}

/// An application as far as it can be read: what is wrong with it is named once all of it was looked at.
pub(super) struct Draft {
    pub(super) fields: Fields,
    /// Where it can be read.
    pub(super) channel: Option<Channel>,
    /// Where they can be read.
    pub(super) terms: Option<Terms>,
    applicant: Option<Applicant>,
    purpose: Option<Purpose>,
    valid_for_seconds: u64,
}

/// Reads an application.
pub(super) fn read(body: &[u8], today: NaiveDate, policies: &PolicySet) -> Result<Draft, Problem> {
    let mut fields = Fields::read(body)?;
    let applicant = read_applicant(&mut fields, today);
    let channel = read_channel(&mut fields);
    let purpose = fields.parsed("/purpose", Purpose::parse);
    let terms = read_terms(&mut fields);
    let longest = u64::from(policies.application_validity_hours()) * 3600;
    let valid_for_seconds = fields.optional_number("/valid_for_seconds").unwrap_or(longest);
    if !(1..=longest).contains(&valid_for_seconds) {
        fields.refuse("/valid_for_seconds", "validity.out_of_range", format!("Допустимо от 1 до {longest} секунд"));
    }
    Ok(Draft { fields, channel, terms, applicant, purpose, valid_for_seconds })
}

impl Draft {
    /// The application, or every field that is wrong.
    pub(super) fn finish(self) -> Result<Parsed, Problem> {
        let valid_for_seconds = self.valid_for_seconds;
        let parsed = self.applicant.zip(self.channel).zip(self.purpose).zip(self.terms);
        self.fields.finish(parsed.map(|(((applicant, channel), purpose), terms)| Parsed {
            applicant,
            channel,
            purpose,
            terms,
            valid_for_seconds,
        }))
    }
}

fn read_applicant(fields: &mut Fields, today: NaiveDate) -> Option<Applicant> {
    let kind = fields.text("/client/kind").and_then(|text| {
        if text == "organisation" {
            let message = "Микрокредиты организациям пока не поддерживаются";
            fields.refuse("/client/kind", "client_kind.not_supported", message);
            return None;
        }
        fields.understood("/client/kind", ClientKind::parse(&text))
    });
    let iin = fields.parsed("/client/iin", Iin::parse);
    let surname = fields.parsed("/client/surname", NamePart::parse);
    let given_name = fields.parsed("/client/given_name", NamePart::parse);
    let patronymic = fields.optional_parsed("/client/patronymic", NamePart::parse);
    let birth_date = fields.optional_date("/client/birth_date");
    if birth_date.is_some_and(|date| date > today) {
        fields.refuse("/client/birth_date", "birth_date.in_the_future", "Дата рождения не может быть в будущем");
    }
    let identity_document = read_document(fields, today);
    let phone = fields.parsed("/client/phone", Phone::parse);
    let politically_exposed = fields.boolean("/client/politically_exposed");
    Some(Applicant {
        kind: kind?,
        iin: iin?,
        name: PersonName { surname: surname?, given_name: given_name?, patronymic },
        birth_date,
        identity_document: identity_document?,
        phone: phone?,
        politically_exposed: politically_exposed?,
    })
}

fn read_document(fields: &mut Fields, today: NaiveDate) -> Option<IdentityDocument> {
    let kind = fields.parsed("/client/identity_document/kind", |text| {
        if text == "birth_certificate" {
            return Err(IdentityDocumentError::BirthCertificate);
        }
        IdentityDocumentKind::parse(text).map_err(IdentityDocumentError::Kind)
    });
    let number = fields.parsed("/client/identity_document/number", DocumentNumber::parse);
    let expires_on = fields.date("/client/identity_document/expires_on");
    let document = IdentityDocument { kind: kind?, number: number?, expires_on: expires_on? };
    if !document.valid_on(today) {
        let message = "Срок действия документа истёк: нужен действующий документ";
        fields.refuse("/client/identity_document/expires_on", "document.expired", message);
    }
    Some(document)
}

fn read_channel(fields: &mut Fields) -> Option<Channel> {
    let text = fields.text("/channel")?;
    if matches!(text.as_str(), "terminal" | "cash" | "cash_desk") {
        fields.refuse("/channel", "channel.not_supported", NOT_SUPPORTED_CHANNEL);
        return None;
    }
    fields.understood("/channel", Channel::parse(&text))
}

#[cfg(test)]
mod tests {
    use nesie_domain::limits::default_rows;
    use serde_json::{Value, json};

    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date")
    }

    fn policies() -> PolicySet {
        PolicySet::new(default_rows(), day()).expect("the seed is complete")
    }

    fn sample() -> ApplicationRequest {
        ApplicationRequest {
            client: ClientRequest {
                kind: "individual".to_owned(),
                iin: "900101300017".to_owned(),
                surname: "Әлімханов".to_owned(),
                given_name: "Қанат".to_owned(),
                patronymic: None,
                birth_date: NaiveDate::from_ymd_opt(1990, 1, 1),
                identity_document: IdentityDocumentRequest {
                    kind: "identity_card".to_owned(),
                    number: "012345678".to_owned(),
                    expires_on: NaiveDate::from_ymd_opt(2030, 1, 1).expect("a date"),
                },
                phone: "+77011234567".to_owned(),
                politically_exposed: false,
            },
            channel: "web".to_owned(),
            purpose: "consumer".to_owned(),
            amount: "300000.00".to_owned(),
            annual_rate: "36.0".to_owned(),
            term_months: Some(12),
            term_days: None,
            valid_for_seconds: None,
        }
    }

    fn parse(body: &Value) -> Result<Parsed, Problem> {
        read(body.to_string().as_bytes(), day(), &policies())?.finish()
    }

    fn refused(body: &Value) -> Vec<(String, String)> {
        match parse(body) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn the_documented_shape_is_what_is_parsed() {
        let body = serde_json::to_value(sample()).expect("JSON");
        let parsed = parse(&body).expect("parsed");
        assert_eq!(parsed.valid_for_seconds, 240 * 3600);
        assert_eq!(parsed.applicant.iin.as_str(), "900101300017");
        assert!(!format!("{parsed:?}").contains("900101300017"), "no personal data in Debug");
    }

    #[test]
    fn every_bad_field_is_named() {
        let body = json!({
            "client": {
                "kind": "organisation", "iin": "900101300018", "surname": "", "given_name": "A1", "patronymic": 5,
                "birth_date": "1990-13-31", "phone": "123", "politically_exposed": "no",
                "identity_document": { "kind": "birth_certificate", "number": "1", "expires_on": "2030-01-01" },
            },
            "channel": "terminal", "purpose": "fun", "amount": "-1", "annual_rate": "x", "term_months": 0,
            "valid_for_seconds": 0, "surprise": true,
        });
        let named = refused(&body);
        for (pointer, code) in [
            ("/client/kind", "client_kind.not_supported"),
            ("/client/iin", "iin.checksum"),
            ("/client/surname", "name.empty"),
            ("/client/given_name", "name.characters"),
            ("/client/patronymic", "type.string"),
            ("/client/birth_date", "date.format"),
            ("/client/phone", "phone.format"),
            ("/client/politically_exposed", "type.boolean"),
            ("/client/identity_document/kind", "document.birth_certificate"),
            ("/client/identity_document/number", "document.number"),
            ("/channel", "channel.not_supported"),
            ("/purpose", "purpose.unknown"),
            ("/amount", "money.negative"),
            ("/annual_rate", "rate.format"),
            ("/term_months", "term.months"),
            ("/valid_for_seconds", "validity.out_of_range"),
            ("/surprise", "unknown_field"),
        ] {
            assert!(named.contains(&(pointer.to_owned(), code.to_owned())), "{pointer} {code} in {named:?}");
        }
        assert_eq!(named.len(), 17);
    }

    #[test]
    fn an_expired_document_is_refused() {
        let mut body = serde_json::to_value(sample()).expect("JSON");
        body["client"]["identity_document"]["expires_on"] = "2026-11-21".into();
        let named = refused(&body);
        assert_eq!(named, [("/client/identity_document/expires_on".to_owned(), "document.expired".to_owned())]);
    }
}
