//! What the books say that the client paid: read once after the write-off, and again before everything is said to be done,
//! for what was paid meanwhile (R-152, R-153; A13). Never counts one of the client's payments twice.

use std::collections::BTreeSet;

use nesie_domain::money::Money;
use nesie_domain::refund::{RefundKind, RefundRound};
use nesie_storage::bodies::write_offs::VerdictReport;
use nesie_storage::facts::Actor;
use nesie_storage::{PgConnection, duties as rows, pool, recorded, refunds};
use nesie_workflows::contract::CaseStep;
use serde_json::json;

use crate::World;
use crate::calls::{Answered, Call, Received};
use crate::case::CaseSubject;
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::providers::accounting::MadePayment;
use crate::record::CaseFact;
use crate::tried;

/// The key of the fact that says how much a round of a refund is; that of the first is released without its number.
pub(super) fn due_key(kind: RefundKind, round: RefundRound) -> String {
    match round {
        RefundRound::FIRST => format!("{}:due", kind.as_str()),
        RefundRound(round) => format!("{}:due:{round}", kind.as_str()),
    }
}

/// How much is due by the first look. Where nothing is, that is what meets the duty, with the books' answer.
pub(super) async fn due(world: &World, input: CaseStep, kind: RefundKind) -> Result<Money, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let read = read(world, &subject, input, kind.as_str()).await?;
    let owed = Owed::of(kind, RefundRound::FIRST, &read.value, &BTreeSet::new())?;
    if let Some(mut transaction) = world.begin_case(owed.fact(&owed.key(), input)).await? {
        let evidence_id = read.received.keep(world, &mut transaction).await?;
        owed.cover(&mut transaction, &subject, input).await?;
        if !owed.amount.is_positive() {
            let evidence = json!({ "nothing_to_refund": true, "evidence_id": evidence_id });
            let (case_id, actor) = (input.case_id, Actor::System);
            duties::meet(world, &mut transaction, case_id, kind.duty(), "", actor, &evidence, tried::at(input.at))
                .await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(owed.amount)
}

/// Looks at the books again. What came since is a round of its own, with a duty that is anchored at the instant of this
/// look, as for a client who is found later. Without anything new: the books' answer, to be kept with the end.
pub(super) async fn look_again(world: &World, input: CaseStep) -> Result<Option<Received>, Failure> {
    let subject = CaseSubject::<VerdictReport>::load(world, input.case_id).await?;
    let read = read(world, &subject, input, "finish_write_off").await?;
    let covered = covered(world, input, &subject).await?;
    let mut found = Vec::new();
    for kind in RefundKind::ALL {
        let owed = Owed::of(kind, next_round(world, input, kind).await?, &read.value, &covered)?;
        if owed.amount.is_positive() {
            found.push(owed);
        }
    }
    let Some(first) = found.first() else { return Ok(Some(read.received)) };
    let calendar = current_calendar(world).await?;
    if let Some(mut transaction) = world.begin_case(first.fact(&first.key(), input)).await? {
        read.received.keep(world, &mut transaction).await?;
        for (at, owed) in found.iter().enumerate() {
            if at > 0 {
                world.record_case_in(&mut transaction, owed.fact(&owed.key(), input)).await?;
            }
            owed.cover(&mut transaction, &subject, input).await?;
            let (case_id, kind, about) = (input.case_id, owed.kind.duty(), owed.round.subject());
            let opening = Opening { case_id, kind, subject: &about, anchor_at: input.at, at: input.at };
            duties::open(world, &mut transaction, &calendar, &subject.case.policy, opening).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(None)
}

async fn read(
    world: &World,
    subject: &CaseSubject<VerdictReport>,
    input: CaseStep,
    step: &'static str,
) -> Result<Answered<Vec<MadePayment>>, Failure> {
    let call = Call::new(input.case_id, step, ("accounting", "payments"), step, input.at);
    call.make(world, world.providers.accounting.payments(&subject.details.loan)).await
}

/// The payments that refunds cover. What was found before there were rows for them stands in its fact alone.
async fn covered(
    world: &World,
    input: CaseStep,
    subject: &CaseSubject<VerdictReport>,
) -> Result<BTreeSet<String>, Failure> {
    let mut covered: BTreeSet<String> =
        refunds::covered(&world.pool, &subject.details.loan).await?.into_iter().collect();
    for kind in RefundKind::ALL {
        let first = recorded::fact(&world.pool, input.case_id, &due_key(kind, RefundRound::FIRST)).await?;
        let first = first.ok_or_else(|| Failure::park("refund.not_calculated"))?;
        let payments: Vec<String> = serde_json::from_value(first.details["payments"].clone())
            .map_err(|_| Failure::park("record.unreadable"))?;
        covered.extend(payments);
    }
    Ok(covered)
}

async fn next_round(world: &World, input: CaseStep, kind: RefundKind) -> Result<RefundRound, Failure> {
    let duties = rows::of_case(&world.pool, input.case_id).await?;
    let rounds = duties.iter().filter(|duty| duty.kind == kind.duty());
    let last = rounds.filter_map(|duty| RefundRound::of_subject(&duty.subject)).max();
    Ok(last.map_or(RefundRound::FIRST, |RefundRound(last)| RefundRound(last + 1)))
}

/// What one look found for one refund.
struct Owed {
    kind: RefundKind,
    round: RefundRound,
    amount: Money,
    payments: Vec<String>,
}

impl Owed {
    fn of(
        kind: RefundKind,
        round: RefundRound,
        made: &[MadePayment],
        covered: &BTreeSet<String>,
    ) -> Result<Self, Failure> {
        let new =
            |payment: &&MadePayment| payment.collected == kind.of_collected() && !covered.contains(&payment.payment_id);
        let new: Vec<_> = made.iter().filter(new).collect();
        let amount = Money::checked_sum(new.iter().map(|payment| payment.amount));
        let amount = amount.ok_or_else(|| Failure::park("refund.too_large"))?;
        let payments = new.into_iter().map(|payment| payment.payment_id.clone()).collect();
        Ok(Self { kind, round, amount, payments })
    }

    fn key(&self) -> String {
        due_key(self.kind, self.round)
    }

    fn fact<'a>(&self, key: &'a str, input: CaseStep) -> CaseFact<'a> {
        CaseFact {
            case_id: input.case_id,
            key,
            kind: "refund_calculated",
            details: json!({ "refund": self.kind, "amount": self.amount, "payments": self.payments }),
            at: input.at,
            actor: Actor::System,
            stage: None,
            event: None,
        }
    }

    async fn cover(
        &self,
        connection: &mut PgConnection,
        subject: &CaseSubject<VerdictReport>,
        input: CaseStep,
    ) -> Result<(), Failure> {
        let by = (input.case_id, self.kind, self.round);
        Ok(refunds::cover(connection, &subject.details.loan, &self.payments, by, input.at).await?)
    }
}
