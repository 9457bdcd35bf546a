//! The write-off itself: what two people approved is carried out in the books, once, in the second one's name.
//! Never without an approved request for exactly this loan.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_domain::calendar::local_date;
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::approvals::{self, Approval};
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::{pool, recorded, refunds};
use nesie_workflows::contract::{CaseStep, WriteOffProposal};
use serde_json::json;

use crate::World;
use crate::calls::{Answered, Call, day_asked_for};
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::providers::ProviderErrorKind;
use crate::providers::accounting::WrittenOff;
use crate::record::{CaseFact, decider};
use crate::tried;

const STEP: &str = "apply_write_off_decision";
/// The key of the fact that another case wrote the loan off before this one could.
pub(super) const MOOT: &str = "write_off_moot";
/// The key of the fact that the debt is written off.
pub(super) const WRITTEN_OFF: &str = "written_off";

/// Writes the debt off where two people decided so. `false`: they have not, yet.
pub(crate) async fn apply_write_off_decision(world: &World, input: CaseStep) -> Result<bool, Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    if recorded::fact(&world.pool, input.case_id, WRITTEN_OFF).await?.is_some() {
        return Ok(true);
    }
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let loan = &subject.details.loan;
    let Some(approval) = approved(world, input.case_id, loan).await? else { return Ok(false) };
    if refunds::is_written_off(&world.pool, loan).await? {
        moot(world, &approval, input).await?;
        return Ok(false);
    }
    let actor = decider(&approval)?;
    let decided_at = approval.decided_at.ok_or_else(|| Failure::park("approval.undecided"))?;
    let (on, answered) = write_off(world, loan, &approval, decided_at, input).await?;
    // The debt by its parts.
    let lost = json!({
        "approval_id": approval.id,
        "write_off_id": answered.value.write_off_id,
        "written_off_on": on,
        "principal": answered.value.principal,
        "interest": answered.value.interest,
        "penalty": answered.value.penalty,
    });
    let mut details = lost.clone();
    details["loan"] = json!(loan);
    let fact = CaseFact {
        case_id: input.case_id,
        key: WRITTEN_OFF,
        kind: "debt_written_off",
        details,
        at: input.at,
        actor: actor.clone(),
        stage: None,
        event: Some("case.debt_written_off"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        refunds::mark_written_off(&mut transaction, input.case_id, loan, input.at).await?;
        let mut evidence = lost;
        evidence["evidence_id"] = json!(answered.received.keep(world, &mut transaction).await?);
        let kind = DutyKind::DecideWriteOff;
        duties::meet(world, &mut transaction, input.case_id, kind, "", actor, &evidence, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(true)
}

/// Records that another verdict's case has written the loan off meanwhile: nothing is left to be done here, and the case can be
/// withdrawn.
async fn moot(world: &World, approval: &Approval, input: CaseStep) -> Result<(), Failure> {
    let fact = CaseFact {
        case_id: input.case_id,
        key: MOOT,
        kind: "write_off_moot",
        details: json!({ "approval_id": approval.id, "code": "loan.written_off" }),
        at: input.at,
        actor: decider(approval)?,
        stage: None,
        event: None,
    };
    if let Some(transaction) = world.begin_case(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// Writes off as of the day of the decision: a repeat on a later day asks for the very same. Where the books know an act of a
/// later day, such as a suspension that came while they were down, only today is left.
async fn write_off(
    world: &World,
    loan: &str,
    approval: &Approval,
    decided_at: DateTime<Utc>,
    input: CaseStep,
) -> Result<(NaiveDate, Answered<WrittenOff>), Failure> {
    let (decided_on, today) = (local_date(decided_at), local_date(input.at));
    let accounting = &world.providers.accounting;
    let call = |intent: String| Call::new(input.case_id, STEP, ("accounting", "write_off"), intent, input.at);
    let first = call(approval.id.to_string());
    let key = first.key.clone();
    match first.attempt(world, accounting.write_off(&key, loan, decided_on)).await? {
        Ok(answered) => Ok((decided_on, answered)),
        Err(error) if error.kind == ProviderErrorKind::Status(409) && decided_on < today => {
            let on = day_asked_for(world, input.case_id, &key).await?.unwrap_or(today);
            let second = call(format!("{}:{on}", approval.id));
            let key = second.key.clone();
            Ok((on, second.make(world, accounting.write_off(&key, loan, on)).await?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The request that two people approved, if there is one for this loan.
async fn approved(world: &World, case_id: CaseId, loan: &str) -> Result<Option<Approval>, Failure> {
    let asked = WriteOffProposal { case_id, loan: loan.to_owned() };
    let same = |approval: &Approval| {
        approval.state == ApprovalState::Approved
            && serde_json::from_value::<WriteOffProposal>(approval.proposal.clone())
                .is_ok_and(|proposal| proposal == asked)
    };
    let requests = approvals::of_case(&world.pool, case_id, ApprovalKind::WriteOff).await?;
    // The first that was approved: it stays the same one, whatever comes after.
    Ok(requests.into_iter().rev().find(same))
}
