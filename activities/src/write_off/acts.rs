//! What compliance does on a write-off, one act a transaction, in the order in which they came.
//! Never a write-off by one person, never an account that is not the client's, never a reopening without the client's guilt.

use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::iban::Iban;
use nesie_domain::money::Money;
use nesie_domain::refund::RefundKind;
use nesie_storage::bodies::cases::DocumentReference;
use nesie_storage::bodies::write_offs::{Verdict, VerdictReport, WriteOffAct};
use nesie_storage::bodies::{Destination, PaymentProfile};
use nesie_storage::refunds::{self, RefundAccount, account_place};
use nesie_storage::{cases, pool, recorded};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer, CaseStep, WriteOffProposal};
use serde_json::json;

use super::decision::WRITTEN_OFF;
use super::refund::open_rounds;
use crate::World;
use crate::calls::Call;
use crate::case::{Acting, CaseSubject, Deed, Proposal, submissions};
use crate::disbursement_method::{check, profile};
use crate::failure::Failure;
use crate::withdrawal;

const STEP: &str = "record_write_off_acts";

/// Decides every act that came; each has its answer before the next is looked at. After the closure nothing is done.
pub(crate) async fn record_write_off_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let mut answers = Vec::new();
    let mut reopened = false;
    for (submission, act) in submissions::<WriteOffAct>(world, input.case_id, &input.submission_ids).await? {
        let acting = Acting { world, submission: &submission, at: input.at };
        let reopens = matches!(act, WriteOffAct::Reopen { .. });
        let answer = match acting.answered_before()? {
            Some(answer) => answer,
            None if reopened => acting.refuse("case.closed", None).await?,
            None => Deciding { acting: &acting, subject: &subject }.decide(act).await?,
        };
        reopened |= reopens && answer == CaseAnswer::DONE;
        answers.push(answer);
    }
    let stage = if reopened {
        CaseStage::Closed { outcome: CaseOutcome::Completed }
    } else {
        // Read anew: the case may have been settled beside these acts.
        cases::get(&world.pool, input.case_id).await?.ok_or_else(|| Failure::park("case.missing"))?.stage
    };
    Ok(CaseActsDone { answers, stage })
}

/// One act on one write-off.
struct Deciding<'a> {
    acting: &'a Acting<'a>,
    subject: &'a CaseSubject<VerdictReport>,
}

impl Deciding<'_> {
    async fn decide(&self, act: WriteOffAct) -> Result<CaseAnswer, Failure> {
        match act {
            WriteOffAct::Decide => self.ask_for_decision().await,
            WriteOffAct::GiveRefundAccount { iban, payment_profile } => self.take_account(iban, payment_profile).await,
            WriteOffAct::Reopen { verdict, documents } => self.reopen(&verdict, &documents).await,
            WriteOffAct::Withdraw => withdrawal::propose(self.acting, &self.subject.case).await,
        }
    }

    fn step(&self) -> CaseStep {
        CaseStep { case_id: self.subject.case.id, at: self.acting.at }
    }

    /// Asks a second person, with what is owed today before their eyes; one request at a time.
    async fn ask_for_decision(&self) -> Result<CaseAnswer, Failure> {
        let (world, CaseStep { case_id, at }) = (self.acting.world, self.step());
        if recorded::fact(&world.pool, case_id, WRITTEN_OFF).await?.is_some() {
            return self.acting.refuse("write_off.decided", None).await;
        }
        // Another verdict on the same loan: what follows from it was done there.
        if refunds::is_written_off(&world.pool, &self.subject.details.loan).await? {
            return self.acting.refuse("loan.written_off", None).await;
        }
        if let Some(request) = self.acting.request_in_the_way(ApprovalKind::WriteOff).await? {
            let code = if request.state == ApprovalState::Approved { "write_off.decided" } else { "approval.waits" };
            return self.acting.refuse(code, Some(format!("approval:{}", request.id))).await;
        }
        if let Some(request) = self.acting.request_in_the_way(ApprovalKind::WithdrawCase).await? {
            return self.acting.refuse("approval.waits", Some(format!("approval:{}", request.id))).await;
        }
        let loan = &self.subject.details.loan;
        let call = Call::new(case_id, STEP, ("accounting", "balance"), self.acting.submission.id, at);
        let on = local_date(at);
        let answered = call.make(world, world.providers.accounting.balance(loan, on)).await?;
        let mut transaction = pool::begin(&world.pool).await?;
        let evidence_id = answered.received.keep(world, &mut transaction).await?;
        pool::commit(transaction).await?;
        let owed = answered.value;
        let proposal = WriteOffProposal { case_id, loan: loan.clone() };
        let proposal = serde_json::to_value(proposal).map_err(|_| Failure::park("record.unwritable"))?;
        let difference = json!({
            "before": { "on": on, "principal": owed.principal, "interest": owed.interest, "penalty": owed.penalty },
            "after": { "principal": Money::ZERO, "interest": Money::ZERO, "penalty": Money::ZERO },
        });
        let details = json!({ "loan": loan, "owed": difference["before"], "evidence_id": evidence_id });
        let asked = Proposal { kind: ApprovalKind::WriteOff, proposal: &proposal, difference: &difference };
        self.acting.ask_second_person(&self.subject.case, asked, Deed::new("write_off_proposed", details)).await
    }

    /// Takes the client's account where a refund still needs one, and only when it is confirmed as the client's.
    async fn take_account(&self, iban: Iban, payment_profile: PaymentProfile) -> Result<CaseAnswer, Failure> {
        let (world, CaseStep { case_id, at }) = (self.acting.world, self.step());
        let (mut due, mut wanted) = (false, false);
        for kind in RefundKind::ALL {
            for round in open_rounds(world, self.step(), kind).await? {
                due = true;
                let last = refunds::latest(&world.pool, case_id, kind, round).await?;
                wanted |= last.is_none_or(|refund| refund.payment.state.is_void());
            }
        }
        if !wanted {
            return self.acting.refuse(if due { "refund.under_way" } else { "duty.not_open" }, None).await;
        }
        let submission_id = self.acting.submission.id;
        let call = |operation| Call::new(case_id, STEP, operation, submission_id, at);
        let (iin, destination) = (&self.subject.details.iin, Destination::Account { iban });
        let checked = check(world, iin, &destination, profile(payment_profile.as_str())?, call).await?;
        if !checked.confirmed {
            let mut transaction = pool::begin(&world.pool).await?;
            checked.received.keep(world, &mut transaction).await?;
            pool::commit(transaction).await?;
            return self.acting.refuse("account.not_confirmed", None).await;
        }
        let check_id = checked.check_id;
        let id = submission_id.as_uuid();
        let plain = serde_json::to_vec(&destination).map_err(|_| Failure::park("record.unwritable"))?;
        let account = RefundAccount {
            id,
            account_sealed: world.protection.seal(&account_place(id), &plain),
            payment_profile: payment_profile.as_str().to_owned(),
            check_id: check_id.clone(),
        };
        let details = json!({ "account_id": id, "payment_profile": account.payment_profile, "check_id": check_id });
        let deed = Deed::new("refund_account_confirmed", details);
        let mut transaction = self.acting.begin(deed, &CaseAnswer::DONE).await?;
        checked.received.keep(world, &mut transaction).await?;
        refunds::insert_account(&mut transaction, case_id, &account, at).await?;
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }

    /// Reopens the claim by a court act of the client's own guilt (R-154, A14): what was written off stays in history.
    async fn reopen(&self, verdict: &Verdict, documents: &[DocumentReference]) -> Result<CaseAnswer, Failure> {
        let case = cases::get(&self.acting.world.pool, self.subject.case.id).await?;
        if case.is_none_or(|case| case.stage != CaseStage::WrittenOff) {
            return self.acting.refuse("write_off.not_finished", None).await;
        }
        let details = json!({
            "loan": self.subject.details.loan,
            "court": verdict.court,
            "number": verdict.number,
            "issued_on": verdict.issued_on,
            "in_force_on": verdict.in_force_on,
            "documents": documents,
        });
        let event = Some("case.claim_reopened");
        self.acting.done(Deed { event, ..Deed::new("claim_reopened", details) }).await
    }
}
