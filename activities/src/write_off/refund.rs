//! Refunds of a write-off (R-152, R-153; A13): what is due by the books, reserved once, then moved by the one engine that
//! moves all money (`transfer.rs`). Never a new reference but where it is certain that none moved under the one before, and
//! never a second refund of one of the client's payments.

use nesie_domain::application::RefusalGround;
use nesie_domain::ids::PaymentReference;
use nesie_domain::iin::Iin;
use nesie_domain::money::Money;
use nesie_domain::refund::{RefundKind, RefundRound};
use nesie_storage::bodies::Destination;
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::duties::DutyState;
use nesie_storage::facts::Actor;
use nesie_storage::money::{self, Payment, PaymentState};
use nesie_storage::refunds::{self, Refund, account_place};
use nesie_storage::{duties as rows, pool, recorded};
use nesie_workflows::contract::{CaseStep, Refunded, Transfer};
use serde_json::json;

use super::books::{due, due_key};
use super::decision::WRITTEN_OFF;
use crate::World;
use crate::calls::Call;
use crate::case::CaseSubject;
use crate::disbursement_method::{check, profile};
use crate::failure::Failure;
use crate::record::CaseFact;
use crate::subject::open;
use crate::transfer::{Moving, Permit, Ready, RefundTry, move_money};
use crate::tried;

/// Brings one refund nearer to its end, round by round.
pub(crate) async fn refund(world: &World, input: CaseStep, kind: RefundKind) -> Result<Refunded, Failure> {
    if recorded::fact(&world.pool, input.case_id, WRITTEN_OFF).await?.is_none() {
        return Err(Failure::park("write_off.undecided"));
    }
    for round in open_rounds(world, input, kind).await? {
        match refund_round(world, input, kind, round).await? {
            Refunded::Done => {}
            waits => return Ok(waits),
        }
    }
    Ok(Refunded::Done)
}

/// The rounds of a refund whose duty is open, in their order.
pub(super) async fn open_rounds(world: &World, input: CaseStep, kind: RefundKind) -> Result<Vec<RefundRound>, Failure> {
    let duties = rows::of_case(&world.pool, input.case_id).await?;
    let open = duties.iter().filter(|duty| duty.kind == kind.duty() && duty.state == DutyState::Open);
    let rounds = open.map(|duty| RefundRound::of_subject(&duty.subject));
    let mut rounds = rounds.collect::<Option<Vec<_>>>().ok_or_else(|| Failure::park("record.unreadable"))?;
    rounds.sort();
    Ok(rounds)
}

async fn refund_round(
    world: &World,
    input: CaseStep,
    kind: RefundKind,
    round: RefundRound,
) -> Result<Refunded, Failure> {
    let amount = match recorded::fact(&world.pool, input.case_id, &due_key(kind, round)).await? {
        Some(fact) => {
            serde_json::from_value(fact.details["amount"].clone()).map_err(|_| Failure::park("record.unreadable"))?
        }
        None => due(world, input, kind).await?,
    };
    if amount == Money::ZERO {
        return Ok(Refunded::Done);
    }
    loop {
        let last = refunds::latest(&world.pool, input.case_id, kind, round).await?;
        let refund = match last {
            Some(refund) if !refund.payment.state.is_void() => refund,
            void => match reserve(world, input, (kind, round), amount, void.as_ref()).await? {
                Some(refund) => refund,
                None => return Ok(Refunded::AwaitingAccount),
            },
        };
        let moving = Moving::Refund { input, refund: RefundTry::of(kind, &refund) };
        match move_money(world, &refund.payment, &moving).await? {
            Transfer::Confirmed => return Ok(Refunded::Done),
            Transfer::Pending => return Ok(Refunded::Pending),
            // Another account may have been given meanwhile: each turn ends or uses one that was not used before.
            Transfer::Rejected => {}
            Transfer::Stopped { .. } => release(world, input, kind, &refund).await?,
        }
    }
}

/// Reserves a refund under our own reference before the provider is first called. `None`: no account was given yet, or
/// none since the one of the last try, under which certainly no money moved.
async fn reserve(
    world: &World,
    input: CaseStep,
    (kind, round): (RefundKind, RefundRound),
    amount: Money,
    void: Option<&Refund>,
) -> Result<Option<Refund>, Failure> {
    let account = refunds::latest_account(&world.pool, input.case_id).await?;
    let account = account.filter(|account| void.is_none_or(|void| void.account_id != account.id));
    let Some(account) = account else { return Ok(None) };
    let generation = void.map_or(0, |void| void.generation + 1);
    let payment = Payment {
        our_reference: PaymentReference::for_refund(input.case_id, kind, round, generation),
        method: "account".to_owned(),
        payment_profile: account.payment_profile,
        amount,
        state: PaymentState::Reserved,
        provider_reference: None,
        sent_at: None,
        confirmed_at: None,
    };
    let refund = Refund { payment, round, generation, account_id: account.id };
    let fact = CaseFact {
        case_id: input.case_id,
        key: &RefundTry::of(kind, &refund).fact_key("reserved"),
        kind: "refund_reserved",
        details: json!({
            "refund": kind,
            "our_reference": refund.payment.our_reference,
            "payment_profile": refund.payment.payment_profile,
            "amount": amount,
            "account_id": account.id,
        }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    // Reserved by another attempt meanwhile: its row is the one that counts.
    let ahead = || Failure::retry("refund.reserved_by_another_attempt");
    let mut transaction = world.begin_case(fact).await?.ok_or_else(ahead)?;
    refunds::reserve(&mut transaction, input.case_id, kind, &refund, input.at).await?;
    pool::commit(transaction).await?;
    Ok(Some(refund))
}

/// Gives a refund up before the provider was called: another account is wanted.
async fn release(world: &World, input: CaseStep, kind: RefundKind, refund: &Refund) -> Result<(), Failure> {
    let fact = CaseFact {
        case_id: input.case_id,
        key: &RefundTry::of(kind, refund).fact_key("released"),
        kind: "refund_released",
        details: json!({
            "refund": kind, "our_reference": refund.payment.our_reference, "account_id": refund.account_id,
        }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: Some("case.refund_released"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        money::release(&mut transaction, refund.payment.our_reference, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// Where a refund goes: the account that it was reserved for, if it is the client's still. It was confirmed when it was
/// given, which may be weeks ago, so the provider is asked again just before the money moves.
pub(crate) async fn permit(
    world: &World,
    input: CaseStep,
    payment: &Payment,
    refund: &RefundTry,
) -> Result<Permit, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let account = refunds::account(&world.pool, input.case_id, refund.account_id).await?;
    let account = account.ok_or_else(|| Failure::park("refund.account_missing"))?;
    let destination: Destination = open(world, &account_place(refund.account_id), &account.account_sealed)?;
    let holder = subject.details.iin;
    Ok(if is_the_clients(world, input, payment, refund, (&holder, &destination)).await? {
        Permit::Go(Ready { destination, holder })
    } else {
        Permit::Stop(RefusalGround::OwnershipNotConfirmed)
    })
}

/// Asks whose the account is. Another try of the very same step, moments later, finds what was answered then: every check has
/// an id of its own, and would contradict it.
async fn is_the_clients(
    world: &World,
    input: CaseStep,
    payment: &Payment,
    refund: &RefundTry,
    (holder, destination): (&Iin, &Destination),
) -> Result<bool, Failure> {
    let asked_at = tried::occasion(input.at).timestamp_micros();
    let key = refund.fact_key(&format!("checked:{asked_at}"));
    if let Some(fact) = recorded::fact(&world.pool, input.case_id, &key).await? {
        return Ok(fact.details["holds"] == json!(true));
    }
    let intent = format!("{}:{asked_at}", payment.our_reference);
    let call = |operation| Call::new(input.case_id, refund.kind.as_str(), operation, intent, input.at);
    let checked = check(world, holder, destination, profile(&payment.payment_profile)?, call).await?;
    let fact = CaseFact {
        case_id: input.case_id,
        key: &key,
        kind: "refund_account_checked",
        details: json!({
            "refund": refund.kind, "our_reference": payment.our_reference, "account_id": refund.account_id,
            "check_id": checked.check_id, "holds": checked.confirmed,
        }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        checked.received.keep(world, &mut transaction).await?;
        pool::commit(transaction).await?;
    }
    Ok(checked.confirmed)
}
