//! Loan accounting: opens a loan once per key.
//! It never computes a schedule: it keeps the one it is given, if its principal adds up.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::Response, routing::post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    ambient,
    exchange::{conduct, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/loans", post(open_loan))
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
    let (key, loan) = match read(&headers, &body) {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::AccountingOpenLoan, &problem),
    };
    let call = Call::new(Operation::AccountingOpenLoan, &key);
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(Operation::AccountingOpenLoan, &key, json!(loan), || {
            let loan_id = ambient::new_id("loan");
            let answer = json!({ "loan_id": loan_id, "loan_reference": loan.loan_reference });
            let mut entry = json!(loan);
            entry["loan_id"] = json!(loan_id);
            entry["idempotency_key"] = json!(key);
            Effect { entry, answer }
        })
    })
    .await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<(String, Loan), String> {
    let key = required_header(headers, "idempotency-key")?;
    let loan: Loan = parse(body)?;
    let principal: i64 = loan.instalments.iter().map(|instalment| instalment.principal).sum();
    if principal != loan.amount {
        return Err("the principal of the instalments is not the amount".to_owned());
    }
    Ok((key, loan))
}
