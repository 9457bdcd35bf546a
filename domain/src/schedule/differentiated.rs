//! Differentiated: equal parts of principal, and interest on what is left (`domain.md` §5).
//! Where the amount does not divide evenly, the last part differs; it never differs for another reason.

use rust_decimal::Decimal;

use super::{
    Instalment, ScheduleError,
    period::{Period, walk},
};
use crate::money::Money;

pub(super) fn instalments(amount: Money, periods: &[Period]) -> Result<Vec<Instalment>, ScheduleError> {
    let count = Decimal::from(periods.len());
    let part = amount.to_decimal().checked_div(count).ok_or(ScheduleError::AmountTooLarge)?;
    let part = Money::round_half_up(part)?;
    walk(amount, periods, |_| part.tiyn())
}
