//! Refunds of a write-off (R-152, R-153; A13): what is due by the books, reserved once, then moved by the one engine that
//! moves all money (`transfer.rs`). Never a new reference but after the provider's own final rejection.

use nesie_domain::ids::{CaseId, PaymentReference};
use nesie_domain::money::Money;
use nesie_domain::refund::RefundKind;
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::facts::Actor;
use nesie_storage::money::{Payment, PaymentState};
use nesie_storage::refunds::{self, Refund, account_place};
use nesie_storage::{duties as rows, pool, recorded};
use nesie_workflows::contract::{CaseStep, Refunded, Transfer};
use serde_json::json;
use uuid::Uuid;

use super::decision::WRITTEN_OFF;
use crate::World;
use crate::calls::Call;
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::record::CaseFact;
use crate::subject::open;
use crate::transfer::{Moving, Ready, move_money};

/// Brings one refund nearer to its end.
pub(crate) async fn refund(world: &World, input: CaseStep, kind: RefundKind) -> Result<Refunded, Failure> {
    if recorded::fact(&world.pool, input.case_id, WRITTEN_OFF).await?.is_none() {
        return Err(Failure::park("write_off.undecided"));
    }
    let duties = rows::of_case(&world.pool, input.case_id).await?;
    if !duties.iter().any(|duty| duty.kind == kind.duty() && duty.ended_at.is_none()) {
        return Ok(Refunded::Done);
    }
    let amount = due(world, input, kind).await?;
    if !amount.is_positive() {
        return Ok(Refunded::Done);
    }
    loop {
        let last = refunds::latest(&world.pool, input.case_id, kind).await?;
        let refund = match last {
            Some(refund) if refund.payment.state != PaymentState::Rejected => refund,
            rejected => match reserve(world, input, kind, amount, rejected.as_ref()).await? {
                Some(refund) => refund,
                None => return Ok(Refunded::AwaitingAccount),
            },
        };
        let Refund { payment, generation, account_id } = refund;
        let moving = Moving::Refund { input, kind, generation, account_id };
        match move_money(world, &payment, &moving).await? {
            Transfer::Confirmed => return Ok(Refunded::Done),
            Transfer::Pending => return Ok(Refunded::Pending),
            // Another account may have been given meanwhile: each round ends or uses one that was not used before.
            Transfer::Rejected => {}
            Transfer::Stopped { .. } => return Err(Failure::park("payment.no_longer_permitted")),
        }
    }
}

/// How much is due, read from the books once. Where nothing is, that is what meets the duty, with the books' answer.
async fn due(world: &World, input: CaseStep, kind: RefundKind) -> Result<Money, Failure> {
    let key = format!("{}:due", kind.as_str());
    if let Some(fact) = recorded::fact(&world.pool, input.case_id, &key).await? {
        return serde_json::from_value(fact.details["amount"].clone()).map_err(|_| Failure::park("record.unreadable"));
    }
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let call = Call::new(input.case_id, kind.as_str(), ("accounting", "payments"), kind.as_str(), input.at);
    let answered = call.make(world, world.providers.accounting.payments(&subject.details.loan)).await?;
    let payments: Vec<_> = answered.value.iter().filter(|payment| payment.collected == kind.of_collected()).collect();
    let amount = Money::checked_sum(payments.iter().map(|payment| payment.amount))
        .ok_or_else(|| Failure::park("refund.too_large"))?;
    let ids: Vec<&str> = payments.iter().map(|payment| payment.payment_id.as_str()).collect();
    let fact = CaseFact {
        case_id: input.case_id,
        key: &key,
        kind: "refund_calculated",
        details: json!({ "refund": kind, "amount": amount, "payments": ids }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        let evidence_id = answered.received.keep(world, &mut transaction).await?;
        if !amount.is_positive() {
            let evidence = json!({ "nothing_to_refund": true, "evidence_id": evidence_id });
            let (case_id, actor) = (input.case_id, Actor::System);
            duties::meet(world, &mut transaction, case_id, kind.duty(), "", actor, &evidence, input.at).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(amount)
}

/// Reserves a refund under our own reference before the provider is first called. `None`: no account was given yet, or
/// none since the one at which the last try was rejected for good.
async fn reserve(
    world: &World,
    input: CaseStep,
    kind: RefundKind,
    amount: Money,
    rejected: Option<&Refund>,
) -> Result<Option<Refund>, Failure> {
    let account = refunds::latest_account(&world.pool, input.case_id).await?;
    let account = account.filter(|account| rejected.is_none_or(|rejected| rejected.account_id != account.id));
    let Some(account) = account else { return Ok(None) };
    let generation = rejected.map_or(0, |rejected| rejected.generation + 1);
    let payment = Payment {
        our_reference: PaymentReference::for_refund(input.case_id, kind, generation),
        method: "account".to_owned(),
        payment_profile: account.payment_profile,
        amount,
        state: PaymentState::Reserved,
        provider_reference: None,
        confirmed_at: None,
    };
    let refund = Refund { payment, generation, account_id: account.id };
    let fact = CaseFact {
        case_id: input.case_id,
        key: &format!("{}:{generation}:reserved", kind.as_str()),
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

/// Where a refund goes: the account that it was reserved for, held by the client.
pub(crate) async fn destination(world: &World, case_id: CaseId, account_id: Uuid) -> Result<Ready, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, case_id).await?;
    let account = refunds::account(&world.pool, case_id, account_id).await?;
    let account = account.ok_or_else(|| Failure::park("refund.account_missing"))?;
    let destination = open(world, &account_place(account_id), &account.account_sealed)?;
    Ok(Ready { destination, holder: subject.details.iin })
}
