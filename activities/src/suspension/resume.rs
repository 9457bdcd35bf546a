//! What two people decided after the cancellation, done once: accrual, reporting and collection go on, or not.
//! Never while another document holds the loan (A12) or after it is written off, and never more interest than the suspended
//! days would have brought (A10).

use chrono::NaiveDate;
use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::duty::DutyKind;
use nesie_domain::money::Money;
use nesie_domain::suspension::overdue_days;
use nesie_storage::approvals::{self, Approval};
use nesie_storage::bodies::cases::{Resumption, SuspensionReport};
use nesie_storage::duties::DutyState;
use nesie_storage::holds::{self, Hold};
use nesie_storage::loans::KnownLoan;
use nesie_storage::{locks, pool, recorded, refunds};
use nesie_workflows::contract::CaseStep;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::loans_of;
use super::notice::{Written, notify_of_withdrawal};
use crate::World;
use crate::bureaus::owed;
use crate::calls::{Call, Received};
use crate::case::CaseSubject;
use crate::contract::agreed;
use crate::failure::Failure;
use crate::providers::accounting::Resumption as AccrualResumption;
use crate::providers::bureau::ResumptionOfInformation;
use crate::record::{CaseFact, decider};
use crate::subject::Subject;

const STEP: &str = "apply_resumption";

/// Does what was approved, loan by loan; without an approved request the case stays where it is.
pub(crate) async fn apply_resumption(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let asked = approvals::of_case(&world.pool, input.case_id, ApprovalKind::Resumption).await?;
    let Some(approval) = asked.into_iter().find(|approval| approval.state == ApprovalState::Approved) else {
        return Ok(subject.case.stage);
    };
    let decided: Resumption =
        serde_json::from_value(approval.proposal.clone()).map_err(|_| Failure::park("approval.unreadable"))?;
    // The day of the decision, not of the try: a repeat asks for the same.
    let on = local_date(approval.decided_at.ok_or_else(|| Failure::park("approval.unreadable"))?);
    let applying = Applying { world, subject: &subject, approval: &approval, decided, on, input };
    applying.apply_to_all().await?;
    Ok(CaseStage::Closed { outcome: CaseOutcome::Completed })
}

/// Undoes a suspension that was opened in error: everything goes on, and the client is told so in writing. The interest of
/// its days is not charged: only the document's own cancellation gives leave to that.
pub(crate) async fn undo(world: &World, approval: &Approval, input: CaseStep) -> Result<Written, Failure> {
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let decided = Resumption { back_accrual: false, resume_collection: true };
    let on = local_date(approval.decided_at.ok_or_else(|| Failure::park("approval.unreadable"))?);
    let applying = Applying { world, subject: &subject, approval, decided, on, input };
    let loans = applying.apply_to_all().await?;
    notify_of_withdrawal(world, &subject, &loans, on, input).await
}

/// One approved decision at work.
struct Applying<'a> {
    world: &'a World,
    subject: &'a CaseSubject<SuspensionReport>,
    approval: &'a Approval,
    decided: Resumption,
    on: NaiveDate,
    input: CaseStep,
}

impl Applying<'_> {
    /// Each loan of the document, and whether its accrual goes on.
    async fn apply_to_all(&self) -> Result<Vec<(String, bool)>, Failure> {
        let loans = loans_of(self.world, &self.subject.details).await?;
        let mut applied = Vec::new();
        for hold in holds::of_case(&self.world.pool, self.input.case_id).await? {
            let loan = loans.iter().find(|loan| loan.loan_reference == hold.loan_reference);
            let goes_on = self.apply(&hold, loan.ok_or_else(|| Failure::park("loan.missing"))?).await?;
            applied.push((hold.loan_reference, goes_on));
        }
        Ok(applied)
    }

    async fn apply(&self, hold: &Hold, loan: &KnownLoan) -> Result<bool, Failure> {
        let (world, case_id, reference) = (self.world, self.input.case_id, &hold.loan_reference);
        let key = format!("resume:{reference}");
        if let Some(fact) = recorded::fact(&world.pool, case_id, &key).await? {
            return Ok(fact.details["resumption_id"].is_string());
        }
        // Held over the calls: another document that comes now waits, and then suspends anew.
        let mut lock = pool::begin(&world.pool).await?;
        locks::loan(&mut lock, reference).await?;
        let held_by_others = holds::others(&mut lock, case_id, reference).await?;
        // What is written off has no accrual to go on, and no debt to be collected (para 13 ¶4).
        let written_off = refunds::is_written_off(&world.pool, reference).await?;
        let resumes = held_by_others == 0 && !written_off;
        let mut kept = Vec::new();
        let details = if resumes {
            self.resume(hold, loan, &mut kept).await?
        } else {
            json!({ "loan": reference, "held_by_others": held_by_others, "written_off": written_off })
        };
        let fact = CaseFact {
            case_id,
            key: &key,
            kind: if resumes { "accrual_resumed" } else { "hold_released" },
            details,
            at: self.input.at,
            actor: decider(self.approval)?,
            stage: None,
            event: Some("case.hold_released"),
        };
        if let Some(mut transaction) = world.begin_case(fact).await? {
            for received in &kept {
                received.keep(world, &mut transaction).await?;
            }
            let collection = self.decided.resume_collection && resumes;
            holds::release(&mut transaction, case_id, reference, collection, self.input.at).await?;
            pool::commit(transaction).await?;
        }
        pool::commit(lock).await?;
        Ok(resumes)
    }

    /// Accrual goes on, and reporting where policy says so (A11); what was paid meanwhile is named (A15).
    async fn resume(&self, hold: &Hold, loan: &KnownLoan, kept: &mut Vec<Received>) -> Result<Value, Failure> {
        let reference = &hold.loan_reference;
        let accounting = &self.world.providers.accounting;
        // Another document may have begun it earlier.
        let since = hold.suspended_from.unwrap_or(hold.effective_from);
        let before = self.call(("accounting", "balance"), reference);
        let before = before.make(self.world, accounting.balance(reference, since)).await?;
        let resumption = AccrualResumption { effective_on: self.on, back_accrual: self.decided.back_accrual };
        let call = self.call(("accounting", "resume"), reference);
        let key = call.key.clone();
        let resumed = call.make(self.world, accounting.resume(&key, reference, &resumption)).await?;
        let borrower = Subject::load(self.world, loan.application_id).await?;
        let days = (self.on - since).num_days().max(0);
        let maximum = interest_of(before.value.principal, borrower.rate.fraction(), days)?;
        if resumed.value.back_accrued > maximum {
            return Err(Failure::park("accounting.back_accrual_exceeds").of("accounting"));
        }
        let payments = self.call(("accounting", "payments"), reference);
        let payments = payments.make(self.world, accounting.payments(reference)).await?;
        let paid: Vec<Value> = payments
            .value
            .iter()
            .filter(|payment| payment.paid_on >= since && payment.paid_on < self.on)
            .map(|payment| json!({ "payment_id": payment.payment_id, "collected": payment.collected }))
            .collect();
        let mut details = json!({
            "loan": reference, "suspended_from": since, "effective_on": self.on, "resumption_id": resumed.value.resumption_id,
            "back_accrual": self.decided.back_accrual, "back_accrued": resumed.value.back_accrued,
            "back_accrual_maximum": maximum, "resume_collection": self.decided.resume_collection,
            "payments_during_suspension": paid, "approval_id": self.approval.id,
        });
        kept.extend([before.received, resumed.received, payments.received]);
        if self.subject.case.policy.resume_bureau_reporting {
            let schedule = agreed(self.world, &borrower).await?;
            let overdue = overdue_days(&schedule.instalments, before.value.principal, since);
            details["bureaus"] = json!(self.resume_reporting(reference, overdue, kept).await?);
            details["overdue_days"] = json!(overdue);
        }
        Ok(details)
    }

    /// Each bureau that was told of the suspension is told of its end, whatever becomes of the others.
    async fn resume_reporting(
        &self,
        loan: &str,
        overdue_days: u32,
        kept: &mut Vec<Received>,
    ) -> Result<Vec<Value>, Failure> {
        let information = ResumptionOfInformation {
            contract_reference: loan,
            iin: &self.subject.details.iin,
            effective_on: self.on,
            overdue_days,
        };
        let told = [DutyState::Met, DutyState::MetLate];
        let owed = owed(self.world, self.input.case_id, DutyKind::SuspendBureauReporting, &told).await?;
        let calls = owed.iter().map(|owed| {
            let call = self.call((owed.bureau.name(), "resumption"), loan);
            let (key, information) = (call.key.clone(), &information);
            async move { call.make(self.world, owed.bureau.resume_information(&key, information)).await }
        });
        let calls: Vec<_> = calls.collect();
        let mut acknowledged = Vec::new();
        for (owed, told) in owed.iter().zip(futures::future::join_all(calls).await) {
            let told = told?;
            let acknowledgement_id = told.value.acknowledgement_id;
            acknowledged.push(json!({ "bureau": owed.bureau.name(), "acknowledgement_id": acknowledgement_id }));
            kept.push(told.received);
        }
        Ok(acknowledged)
    }

    fn call(&self, operation: (&'static str, &'static str), loan: &str) -> Call {
        Call::new(self.input.case_id, STEP, operation, loan, self.input.at)
    }
}

/// The most that so many days at the contract rate can have brought on a debt, in tiyn that are rounded up.
fn interest_of(principal: Money, rate: Decimal, days: i64) -> Result<Money, Failure> {
    let exact = Decimal::from(principal.tiyn()) * rate * Decimal::from(days) / Decimal::from(365);
    let tiyn = i64::try_from(exact.ceil()).map_err(|_| Failure::park("accounting.balance_unreadable"))?;
    Ok(Money::from_tiyn(tiyn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_comes_back_is_the_interest_of_the_suspended_days() {
        let (principal, rate) = (Money::from_tiyn(30_000_000), Decimal::new(36, 2));
        assert_eq!(interest_of(principal, rate, 365), Ok(Money::from_tiyn(10_800_000)));
        assert_eq!(interest_of(principal, rate, 1), Ok(Money::from_tiyn(29_590)), "29 589.04… tiyn");
        assert_eq!(interest_of(principal, rate, 0), Ok(Money::ZERO));
    }
}
