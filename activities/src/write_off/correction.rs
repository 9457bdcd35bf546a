//! The credit history corrected at each bureau: no debt, and no day overdue, acknowledged.
//! Never before the debt is written off, and never at one bureau only because another one failed.

use chrono::NaiveDate;
use nesie_domain::duty::DutyKind;
use nesie_domain::money::Money;
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::duties::DutyState;
use nesie_storage::facts::Actor;
use nesie_storage::{pool, recorded};
use nesie_workflows::contract::CaseStep;
use serde_json::json;

use super::decision::WRITTEN_OFF;
use crate::World;
use crate::bureaus::{Owed, owed};
use crate::calls::Call;
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::providers::bureau::Correction;
use crate::record::CaseFact;
use crate::tried;

const STEP: &str = "correct_credit_history";

/// Tells each bureau, once, and meets its duty with its acknowledgement.
pub(crate) async fn correct_credit_history(world: &World, input: CaseStep) -> Result<(), Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    let written_off = recorded::fact(&world.pool, input.case_id, WRITTEN_OFF).await?;
    let written_off = written_off.ok_or_else(|| Failure::park("write_off.undecided"))?;
    let corrected_on: NaiveDate = serde_json::from_value(written_off.details["written_off_on"].clone())
        .map_err(|_| Failure::park("record.unreadable"))?;
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let owed = owed(world, input.case_id, DutyKind::CorrectCreditHistory, &[DutyState::Open]).await?;
    let corrections: Vec<_> = owed.iter().map(|owed| correct_at(world, &subject, corrected_on, owed, input)).collect();
    Failure::of_all(futures::future::join_all(corrections).await)
}

async fn correct_at(
    world: &World,
    subject: &CaseSubject<VerdictReport>,
    corrected_on: NaiveDate,
    Owed { bureau, subject: about }: &Owed<'_>,
    input: CaseStep,
) -> Result<(), Failure> {
    let correction = Correction {
        contract_reference: &subject.details.loan,
        iin: &subject.details.iin,
        corrected_on,
        overdue_days: 0,
        principal: Money::ZERO,
        interest: Money::ZERO,
        penalty: Money::ZERO,
    };
    let call = Call::new(input.case_id, STEP, (bureau.name(), "correction"), bureau.name(), input.at);
    let key = call.key.clone();
    let answered = call.make(world, bureau.correct(&key, &correction)).await?;
    let told = json!({
        "bureau": bureau.name(),
        "acknowledgement_id": answered.value.acknowledgement_id,
        "corrected_on": corrected_on,
        "overdue_days": 0,
    });
    let fact = CaseFact {
        case_id: input.case_id,
        key: &format!("{STEP}:{}", bureau.name()),
        kind: "credit_history_corrected",
        details: told.clone(),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        let mut evidence = told;
        evidence["evidence_id"] = json!(answered.received.keep(world, &mut transaction).await?);
        let (kind, actor) = (DutyKind::CorrectCreditHistory, Actor::System);
        duties::meet(world, &mut transaction, input.case_id, kind, about, actor, &evidence, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}
