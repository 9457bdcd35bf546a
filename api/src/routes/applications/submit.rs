//! Submitting an application: parsed to domain types, judged against the limits of the day, stored with its key and the
//! open channel that it came through (paras 2(9), 2(10), 3, 4(2), 7(1); ).
//! Starts nothing: the start relay starts what is stored, so an answer 202 is never lost.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::application::Stage;
use nesie_domain::ids::ApplicationId;
use nesie_domain::iin::Iin;
use nesie_domain::limits::{LimitRule, PolicySet};
use nesie_domain::person::{
    Channel, ClientKind, DocumentNumber, IdentityDocument, IdentityDocumentError, IdentityDocumentKind, NamePart,
    PersonName, Purpose,
};
use nesie_domain::phone::Phone;
use nesie_domain::quote;
use nesie_domain::term::Term;
use nesie_storage::applications::{self, NewApplication};
use nesie_storage::bodies::{self, Applicant};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::policy::Channel as KnownChannel;
use nesie_storage::{audit, policy, pool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Caller, ServiceOnly};
use crate::idempotency::{IdempotencyKey, give};
use crate::parse::{Body, Fields};
use crate::problem::{FieldError, Problem, internal};
use crate::routes::quotes::{Terms, read_terms};
use crate::view;

const ROUTE: &str = "POST /v1/applications";
/// The edition of the Rules that this build follows; an application keeps its own (design invariant 12).
pub(crate) const RULESET: &str = "2025-01-01";

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

/// A stored application.
#[derive(Serialize, ToSchema)]
pub(crate) struct Submitted {
    id: Uuid,
    /// The stage, by `stage` with its data.
    stage: Value,
    /// What is expected next, of whom, and where to send it.
    expected: Option<Value>,
    links: Value,
}

/// Подать заявку
#[utoipa::path(
    post, path = "/v1/applications", tag = "applications", params(("idempotency-key" = String, Header)),
    request_body = ApplicationRequest,
    responses((status = 202, body = Submitted), (status = 422, description = "Поля с ошибками или условия вне пределов", content_type = "application/problem+json"))
)]
pub(crate) async fn submit(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = &allowed.caller;
    let request = RequestKey { subject: &caller.actor, route: ROUTE, key: &key.0 };
    let fingerprint = acts::body_hash(&app, &body);
    match idempotency::find(&app.pool, &request, &fingerprint).await? {
        Some(Claim::Finished(answer)) => return Ok(give(answer)),
        Some(Claim::OtherBody) => return Err(Problem::IdempotencyKeyReused),
        Some(Claim::New | Claim::Unfinished { .. }) | None => {}
    }
    let received_at = crate::time::now();
    let today = crate::time::day(received_at);
    let policies = policy::set_on(&app.pool, today).await?;
    let parsed = parse(&body, today, &policies)?;
    check_channel(policy::channel(&app.pool, parsed.channel.as_str()).await?.as_ref(), &parsed.channel, received_at)?;
    check_terms(&policies, parsed.terms, today)?;
    store(&app, caller, &request, &fingerprint, &parsed, &policies, received_at).await.map(give)
}

/// An application in domain types.
#[derive(Debug)]
struct Parsed {
    applicant: Applicant,
    channel: Channel,
    purpose: Purpose,
    terms: Terms,
    valid_for_seconds: u64,
}

fn parse(body: &[u8], today: NaiveDate, policies: &PolicySet) -> Result<Parsed, Problem> {
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
    let parsed = applicant.zip(channel).zip(purpose).zip(terms);
    fields.finish(parsed.map(|(((applicant, channel), purpose), terms)| Parsed {
        applicant,
        channel,
        purpose,
        terms,
        valid_for_seconds,
    }))
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

const NOT_SUPPORTED_CHANNEL: &str = "Терминалы и касса пока не поддерживаются";

/// Whether the channel may be used (paras 3, 4).
fn check_channel(known: Option<&KnownChannel>, channel: &Channel, at: DateTime<Utc>) -> Result<(), Problem> {
    match known {
        None => Err(Problem::field("/channel", "channel.unknown", "Такого канала нет")),
        Some(known) if known.kind == "terminal" => {
            Err(Problem::field("/channel", "channel.not_supported", NOT_SUPPORTED_CHANNEL))
        }
        Some(known) if known.active_from > at => {
            tracing::warn!(channel = %channel, "an application came by a channel that is not open yet");
            Err(Problem::field("/channel", "channel.not_active", "Канал ещё не открыт"))
        }
        Some(_) => Ok(()),
    }
}

/// Refused only where no method's terms are within the limits; each breached limit is named once.
fn check_terms(policies: &PolicySet, terms: Terms, today: NaiveDate) -> Result<(), Problem> {
    let quotes = quote::quote(policies, terms.amount, terms.rate, terms.term, today)
        .map_err(|error| Problem::field("/amount", error.code(), error.message_ru()))?;
    if quotes.iter().any(quote::Quote::within_limits) {
        return Ok(());
    }
    let mut errors: Vec<FieldError> = Vec::new();
    for breach in quotes.iter().flat_map(|quote| &quote.breaches) {
        let pointer = match breach.rule {
            LimitRule::AmountMaximumIndices | LimitRule::ShortLoanAmountIndices => "/amount",
            _ => "/annual_rate",
        };
        if errors.iter().all(|error| error.code != breach.code()) {
            errors.push(FieldError {
                pointer: pointer.to_owned(),
                code: breach.code().to_owned(),
                message: breach.message_ru(),
            });
        }
    }
    if errors.is_empty() {
        let message = "ГЭСВ по этим условиям рассчитать нельзя";
        return Err(Problem::field("/annual_rate", "effective_rate.not_computable", message));
    }
    Err(Problem::Invalid(errors))
}

/// Key, application, audit and answer in one transaction.
async fn store(
    app: &App,
    caller: &Caller,
    request: &RequestKey<'_>,
    fingerprint: &[u8],
    parsed: &Parsed,
    policies: &PolicySet,
    received_at: DateTime<Utc>,
) -> Result<StoredAnswer, Problem> {
    let id = ApplicationId::from_uuid(Uuid::now_v7());
    let mut transaction = pool::begin(&app.pool).await?;
    match idempotency::claim(&mut transaction, request, fingerprint, id.as_uuid(), received_at).await? {
        Claim::New => {}
        Claim::Finished(answer) => return Ok(answer),
        Claim::OtherBody => return Err(Problem::IdempotencyKeyReused),
        // Key, application and answer are written together: a key without an answer is none of ours.
        Claim::Unfinished { .. } => return Err(Problem::Internal),
    }
    let stage = Stage::Assessing;
    let plain = serde_json::to_vec(&parsed.applicant).map_err(|error| internal(&error, "an applicant is no JSON"))?;
    let version = policies.version();
    let (term_months, term_days) = match parsed.terms.term {
        Term::Months(months) => (Some(i32::from(months)), None),
        Term::Days(days) => (None, Some(i32::from(days))),
    };
    let new = NewApplication {
        id,
        submitted_by: &caller.actor,
        client_kind: parsed.applicant.kind.as_str(),
        purpose: parsed.purpose.as_str(),
        channel: parsed.channel.as_str(),
        amount_tiyn: parsed.terms.amount.tiyn(),
        annual_rate: parsed.terms.rate.percent(),
        term_months,
        term_days,
        applicant_sealed: &app.protection.seal(&bodies::applicant_place(id), &plain),
        iin_index: &app.protection.index("iin", parsed.applicant.iin.as_str()),
        phone_index: &app.protection.index("phone", parsed.applicant.phone.as_str()),
        ruleset: RULESET,
        policy_version: &version,
        policy: policies,
        build: nesie_platform::BUILD,
        valid_for_seconds: i64::try_from(parsed.valid_for_seconds).map_err(|error| internal(&error, "validity"))?,
        received_at,
        stage: &stage,
    };
    applications::insert(&mut transaction, &new).await?;
    let roles = caller.role_names();
    let object = audit::application_object(id);
    let details = json!({ "ruleset": RULESET, "policy_version": version, "build": nesie_platform::BUILD });
    let entry = audit::Entry {
        occurred_at: received_at,
        ..acts::entry(caller, &roles, "submit_application", &object, "", details)
    };
    audit::record(&mut transaction, &entry).await?;
    let answer = idempotency::finish(&mut transaction, request, &answer(id, &stage)).await?;
    pool::commit(transaction).await?;
    Ok(answer)
}

fn answer(id: ApplicationId, stage: &Stage) -> StoredAnswer {
    let body = json!({
        "id": id,
        "stage": view::stage(stage, false, false),
        "expected": view::expected(id, stage.expected().into(), false),
        "links": view::links(id),
    });
    StoredAnswer { status: 202, body }
}

#[cfg(test)]
mod tests {
    use nesie_domain::limits::default_rows;

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

    fn refused(body: &Value) -> Vec<(String, String)> {
        match parse(body.to_string().as_bytes(), day(), &policies()) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn the_documented_shape_is_what_is_parsed() {
        let body = serde_json::to_value(sample()).expect("JSON");
        let parsed = parse(body.to_string().as_bytes(), day(), &policies()).expect("parsed");
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

    #[test]
    fn terms_above_every_cap_are_refused_with_the_limits_named() {
        let terms = |amount: &str, rate: &str| Terms {
            amount: nesie_domain::money::Money::parse_decimal(amount).expect("an amount"),
            rate: nesie_domain::rate::Rate::parse(rate).expect("a rate"),
            term: Term::months(12).expect("a term"),
        };
        assert_eq!(check_terms(&policies(), terms("300000.00", "36.0"), day()), Ok(()));
        let Err(Problem::Invalid(errors)) = check_terms(&policies(), terms("300000.00", "90.0"), day()) else {
            panic!("refused")
        };
        assert!(errors.iter().all(|error| error.pointer == "/annual_rate") && !errors.is_empty(), "{errors:?}");
        let Err(Problem::Invalid(errors)) = check_terms(&policies(), terms("900000000.00", "36.0"), day()) else {
            panic!("refused")
        };
        assert!(errors.iter().any(|error| error.pointer == "/amount"), "{errors:?}");
    }

    #[test]
    fn a_channel_must_be_known_supported_and_open() {
        let channel = Channel::parse("web").expect("a code");
        let at = DateTime::UNIX_EPOCH;
        let known = |kind: &str, active_from| KnownChannel {
            code: "web".to_owned(),
            kind: kind.to_owned(),
            operations: Vec::new(),
            active_from,
        };
        let code = |known: Option<&KnownChannel>| match check_channel(known, &channel, at) {
            Ok(()) => String::new(),
            Err(Problem::Invalid(errors)) => errors[0].code.clone(),
            Err(other) => panic!("not a 422: {other:?}"),
        };
        assert_eq!(code(None), "channel.unknown");
        assert_eq!(code(Some(&known("terminal", at))), "channel.not_supported");
        assert_eq!(code(Some(&known("web_resource", at + chrono::TimeDelta::seconds(1)))), "channel.not_active");
        assert_eq!(code(Some(&known("web_resource", at))), "");
    }
}
