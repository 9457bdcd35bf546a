//! A write-off (para 13 ¶4–5; ): its four duties opened, and its end recorded.
//! Never decides or pays anything itself: that is [`acts`], [`decision`], [`correction`], [`books`] and [`refund`].

mod acts;
mod books;
mod correction;
mod decision;
mod refund;

use chrono::NaiveTime;
use nesie_domain::calendar::almaty_instant;
use nesie_domain::case::{CaseStage, VerdictClock};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_domain::refund::RefundKind;
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::duties::Duty;
use nesie_storage::facts::Actor;
use nesie_storage::{duties as rows, pool, recorded};
use nesie_workflows::contract::CaseStep;
use serde_json::json;

pub(crate) use acts::record_write_off_acts;
pub(crate) use correction::correct_credit_history;
pub(crate) use decision::apply_write_off_decision;
pub(crate) use refund::{permit, refund};

use crate::World;
use crate::bureaus;
use crate::case::CaseSubject;
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::record::CaseFact;
use crate::tried;

/// The key of the fact that everything is done; there is one a case.
const FINISH: &str = "finish_write_off";

/// Whether the debt is written off by the case.
pub(crate) async fn is_decided(world: &World, case_id: CaseId) -> Result<bool, Failure> {
    Ok(recorded::fact(&world.pool, case_id, decision::WRITTEN_OFF).await?.is_some())
}

/// Whether another case wrote the loan off before this one could: its approved request leads to nothing.
pub(crate) async fn is_moot(world: &World, case_id: CaseId) -> Result<bool, Failure> {
    Ok(recorded::fact(&world.pool, case_id, decision::MOOT).await?.is_some())
}

/// Opens the duties, one of them for each credit bureau, each of 15 working days from the instant that the case's policy names (domain.md §8).
pub(crate) async fn open_write_off(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let clock = subject.case.policy.verdict_clock_start;
    let anchor_at = match clock {
        VerdictClock::Received => subject.details.received_at,
        VerdictClock::EnteredIntoForce => almaty_instant(subject.details.verdict.in_force_on, NaiveTime::MIN)
            .ok_or_else(|| Failure::park("verdict.date_out_of_range"))?,
    };
    let calendar = current_calendar(world).await?;
    let fact = CaseFact {
        case_id: input.case_id,
        key: "open_write_off",
        kind: "write_off_opened",
        details: json!({ "loan": subject.details.loan, "clock": clock, "anchor_at": anchor_at }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::Handling),
        event: Some("case.opened"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        let once = [DutyKind::DecideWriteOff, DutyKind::RefundCollected, DutyKind::RefundPaid].map(|kind| (kind, ""));
        let corrections = bureaus::names(world).into_iter().map(|name| (DutyKind::CorrectCreditHistory, name));
        for (kind, about) in once.into_iter().chain(corrections) {
            let opening = Opening { case_id: input.case_id, kind, subject: about, anchor_at, at: input.at };
            duties::open(world, &mut transaction, &calendar, &subject.case.policy, opening).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::Handling)
}

/// Records that all duties are met, once a last look at the books found nothing that the client paid meanwhile; until then
/// the case stays where it is, and its refunds go on. It never closes by itself: only a court act of the client's own guilt
/// goes on from here (A14).
pub(crate) async fn finish_write_off(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    if recorded::fact(&world.pool, input.case_id, FINISH).await?.is_some() {
        return Ok(CaseStage::WrittenOff);
    }
    let duties = rows::of_case(&world.pool, input.case_id).await?;
    let open: Vec<&Duty> = duties.iter().filter(|duty| duty.ended_at.is_none()).collect();
    if !open.is_empty() {
        // What an earlier try of this step found; nothing else may be open here.
        let refund = |kind: DutyKind| RefundKind::ALL.iter().any(|refund| refund.duty() == kind);
        let found = open.iter().all(|duty| refund(duty.kind) && !duty.subject.is_empty());
        return if found { Ok(CaseStage::Handling) } else { Err(Failure::park("write_off.duties_open")) };
    }
    let Some(nothing_new) = books::look_again(world, input).await? else { return Ok(CaseStage::Handling) };
    let fact = CaseFact {
        case_id: input.case_id,
        key: FINISH,
        kind: "write_off_finished",
        details: json!({}),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::WrittenOff),
        event: Some("case.written_off"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        nothing_new.keep(world, &mut transaction).await?;
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::WrittenOff)
}
