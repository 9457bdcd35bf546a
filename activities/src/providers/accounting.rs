//! Loan accounting: the loan is opened there once the money moved, and everything that is owed is known there.
//! Never computes an instalment, an accrual or a debt: it hands on what was decided, and reads what the books say.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use nesie_domain::ids::ApplicationId;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use nesie_domain::schedule::{Instalment, RepaymentMethod};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, Operation, send_json, tiyn};

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

/// A suspension of accrual (para 13 ¶2).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Suspension<'a> {
    /// The first day without interest; one that has passed is reversed.
    pub effective_from: NaiveDate,
    /// Whether penalty stops too.
    pub penalty: bool,
    /// Our reference of the document that demands it; never its text.
    pub document_reference: &'a str,
}

/// A suspension as the accounting carried it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// The accounting's id of it.
    pub suspension_id: String,
    /// Interest that was reversed.
    pub reversed_interest: Money,
    /// Penalty that was reversed.
    pub reversed_penalty: Money,
}

/// The end of a suspension (para 13 ¶3).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Resumption {
    /// The first day with interest again.
    pub effective_on: NaiveDate,
    /// Whether the interest of the suspended days is charged after all.
    pub back_accrual: bool,
}

/// A resumption as the accounting carried it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The accounting's id of it.
    pub resumption_id: String,
    /// Interest of the suspended days that is owed now; nothing without back-accrual.
    pub back_accrued: Money,
}

/// A write-off as the accounting carried it out (para 13 ¶4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenOff {
    /// The accounting's id of it.
    pub write_off_id: String,
    /// Principal that was lost.
    pub principal: Money,
    /// Interest that was lost.
    pub interest: Money,
    /// Penalty that was lost.
    pub penalty: Money,
}

/// What is owed on a loan at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Principal.
    pub principal: Money,
    /// Interest accrued and unpaid.
    pub interest: Money,
    /// Penalty accrued and unpaid.
    pub penalty: Money,
    /// Whether interest accrues on that day: neither suspended nor written off.
    pub accruing: bool,
}

/// A payment that the client made on a loan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadePayment {
    /// The accounting's id of it.
    pub payment_id: String,
    /// The day on which it was made.
    pub paid_on: NaiveDate,
    /// How much.
    pub amount: Money,
    /// Whether the lender collected it; else the client paid of his own accord.
    pub collected: bool,
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

#[derive(Deserialize)]
struct SuspendedWire {
    loan_reference: String,
    suspension_id: String,
    reversed: ReversedWire,
}

#[derive(Deserialize)]
struct ReversedWire {
    #[serde(deserialize_with = "tiyn")]
    interest: Money,
    #[serde(deserialize_with = "tiyn")]
    penalty: Money,
}

#[derive(Deserialize)]
struct ResumedWire {
    loan_reference: String,
    resumption_id: String,
    #[serde(deserialize_with = "tiyn")]
    back_accrued: Money,
}

#[derive(Serialize)]
struct WriteOffWire {
    on: NaiveDate,
}

#[derive(Deserialize)]
struct WrittenOffWire {
    loan_reference: String,
    write_off_id: String,
    written_off: OwedWire,
}

#[derive(Deserialize)]
struct OwedWire {
    #[serde(deserialize_with = "tiyn")]
    principal: Money,
    #[serde(deserialize_with = "tiyn")]
    interest: Money,
    #[serde(deserialize_with = "tiyn")]
    penalty: Money,
}

#[derive(Deserialize)]
struct BalanceWire {
    loan_reference: String,
    on: NaiveDate,
    #[serde(flatten)]
    owed: OwedWire,
    accruing: bool,
}

#[derive(Deserialize)]
struct PaymentsWire {
    loan_reference: String,
    payments: Vec<PaymentWire>,
}

#[derive(Deserialize)]
struct PaymentWire {
    payment_id: String,
    paid_on: NaiveDate,
    #[serde(deserialize_with = "tiyn")]
    amount: Money,
    collected: bool,
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

    /// Suspends accrual; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// When the accounting did not readably do so; one that says that the loan is unknown (404), or that its accrual
    /// can not be suspended as asked (409), did nothing.
    pub async fn suspend(
        &self,
        idempotency_key: &str,
        loan_reference: &str,
        suspension: &Suspension<'_>,
    ) -> Result<Answer<Suspended>, ProviderError> {
        let operation = self.connection.operation("suspend");
        let answer: Answer<SuspendedWire> =
            self.act(operation, idempotency_key, &[loan_reference, "suspension"], suspension).await?;
        operation.ensure(answer.value.loan_reference == loan_reference)?;
        operation.ensure(!answer.value.suspension_id.is_empty())?;
        Ok(answer.map(|wire| Suspended {
            suspension_id: wire.suspension_id,
            reversed_interest: wire.reversed.interest,
            reversed_penalty: wire.reversed.penalty,
        }))
    }

    /// Resumes accrual; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// As for [`Self::suspend`]; also where interest came back although none was to.
    pub async fn resume(
        &self,
        idempotency_key: &str,
        loan_reference: &str,
        resumption: &Resumption,
    ) -> Result<Answer<Resumed>, ProviderError> {
        let operation = self.connection.operation("resume");
        let answer: Answer<ResumedWire> =
            self.act(operation, idempotency_key, &[loan_reference, "resumption"], resumption).await?;
        operation.ensure(answer.value.loan_reference == loan_reference)?;
        operation.ensure(!answer.value.resumption_id.is_empty())?;
        operation.ensure(resumption.back_accrual || answer.value.back_accrued == Money::ZERO)?;
        Ok(answer.map(|wire| Resumed { resumption_id: wire.resumption_id, back_accrued: wire.back_accrued }))
    }

    /// Writes the whole debt off; a repeat with the same key brings the same answer.
    ///
    /// # Errors
    /// As for [`Self::suspend`].
    pub async fn write_off(
        &self,
        idempotency_key: &str,
        loan_reference: &str,
        on: NaiveDate,
    ) -> Result<Answer<WrittenOff>, ProviderError> {
        let operation = self.connection.operation("write_off");
        let answer: Answer<WrittenOffWire> =
            self.act(operation, idempotency_key, &[loan_reference, "write-off"], &WriteOffWire { on }).await?;
        operation.ensure(answer.value.loan_reference == loan_reference)?;
        operation.ensure(!answer.value.write_off_id.is_empty())?;
        Ok(answer.map(|wire| WrittenOff {
            write_off_id: wire.write_off_id,
            principal: wire.written_off.principal,
            interest: wire.written_off.interest,
            penalty: wire.written_off.penalty,
        }))
    }

    /// What is owed at the end of a day.
    ///
    /// # Errors
    /// When the accounting gave no readable answer about this loan and this day; an unknown loan (404) is one.
    pub async fn balance(&self, loan_reference: &str, on: NaiveDate) -> Result<Answer<Balance>, ProviderError> {
        let operation = self.connection.operation("balance");
        let request = self.connection.request(Method::GET, &["loans", loan_reference, "balance"]);
        let answer = send_json(operation, request.query(&[("on", on)])).await?.ok::<BalanceWire>()?;
        operation.ensure(answer.value.loan_reference == loan_reference && answer.value.on == on)?;
        Ok(answer.map(|wire| Balance {
            principal: wire.owed.principal,
            interest: wire.owed.interest,
            penalty: wire.owed.penalty,
            accruing: wire.accruing,
        }))
    }

    /// Every payment that the client made, in the order in which they were entered.
    ///
    /// # Errors
    /// When the accounting gave no readable answer about this loan, or a payment of nothing or under an id that came
    /// before: sums are made of them.
    pub async fn payments(&self, loan_reference: &str) -> Result<Answer<Vec<MadePayment>>, ProviderError> {
        let operation = self.connection.operation("payments");
        let request = self.connection.request(Method::GET, &["loans", loan_reference, "payments"]);
        let answer = send_json(operation, request).await?.ok::<PaymentsWire>()?;
        operation.ensure(answer.value.loan_reference == loan_reference)?;
        let mut known = BTreeSet::new();
        for payment in &answer.value.payments {
            operation.ensure(payment.amount.is_positive() && !payment.payment_id.is_empty())?;
            operation.ensure(known.insert(payment.payment_id.as_str()))?;
        }
        let read = |wire: PaymentWire| MadePayment {
            payment_id: wire.payment_id,
            paid_on: wire.paid_on,
            amount: wire.amount,
            collected: wire.collected,
        };
        Ok(answer.map(|wire| wire.payments.into_iter().map(read).collect()))
    }

    /// Posts one act on one loan.
    async fn act<T: DeserializeOwned>(
        &self,
        operation: Operation,
        idempotency_key: &str,
        [loan_reference, what]: &[&str; 2],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ProviderError> {
        let request = self.connection.request(Method::POST, &["loans", loan_reference, what]);
        send_json(operation, request.header("idempotency-key", idempotency_key).json(body)).await?.ok()
    }
}

#[cfg(test)]
mod tests;
