//! The course of a loan, day by day: what ought to be in the books through a day, from its terms and facts alone.
//! It never looks at what is in the books, and rounds nothing twice: what accrued is counted exactly, and what is owed
//! of it is that count rounded half up to the tiyn, so that the rounding of one day is made good on the next.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    facts::{Facts, Terms},
    journal::{Account, Cell, Reason},
};

/// A tiyn of interest in the exact count: tiyn × ten-thousandths of a percent × days; a year has 365 days.
const INTEREST_UNIT: i128 = 100 * 10_000 * 365;
/// A tiyn of penalty in the exact count: tiyn overdue × days, at 0.5 % a day.
const PENALTY_UNIT: i128 = 200;

/// What ought to be in the books.
pub(super) type Course = BTreeMap<Cell, i64>;

/// Something that accrues: the exact count, and what of it was charged.
struct Meter {
    unit: i128,
    exact: i128,
    charged: i64,
}

impl Meter {
    fn new(unit: i128) -> Self {
        Self { unit, exact: 0, charged: 0 }
    }

    /// Counts on and gives the tiyn that are to be charged now.
    fn count(&mut self, more: i128) -> i64 {
        self.exact += more;
        let rounded = i64::try_from((2 * self.exact + self.unit) / (2 * self.unit)).unwrap_or(i64::MAX);
        let now = rounded - self.charged;
        self.charged = rounded;
        now
    }
}

struct Walk<'a> {
    terms: &'a Terms,
    facts: &'a Facts,
    course: Course,
    principal: i64,
    interest: i64,
    penalty: i64,
    interest_meter: Meter,
    suspended_meter: Meter,
    penalty_meter: Meter,
}

/// What ought to be in the books through this day.
pub(super) fn course(terms: &Terms, facts: &Facts, through: NaiveDate) -> Course {
    let mut walk = Walk {
        terms,
        facts,
        course: Course::new(),
        principal: terms.amount,
        interest: 0,
        penalty: 0,
        interest_meter: Meter::new(INTEREST_UNIT),
        suspended_meter: Meter::new(INTEREST_UNIT),
        penalty_meter: Meter::new(PENALTY_UNIT),
    };
    for day in terms.disbursed_on.iter_days().take_while(|day| *day <= through) {
        walk.take(day);
    }
    walk.course
}

impl Walk<'_> {
    fn take(&mut self, day: NaiveDate) {
        if day == self.terms.disbursed_on {
            self.enter(day, Reason::Disbursement, None, (Account::PrincipalReceivable, Account::Cash), self.principal);
        } else if self.facts.written_off_on.is_none_or(|on| day <= on) {
            self.resume(day);
            self.accrue(day);
        }
        let facts = self.facts;
        for payment in facts.payments.iter().filter(|payment| payment.paid_on == day) {
            self.pay(day, &payment.payment_id, payment.amount);
        }
        if facts.written_off_on == Some(day) {
            self.write_off(day);
        }
    }

    /// A suspension that ends on this day: what stood beside the books goes, or comes into them.
    fn resume(&mut self, day: NaiveDate) {
        for resumed in self.facts.suspensions.iter().filter_map(|suspension| suspension.resumed) {
            if resumed.on != day {
                continue;
            }
            let suspended = self.leave_suspense(day);
            if resumed.back_accrual {
                let interest = self.interest_meter.count(suspended);
                self.interest += interest;
                let into = (Account::InterestReceivable, Account::InterestIncome);
                self.enter(day, Reason::BackAccrual, None, into, interest);
            }
        }
    }

    /// The interest of this day on the principal that it began with, and the penalty on what was overdue by then.
    fn accrue(&mut self, day: NaiveDate) {
        let suspension = self.facts.suspension(day);
        let interest = i128::from(self.principal) * i128::from(self.terms.rate);
        if suspension.is_some() {
            let suspended = self.suspended_meter.count(interest);
            let beside = (Account::SuspendedInterest, Account::SuspendedContra);
            self.enter(day, Reason::SuspendedInterest, None, beside, suspended);
        } else {
            let accrued = self.interest_meter.count(interest);
            self.interest += accrued;
            self.enter(day, Reason::Interest, None, (Account::InterestReceivable, Account::InterestIncome), accrued);
        }
        if suspension.is_none_or(|suspension| !suspension.penalty) {
            let accrued = self.penalty_meter.count(i128::from(self.overdue(day)));
            self.penalty += accrued;
            self.enter(day, Reason::Penalty, None, (Account::PenaltyReceivable, Account::PenaltyIncome), accrued);
        }
    }

    /// Principal that was due before this day and is unpaid.
    fn overdue(&self, day: NaiveDate) -> i64 {
        let due: i64 = self.terms.principal_due.iter().filter(|(on, _)| *on < day).map(|(_, amount)| amount).sum();
        (due - (self.terms.amount - self.principal)).clamp(0, self.principal)
    }

    /// Penalty first, then interest, then principal; what is left is the client's.
    fn pay(&mut self, day: NaiveDate, payment_id: &str, amount: i64) {
        let mut left = amount;
        let mut take = |owed: &mut i64| {
            let taken = left.min(*owed);
            *owed -= taken;
            left -= taken;
            taken
        };
        let parts = [
            (Account::PenaltyReceivable, take(&mut self.penalty)),
            (Account::InterestReceivable, take(&mut self.interest)),
            (Account::PrincipalReceivable, take(&mut self.principal)),
        ];
        for (account, part) in parts.into_iter().chain([(Account::ClientAdvances, left)]) {
            self.enter(day, Reason::Payment, Some(payment_id), (Account::Cash, account), part);
        }
    }

    fn write_off(&mut self, day: NaiveDate) {
        self.leave_suspense(day);
        let parts = [
            (Account::PrincipalReceivable, std::mem::take(&mut self.principal)),
            (Account::InterestReceivable, std::mem::take(&mut self.interest)),
            (Account::PenaltyReceivable, std::mem::take(&mut self.penalty)),
        ];
        for (account, part) in parts {
            self.enter(day, Reason::WriteOff, None, (Account::Loss, account), part);
        }
    }

    /// Empties the account of suspended interest; gives its exact count.
    fn leave_suspense(&mut self, day: NaiveDate) -> i128 {
        let meter = std::mem::replace(&mut self.suspended_meter, Meter::new(INTEREST_UNIT));
        let back = (Account::SuspendedContra, Account::SuspendedInterest);
        self.enter(day, Reason::SuspensionEnded, None, back, meter.charged);
        meter.exact
    }

    fn enter(
        &mut self,
        on: NaiveDate,
        reason: Reason,
        payment: Option<&str>,
        between: (Account, Account),
        amount: i64,
    ) {
        if amount != 0 {
            let (debit, credit) = between;
            let cell = Cell { on, reason, payment_id: payment.map(str::to_owned), debit, credit };
            *self.course.entry(cell).or_default() += amount;
        }
    }
}
