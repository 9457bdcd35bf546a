//! Bullet: one payment at the end, the principal with interest by actual days over 365 (the lender's own method).
//! The day of disbursement bears no interest, the day of repayment does.

use super::{
    Instalment, ScheduleError,
    period::{Period, walk},
};
use crate::money::Money;

pub(super) fn instalments(amount: Money, whole_term: &Period) -> Result<Vec<Instalment>, ScheduleError> {
    walk(amount, std::slice::from_ref(whole_term), |_| amount.tiyn())
}
