//! The periods of a schedule: when each ends and which share of the balance its interest is.
//! It never rounds: that happens where an amount arises.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Instalment, ScheduleError};
use crate::{money::Money, rate::Rate, term::Term};

/// The days of a period where the term is counted in days.
const PERIOD_DAYS: u16 = 30;
/// What makes a twelfth of a rate in percent a year.
const PERCENT_TIMES_MONTHS: Decimal = Decimal::from_parts(1_200, 0, 0, false, 0);
/// What makes a rate in percent a year one of a day: 365 in leap years too (`domain.md` §4.1).
const PERCENT_TIMES_DAYS: Decimal = Decimal::from_parts(36_500, 0, 0, false, 0);

/// One period: its due date and the interest on one tenge over it.
///
/// The interest is kept as a fraction: a third of a percent has no exact decimal, and an amount that comes to
/// exactly half a tiyn would be rounded down for it.
#[derive(Clone, Debug)]
pub(super) struct Period {
    pub(super) due_on: NaiveDate,
    numerator: Decimal,
    denominator: Decimal,
}

impl Period {
    /// A month: a twelfth of the year's interest, however long it is.
    fn month(rate: Rate, due_on: NaiveDate) -> Self {
        Self { due_on, numerator: rate.percent(), denominator: PERCENT_TIMES_MONTHS }
    }

    /// Calendar days.
    fn days(rate: Rate, days: i64, due_on: NaiveDate) -> Self {
        Self { due_on, numerator: rate.percent() * Decimal::from(days), denominator: PERCENT_TIMES_DAYS }
    }

    /// The interest on a balance, rounded once.
    fn interest(&self, balance: Money) -> Result<Money, ScheduleError> {
        let interest = balance.to_decimal().checked_mul(self.numerator).ok_or(ScheduleError::AmountTooLarge)?;
        Ok(Money::round_half_up(interest / self.denominator)?)
    }

    /// What an amount at the end of the period is worth at its beginning.
    pub(super) fn discounted(&self, amount: Decimal) -> Decimal {
        amount * self.denominator / (self.denominator + self.numerator)
    }
}

/// The periods of methods that pay by instalments.
pub(super) fn periods(rate: Rate, term: Term, disbursed_on: NaiveDate) -> Result<Vec<Period>, ScheduleError> {
    match term {
        // Each date is counted from the disbursement: counted from the one before, 31 January would slip to 28 March.
        Term::Months(months) => {
            (1..=months).map(|number| Ok(Period::month(rate, due_on(Term::Months(number), disbursed_on)?))).collect()
        }
        Term::Days(days) => {
            let ends = (1..=days).filter(|day| day % PERIOD_DAYS == 0 || *day == days);
            let mut periods = Vec::new();
            let mut began = 0;
            for end in ends {
                let due_on = due_on(Term::Days(end), disbursed_on)?;
                periods.push(Period::days(rate, i64::from(end - began), due_on));
                began = end;
            }
            Ok(periods)
        }
    }
}

/// The whole term as one period, by actual days.
pub(super) fn whole_term(rate: Rate, term: Term, disbursed_on: NaiveDate) -> Result<Period, ScheduleError> {
    let due_on = due_on(term, disbursed_on)?;
    let days = due_on.signed_duration_since(disbursed_on).num_days();
    Ok(Period::days(rate, days, due_on))
}

fn due_on(term: Term, disbursed_on: NaiveDate) -> Result<NaiveDate, ScheduleError> {
    term.ends_on(disbursed_on).ok_or(ScheduleError::DateOutOfRange)
}

/// Walks the periods: interest on what is left, principal as the method says, all that is left in the last one.
pub(super) fn walk(
    amount: Money,
    periods: &[Period],
    principal_of: impl Fn(Money) -> i64,
) -> Result<Vec<Instalment>, ScheduleError> {
    let mut balance = amount.tiyn();
    let mut instalments = Vec::with_capacity(periods.len());
    for (index, period) in periods.iter().enumerate() {
        let interest = period.interest(Money::from_tiyn(balance))?;
        // Rounding must neither repay more than is owed nor let the debt grow.
        let principal = if index + 1 == periods.len() { balance } else { principal_of(interest).clamp(0, balance) };
        let total = principal.checked_add(interest.tiyn()).ok_or(ScheduleError::AmountTooLarge)?;
        balance -= principal;
        instalments.push(Instalment {
            number: u16::try_from(index + 1).map_err(|_| ScheduleError::TermMonths)?,
            due_on: period.due_on,
            principal: Money::from_tiyn(principal),
            interest,
            total: Money::from_tiyn(total),
            balance_after: Money::from_tiyn(balance),
        });
    }
    Ok(instalments)
}
