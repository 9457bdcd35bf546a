//! A suspension of accrual (para 13 ¶2–3; ): its holds placed, its five duties opened.
//! Never suspends or resumes anything itself: that is [`suspend`] and [`resume`].

mod acts;
mod notice;
mod resume;
mod suspend;

use chrono::NaiveDate;
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CasePolicy, CaseStage, SuspensionStart};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::cases::SuspensionReport;
use nesie_storage::duties::{self as rows, DutyState};
use nesie_storage::facts::Actor;
use nesie_storage::holds;
use nesie_storage::loans::{self, KnownLoan};
use nesie_storage::pool;
use nesie_workflows::contract::CaseStep;
use serde_json::json;

pub(crate) use acts::record_suspension_acts;
pub(crate) use notice::notify_of_suspension;
pub(crate) use resume::{apply_resumption, undo};
pub(crate) use suspend::{suspend_accrual, suspend_bureau_reporting};

use crate::World;
use crate::bureaus;
use crate::case::CaseSubject;
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::record::CaseFact;

/// The five acts that the law asks for, each its own duty.
pub(crate) const FIVE: [DutyKind; 5] = [
    DutyKind::SuspendAccrual,
    DutyKind::SuspendCollection,
    DutyKind::SuspendClaims,
    DutyKind::SuspendBureauReporting,
    DutyKind::NotifyOfSuspension,
];

/// Those of the five that the system does itself.
pub(crate) const OF_THE_SYSTEM: [DutyKind; 3] =
    [DutyKind::SuspendAccrual, DutyKind::SuspendBureauReporting, DutyKind::NotifyOfSuspension];

/// Places the hold on each loan and opens the five duties, that of reporting for each credit bureau, each from the document's receipt (A9).
pub(crate) async fn open_suspension(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let report = &subject.details;
    let effective_from = effective_from(&subject.case.policy, report, input);
    let fact = CaseFact {
        case_id: input.case_id,
        key: "open_suspension",
        kind: "suspension_opened",
        details: json!({
            "document": report.kind, "received_at": report.received_at, "loans": report.loans,
            "effective_from": effective_from,
        }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::Handling),
        event: Some("case.opened"),
    };
    let calendar = current_calendar(world).await?;
    let Some(mut transaction) = world.begin_case(fact).await? else { return Ok(CaseStage::Handling) };
    for loan in &report.loans {
        holds::place(&mut transaction, input.case_id, loan, effective_from, input.at).await?;
    }
    for kind in FIVE {
        let about = if kind == DutyKind::SuspendBureauReporting { bureaus::names(world) } else { vec![""] };
        for about in about {
            let (case_id, anchor_at) = (input.case_id, report.received_at);
            let opening = Opening { case_id, kind, subject: about, anchor_at, at: input.at };
            duties::open(world, &mut transaction, &calendar, &subject.case.policy, opening).await?;
        }
    }
    pool::commit(transaction).await?;
    Ok(CaseStage::Handling)
}

/// The first day without interest: that of the receipt unless policy says otherwise (A21).
fn effective_from(policy: &CasePolicy, report: &SuspensionReport, input: CaseStep) -> NaiveDate {
    match policy.suspension_start {
        SuspensionStart::Receipt => local_date(report.received_at),
        SuspensionStart::Act => local_date(input.at),
    }
}

/// Whether a duty of the case is still to be done: a repeat of the step that meets it has nothing to do.
async fn is_open(world: &World, case_id: CaseId, kind: DutyKind) -> Result<bool, Failure> {
    let duties = rows::of_case(&world.pool, case_id).await?;
    Ok(duties.iter().any(|duty| duty.kind == kind && duty.state == DutyState::Open))
}

/// The loans of the document, each with the application that led to it.
async fn loans_of(world: &World, report: &SuspensionReport) -> Result<Vec<KnownLoan>, Failure> {
    let known = loans::known(&world.pool, &report.loans).await?;
    if known.len() == report.loans.len() { Ok(known) } else { Err(Failure::park("loan.missing")) }
}
