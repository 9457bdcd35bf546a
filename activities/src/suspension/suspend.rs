//! Accrual suspended in the accounting, and reporting at each bureau, loan by loan.
//! Never twice on one loan: where another document has suspended it already, that is found out and recorded (A12), and a
//! document with an earlier first day moves the day on which the suspension begins.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use nesie_domain::calendar::local_date;
use nesie_domain::duty::DutyKind;
use nesie_storage::bodies::cases::SuspensionReport;
use nesie_storage::duties::DutyState;
use nesie_storage::facts::Actor;
use nesie_storage::holds::{self, Hold};
use nesie_storage::{locks, pool, recorded};
use nesie_workflows::contract::CaseStep;
use serde_json::{Value, json};

use super::is_open;
use crate::World;
use crate::bureaus::{Owed, owed};
use crate::calls::{Call, Received, day_asked_for};
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::providers::accounting::{Suspended, Suspension};
use crate::providers::bureau::SuspensionOfInformation;
use crate::providers::{ProviderError, ProviderErrorKind};
use crate::record::CaseFact;
use crate::tried;

const STEP: &str = "suspend_accrual";

/// Suspends accrual on every loan of the document, then meets the duty with what the accounting said of each.
pub(crate) async fn suspend_accrual(world: &World, input: CaseStep) -> Result<(), Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    if !is_open(world, input.case_id, DutyKind::SuspendAccrual).await? {
        return Ok(());
    }
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let mut done = Vec::new();
    for hold in holds::of_case(&world.pool, input.case_id).await? {
        done.push(suspend_one(world, &subject, &hold, input).await?);
    }
    meet(world, DutyKind::SuspendAccrual, json!({ "loans": done }), input).await
}

async fn suspend_one(
    world: &World,
    subject: &CaseSubject<SuspensionReport>,
    hold: &Hold,
    input: CaseStep,
) -> Result<Value, Failure> {
    let (loan, key) = (&hold.loan_reference, format!("suspend_accrual:{}", hold.loan_reference));
    if let Some(fact) = recorded::fact(&world.pool, input.case_id, &key).await? {
        return Ok(fact.details);
    }
    // Held over the call: a resumption by another case waits until this one has said what it did.
    let mut lock = pool::begin(&world.pool).await?;
    locks::loan(&mut lock, loan).await?;
    let document_reference = input.case_id.to_string();
    let suspension = Suspension {
        effective_from: hold.effective_from,
        penalty: subject.case.policy.suspend_penalty,
        document_reference: &document_reference,
    };
    let before = holds::suspended_since(&mut lock, loan).await?;
    let call = Call::new(input.case_id, STEP, ("accounting", "suspend"), loan, input.at);
    let call_key = call.key.clone();
    let exchange = world.providers.accounting.suspend(&call_key, loan, &suspension);
    let (suspended_from, mut details, received) = match call.attempt(world, exchange).await? {
        Ok(answered) => {
            let mut details = said(&answered.value);
            details["moved_from"] = json!(before);
            (hold.effective_from, details, vec![answered.received])
        }
        Err(error) if error.kind == ProviderErrorKind::Status(409) => {
            let went_on = holds::resumed_on(&mut lock, loan).await?;
            suspended_before(world, (hold, &suspension), (before, went_on), (&call_key, error), input).await?
        }
        Err(error) => return Err(error.into()),
    };
    details["loan"] = json!(loan);
    details["effective_from"] = json!(hold.effective_from);
    details["suspended_from"] = json!(suspended_from);
    let fact = CaseFact {
        case_id: input.case_id,
        key: &key,
        kind: "accrual_suspended",
        details: details.clone(),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: Some("case.accrual_suspended"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        for received in &received {
            received.keep(world, &mut transaction).await?;
        }
        holds::suspended(&mut transaction, input.case_id, loan, suspended_from).await?;
        pool::commit(transaction).await?;
    }
    pool::commit(lock).await?;
    Ok(details)
}

/// Since when the books have it, with what is on record of that, and their answers.
type Carried = (NaiveDate, Value, Vec<Received>);

/// The books refused: another document holds the loan already, from no later day; or the first day lies in a suspension that has
/// ended, and then it begins on the day from which accrual went on. Whatever else they say is no reason.
async fn suspended_before(
    world: &World,
    (hold, suspension): (&Hold, &Suspension<'_>),
    (before, went_on): (Option<NaiveDate>, Option<NaiveDate>),
    (key, error): (&str, ProviderError),
    input: CaseStep,
) -> Result<Carried, Failure> {
    let (loan, accounting, first) = (&hold.loan_reference, &world.providers.accounting, hold.effective_from);
    if let Some(day) = day_asked_for(world, input.case_id, key).await? {
        return suspend_from(world, (loan, day), suspension, Vec::new(), input).await;
    }
    let (mut accrues, mut received) = (Vec::new(), Vec::new());
    for day in BTreeSet::from([first, local_date(input.at).max(first)]) {
        let call = Call::new(input.case_id, STEP, ("accounting", "balance"), loan, input.at);
        let answered = call.make(world, accounting.balance(loan, day)).await?;
        accrues.push(answered.value.accruing);
        received.push(answered.received);
    }
    match went_on.filter(|day| *day > first) {
        _ if accrues[0] => Err(error.into()),
        // Also where another document suspended it later than that: its first day moves.
        Some(day) if before.is_none_or(|before| before > day) => {
            suspend_from(world, (loan, day), suspension, received, input).await
        }
        _ if accrues.contains(&true) => Err(error.into()),
        after_an_ended_one => {
            let since =
                before.map_or(first, |before| if after_an_ended_one.is_some() { before } else { before.min(first) });
            Ok((since, json!({ "suspended_before": true }), received))
        }
    }
}

/// Suspends from a later day than the document's, under a key with that day in it.
async fn suspend_from(
    world: &World,
    (loan, day): (&str, NaiveDate),
    suspension: &Suspension<'_>,
    mut received: Vec<Received>,
    input: CaseStep,
) -> Result<Carried, Failure> {
    let call = Call::new(input.case_id, STEP, ("accounting", "suspend"), format!("{loan}:{day}"), input.at);
    let key = call.key.clone();
    let suspension = Suspension { effective_from: day, ..*suspension };
    let answered = call.make(world, world.providers.accounting.suspend(&key, loan, &suspension)).await?;
    let mut details = said(&answered.value);
    details["after_ended_suspension"] = json!(true);
    received.push(answered.received);
    Ok((day, details, received))
}

/// What the books said of a suspension that they carried out.
fn said(suspended: &Suspended) -> Value {
    json!({
        "suspension_id": suspended.suspension_id,
        "reversed_interest": suspended.reversed_interest, "reversed_penalty": suspended.reversed_penalty,
    })
}

/// Tells each bureau of every loan of the document, and meets its duty with its acknowledgements.
pub(crate) async fn suspend_bureau_reporting(world: &World, input: CaseStep) -> Result<(), Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    let owed = owed(world, input.case_id, DutyKind::SuspendBureauReporting, &[DutyState::Open]).await?;
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let holds = holds::of_case(&world.pool, input.case_id).await?;
    let told: Vec<_> = owed.iter().map(|owed| suspend_reporting_at(world, &subject, &holds, owed, input)).collect();
    Failure::of_all(futures::future::join_all(told).await)
}

async fn suspend_reporting_at(
    world: &World,
    subject: &CaseSubject<SuspensionReport>,
    holds: &[Hold],
    Owed { bureau, subject: about }: &Owed<'_>,
    input: CaseStep,
) -> Result<(), Failure> {
    let document_reference = input.case_id.to_string();
    let (mut told, mut kept) = (Vec::new(), Vec::new());
    for hold in holds {
        let loan = &hold.loan_reference;
        let information = SuspensionOfInformation {
            contract_reference: loan,
            iin: &subject.details.iin,
            effective_from: hold.effective_from,
            document_reference: &document_reference,
        };
        let call = Call::new(input.case_id, "suspend_bureau_reporting", (bureau.name(), "suspension"), loan, input.at);
        let key = call.key.clone();
        let answered = call.make(world, bureau.suspend_information(&key, &information)).await?;
        told.push(json!({ "loan": loan, "acknowledgement_id": answered.value.acknowledgement_id }));
        kept.push(answered.received);
    }
    let mut transaction = super::acts::begin_meeting(world, input.case_id).await?;
    for received in &kept {
        received.keep(world, &mut transaction).await?;
    }
    let kind = DutyKind::SuspendBureauReporting;
    let evidence = json!({ "bureau": bureau.name(), "loans": told });
    duties::meet(world, &mut transaction, input.case_id, kind, about, Actor::System, &evidence, input.at).await?;
    super::acts::settle(world, &mut transaction, input.case_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}

async fn meet(world: &World, kind: DutyKind, evidence: Value, input: CaseStep) -> Result<(), Failure> {
    let mut transaction = super::acts::begin_meeting(world, input.case_id).await?;
    duties::meet(world, &mut transaction, input.case_id, kind, "", Actor::System, &evidence, input.at).await?;
    super::acts::settle(world, &mut transaction, input.case_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}
