//! The transfer: money moves at most once (design invariant 6; ).
//!
//! *Sent* is committed before the provider is called; whoever finds *sent* or *unknown* asks for the status first.
//! A second call is made only under the same reference, and only where the provider's contract promises deduplication.
//! Never a new reference, and never a failure taken for a rejection.

use nesie_domain::application::Stage;
use nesie_storage::bodies;
use nesie_storage::facts::Actor;
use nesie_storage::money::{self, Payment, PaymentState};
use nesie_storage::pool;
use nesie_workflows::contract::{StepInput, Transfer};
use serde_json::{Value, json};

use crate::World;
use crate::calls::{Begun, Call, Received};
use crate::disbursement_method::{Confirmed, confirmed, profile};
use crate::failure::Failure;
use crate::payment::objection;
use crate::providers::payments::{Destination, KnownTransfer, StatusReply, TransferReply, TransferState};
use crate::providers::{Answer, ProviderErrorKind};
use crate::record::StepFact;
use crate::subject::Subject;

const STEP: &str = "transfer_money";

/// Sends the transfer, or asks for the status of one that may have been sent.
pub(crate) async fn transfer_money(world: &World, input: StepInput) -> Result<Transfer, Failure> {
    let payment = money::payment(&world.pool, input.application_id).await?;
    let payment = payment.ok_or_else(|| Failure::park("payment.missing"))?;
    match payment.state {
        PaymentState::Confirmed => Ok(Transfer::Confirmed),
        PaymentState::Rejected => Ok(Transfer::Rejected),
        PaymentState::Released => Err(Failure::park("payment.released")),
        PaymentState::Reserved => send_first(world, &payment, input).await,
        PaymentState::Sent | PaymentState::Unknown => ask_first(world, &payment, input).await,
    }
}

/// The first call. Everything that can fail without it is done before *sent* is committed, since a payment that is *sent*
/// and was not is a dead end at a provider that does not deduplicate.
async fn send_first(world: &World, payment: &Payment, input: StepInput) -> Result<Transfer, Failure> {
    let subject = Subject::load(world, input.application_id).await?;
    let confirmed = confirmed(world, &subject).await?;
    if let Some(ground) = objection(world, &subject, &confirmed, STEP, input).await? {
        return Ok(Transfer::Stopped { ground });
    }
    let begun = call(payment, input, "transfer").begin(world).await?;
    mark_sent(world, payment, input).await?;
    send(world, payment, &subject, &confirmed, begun, input).await
}

/// A second call under the same reference, at a provider that promises deduplication and does not know the first. What
/// was checked before must still hold; where it does not, a person decides, since the first call may yet be on its way.
async fn send_again(world: &World, payment: &Payment, input: StepInput) -> Result<Transfer, Failure> {
    let subject = Subject::load(world, input.application_id).await?;
    let confirmed = confirmed(world, &subject).await?;
    if objection(world, &subject, &confirmed, STEP, input).await?.is_some() {
        mark_unknown(world, input).await?;
        return Err(Failure::park("payment.no_longer_permitted").unsafe_to_retry());
    }
    let begun = call(payment, input, "transfer").begin(world).await?;
    send(world, payment, &subject, &confirmed, begun, input).await
}

/// *Sent* means that the provider may have been called: committed before it is.
async fn mark_sent(world: &World, payment: &Payment, input: StepInput) -> Result<(), Failure> {
    let ahead = || Failure::retry("payment.sent_by_another_attempt");
    let fact = fact(input, "transfer:sent", "transfer_sent", json!({ "our_reference": payment.our_reference }));
    let Some(mut transaction) = world.begin(fact).await? else { return Err(ahead()) };
    money::mark_sent(&mut transaction, input.application_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}

/// Calls for the transfer. Whatever is not a readable answer leaves the payment *unknown*.
async fn send(
    world: &World,
    payment: &Payment,
    subject: &Subject,
    confirmed: &Confirmed,
    begun: Begun,
    input: StepInput,
) -> Result<Transfer, Failure> {
    let holder = &subject.applicant.iin;
    let destination = match &confirmed.destination {
        bodies::Destination::Account { iban } => Destination::Account { iban, holder },
        bodies::Destination::Card { card_token } => Destination::Card { token: card_token, holder },
        bodies::Destination::Merchant { merchant_id } => Destination::Merchant { merchant_id },
    };
    // The profile and the amount are those that were reserved, whatever else may have been stored since.
    let profile = profile(&payment.payment_profile)?;
    let exchange = async {
        let callback_url = world.callback_url.as_deref();
        let payments = &world.providers.payments;
        match payments.transfer(profile, payment.our_reference, payment.amount, destination, callback_url).await? {
            TransferReply::Known(answer) => Ok(answer),
            TransferReply::Unknown { cause } => Err(cause),
        }
    };
    match begun.end(world, exchange).await? {
        Ok(answered) => apply(world, payment, answered.value, &answered.received, input).await,
        // Certainly nothing was done, and the same request would be refused again.
        Err(error) if error.kind == ProviderErrorKind::Malformed => Err(error.into()),
        Err(error) => {
            mark_unknown(world, input).await?;
            Err(error.into())
        }
    }
}

/// Asks for the status of a transfer that may have been sent.
async fn ask_first(world: &World, payment: &Payment, input: StepInput) -> Result<Transfer, Failure> {
    let profile = profile(&payment.payment_profile)?;
    let exchange = async {
        let Answer { value, raw, content_type } =
            world.providers.payments.status(profile, payment.our_reference).await?;
        Ok(Answer { value, raw, content_type })
    };
    let answered = match call(payment, input, "status").attempt(world, exchange).await? {
        Ok(answered) => answered,
        Err(error) => {
            mark_unknown(world, input).await?;
            return Err(error.into());
        }
    };
    match answered.value {
        StatusReply::Found(known) => apply(world, payment, known, &answered.received, input).await,
        StatusReply::NotFound => {
            keep(world, &answered.received).await?;
            if profile.promises_deduplication() {
                return send_again(world, payment, input).await;
            }
            mark_unknown(world, input).await?;
            Err(Failure::park("payment.not_found_without_deduplication").of("payments").unsafe_to_retry())
        }
    }
}

/// Stores what the provider said of the transfer.
async fn apply(
    world: &World,
    payment: &Payment,
    known: KnownTransfer,
    received: &Received,
    input: StepInput,
) -> Result<Transfer, Failure> {
    let details = json!({ "our_reference": payment.our_reference, "provider_reference": known.provider_id });
    match known.state {
        TransferState::Processing => {
            keep(world, received).await?;
            Ok(Transfer::Pending)
        }
        TransferState::Done => {
            let confirmed = StepFact {
                stage: Some(&Stage::Recording),
                event: Some("payment.confirmed"),
                ..fact(input, "transfer:confirmed", "money_transferred", details)
            };
            if let Some(mut transaction) = world.begin(confirmed).await? {
                received.keep(world, &mut transaction).await?;
                money::mark_confirmed(&mut transaction, input.application_id, &known.provider_id, input.at).await?;
                pool::commit(transaction).await?;
            }
            Ok(Transfer::Confirmed)
        }
        TransferState::Rejected { reason } => {
            let rejected = fact(input, "transfer:rejected", "transfer_rejected", details);
            if let Some(mut transaction) = world.begin(rejected).await? {
                received.keep(world, &mut transaction).await?;
                let reason = reason.as_deref().unwrap_or_default();
                let id = input.application_id;
                money::mark_rejected(&mut transaction, id, Some(&known.provider_id), reason, input.at).await?;
                pool::commit(transaction).await?;
            }
            Ok(Transfer::Rejected)
        }
    }
}

fn call(payment: &Payment, input: StepInput, operation: &'static str) -> Call {
    Call {
        owner: input.application_id.into(),
        step: STEP,
        provider: "payments",
        operation,
        key: payment.our_reference.to_string(),
        at: input.at,
    }
}

fn fact<'a>(input: StepInput, key: &'a str, kind: &'a str, details: Value) -> StepFact<'a> {
    StepFact {
        application_id: input.application_id,
        key,
        kind,
        details,
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    }
}

async fn mark_unknown(world: &World, input: StepInput) -> Result<(), Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    money::mark_unknown(&mut transaction, input.application_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}

async fn keep(world: &World, received: &Received) -> Result<(), Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    received.keep(world, &mut transaction).await?;
    Ok(pool::commit(transaction).await?)
}
