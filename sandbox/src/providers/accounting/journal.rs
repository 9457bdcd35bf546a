//! The postings of one loan: each debits one account and credits another with the same amount, so none can be unbalanced.
//! Nothing posted is ever changed: what turns out to be wrong is reversed by a posting of its own, for the same day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use super::accrual::Course;

/// An account of one loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Account {
    Cash,
    PrincipalReceivable,
    InterestReceivable,
    InterestIncome,
    PenaltyReceivable,
    PenaltyIncome,
    /// What the client paid beyond what he owed.
    ClientAdvances,
    Loss,
    /// Beside the books: interest of suspended days, which is not owed.
    SuspendedInterest,
    SuspendedContra,
}

/// Why something is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Disbursement,
    Interest,
    SuspendedInterest,
    SuspensionEnded,
    BackAccrual,
    Penalty,
    Payment,
    WriteOff,
}

/// What is posted together: one amount stands in each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Cell {
    /// The day that it belongs to.
    pub(super) on: NaiveDate,
    pub(super) reason: Reason,
    pub(super) payment_id: Option<String>,
    pub(super) debit: Account,
    pub(super) credit: Account,
}

/// One posting.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Posting {
    sequence: usize,
    #[serde(flatten)]
    cell: Cell,
    amount: i64,
    /// Whether it takes back what an earlier one posted.
    reversal: bool,
}

/// All postings of a loan, in the order in which they were made.
#[derive(Default)]
pub(super) struct Journal {
    postings: Vec<Posting>,
    stands: BTreeMap<Cell, i64>,
}

impl Journal {
    /// Posts what is missing and reverses what should not be there.
    pub(super) fn bring_to(&mut self, course: &Course) {
        let cells: BTreeSet<Cell> = self.stands.keys().chain(course.keys()).cloned().collect();
        for cell in cells {
            let stands = self.stands.get(&cell).copied().unwrap_or_default();
            let wanted = course.get(&cell).copied().unwrap_or_default();
            if wanted == stands {
                continue;
            }
            let reversal = wanted < stands;
            let posted = if reversal { cell.turned() } else { cell.clone() };
            let sequence = self.postings.len() + 1;
            self.postings.push(Posting { sequence, cell: posted, amount: (wanted - stands).abs(), reversal });
            self.stands.insert(cell, wanted);
        }
    }

    pub(super) fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// What an account's debits exceed its credits by, through a day.
    pub(super) fn debit_balance(&self, account: Account, through: NaiveDate) -> i64 {
        let of = |posting: &Posting| {
            let debited = if posting.cell.debit == account { posting.amount } else { 0 };
            let credited = if posting.cell.credit == account { posting.amount } else { 0 };
            debited - credited
        };
        self.postings.iter().filter(|posting| posting.cell.on <= through).map(of).sum()
    }

    /// What stands on one day for one reason, to an account's credit.
    pub(super) fn credited(&self, on: NaiveDate, reason: Reason, payment_id: Option<&str>, account: Account) -> i64 {
        let meant = |cell: &Cell| {
            cell.on == on && cell.reason == reason && cell.credit == account && cell.payment_id.as_deref() == payment_id
        };
        self.stands.iter().filter(|(cell, _)| meant(cell)).map(|(_, amount)| amount).sum()
    }
}

impl Cell {
    fn turned(&self) -> Self {
        Self { debit: self.credit, credit: self.debit, ..self.clone() }
    }
}
