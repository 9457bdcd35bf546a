//! Loan accounting: the loan is opened there once the money moved.
//! Never computes an instalment: it hands on the schedule that the client chose.

use chrono::NaiveDate;
use nesie_domain::ids::ApplicationId;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use nesie_domain::schedule::{Instalment, RepaymentMethod};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of the accounting.
#[derive(Clone, Debug)]
pub struct Accounting {
    connection: Connection,
}

/// A loan to open.
#[derive(Clone, Copy, Debug)]
pub struct NewLoan<'a> {
    /// Our reference of the loan.
    pub loan_reference: &'a str,
    /// The application it came from.
    pub application_id: ApplicationId,
    /// The amount lent.
    pub amount: Money,
    /// The annual rate.
    pub annual_rate: Rate,
    /// How it is repaid.
    pub method: RepaymentMethod,
    /// The day on which it was paid out.
    pub disbursed_on: NaiveDate,
    /// The schedule.
    pub instalments: &'a [Instalment],
}

/// A loan as the accounting keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedLoan {
    /// The accounting's own id.
    pub loan_id: String,
}

#[derive(Serialize)]
struct LoanWire<'a> {
    loan_reference: &'a str,
    application_id: ApplicationId,
    amount: i64,
    annual_rate: Rate,
    method: RepaymentMethod,
    disbursed_on: NaiveDate,
    instalments: Vec<InstalmentWire>,
}

#[derive(Serialize)]
struct InstalmentWire {
    number: u16,
    due_on: NaiveDate,
    principal: i64,
    interest: i64,
}

#[derive(Deserialize)]
struct OpenedWire {
    loan_id: String,
    loan_reference: String,
}

impl Accounting {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Opens the loan; a repeat with the same key brings the same loan.
    ///
    /// # Errors
    /// When the accounting gave no readable answer about this loan.
    pub async fn open_loan(
        &self,
        idempotency_key: &str,
        loan: &NewLoan<'_>,
    ) -> Result<Answer<OpenedLoan>, ProviderError> {
        let operation = self.connection.operation("open_loan");
        let instalment = |instalment: &Instalment| InstalmentWire {
            number: instalment.number,
            due_on: instalment.due_on,
            principal: instalment.principal.tiyn(),
            interest: instalment.interest.tiyn(),
        };
        let body = LoanWire {
            loan_reference: loan.loan_reference,
            application_id: loan.application_id,
            amount: loan.amount.tiyn(),
            annual_rate: loan.annual_rate,
            method: loan.method,
            disbursed_on: loan.disbursed_on,
            instalments: loan.instalments.iter().map(instalment).collect(),
        };
        let request = self.connection.request(Method::POST, &["loans"]);
        let request = request.header("idempotency-key", idempotency_key).json(&body);
        let answer = send_json(operation, request).await?.ok::<OpenedWire>()?;
        operation.ensure(answer.value.loan_reference == loan.loan_reference)?;
        Ok(answer.map(|wire| OpenedLoan { loan_id: wire.loan_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, providers};
    use serde_json::json;
    use uuid::Uuid;

    #[tokio::test]
    async fn opens_a_loan() {
        let opened = json!({"loan_id": "loan-1", "loan_reference": "L-1"});
        let (server, providers) = providers(Script::json(200, &opened)).await;
        let day = |month| NaiveDate::from_ymd_opt(2026, month, 15).expect("a day");
        let instalments = [Instalment {
            number: 1,
            due_on: day(2),
            principal: Money::from_tiyn(30_000_000),
            interest: Money::from_tiyn(900_000),
            total: Money::from_tiyn(30_900_000),
            balance_after: Money::ZERO,
        }];
        let loan = NewLoan {
            loan_reference: "L-1",
            application_id: ApplicationId::from_uuid(Uuid::nil()),
            amount: Money::from_tiyn(30_000_000),
            annual_rate: Rate::parse("36.0").expect("a rate"),
            method: RepaymentMethod::Bullet,
            disbursed_on: day(1),
            instalments: &instalments,
        };
        assert_eq!(providers.accounting.open_loan("key-1", &loan).await.expect("a loan").value.loan_id, "loan-1");
        let asked = &server.requests()[0];
        assert_eq!(asked.line, "POST /loans HTTP/1.1");
        assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
        let body = json!({"loan_reference": "L-1", "application_id": Uuid::nil(), "amount": 30_000_000,
            "annual_rate": "36.0", "method": "bullet", "disbursed_on": "2026-01-15", "instalments":
            [{"number": 1, "due_on": "2026-02-15", "principal": 30_000_000, "interest": 900_000}]});
        assert_eq!(asked.json(), body);

        server.answer(Script::json(200, &json!({"loan_id": "loan-1", "loan_reference": "L-2"})));
        assert!(providers.accounting.open_loan("key-1", &loan).await.is_err(), "another loan");
        assert_hostile_answers_are_errors(&server, async || {
            providers.accounting.open_loan("key-1", &loan).await.map(drop)
        })
        .await;
    }
}
