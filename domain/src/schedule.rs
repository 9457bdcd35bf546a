//! Repayment schedules by each method that the client compares (paragraph 8(4), R-083, R-084; issue 2 part 3).
//!
//! Rules that all methods share:
//! - every amount is rounded half up to the tiyn, once, where it arises;
//! - the last instalment repays what is left, so that the principals sum to the amount exactly;
//! - due dates are not shifted over days off;
//! - a term in months has monthly due dates on the day of month of the disbursement, or on the month's last day
//!   where there is none, each counted from the disbursement so that they never drift;
//!   interest of a month is a twelfth of the annual rate;
//! - a term in days has periods of thirty days and the remainder last; interest is by actual days over 365.
//!
//! It never judges whether terms are allowed: that is `limits`.

mod annuity;
mod bullet;
mod differentiated;
mod period;
#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    money::{Money, MoneyError},
    rate::Rate,
    rejection::rejections,
    term::{Term, TermError},
    text_form::coded_enum,
};

coded_enum! {
    /// How a microcredit is repaid (`domain.md` §5).
    pub enum RepaymentMethod, "repayment_method.unknown" {
        /// Equal payments.
        Annuity = "annuity",
        /// Equal parts of principal and interest on what is left.
        Differentiated = "differentiated",
        /// The lender's own method: one payment at the end, with interest by the day.
        Bullet = "bullet",
    }
}

/// One payment of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// Its place, from one.
    pub number: u16,
    /// The day on which it is due.
    pub due_on: NaiveDate,
    /// Repaid of the debt.
    pub principal: Money,
    /// Interest of the period.
    pub interest: Money,
    /// Principal and interest together.
    pub total: Money,
    /// Principal still owed afterwards.
    pub balance_after: Money,
}

/// A complete schedule, and the terms from which it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// How it is repaid.
    pub method: RepaymentMethod,
    /// The day on which the money is lent.
    pub disbursed_on: NaiveDate,
    /// The amount lent.
    pub amount: Money,
    /// Annual interest.
    pub rate: Rate,
    /// For how long.
    pub term: Term,
    /// The payments, in order; at least one.
    pub instalments: Vec<Instalment>,
}

rejections! {
    /// Why no schedule follows from the terms.
    pub enum ScheduleError {
        /// Nothing is lent.
        AmountNotPositive = "schedule.amount_not_positive", "the amount must be above zero", "Сумма должна быть больше нуля";
        /// More than can be computed with.
        AmountTooLarge = "schedule.amount_too_large", "the amount is too large to compute with", "Сумма слишком велика";
        /// Months out of range.
        TermMonths = "term.months", "a term in months is between 1 and 240", "Срок в месяцах должен быть от 1 до 240";
        /// Days out of range.
        TermDays = "term.days", "a term in days is between 1 and 365", "Срок в днях должен быть от 1 до 365";
        /// A due date beyond the calendar.
        DateOutOfRange = "schedule.date_out_of_range", "a due date lies beyond the calendar", "Дата платежа вне календаря";
    }
}

impl From<TermError> for ScheduleError {
    fn from(error: TermError) -> Self {
        match error {
            TermError::Days => Self::TermDays,
            TermError::Months | TermError::Format => Self::TermMonths,
        }
    }
}

impl From<MoneyError> for ScheduleError {
    fn from(_: MoneyError) -> Self {
        Self::AmountTooLarge
    }
}

impl Schedule {
    /// Drafts the schedule of one method.
    pub fn draft(
        method: RepaymentMethod,
        amount: Money,
        rate: Rate,
        term: Term,
        disbursed_on: NaiveDate,
    ) -> Result<Self, ScheduleError> {
        if !amount.is_positive() {
            return Err(ScheduleError::AmountNotPositive);
        }
        let term = term.validated()?;
        let instalments = match method {
            RepaymentMethod::Annuity => annuity::instalments(amount, &period::periods(rate, term, disbursed_on)?)?,
            RepaymentMethod::Differentiated => {
                differentiated::instalments(amount, &period::periods(rate, term, disbursed_on)?)?
            }
            RepaymentMethod::Bullet => bullet::instalments(amount, &period::whole_term(rate, term, disbursed_on)?)?,
        };
        Ok(Self { method, disbursed_on, amount, rate, term, instalments })
    }

    /// The schedule of the same terms for money that is lent on another day: its dates, and whatever interest follows from
    /// them, count from that day.
    ///
    /// # Errors
    /// As [`Schedule::draft`].
    pub fn on(&self, disbursed_on: NaiveDate) -> Result<Self, ScheduleError> {
        Self::draft(self.method, self.amount, self.rate, self.term, disbursed_on)
    }

    /// All interest together.
    #[must_use]
    pub fn total_interest(&self) -> Money {
        Money::from_tiyn(self.instalments.iter().map(|instalment| instalment.interest.tiyn()).sum())
    }

    /// All that the client pays.
    #[must_use]
    pub fn total_payable(&self) -> Money {
        Money::from_tiyn(self.instalments.iter().map(|instalment| instalment.total.tiyn()).sum())
    }

    /// The largest single payment: what the client must be able to find at once.
    #[must_use]
    pub fn largest_instalment(&self) -> Money {
        self.instalments.iter().map(|instalment| instalment.total).max().unwrap_or(Money::ZERO)
    }

    /// The form that is hashed: fixed for all time, one line a fact, so that a hash can be recomputed by anybody.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "nesie-schedule/1\nmethod={}\ndisbursed_on={}\namount={}\nrate={}\nterm={}\n",
            self.method, self.disbursed_on, self.amount, self.rate, self.term
        );
        for Instalment { number, due_on, principal, interest, total, balance_after } in &self.instalments {
            text.push_str(&format!("{number};{due_on};{principal};{interest};{total};{balance_after}\n"));
        }
        text.into_bytes()
    }

    /// SHA-256 of the canonical form, in lower hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        crate::hash::sha256_hex(&self.canonical_bytes())
    }
}
