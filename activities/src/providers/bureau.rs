//! The credit bureau: reports on persons, and the information on contracts that lenders must give (law art. 4).
//! Never takes an unknown voluntary refusal for none.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::iin::Iin;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use nesie_domain::term::Term;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, Operation, nullable, send_json, tiyn};

/// The first of the bureaus: reports are asked of it, and contracts are told to it.
pub const FIRST: &str = "bureau";

/// Client of a bureau.
#[derive(Clone, Debug)]
pub struct Bureau {
    connection: Connection,
}

/// What the bureau reports on a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditReport {
    /// The bureau's id of the report.
    pub report_id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The person's voluntary refusal of credit.
    pub voluntary_refusal: VoluntaryRefusal,
    /// Days overdue now.
    pub overdue_days_current: u32,
    /// The most days overdue within twelve months.
    pub overdue_days_max_12m: u32,
    /// What the person pays a month on loans.
    pub monthly_payments: Money,
    /// The person's average income a month, where it is known.
    pub average_monthly_income: Option<Money>,
}

/// The mark of a voluntary refusal of credit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct VoluntaryRefusal {
    /// Whether there is one.
    pub status: VoluntaryRefusalStatus,
    /// Since when.
    #[serde(deserialize_with = "nullable")]
    pub since: Option<NaiveDate>,
    /// Where the mark was set.
    pub source: String,
}

/// Whether a person refused credit voluntarily. `Unknown` is not `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VoluntaryRefusalStatus {
    /// No credit may be given.
    Active,
    /// There is no such mark.
    None,
    /// The bureau can not tell.
    Unknown,
}

/// A contract as the bureau is told of it.
#[derive(Clone, Copy, Debug)]
pub struct ContractInformation<'a> {
    /// Our reference.
    pub contract_reference: &'a str,
    /// The borrower.
    pub iin: &'a Iin,
    /// The amount lent.
    pub amount: Money,
    /// The day on which it was lent.
    pub granted_on: NaiveDate,
    /// The annual rate.
    pub annual_rate: Rate,
    /// The term.
    pub term: Term,
}

/// The bureau's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractReceipt {
    /// The bureau's id of it.
    pub receipt_id: String,
}

/// Notice that information on a contract stops (para 13 ¶2).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SuspensionOfInformation<'a> {
    /// Our reference of the contract.
    pub contract_reference: &'a str,
    /// The borrower.
    pub iin: &'a Iin,
    /// The first day without information.
    pub effective_from: NaiveDate,
    /// Our reference of the document that demands it; never its text.
    pub document_reference: &'a str,
}

/// Notice that information on a contract goes on (para 13 ¶3).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ResumptionOfInformation<'a> {
    /// Our reference of the contract.
    pub contract_reference: &'a str,
    /// The borrower.
    pub iin: &'a Iin,
    /// The first day with information again.
    pub effective_on: NaiveDate,
    /// Days overdue, without those of the suspension (reading A11).
    pub overdue_days: u32,
}

/// What the bureau shall hold on a contract instead of what it holds (para 13 ¶4).
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// Our reference of the contract.
    pub contract_reference: &'a str,
    /// The borrower.
    pub iin: &'a Iin,
    /// The day from which it is so.
    pub corrected_on: NaiveDate,
    /// Days overdue.
    pub overdue_days: u32,
    /// Principal owed.
    pub principal: Money,
    /// Interest owed.
    pub interest: Money,
    /// Penalty owed.
    pub penalty: Money,
}

/// The bureau's acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The bureau's id of it.
    pub acknowledgement_id: String,
}

#[derive(Serialize)]
struct CorrectionWire<'a> {
    contract_reference: &'a str,
    iin: &'a Iin,
    corrected_on: NaiveDate,
    overdue_days: u32,
    principal: i64,
    interest: i64,
    penalty: i64,
}

#[derive(Deserialize)]
struct AcknowledgementWire {
    acknowledgement_id: String,
    contract_reference: String,
}

#[derive(Serialize)]
struct ReportRequest<'a> {
    request_id: &'a str,
    iin: &'a Iin,
}

#[derive(Deserialize)]
struct ReportWire {
    report_id: String,
    created_at: DateTime<Utc>,
    iin: Iin,
    voluntary_refusal: VoluntaryRefusal,
    overdue_days_current: u32,
    overdue_days_max_12m: u32,
    #[serde(deserialize_with = "tiyn")]
    monthly_payments: Money,
    #[serde(deserialize_with = "nullable")]
    average_monthly_income: Option<i64>,
}

#[derive(Serialize)]
struct ContractWire<'a> {
    contract_reference: &'a str,
    iin: &'a Iin,
    amount: i64,
    granted_on: NaiveDate,
    annual_rate: Rate,
    term_days: Option<u16>,
    term_months: Option<u16>,
}

#[derive(Deserialize)]
struct ReceiptWire {
    receipt_id: String,
    contract_reference: String,
}

impl Bureau {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The bureau's name, as it is configured: duties, evidence and calls carry it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.connection.provider()
    }

    /// A report; the same `request_id` brings the same report.
    ///
    /// # Errors
    /// When the bureau gave no readable report on this person.
    pub async fn report(&self, request_id: &str, iin: &Iin) -> Result<Answer<CreditReport>, ProviderError> {
        let operation = self.connection.operation("report");
        let request = self.connection.request(Method::POST, &["reports"]).json(&ReportRequest { request_id, iin });
        let answer = send_json(operation, request).await?.ok::<ReportWire>()?;
        operation.ensure(answer.value.iin == *iin)?;
        operation.ensure(answer.value.average_monthly_income.is_none_or(|tiyn| tiyn >= 0))?;
        Ok(answer.map(|wire| CreditReport {
            report_id: wire.report_id,
            created_at: wire.created_at,
            voluntary_refusal: wire.voluntary_refusal,
            overdue_days_current: wire.overdue_days_current,
            overdue_days_max_12m: wire.overdue_days_max_12m,
            monthly_payments: wire.monthly_payments,
            average_monthly_income: wire.average_monthly_income.map(Money::from_tiyn),
        }))
    }

    /// Reports a contract; a repeat with the same key adds nothing and brings the same receipt.
    ///
    /// # Errors
    /// When the bureau gave no readable receipt for this contract.
    pub async fn report_contract(
        &self,
        idempotency_key: &str,
        contract: &ContractInformation<'_>,
    ) -> Result<Answer<ContractReceipt>, ProviderError> {
        let operation = self.connection.operation("contract");
        let (term_days, term_months) = match contract.term {
            Term::Days(days) => (Some(days), None),
            Term::Months(months) => (None, Some(months)),
        };
        let body = ContractWire {
            contract_reference: contract.contract_reference,
            iin: contract.iin,
            amount: contract.amount.tiyn(),
            granted_on: contract.granted_on,
            annual_rate: contract.annual_rate,
            term_days,
            term_months,
        };
        let request = self.connection.request(Method::POST, &["contracts"]);
        let request = request.header("idempotency-key", idempotency_key).json(&body);
        let answer = send_json(operation, request).await?.ok::<ReceiptWire>()?;
        operation.ensure(answer.value.contract_reference == contract.contract_reference)?;
        Ok(answer.map(|wire| ContractReceipt { receipt_id: wire.receipt_id }))
    }

    /// Tells the bureau that information on a contract stops; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// When the bureau did not readably acknowledge it for this contract.
    pub async fn suspend_information(
        &self,
        idempotency_key: &str,
        told: &SuspensionOfInformation<'_>,
    ) -> Result<Answer<Acknowledgement>, ProviderError> {
        let operation = self.connection.operation("suspension");
        self.tell(operation, "suspensions", idempotency_key, told.contract_reference, told).await
    }

    /// Tells the bureau that information on a contract goes on; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// When the bureau did not readably acknowledge it for this contract.
    pub async fn resume_information(
        &self,
        idempotency_key: &str,
        told: &ResumptionOfInformation<'_>,
    ) -> Result<Answer<Acknowledgement>, ProviderError> {
        let operation = self.connection.operation("resumption");
        self.tell(operation, "resumptions", idempotency_key, told.contract_reference, told).await
    }

    /// Corrects what the bureau holds on a contract; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// When the bureau did not readably acknowledge it for this contract.
    pub async fn correct(
        &self,
        idempotency_key: &str,
        told: &Correction<'_>,
    ) -> Result<Answer<Acknowledgement>, ProviderError> {
        let operation = self.connection.operation("correction");
        let body = CorrectionWire {
            contract_reference: told.contract_reference,
            iin: told.iin,
            corrected_on: told.corrected_on,
            overdue_days: told.overdue_days,
            principal: told.principal.tiyn(),
            interest: told.interest.tiyn(),
            penalty: told.penalty.tiyn(),
        };
        self.tell(operation, "corrections", idempotency_key, told.contract_reference, &body).await
    }

    async fn tell(
        &self,
        operation: Operation,
        path: &str,
        idempotency_key: &str,
        contract_reference: &str,
        body: &impl Serialize,
    ) -> Result<Answer<Acknowledgement>, ProviderError> {
        let request = self.connection.request(Method::POST, &[path]);
        let request = request.header("idempotency-key", idempotency_key).json(body);
        let answer = send_json(operation, request).await?.ok::<AcknowledgementWire>()?;
        operation.ensure(answer.value.contract_reference == contract_reference)?;
        operation.ensure(!answer.value.acknowledgement_id.is_empty())?;
        Ok(answer.map(|wire| Acknowledgement { acknowledgement_id: wire.acknowledgement_id }))
    }
}

#[cfg(test)]
mod tests;
