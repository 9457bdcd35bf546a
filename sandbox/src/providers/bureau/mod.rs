//! The credit bureau: reports on persons, and contracts that lenders report to it.
//! A mark it does not know is UNKNOWN, never NONE.

mod amendments;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::Response, routing::post};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ambient,
    exchange::{conduct, iin_shaped, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    persons::{Person, VoluntaryRefusal},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/reports", post(report)).route("/contracts", post(contract)).merge(amendments::routes([
        Operation::BureauSuspension,
        Operation::BureauResumption,
        Operation::BureauCorrection,
    ]))
}

/// The paths of a second bureau: lenders tell it what changed, and ask it for nothing.
pub(crate) fn of_second() -> Router<Shared> {
    amendments::routes([
        Operation::SecondBureauSuspension,
        Operation::SecondBureauResumption,
        Operation::SecondBureauCorrection,
    ])
}

#[derive(Clone, Serialize, Deserialize)]
struct ReportRequest {
    request_id: String,
    iin: String,
}

async fn report(State(sandbox): State<Shared>, body: Bytes) -> Response {
    let read = parse::<ReportRequest>(&body).and_then(|request| iin_shaped(&request.iin).map(|()| request));
    let request = match read {
        Ok(request) => request,
        Err(problem) => return malformed(&sandbox, Operation::BureauReport, &problem),
    };
    let call = Call::new(Operation::BureauReport, &request.request_id).about(Some(&request.iin));
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(Operation::BureauReport, &request.request_id, json!(request), || {
            let report = written(&request.iin, &sandbox.persons.get(&request.iin));
            let mut entry = report.clone();
            entry["request_id"] = json!(request.request_id);
            Effect { entry, answer: report }
        })
    })
    .await
}

fn written(iin: &str, person: &Person) -> Value {
    let since = (person.voluntary_refusal == VoluntaryRefusal::Active).then_some("2026-01-15");
    json!({
        "report_id": ambient::new_id("report"),
        "created_at": ambient::written(ambient::now()),
        "iin": iin,
        "voluntary_refusal": { "status": person.voluntary_refusal, "since": since, "source": "egov" },
        "overdue_days_current": person.overdue_days_current,
        "overdue_days_max_12m": person.overdue_days_max_12m,
        "monthly_payments": person.monthly_payments,
        "average_monthly_income": person.average_monthly_income,
    })
}

#[derive(Clone, Serialize, Deserialize)]
struct Contract {
    contract_reference: String,
    iin: String,
    amount: i64,
    granted_on: NaiveDate,
    annual_rate: String,
    term_days: Option<u32>,
    term_months: Option<u32>,
}

async fn contract(State(sandbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, contract) = match read_contract(&headers, &body) {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::BureauContract, &problem),
    };
    let call = Call::new(Operation::BureauContract, &key).about(Some(&contract.iin));
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(Operation::BureauContract, &key, json!(contract), || {
            let receipt_id = ambient::new_id("receipt");
            let answer = json!({ "receipt_id": receipt_id, "contract_reference": contract.contract_reference });
            let mut entry = json!(contract);
            entry["receipt_id"] = json!(receipt_id);
            entry["idempotency_key"] = json!(key);
            Effect { entry, answer }
        })
    })
    .await
}

fn read_contract(headers: &HeaderMap, body: &[u8]) -> Result<(String, Contract), String> {
    let key = required_header(headers, "idempotency-key")?;
    let contract: Contract = parse(body)?;
    iin_shaped(&contract.iin)?;
    if contract.term_days.is_some() == contract.term_months.is_some() {
        return Err("one of term_days and term_months is needed".to_owned());
    }
    Ok((key, contract))
}
