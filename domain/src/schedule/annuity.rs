//! Annuity: equal payments, of which interest takes less and less (`domain.md` §5).
//! The last payment differs by what rounding left over; it never differs for another reason.

use rust_decimal::Decimal;

use super::{
    Instalment, ScheduleError,
    period::{Period, walk},
};
use crate::money::Money;

pub(super) fn instalments(amount: Money, periods: &[Period]) -> Result<Vec<Instalment>, ScheduleError> {
    let payment = payment(amount, periods)?;
    walk(amount, periods, |interest| payment.tiyn() - interest.tiyn())
}

/// The amount over the sum of discount factors: with equal periods this is P·i/(1−(1+i)^−n), and it needs
/// no exception for a rate of zero nor for a last period that is shorter.
fn payment(amount: Money, periods: &[Period]) -> Result<Money, ScheduleError> {
    let mut discount = Decimal::ONE;
    let mut discounts = Decimal::ZERO;
    for period in periods {
        discount = period.discounted(discount);
        discounts += discount;
    }
    let payment = amount.to_decimal().checked_div(discounts).ok_or(ScheduleError::AmountTooLarge)?;
    Ok(Money::round_half_up(payment)?)
}
