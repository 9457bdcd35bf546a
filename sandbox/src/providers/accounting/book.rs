//! The books of all loans: an act becomes a fact, and the journal is brought to what then ought to stand in it.
//! A book has no clock: its days are closed as far as an act or a look at a balance has named one, since tests move time.

use std::{collections::HashMap, sync::Mutex};

use axum::http::StatusCode;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{
    accrual::course,
    facts::{Facts, Payment, Refused, Resumption, Terms},
    journal::{Account, Journal, Reason},
};
use crate::{exchange::Answer, state::locked};

/// The books by the reference of their loan.
#[derive(Default)]
pub(crate) struct Books {
    inner: Mutex<HashMap<String, Book>>,
}

/// The book of one loan.
pub(super) struct Book {
    terms: Terms,
    facts: Facts,
    journal: Journal,
    closed_through: NaiveDate,
}

impl Books {
    /// Opens a book, unless the loan has one.
    pub(super) fn open(&self, loan_reference: &str, terms: Terms) -> Result<(), Answer> {
        let mut books = locked(&self.inner);
        if books.contains_key(loan_reference) {
            return Err(conflict("the loan is open already"));
        }
        let closed_through = terms.disbursed_on;
        let mut book = Book { terms, facts: Facts::default(), journal: Journal::default(), closed_through };
        book.close(closed_through);
        books.insert(loan_reference.to_owned(), book);
        Ok(())
    }

    /// Does something with the book of a loan; what cannot be is answered as a refusal, and nothing has changed.
    pub(super) fn with<T>(
        &self,
        loan_reference: &str,
        act: impl FnOnce(&mut Book) -> Result<T, Refused>,
    ) -> Result<T, Answer> {
        let mut books = locked(&self.inner);
        let book = books.get_mut(loan_reference);
        let book = book.ok_or_else(|| Answer::error(StatusCode::NOT_FOUND, "not_found"))?;
        act(book).map_err(conflict)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        locked(&self.inner).clear();
    }
}

fn conflict(refused: Refused) -> Answer {
    Answer::error(StatusCode::CONFLICT, refused)
}

impl Book {
    /// Enters a payment; what of it went where.
    pub(super) fn pay(&mut self, payment: Payment) -> Result<Value, Refused> {
        self.terms.within(payment.paid_on)?;
        let (on, payment_id) = (payment.paid_on, payment.payment_id.clone());
        self.facts.payments.push(payment);
        self.close(on);
        let into = |account| self.journal.credited(on, Reason::Payment, Some(&payment_id), account);
        Ok(json!({
            "penalty": into(Account::PenaltyReceivable),
            "interest": into(Account::InterestReceivable),
            "principal": into(Account::PrincipalReceivable),
            "advance": into(Account::ClientAdvances),
        }))
    }

    /// Suspends accrual; the interest and the penalty that this reversed.
    pub(super) fn suspend(&mut self, from: NaiveDate, penalty: bool) -> Result<Value, Refused> {
        self.terms.within(from)?;
        let before = self.income();
        self.facts.suspend(from, penalty)?;
        // First only the days that are closed already: what is less on them is what was reversed.
        self.close(self.closed_through);
        let after = self.income();
        self.close(from);
        Ok(json!({ "interest": before.0 - after.0, "penalty": before.1 - after.1 }))
    }

    /// Ends the suspension; the interest of suspended days that this charged.
    pub(super) fn resume(&mut self, resumption: Resumption) -> Result<i64, Refused> {
        self.terms.within(resumption.on)?;
        self.facts.resume(resumption)?;
        self.close(resumption.on);
        Ok(self.journal.credited(resumption.on, Reason::BackAccrual, None, Account::InterestIncome))
    }

    /// Writes the debt off; principal, interest and penalty that were lost.
    pub(super) fn write_off(&mut self, on: NaiveDate) -> Result<Value, Refused> {
        self.terms.within(on)?;
        self.facts.write_off(on)?;
        self.close(on);
        let lost = |account| self.journal.credited(on, Reason::WriteOff, None, account);
        Ok(json!({
            "principal": lost(Account::PrincipalReceivable),
            "interest": lost(Account::InterestReceivable),
            "penalty": lost(Account::PenaltyReceivable),
        }))
    }

    /// What is owed at the end of a day, and whether interest accrues on it.
    pub(super) fn balance(&mut self, on: NaiveDate) -> Result<Value, Refused> {
        self.terms.within(on)?;
        self.close(on);
        let owed = |account| self.journal.debit_balance(account, on);
        let written_off = self.facts.written_off_on.is_some_and(|written_off_on| written_off_on <= on);
        Ok(json!({
            "principal": owed(Account::PrincipalReceivable),
            "interest": owed(Account::InterestReceivable),
            "penalty": owed(Account::PenaltyReceivable),
            "accruing": !written_off && self.facts.suspension(on).is_none(),
        }))
    }

    pub(super) fn payments(&self) -> &[Payment] {
        &self.facts.payments
    }

    pub(super) fn postings(&self) -> Value {
        json!(self.journal.postings())
    }

    /// Closes the days through this one, and those that are closed already anew.
    fn close(&mut self, through: NaiveDate) {
        self.closed_through = self.closed_through.max(through);
        self.journal.bring_to(&course(&self.terms, &self.facts, self.closed_through));
    }

    /// Interest and penalty charged so far.
    fn income(&self) -> (i64, i64) {
        let earned = |account| -self.journal.debit_balance(account, self.closed_through);
        (earned(Account::InterestIncome), earned(Account::PenaltyIncome))
    }
}
