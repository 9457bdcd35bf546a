//! May this borrower carry this loan: overdue debt and debt burden (`domain.md` §4.2).
//! It never takes missing facts for good ones.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use super::{LimitRule, PolicySet};
use crate::money::Money;

/// What the credit report says, beside the payment that would be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditFacts {
    /// Days overdue at present, the worst debt.
    pub overdue_days_current: u32,
    /// The most days overdue in the last twelve months.
    pub overdue_days_max_12m: u32,
    /// Monthly payments on all debts, overdue ones included.
    pub monthly_payments: Money,
    /// Average monthly income, if known.
    pub average_monthly_income: Option<Money>,
    /// What the new loan adds a month, on average over its term.
    pub new_monthly_payment: Money,
}

/// The debt burden (КДН): all payments over income, rounded half up to four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DebtBurden(Decimal);

impl DebtBurden {
    /// The share of income that payments take.
    #[must_use]
    pub const fn ratio(self) -> Decimal {
        self.0
    }
}

impl std::fmt::Display for DebtBurden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&format!("{:.4}", self.0))
    }
}

/// Why this borrower may not carry this loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "ground", rename_all = "snake_case")]
pub enum BorrowerRefusal {
    /// Payments would take too much of the income.
    #[error("the debt burden is {ratio} against {limit}")]
    DebtBurden {
        /// What it would be.
        ratio: Decimal,
        /// What is allowed.
        limit: Decimal,
    },
    /// Overdue for too long (Law №97-VIII of 19.06.2024).
    #[error("overdue for {days} days against {limit}")]
    Overdue {
        /// For how many days.
        days: u32,
        /// How many are allowed.
        limit: u32,
    },
    /// Without an income there is no debt burden to judge by.
    #[error("the income is not known")]
    IncomeUnknown,
}

impl BorrowerRefusal {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DebtBurden { .. } => "borrower.debt_burden",
            Self::Overdue { .. } => "borrower.overdue",
            Self::IncomeUnknown => "borrower.income_unknown",
        }
    }

    /// The reason, in Russian.
    #[must_use]
    pub fn message_ru(&self) -> String {
        match self {
            Self::DebtBurden { ratio, limit } => {
                format!("Коэффициент долговой нагрузки {ratio:.2} выше предельного {limit}")
            }
            Self::Overdue { days, limit } => format!("Просрочка {days} дней превышает допустимые {limit} дней"),
            Self::IncomeUnknown => "Доход не подтверждён: долговую нагрузку рассчитать нельзя".to_owned(),
        }
    }
}

impl crate::rejection::Rejection for BorrowerRefusal {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message_ru(&self) -> String {
        Self::message_ru(self)
    }
}

/// Judges the borrower: overdue debt first, then the debt burden with the new payment.
pub fn assess_borrower(policies: &PolicySet, facts: &CreditFacts) -> Result<DebtBurden, BorrowerRefusal> {
    refuse_overdue(policies, LimitRule::OverdueDaysMaximum, facts.overdue_days_current)?;
    refuse_overdue(policies, LimitRule::OverdueDaysPastYearMaximum, facts.overdue_days_max_12m)?;

    let income = facts.average_monthly_income.filter(|income| income.is_positive());
    let income = income.ok_or(BorrowerRefusal::IncomeUnknown)?.to_decimal();
    let payments = facts.monthly_payments.to_decimal() + facts.new_monthly_payment.to_decimal();
    let ratio = (payments / income).round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    let limit = policies.required(LimitRule::DebtBurdenMaximum);
    // Compared before rounding: a hair above the limit is above it.
    if payments > limit * income { Err(BorrowerRefusal::DebtBurden { ratio, limit }) } else { Ok(DebtBurden(ratio)) }
}

fn refuse_overdue(policies: &PolicySet, rule: LimitRule, days: u32) -> Result<(), BorrowerRefusal> {
    match policies.value(rule).map(super::whole) {
        Some(limit) if days > limit => Err(BorrowerRefusal::Overdue { days, limit }),
        _ => Ok(()),
    }
}
