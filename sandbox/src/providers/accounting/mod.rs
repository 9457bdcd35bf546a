//! Loan accounting: opens a loan once per key and keeps its books (`journal`), which accrue day by day (`accrual`).
//! It never computes a schedule: it keeps the one it is given, if its principal adds up.

mod accrual;
mod acts;
mod book;
mod facts;
mod journal;
mod views;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use book::Books;

use self::facts::Terms;
use crate::{
    ambient,
    exchange::{conduct, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/loans", post(open_loan))
        .route("/loans/{loan_reference}/payments", post(acts::pay).get(views::payments))
        .route("/loans/{loan_reference}/suspension", post(acts::suspend))
        .route("/loans/{loan_reference}/resumption", post(acts::resume))
        .route("/loans/{loan_reference}/write-off", post(acts::write_off))
        .route("/loans/{loan_reference}/balance", get(views::balance))
        .route("/loans/{loan_reference}/postings", get(views::postings))
}

#[derive(Clone, Serialize, Deserialize)]
struct Loan {
    loan_reference: String,
    application_id: String,
    amount: i64,
    annual_rate: String,
    method: String,
    disbursed_on: NaiveDate,
    instalments: Vec<Instalment>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Instalment {
    number: u32,
    due_on: NaiveDate,
    principal: i64,
    interest: i64,
}

async fn open_loan(State(sandbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, loan, terms) = match read(&headers, &body) {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::AccountingOpenLoan, &problem),
    };
    let call = Call::new(Operation::AccountingOpenLoan, &key);
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once_unless_refused(Operation::AccountingOpenLoan, &key, json!(loan), || {
            sandbox.books.open(&loan.loan_reference, terms)?;
            let loan_id = ambient::new_id("loan");
            let answer = json!({ "loan_id": loan_id, "loan_reference": loan.loan_reference });
            let mut entry = json!(loan);
            entry["loan_id"] = json!(loan_id);
            entry["idempotency_key"] = json!(key);
            Ok(Effect { entry, answer })
        })
    })
    .await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<(String, Loan, Terms), String> {
    let key = required_header(headers, "idempotency-key")?;
    let loan: Loan = parse(body)?;
    let amounts = || loan.instalments.iter().map(|instalment| instalment.principal);
    if loan.amount < 0 || amounts().any(|principal| principal < 0) {
        return Err("an amount is below zero".to_owned());
    }
    let principal = amounts().try_fold(0_i64, i64::checked_add);
    if principal != Some(loan.amount) {
        return Err("the principal of the instalments is not the amount".to_owned());
    }
    let terms = Terms {
        disbursed_on: loan.disbursed_on,
        amount: loan.amount,
        rate: rate(&loan.annual_rate).ok_or("annual_rate must be a percentage with at most four decimals")?,
        principal_due: loan.instalments.iter().map(|part| (part.due_on, part.principal)).collect(),
    };
    Ok((key, loan, terms))
}

/// A rate such as `36.0`, in ten-thousandths of a percent.
fn rate(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 4 || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
        return None;
    }
    format!("{whole}{decimals:0<4}").parse().ok()
}
