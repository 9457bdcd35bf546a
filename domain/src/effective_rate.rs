//! The annual effective rate (ГЭСВ): what the loan costs a year, all payments counted (`domain.md` §4.1).
//! It never includes penalties, and never guesses: without one certain answer it says why.
//!
//! Σ payments·(1+rate)^(−t/365) = amount, t in calendar days from the disbursement, 365 in leap years too.
//! The left side falls strictly as the rate grows, so there is exactly one root and halving an interval finds it.

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use rust_decimal::{
    Decimal, RoundingStrategy,
    prelude::{FromPrimitive as _, ToPrimitive as _},
};

use crate::{money::Money, rejection::rejections, schedule::Schedule, text_form::shown_text};

/// The divisor of days.
const YEAR_DAYS: f64 = 365.0;
/// The widest continuous yearly yield that is searched: e^32 a year is far beyond every rate that can be quoted.
const YIELD_MAXIMUM: f64 = 32.0;
/// Halvings of the interval: 2^-100 of it is far below what a double can tell apart.
const HALVINGS: u32 = 100;

/// The annual effective rate in percent, rounded half up to one decimal as the regulator wants it published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnualEffectiveRate(Decimal);

shown_text!(AnnualEffectiveRate);

rejections! {
    /// Why there is no annual effective rate.
    pub enum EffectiveRateError {
        /// Nothing is lent or nothing is paid.
        NothingToCompare = "effective_rate.nothing_to_compare", "nothing is lent or nothing is paid",
            "Нет выдачи или нет платежей: ГЭСВ не вычисляется";
        /// Less is paid than was lent, so the rate would be below zero.
        BelowZero = "effective_rate.below_zero", "less is paid than was lent", "Платежи меньше суммы микрокредита";
        /// As much as was lent is paid back on the same day, or a payment precedes the disbursement.
        TooEarly = "effective_rate.too_early", "payments precede the disbursement or undo it on the same day",
            "Платежи раньше выдачи или в день выдачи: ГЭСВ не вычисляется";
        /// The root lies beyond every rate that can be quoted.
        TooHigh = "effective_rate.too_high", "the rate is beyond what can be quoted", "ГЭСВ слишком велика";
        /// The text is not a rate with one decimal.
        Format = "effective_rate.format", "an effective rate is written with one decimal, such as 42.8",
            "ГЭСВ записывается с одним знаком после точки, например 42.8";
    }
}

impl AnnualEffectiveRate {
    /// The rate in percent a year, one decimal.
    #[must_use]
    pub const fn percent(self) -> Decimal {
        self.0
    }
}

impl std::fmt::Display for AnnualEffectiveRate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&format!("{:.1}", self.0))
    }
}

impl std::str::FromStr for AnnualEffectiveRate {
    type Err = EffectiveRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = Decimal::from_str_exact(text).map_err(|_| EffectiveRateError::Format)?;
        if percent.scale() > 1 || text.starts_with(['-', '+']) {
            return Err(EffectiveRateError::Format);
        }
        Ok(Self(percent))
    }
}

/// The annual effective rate of a schedule.
pub fn effective_rate(schedule: &Schedule) -> Result<AnnualEffectiveRate, EffectiveRateError> {
    let payments = schedule.instalments.iter().map(|instalment| (instalment.due_on, instalment.total));
    effective_rate_of(schedule.amount, schedule.disbursed_on, payments)
}

/// The annual effective rate of any payments for one disbursement: also of those actually made.
pub fn effective_rate_of(
    amount: Money,
    disbursed_on: NaiveDate,
    payments: impl IntoIterator<Item = (NaiveDate, Money)>,
) -> Result<AnnualEffectiveRate, EffectiveRateError> {
    let flows = Flows::new(amount, disbursed_on, payments)?;
    let percent = flows.continuous_yield()?.exp_m1() * 100.0;
    let percent = Decimal::from_f64(percent).ok_or(EffectiveRateError::TooHigh)?;
    // A double is a hair off the true root: seven decimals first, so that a true 42.85 is not seen as 42.8499999999.
    let rounded = [7, 1].into_iter().fold(percent, |value, decimals| {
        value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
    });
    Ok(AnnualEffectiveRate(rounded))
}

/// Payments in tenge with their distance from the disbursement in years.
struct Flows {
    amount: f64,
    payments: Vec<(f64, f64)>,
}

impl Flows {
    fn new(
        amount: Money,
        disbursed_on: NaiveDate,
        payments: impl IntoIterator<Item = (NaiveDate, Money)>,
    ) -> Result<Self, EffectiveRateError> {
        let mut same_day = Money::ZERO;
        let mut total = Money::ZERO;
        let mut flows = Vec::new();
        for (paid_on, payment) in payments {
            let days = paid_on.signed_duration_since(disbursed_on).num_days();
            if days < 0 {
                return Err(EffectiveRateError::TooEarly);
            }
            if days == 0 {
                same_day = same_day.checked_add(payment).ok_or(EffectiveRateError::TooHigh)?;
            }
            total = total.checked_add(payment).ok_or(EffectiveRateError::TooHigh)?;
            flows.push((double(days)? / YEAR_DAYS, double(payment.tiyn())?));
        }
        if !amount.is_positive() || !total.is_positive() {
            return Err(EffectiveRateError::NothingToCompare);
        }
        if same_day >= amount {
            return Err(EffectiveRateError::TooEarly);
        }
        if total < amount {
            return Err(EffectiveRateError::BelowZero);
        }
        Ok(Self { amount: double(amount.tiyn())?, payments: flows })
    }

    /// By how much the payments, discounted at a continuous yield, exceed the amount.
    fn excess(&self, yearly_yield: f64) -> f64 {
        self.payments.iter().map(|(years, payment)| payment * (-yearly_yield * years).exp()).sum::<f64>() - self.amount
    }

    /// The yield at which nothing exceeds, by halving: every step keeps the root between its ends.
    fn continuous_yield(&self) -> Result<f64, EffectiveRateError> {
        let (mut low, mut high) = (0.0, YIELD_MAXIMUM);
        if self.excess(low) <= 0.0 {
            return Ok(0.0);
        }
        if self.excess(high) > 0.0 {
            return Err(EffectiveRateError::TooHigh);
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if self.excess(middle) > 0.0 { low = middle } else { high = middle }
        }
        Ok(f64::midpoint(low, high))
    }
}

fn double(whole: i64) -> Result<f64, EffectiveRateError> {
    whole.to_f64().ok_or(EffectiveRateError::TooHigh)
}
