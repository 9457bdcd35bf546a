//! What changes a loan: payments, the suspension of accrual, its end, and the write-off, each once per key.
//! An act that cannot be is refused with its reason, changes nothing and leaves its key unused.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    book::Books,
    facts::{Payment, Resumption},
};
use crate::{
    ambient,
    exchange::{Answer, conduct, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

#[derive(Serialize, Deserialize)]
struct PaymentWire {
    paid_on: NaiveDate,
    amount: i64,
    collected: bool,
}

pub(super) async fn pay(
    State(sandbox): State<Shared>,
    Path(loan): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sound = |wire: &PaymentWire| if wire.amount > 0 { Ok(()) } else { Err("amount must be above zero") };
    let kept = |wire: PaymentWire, books: &Books, loan: &str| {
        let payment_id = ambient::new_id("payment");
        let PaymentWire { paid_on, amount, collected } = wire;
        let payment = Payment { payment_id: payment_id.clone(), paid_on, amount, collected };
        let allocation = books.with(loan, |book| book.pay(payment))?;
        Ok(json!({ "payment_id": payment_id, "allocation": allocation }))
    };
    act(sandbox, Operation::AccountingPayment, loan, &headers, &body, sound, kept).await
}

#[derive(Serialize, Deserialize)]
struct SuspensionWire {
    effective_from: NaiveDate,
    penalty: bool,
    document_reference: String,
}

pub(super) async fn suspend(
    State(sandbox): State<Shared>,
    Path(loan): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sound = |wire: &SuspensionWire| {
        if wire.document_reference.is_empty() { Err("document_reference is empty") } else { Ok(()) }
    };
    let kept = |wire: SuspensionWire, books: &Books, loan: &str| {
        let reversed = books.with(loan, |book| book.suspend(wire.effective_from, wire.penalty))?;
        Ok(json!({ "suspension_id": ambient::new_id("suspension"), "reversed": reversed }))
    };
    act(sandbox, Operation::AccountingSuspend, loan, &headers, &body, sound, kept).await
}

#[derive(Serialize, Deserialize)]
struct ResumptionWire {
    effective_on: NaiveDate,
    back_accrual: bool,
}

pub(super) async fn resume(
    State(sandbox): State<Shared>,
    Path(loan): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kept = |wire: ResumptionWire, books: &Books, loan: &str| {
        let resumption = Resumption { on: wire.effective_on, back_accrual: wire.back_accrual };
        let back_accrued = books.with(loan, |book| book.resume(resumption))?;
        Ok(json!({ "resumption_id": ambient::new_id("resumption"), "back_accrued": back_accrued }))
    };
    act(sandbox, Operation::AccountingResume, loan, &headers, &body, |_| Ok(()), kept).await
}

#[derive(Serialize, Deserialize)]
struct WriteOffWire {
    on: NaiveDate,
}

pub(super) async fn write_off(
    State(sandbox): State<Shared>,
    Path(loan): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kept = |wire: WriteOffWire, books: &Books, loan: &str| {
        let written_off = books.with(loan, |book| book.write_off(wire.on))?;
        Ok(json!({ "write_off_id": ambient::new_id("write-off"), "written_off": written_off }))
    };
    act(sandbox, Operation::AccountingWriteOff, loan, &headers, &body, |_| Ok(()), kept).await
}

/// One act on one loan: read, checked by itself, carried out once; the ledger keeps what was asked and answered.
async fn act<T: Serialize + DeserializeOwned + Send + 'static>(
    sandbox: Shared,
    operation: Operation,
    loan: String,
    headers: &HeaderMap,
    body: &[u8],
    sound: impl FnOnce(&T) -> Result<(), &'static str>,
    kept: impl FnOnce(T, &Books, &str) -> Result<Value, Answer> + Send + 'static,
) -> Response {
    let read = required_header(headers, "idempotency-key").and_then(|key| {
        let wire: T = parse(body)?;
        sound(&wire)?;
        Ok((key, wire))
    });
    let (key, wire) = match read {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, operation, &problem),
    };
    let call = Call::new(operation, &key);
    conduct(sandbox, call, async move |sandbox, _| {
        let mut request = json!(wire);
        request["loan_reference"] = json!(loan);
        let asked = request.clone();
        sandbox.ledgers.once_unless_refused(operation, &key, asked, || {
            let mut answer = kept(wire, &sandbox.books, &loan)?;
            let mut entry = request;
            if let (Value::Object(entry), Value::Object(answer)) = (&mut entry, &answer) {
                entry.extend(answer.clone());
            }
            entry["idempotency_key"] = json!(key);
            answer["loan_reference"] = json!(loan);
            Ok(Effect { entry, answer })
        })
    })
    .await
}
