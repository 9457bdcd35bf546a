//! A case that was opened in error, withdrawn by two people: its open duties end with it, and everything is kept
//! (docs/decisions/0029). Never where something was done that can not be undone, and never a case of another's request.
//!
//! A notice of a channel has a withdrawal of its own: nothing follows from it before it is in effect.

use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::approvals::{self, Approval};
use nesie_storage::cases::{self, CaseRow};
use nesie_storage::duties::{self as rows, DutyState};
use nesie_storage::{leaks, pool, recorded};
use nesie_workflows::contract::{CaseAnswer, CaseStep, Withdrawal};
use serde_json::json;

use crate::World;
use crate::case::{Acting, Deed, Proposal};
use crate::failure::Failure;
use crate::record::{CaseFact, decider};
use crate::{suspension, wake, write_off};

/// The key of the fact that a case is withdrawn; there is one a case.
const WITHDRAWN: &str = "withdraw_case";

/// Requests of a case of which only one may wait: what one of them decides is what another would undo.
const EXCLUSIVE: [ApprovalKind; 3] = [ApprovalKind::WithdrawCase, ApprovalKind::WriteOff, ApprovalKind::Resumption];

/// Whether a case is withdrawn; nothing more is done for it then.
pub(crate) async fn is_withdrawn(world: &World, case_id: CaseId) -> Result<bool, Failure> {
    Ok(recorded::fact(&world.pool, case_id, WITHDRAWN).await?.is_some())
}

/// Asks a second person to agree, where nothing stands in the way.
pub(crate) async fn propose(acting: &Acting<'_>, case: &CaseRow) -> Result<CaseAnswer, Failure> {
    if let Some(code) = hindrance(acting.world, case.id).await? {
        return acting.refuse(code, None).await;
    }
    for kind in EXCLUSIVE {
        if kind == ApprovalKind::WriteOff && write_off::is_moot(acting.world, case.id).await? {
            continue;
        }
        if let Some(request) = acting.request_in_the_way(kind).await? {
            return acting.refuse("approval.waits", Some(format!("approval:{}", request.id))).await;
        }
    }
    let open = rows::of_case(&acting.world.pool, case.id).await?.iter().filter(|duty| duty.ended_at.is_none()).count();
    let withdrawal = Withdrawal { case_id: case.id, submission_id: acting.submission.id };
    let proposal = Proposal {
        kind: ApprovalKind::WithdrawCase,
        proposal: &json!(withdrawal),
        difference: &json!({
            "before": { "stage": case.stage, "duties_open": open },
            "after": { "stage": CaseStage::Closed { outcome: CaseOutcome::Withdrawn }, "duties_open": 0 },
        }),
    };
    acting.ask_second_person(case, proposal, Deed::new("withdrawal_proposed", json!({}))).await
}

/// Withdraws a case where two people decided so. The fact is the second one's; the first one's stands as the proposal.
pub(crate) async fn withdraw_case(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let withdrawn = CaseStage::Closed { outcome: CaseOutcome::Withdrawn };
    let case = cases::get(&world.pool, input.case_id).await?.ok_or_else(|| Failure::park("case.missing"))?;
    if is_withdrawn(world, case.id).await? {
        wake_clients(world, &case).await?;
        return Ok(withdrawn);
    }
    let asked = approvals::of_case(&world.pool, case.id, ApprovalKind::WithdrawCase).await?;
    let approval = asked.into_iter().find(|request| request.state == ApprovalState::Approved);
    let Some(approval) = approval else { return Ok(case.stage) };
    // Approved, and yet too late: the case goes on, and says so.
    if let Some(code) = hindrance(world, case.id).await? {
        let details = json!({ "approval_id": approval.id, "code": code });
        let key = format!("withdrawal_moot:{}", approval.id);
        let fact = CaseFact { event: None, ..fact(&approval, &key, "withdrawal_moot", details, input)? };
        if let Some(transaction) = world.begin_case(fact).await? {
            pool::commit(transaction).await?;
        }
        return Ok(case.stage);
    }
    let mut details = json!({ "approval_id": approval.id });
    let undone = match case.kind {
        CaseKind::AccrualSuspension => Some(suspension::undo(world, &approval, input).await?),
        _ => None,
    };
    if let Some(undone) = &undone {
        details["notice_sha256"] = json!(undone.sha256());
    }
    let fact = fact(&approval, WITHDRAWN, "case_withdrawn", details, input)?;
    if let Some(mut transaction) = world.begin_case(fact).await? {
        if let Some(undone) = &undone {
            undone.keep(world, &mut transaction, input.at).await?;
        }
        if case.kind == CaseKind::DataLeak {
            leaks::withdraw(&mut transaction, case.id, input.at).await?;
        }
        pool::commit(transaction).await?;
    }
    wake_clients(world, &case).await?;
    Ok(withdrawn)
}

fn fact<'a>(
    approval: &Approval,
    key: &'a str,
    kind: &'a str,
    details: serde_json::Value,
    input: CaseStep,
) -> Result<CaseFact<'a>, Failure> {
    Ok(CaseFact {
        case_id: input.case_id,
        key,
        kind,
        details,
        at: input.at,
        actor: decider(approval)?,
        stage: None,
        event: Some("case.withdrawn"),
    })
}

/// Why a case can not be withdrawn: something was done of it that can not be undone, or is under way.
async fn hindrance(world: &World, case_id: CaseId) -> Result<Option<&'static str>, Failure> {
    let case = cases::get(&world.pool, case_id).await?.ok_or_else(|| Failure::park("case.missing"))?;
    let duties = rows::of_case(&world.pool, case_id).await?;
    Ok(match case.kind {
        CaseKind::ChannelNotice => Some("act.unknown"),
        // Who was told of a fraud can not be untold.
        CaseKind::FraudIncident => {
            let told = [DutyKind::InformClient, DutyKind::InformRegulator];
            let met = [DutyState::Met, DutyState::MetLate];
            let told = duties.iter().any(|duty| told.contains(&duty.kind) && met.contains(&duty.state));
            told.then_some("incident.told")
        }
        // Accrual, reporting and collection can go on again, and the client is told; but not while the system is about to
        // suspend them, and not past the document's own cancellation, which leads to the end by itself.
        CaseKind::AccrualSuspension if case.stage == CaseStage::AwaitingResumption => {
            Some("suspension.cancelled_before")
        }
        CaseKind::AccrualSuspension => {
            let own = |duty: &&rows::Duty| suspension::OF_THE_SYSTEM.contains(&duty.kind);
            duties.iter().filter(own).any(|duty| duty.state == DutyState::Open).then_some("suspension.under_way")
        }
        // A debt that is a loss in the books stays one.
        CaseKind::WriteOff => {
            let asked = approvals::of_case(&world.pool, case_id, ApprovalKind::WriteOff).await?;
            let approved = asked.iter().any(|request| request.state == ApprovalState::Approved);
            let stands = approved && !write_off::is_moot(world, case_id).await?;
            (stands || write_off::is_decided(world, case_id).await?).then_some("write_off.decided")
        }
        CaseKind::DataLeak => leaks::is_told(&world.pool, case_id).await?.then_some("leak.client_told"),
    })
}

/// Every open application of a client whose flag went looks again. On a repeat too: the try before may have died between
/// its record and the waking.
async fn wake_clients(world: &World, case: &CaseRow) -> Result<(), Failure> {
    if case.kind != CaseKind::DataLeak {
        return Ok(());
    }
    for iin_index in leaks::withdrawn(&world.pool, case.id).await? {
        for application_id in leaks::open_applications(&world.pool, &iin_index).await? {
            wake::client_verified(world, application_id).await?;
        }
    }
    Ok(())
}
