//! Quotes: what a loan would cost by each method (para 8(3), 8(4); ). Stores nothing; terms above a cap
//! are shown with why.

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use nesie_domain::limits::LimitBreach;
use nesie_domain::money::Money;
use nesie_domain::quote::{self, Quote};
use nesie_domain::rate::Rate;
use nesie_domain::schedule::{Instalment, Schedule};
use nesie_domain::term::Term;
use nesie_storage::policy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::{Body, Fields};
use crate::problem::Problem;

/// Terms to be quoted.
#[derive(Deserialize, ToSchema)]
#[schema(as = QuoteRequest)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct QuoteRequest {
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
    /// The day of the disbursement; today in Kazakhstan when absent.
    #[schema(example = "2026-01-15")]
    disbursed_on: Option<NaiveDate>,
}

/// Quotes by every method.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quotes {
    /// One a method.
    pub(crate) quotes: Vec<QuoteView>,
    /// The version of the limits that they were judged by.
    pub(crate) policy_version: String,
}

/// A quote by one method.
#[derive(Serialize, ToSchema)]
#[schema(as = Quote)]
pub(crate) struct QuoteView {
    /// `annuity`, `differentiated` or `bullet`.
    method: String,
    /// Percent a year, to one decimal; absent when it cannot be computed.
    annual_effective_rate: Option<String>,
    /// Interest in all.
    total_interest: String,
    /// Everything that is paid.
    total_payable: String,
    /// Whether the terms are within the limits.
    within_limits: bool,
    /// The limits that are not kept.
    breaches: Vec<BreachView>,
    /// The instalments.
    instalments: Vec<InstalmentView>,
}

/// A limit that is not kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Breach)]
pub(crate) struct BreachView {
    /// Stable code.
    pub(crate) code: String,
    /// In Russian.
    pub(crate) message: String,
    /// What was found.
    pub(crate) actual: String,
    /// What is allowed.
    pub(crate) limit: String,
}

/// One instalment.
#[derive(Serialize, ToSchema)]
#[schema(as = Instalment)]
pub(crate) struct InstalmentView {
    number: u16,
    due_on: NaiveDate,
    principal: String,
    interest: String,
    total: String,
    balance_after: String,
}

/// Расчёт по каждому методу погашения
#[utoipa::path(
    post, path = "/v1/quotes", tag = "quotes", request_body = QuoteRequest,
    responses((status = 200, body = Quotes), (status = 422, description = "Поля с ошибками", content_type = "application/problem+json"))
)]
pub(crate) async fn quote(
    _: Allowed<Anybody>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Json<Quotes>, Problem> {
    let today = crate::time::day(crate::time::now());
    let (terms, disbursed_on) = read(&body, today)?;
    let policies = policy::set_on(&app.pool, today).await?;
    let quotes = quote::quote(&policies, terms.amount, terms.rate, terms.term, disbursed_on)
        .map_err(|error| Problem::field("/amount", error.code(), error.message_ru()))?;
    Ok(Json(Quotes { quotes: quotes.iter().map(QuoteView::from).collect(), policy_version: policies.version() }))
}

/// What is asked for: amount, rate and term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) amount: Money,
    pub(crate) rate: Rate,
    pub(crate) term: Term,
}

fn read(body: &[u8], today: NaiveDate) -> Result<(Terms, NaiveDate), Problem> {
    let mut fields = Fields::read(body)?;
    let terms = read_terms(&mut fields);
    let disbursed_on = fields.optional_date("/disbursed_on").unwrap_or(today);
    fields.finish(terms.map(|terms| (terms, disbursed_on)))
}

/// Reads amount, rate and term; applications ask for the same three.
pub(crate) fn read_terms(fields: &mut Fields) -> Option<Terms> {
    let amount = fields.parsed("/amount", Money::parse_decimal);
    if amount.is_some_and(|amount| !amount.is_positive()) {
        fields.refuse("/amount", "money.not_positive", "Сумма должна быть больше нуля");
    }
    let amount = amount.filter(|amount| amount.is_positive());
    let rate = fields.parsed("/annual_rate", Rate::parse);
    let term = read_term(fields);
    Some(Terms { amount: amount?, rate: rate?, term: term? })
}

fn read_term(fields: &mut Fields) -> Option<Term> {
    // A number beyond the type is beyond every limit of a term: the type's own greatest is refused just the same.
    let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    match (fields.has("/term_months"), fields.has("/term_days")) {
        (true, false) => {
            let months = fields.optional_number("/term_months")?;
            fields.understood("/term_months", Term::months(short(months)))
        }
        (false, true) => {
            let days = fields.optional_number("/term_days")?;
            fields.understood("/term_days", Term::days(short(days)))
        }
        (false, false) => {
            fields.refuse("/term_months", "term.required", "Укажите срок: term_months или term_days");
            None
        }
        (true, true) => {
            fields.refuse("/term_days", "term.ambiguous", "Укажите срок только в месяцах или только в днях");
            None
        }
    }
}

impl From<&Quote> for QuoteView {
    fn from(quote: &Quote) -> Self {
        Self {
            method: quote.schedule.method.to_string(),
            annual_effective_rate: quote.effective_rate.as_ref().map(ToString::to_string),
            total_interest: quote.schedule.total_interest().to_string(),
            total_payable: quote.schedule.total_payable().to_string(),
            within_limits: quote.within_limits(),
            breaches: quote.breaches.iter().map(BreachView::from).collect(),
            instalments: instalments(&quote.schedule),
        }
    }
}

impl From<&LimitBreach> for BreachView {
    fn from(breach: &LimitBreach) -> Self {
        Self {
            code: breach.code().to_owned(),
            message: breach.message_ru(),
            actual: breach.actual.to_string(),
            limit: breach.limit.to_string(),
        }
    }
}

/// The instalments of a schedule as they are shown.
pub(crate) fn instalments(schedule: &Schedule) -> Vec<InstalmentView> {
    schedule.instalments.iter().map(InstalmentView::from).collect()
}

impl From<&Instalment> for InstalmentView {
    fn from(instalment: &Instalment) -> Self {
        Self {
            number: instalment.number,
            due_on: instalment.due_on,
            principal: instalment.principal.to_string(),
            interest: instalment.interest.to_string(),
            total: instalment.total.to_string(),
            balance_after: instalment.balance_after.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(body: &serde_json::Value) -> Vec<String> {
        match read(body.to_string().as_bytes(), NaiveDate::default()) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.code).collect(),
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn terms_are_read_and_every_bad_one_is_named() {
        assert!(codes(&json!({"amount": "300000.00", "annual_rate": "36.0", "term_months": 12})).is_empty());
        assert!(
            codes(&json!({"amount": "1", "annual_rate": "0", "term_days": 30, "disbursed_on": "2026-01-15"}))
                .is_empty()
        );
        let bad = codes(&json!({"amount": 300_000, "annual_rate": "much", "term_months": 12, "term_days": 30}));
        assert_eq!(bad, ["type.string", "rate.format", "term.ambiguous"]);
        assert_eq!(codes(&json!({"amount": "0", "annual_rate": "36.0"})), ["money.not_positive", "term.required"]);
        assert_eq!(codes(&json!({"amount": "1", "annual_rate": "1", "term_months": 100_000})), ["term.months"]);
    }
}
