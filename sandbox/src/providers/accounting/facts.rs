//! What the accounting was told of one loan, and which further acts on it can still be.
//! Facts are only ever added: no amount is kept here, since every amount follows from them.

use chrono::{Days, NaiveDate};

/// How long after the disbursement the books reach: longer than any loan, short enough to count day by day.
const DAYS_MAXIMUM: u64 = 21 * 366;

/// The loan as it was opened.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The day on which the money was lent.
    pub(super) disbursed_on: NaiveDate,
    /// Lent, in tiyn.
    pub(super) amount: i64,
    /// The annual rate in ten-thousandths of a percent.
    pub(super) rate: i64,
    /// Due days and the principal due on each.
    pub(super) principal_due: Vec<(NaiveDate, i64)>,
}

/// A payment by the client.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) payment_id: String,
    pub(super) paid_on: NaiveDate,
    pub(super) amount: i64,
    /// Whether the lender collected it; else the client paid of his own accord.
    pub(super) collected: bool,
}

/// A time in which no interest accrues.
#[derive(Clone, Debug)]
pub(super) struct Suspension {
    /// The first day without interest.
    pub(super) from: NaiveDate,
    /// Whether no penalty accrues either.
    pub(super) penalty: bool,
    pub(super) resumed: Option<Resumption>,
}

/// The end of a suspension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resumption {
    /// The first day with interest again.
    pub(super) on: NaiveDate,
    /// Whether the interest of the suspended days is charged after all.
    pub(super) back_accrual: bool,
}

/// Everything that happened to the loan since.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) payments: Vec<Payment>,
    pub(super) suspensions: Vec<Suspension>,
    pub(super) written_off_on: Option<NaiveDate>,
}

/// Why an act cannot be.
pub(super) type Refused = &'static str;

impl Suspension {
    /// Whether this day is one without interest.
    pub(super) fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && self.resumed.is_none_or(|resumed| day < resumed.on)
    }
}

impl Terms {
    /// Refuses a day that the books do not reach.
    pub(super) fn within(&self, day: NaiveDate) -> Result<(), Refused> {
        if day < self.disbursed_on {
            return Err("the day lies before the disbursement");
        }
        let last = self.disbursed_on.checked_add_days(Days::new(DAYS_MAXIMUM));
        if last.is_none_or(|last| day > last) {
            return Err("the day lies beyond the books");
        }
        Ok(())
    }
}

impl Facts {
    /// The suspension that covers a day.
    pub(super) fn suspension(&self, day: NaiveDate) -> Option<&Suspension> {
        self.suspensions.iter().find(|suspension| suspension.covers(day))
    }

    /// Suspends accrual, also from a day that has passed. One that lasts is moved to an earlier first day, and to no
    /// penalty where that is asked for; it is refused where it begins no later already.
    pub(super) fn suspend(&mut self, from: NaiveDate, penalty: bool) -> Result<(), Refused> {
        self.not_written_off()?;
        let ended = self.suspensions.iter().filter_map(|suspension| suspension.resumed).map(|resumed| resumed.on).max();
        let lasting = self.suspensions.last_mut().filter(|last| last.resumed.is_none());
        match (&lasting, ended) {
            (Some(lasting), _) if lasting.from <= from => return Err("accrual is suspended already"),
            (_, Some(ended)) if from < ended => return Err("an earlier suspension lasted longer"),
            _ => {}
        }
        match lasting {
            Some(lasting) => {
                lasting.from = from;
                lasting.penalty |= penalty;
            }
            None => self.suspensions.push(Suspension { from, penalty, resumed: None }),
        }
        Ok(())
    }

    /// Ends the suspension.
    pub(super) fn resume(&mut self, resumption: Resumption) -> Result<(), Refused> {
        self.not_written_off()?;
        let last = self.suspensions.last_mut().filter(|last| last.resumed.is_none());
        let suspension = last.ok_or("accrual is not suspended")?;
        if resumption.on < suspension.from {
            return Err("the suspension begins later");
        }
        suspension.resumed = Some(resumption);
        Ok(())
    }

    /// Writes the debt off.
    pub(super) fn write_off(&mut self, on: NaiveDate) -> Result<(), Refused> {
        self.not_written_off()?;
        let begins = |suspension: &Suspension| suspension.resumed.map_or(suspension.from, |resumed| resumed.on);
        if self.suspensions.iter().any(|suspension| on < begins(suspension)) {
            return Err("an act of a later day is on record");
        }
        self.written_off_on = Some(on);
        Ok(())
    }

    fn not_written_off(&self) -> Result<(), Refused> {
        if self.written_off_on.is_some() { Err("the loan is written off") } else { Ok(()) }
    }
}
