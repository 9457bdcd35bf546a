//! Submitting an application: parsed to domain types, judged against the limits of the day, stored with its key and the
//! open channel that it came through (paras 2(10), 3, 4(2), 7(1); ).
//! Starts nothing: the start relay starts what is stored, so an answer 202 is never lost.

mod read;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::application::Stage;
use nesie_domain::ids::ApplicationId;
use nesie_domain::limits::{LimitRule, PolicySet};
use nesie_domain::person::Channel;
use nesie_domain::quote;
use nesie_domain::term::Term;
use nesie_storage::applications::{self, NewApplication};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::policy::Channel as KnownChannel;
use nesie_storage::{audit, bodies, policy, pool};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Caller, ServiceOnly};
use crate::idempotency::{IdempotencyKey, give};
use crate::parse::{Body, Fields};
use crate::problem::{Problem, internal};
use crate::routes::quotes::Terms;
use crate::view;
use read::{ApplicationRequest, NOT_SUPPORTED_CHANNEL, Parsed, read};

const ROUTE: &str = "POST /v1/applications";
/// The edition of the Rules that this build follows; an application keeps its own (design invariant 12).
pub(crate) const RULESET: &str = "2025-01-01";

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
    responses((status = 202, body = Submitted, headers(("Location" = String, description = "Адрес заявки"))), (status = 422, description = "Поля с ошибками или условия вне пределов", content_type = "application/problem+json"))
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
    let mut draft = read(&body, today, &policies)?;
    if let Some(channel) = &draft.channel {
        let known = policy::channel(&app.pool, channel.as_str()).await?;
        check_channel(&mut draft.fields, known.as_ref(), channel, received_at);
    }
    if let Some(terms) = draft.terms {
        check_terms(&mut draft.fields, &policies, terms, today);
    }
    let parsed = draft.finish()?;
    store(&app, caller, &request, &fingerprint, &parsed, &policies, received_at).await.map(give)
}

/// Whether the channel may be used (paras 3, 4).
fn check_channel(fields: &mut Fields, known: Option<&KnownChannel>, channel: &Channel, at: DateTime<Utc>) {
    match known {
        None => fields.refuse("/channel", "channel.unknown", "Такого канала нет"),
        Some(known) if known.kind == "terminal" => {
            fields.refuse("/channel", "channel.not_supported", NOT_SUPPORTED_CHANNEL);
        }
        Some(known) if known.active_from > at => {
            tracing::warn!(channel = %channel, "an application came by a channel that is not open yet");
            fields.refuse("/channel", "channel.not_active", "Канал ещё не открыт");
        }
        Some(_) => {}
    }
}

/// Refused only where no method's terms are within the limits; each breached limit is named once.
fn check_terms(fields: &mut Fields, policies: &PolicySet, terms: Terms, today: NaiveDate) {
    let quotes = match quote::quote(policies, terms.amount, terms.rate, terms.term, today) {
        Ok(quotes) if quotes.iter().any(quote::Quote::within_limits) => return,
        Ok(quotes) => quotes,
        Err(error) => return fields.refuse("/amount", error.code(), error.message_ru()),
    };
    let mut named: Vec<&str> = Vec::new();
    for breach in quotes.iter().flat_map(|quote| &quote.breaches) {
        let pointer = match breach.rule {
            LimitRule::AmountMaximumIndices | LimitRule::ShortLoanAmountIndices => "/amount",
            _ => "/annual_rate",
        };
        if !named.contains(&breach.code()) {
            named.push(breach.code());
            fields.refuse(pointer, breach.code(), breach.message_ru());
        }
    }
    if named.is_empty() {
        let message = "ГЭСВ по этим условиям рассчитать нельзя";
        fields.refuse("/annual_rate", "effective_rate.not_computable", message);
    }
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
        build: nesie_platform::build(),
        valid_for_seconds: i64::try_from(parsed.valid_for_seconds).map_err(|error| internal(&error, "validity"))?,
        received_at,
        stage: &stage,
    };
    applications::insert(&mut transaction, &new).await?;
    let roles = caller.role_names();
    let object = audit::application_object(id);
    let details = json!({
        "channel": parsed.channel, "ruleset": RULESET, "policy_version": version, "build": nesie_platform::build(),
    });
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
    use crate::problem::FieldError;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date")
    }

    fn policies() -> PolicySet {
        PolicySet::new(default_rows(), day()).expect("the seed is complete")
    }

    fn refused_by(check: impl FnOnce(&mut Fields)) -> Vec<FieldError> {
        let mut fields = Fields::read(b"{}").expect("an object");
        check(&mut fields);
        match fields.finish(Some(())) {
            Ok(()) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors,
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn terms_above_every_cap_are_refused_with_the_limits_named() {
        let terms = |amount: &str, rate: &str| Terms {
            amount: nesie_domain::money::Money::parse_decimal(amount).expect("an amount"),
            rate: nesie_domain::rate::Rate::parse(rate).expect("a rate"),
            term: Term::months(12).expect("a term"),
        };
        let refused = |amount, rate| refused_by(|fields| check_terms(fields, &policies(), terms(amount, rate), day()));
        assert_eq!(refused("300000.00", "36.0"), []);
        let errors = refused("300000.00", "90.0");
        assert!(errors.iter().all(|error| error.pointer == "/annual_rate") && !errors.is_empty(), "{errors:?}");
        let errors = refused("900000000.00", "36.0");
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
        let code = |known: Option<&KnownChannel>| {
            let errors = refused_by(|fields| check_channel(fields, known, &channel, at));
            errors.first().map_or_else(String::new, |error| error.code.clone())
        };
        assert_eq!(code(None), "channel.unknown");
        assert_eq!(code(Some(&known("terminal", at))), "channel.not_supported");
        assert_eq!(code(Some(&known("web_resource", at + chrono::TimeDelta::seconds(1)))), "channel.not_active");
        assert_eq!(code(Some(&known("web_resource", at))), "");
    }
}
