//! What a loan's book says: the debt on a day, the payments, the postings.
//! A look changes no fact; it only closes the days through the one that it asks for.

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    book::Book,
    facts::{Payment, Refused},
};
use crate::{
    exchange::{Answer, conduct, malformed},
    operation::{Call, Operation},
    providers::Shared,
};

/// Optional here only so that a missing one is answered as every other malformed request.
#[derive(Deserialize)]
pub(super) struct OnDay {
    on: Option<String>,
}

pub(super) async fn balance(
    State(sandbox): State<Shared>,
    Path(loan): Path<String>,
    Query(asked): Query<OnDay>,
) -> Response {
    let Some(on) = asked.on.and_then(|on| on.parse::<NaiveDate>().ok()) else {
        return malformed(&sandbox, Operation::AccountingBalance, "on must be a day");
    };
    view(sandbox, Operation::AccountingBalance, loan, move |book| {
        let mut balance = book.balance(on)?;
        balance["on"] = json!(on);
        Ok(balance)
    })
    .await
}

pub(super) async fn payments(State(sandbox): State<Shared>, Path(loan): Path<String>) -> Response {
    view(sandbox, Operation::AccountingPayments, loan, |book| {
        Ok(json!({ "payments": book.payments().iter().map(written).collect::<Vec<_>>() }))
    })
    .await
}

fn written(payment: &Payment) -> Value {
    let Payment { payment_id, paid_on, amount, collected } = payment;
    json!({ "payment_id": payment_id, "paid_on": paid_on, "amount": amount, "collected": collected })
}

pub(super) async fn postings(State(sandbox): State<Shared>, Path(loan): Path<String>) -> Response {
    view(sandbox, Operation::AccountingPostings, loan, |book| Ok(json!({ "postings": book.postings() }))).await
}

async fn view(
    sandbox: Shared,
    operation: Operation,
    loan: String,
    look: impl FnOnce(&mut Book) -> Result<Value, Refused> + Send + 'static,
) -> Response {
    conduct(sandbox, Call::new(operation, &loan), async move |sandbox, _| match sandbox.books.with(&loan, look) {
        Ok(mut seen) => {
            seen["loan_reference"] = json!(loan);
            Answer::ok(&seen)
        }
        Err(refusal) => refusal,
    })
    .await
}
