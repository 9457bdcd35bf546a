//! Are these terms within the caps on amount and price? (`domain.md` §4.2)
//! It never looks at the borrower.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{LimitRule, PolicySet};
use crate::{effective_rate::AnnualEffectiveRate, money::Money, rate::Rate, term::Term};

/// One cap that the terms exceed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{rule}: {actual} against {limit}")]
pub struct LimitBreach {
    /// Which cap.
    pub rule: LimitRule,
    /// What the terms come to: tenge, percent a day, or percent a year.
    pub actual: Decimal,
    /// What is allowed, in the same unit.
    pub limit: Decimal,
}

impl LimitBreach {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.rule {
            LimitRule::AmountMaximumIndices => "limit.amount",
            LimitRule::EffectiveRateMaximum => "limit.effective_rate",
            LimitRule::ShortLoanEffectiveRateMaximum => "limit.short_loan_effective_rate",
            LimitRule::ShortLoanDailyRateMaximum => "limit.short_loan_daily_rate",
            _ => "limit.exceeded",
        }
    }

    /// What is exceeded and by what, in Russian.
    #[must_use]
    pub fn message_ru(&self) -> String {
        let (actual, limit) = (self.actual, self.limit);
        match self.rule {
            LimitRule::AmountMaximumIndices => format!("Сумма {actual:.2} ₸ больше предельной {limit:.2} ₸"),
            LimitRule::EffectiveRateMaximum => format!("ГЭСВ {actual:.1} % больше предельной {limit} %"),
            LimitRule::ShortLoanEffectiveRateMaximum => {
                format!("ГЭСВ {actual:.1} % больше предельной {limit} % для короткого микрокредита")
            }
            LimitRule::ShortLoanDailyRateMaximum => {
                format!("Ставка {} % в день должна быть ниже {limit} %", actual.round_dp(4).normalize())
            }
            rule => format!("Превышен предел {rule}: {actual} при допустимых {limit}"),
        }
    }
}

impl crate::rejection::Rejection for LimitBreach {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message_ru(&self) -> String {
        Self::message_ru(self)
    }
}

/// Judges amount, rate and annual effective rate; every cap that is exceeded is named.
///
/// A short microcredit must pass two tests: at 0.3 % a day for 30 days the effective rate is already 185.3 %.
pub fn assess_terms(
    policies: &PolicySet,
    amount: Money,
    term: Term,
    rate: Rate,
    effective: AnnualEffectiveRate,
) -> Result<(), Vec<LimitBreach>> {
    let mut breaches = Vec::new();
    let mut at_most = |rule, actual: Decimal, limit: Decimal| {
        if actual > limit {
            breaches.push(LimitBreach { rule, actual, limit });
        }
    };
    at_most(LimitRule::AmountMaximumIndices, amount.to_decimal(), policies.amount_maximum());
    if is_short_loan(policies, amount, term) {
        let rule = LimitRule::ShortLoanEffectiveRateMaximum;
        at_most(rule, effective.percent(), policies.required(rule));
        let rule = LimitRule::ShortLoanDailyRateMaximum;
        let limit = policies.required(rule);
        // Compared by the year: a division by 365 could round a rate onto the limit.
        if rate.percent() >= limit * Decimal::from(365) {
            breaches.push(LimitBreach { rule, actual: rate.percent() / Decimal::from(365), limit });
        }
    } else {
        let rule = LimitRule::EffectiveRateMaximum;
        at_most(rule, effective.percent(), policies.required(rule));
    }
    if breaches.is_empty() { Ok(()) } else { Err(breaches) }
}

/// Whether the microcredit is short and small, so that the caps for such ones hold.
#[must_use]
pub fn is_short_loan(policies: &PolicySet, amount: Money, term: Term) -> bool {
    let days = Decimal::from(term.days_at_most());
    days <= policies.required(LimitRule::ShortLoanDaysMaximum)
        && amount.to_decimal() <= policies.in_tenge(LimitRule::ShortLoanAmountIndices)
}
