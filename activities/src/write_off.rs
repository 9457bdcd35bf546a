//! A write-off (para 13 ¶4–5; ): its four duties opened, and its end recorded.
//! Never decides or pays anything itself: that is [`acts`], [`decision`], [`correction`] and [`refund`].

mod acts;
mod correction;
mod decision;
mod refund;

use chrono::NaiveTime;
use nesie_domain::calendar::almaty_instant;
use nesie_domain::case::{CaseStage, VerdictClock};
use nesie_domain::duty::DutyKind;
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::facts::Actor;
use nesie_storage::{duties as rows, pool};
use nesie_workflows::contract::CaseStep;
use serde_json::json;

pub(crate) use acts::record_write_off_acts;
pub(crate) use correction::correct_credit_history;
pub(crate) use decision::apply_write_off_decision;
pub(crate) use refund::{destination, refund};

use crate::World;
use crate::case::CaseSubject;
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::record::CaseFact;

/// The bureau that the lender reports to: the subject of the duty to correct.
const BUREAU: &str = "bureau";

/// Each duty with the subject that it has within the case.
const DUTIES: [(DutyKind, &str); 4] = [
    (DutyKind::DecideWriteOff, ""),
    (DutyKind::CorrectCreditHistory, BUREAU),
    (DutyKind::RefundCollected, ""),
    (DutyKind::RefundPaid, ""),
];

/// Opens the four duties, each of 15 working days from the instant that the case's policy names (domain.md §8).
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
        for (kind, about) in DUTIES {
            let opening = Opening { case_id: input.case_id, kind, subject: about, anchor_at, at: input.at };
            duties::open(world, &mut transaction, &calendar, &subject.case.policy, opening).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::Handling)
}

/// Records that all four duties are met. The case stays open: only a court act of the client's own guilt goes on (A14).
pub(crate) async fn finish_write_off(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let open = rows::of_case(&world.pool, input.case_id).await?.iter().filter(|duty| duty.ended_at.is_none()).count();
    if open > 0 {
        return Err(Failure::park("write_off.duties_open"));
    }
    let fact = CaseFact {
        case_id: input.case_id,
        key: "finish_write_off",
        kind: "write_off_finished",
        details: json!({}),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::WrittenOff),
        event: Some("case.written_off"),
    };
    if let Some(transaction) = world.begin_case(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::WrittenOff)
}
