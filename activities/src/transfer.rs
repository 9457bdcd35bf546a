//! The transfer: money moves at most once (design invariant 6; ), a payout's and a refund's alike.
//!
//! *Sent* is committed before the provider is called; whoever finds *sent* or *unknown* asks for the status first.
//! A second call is made only under the same reference, and only where the provider's contract promises deduplication.
//! Never a new reference, and never a failure taken for a rejection.

mod moving;

use nesie_storage::money::{self, Payment, PaymentState};
use nesie_storage::{bodies, pool};
use nesie_workflows::contract::{StepInput, Transfer};

pub(crate) use moving::{Moving, Permit, Ready, RefundTry};

use crate::World;
use crate::calls::{Begun, Received};
use crate::disbursement_method::profile;
use crate::failure::Failure;
use crate::providers::payments::{Destination, KnownTransfer, StatusReply, TransferReply, TransferState};
use crate::providers::{Answer, ProviderErrorKind};

/// Sends the transfer of an application, or asks for the status of one that may have been sent.
pub(crate) async fn transfer_money(world: &World, input: StepInput) -> Result<Transfer, Failure> {
    let payment = money::payment(&world.pool, input.application_id).await?;
    let payment = payment.ok_or_else(|| Failure::park("payment.missing"))?;
    move_money(world, &payment, &Moving::Payout(input)).await
}

/// Brings a reserved payment nearer to its end.
pub(crate) async fn move_money(world: &World, payment: &Payment, moving: &Moving) -> Result<Transfer, Failure> {
    match payment.state {
        PaymentState::Confirmed => Ok(Transfer::Confirmed),
        PaymentState::Rejected => Ok(Transfer::Rejected),
        PaymentState::Released => Err(Failure::park("payment.released")),
        PaymentState::Reserved => send_first(world, payment, moving).await,
        PaymentState::Sent | PaymentState::Unknown => ask_first(world, payment, moving).await,
    }
}

/// The first call. Everything that can fail without it is done before *sent* is committed, since a payment that is *sent*
/// and was not is a dead end at a provider that does not deduplicate.
async fn send_first(world: &World, payment: &Payment, moving: &Moving) -> Result<Transfer, Failure> {
    let ready = match moving.permit(world, payment).await.map_err(Failure::before_money)? {
        Permit::Go(ready) => ready,
        Permit::Stop(ground) => return Ok(Transfer::Stopped { ground }),
    };
    let begun = moving.call(payment, "transfer").begin(world).await.map_err(Failure::before_money)?;
    mark_sent(world, payment, moving).await?;
    send(world, payment, moving, &ready, begun).await
}

/// A second call under the same reference, at a provider that promises deduplication and does not know the first. What
/// was checked before must still hold; where it does not, a person decides, since the first call may yet be on its way.
async fn send_again(world: &World, payment: &Payment, moving: &Moving) -> Result<Transfer, Failure> {
    let Permit::Go(ready) = moving.permit(world, payment).await? else {
        mark_unknown(world, payment, moving).await?;
        return Err(Failure::park("payment.no_longer_permitted").unsafe_to_retry());
    };
    let begun = moving.call(payment, "transfer").begin(world).await?;
    money::mark_sent_again(&world.pool, payment.our_reference, moving.at()).await?;
    send(world, payment, moving, &ready, begun).await
}

/// *Sent* means that the provider may have been called: committed before it is.
async fn mark_sent(world: &World, payment: &Payment, moving: &Moving) -> Result<(), Failure> {
    let ahead = || Failure::retry("payment.sent_by_another_attempt");
    let Some(mut transaction) = moving.begin_sent(world, payment).await? else { return Err(ahead()) };
    money::mark_sent(&mut transaction, payment.our_reference, moving.at()).await?;
    Ok(pool::commit(transaction).await?)
}

/// Calls for the transfer. Whatever is not a readable answer leaves the payment *unknown*.
async fn send(
    world: &World,
    payment: &Payment,
    moving: &Moving,
    Ready { destination, holder }: &Ready,
    begun: Begun,
) -> Result<Transfer, Failure> {
    let destination = match destination {
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
        Ok(answered) => apply(world, payment, moving, answered.value, &answered.received).await,
        // Certainly nothing was done, and the same request would be refused again.
        Err(error) if error.kind == ProviderErrorKind::Malformed => Err(error.into()),
        Err(error) => {
            mark_unknown(world, payment, moving).await?;
            Err(error.into())
        }
    }
}

/// Asks for the status of a transfer that may have been sent.
async fn ask_first(world: &World, payment: &Payment, moving: &Moving) -> Result<Transfer, Failure> {
    let profile = profile(&payment.payment_profile)?;
    let exchange = async {
        let Answer { value, raw, content_type } =
            world.providers.payments.status(profile, payment.our_reference).await?;
        Ok(Answer { value, raw, content_type })
    };
    let answered = match moving.call(payment, "status").attempt(world, exchange).await? {
        Ok(answered) => answered,
        Err(error) => {
            mark_unknown(world, payment, moving).await?;
            return Err(error.into());
        }
    };
    match answered.value {
        StatusReply::Found(known) => apply(world, payment, moving, known, &answered.received).await,
        StatusReply::NotFound => {
            keep(world, &answered.received).await?;
            if profile.promises_deduplication() {
                return send_again(world, payment, moving).await;
            }
            mark_unknown(world, payment, moving).await?;
            Err(Failure::park("payment.not_found_without_deduplication").of("payments").unsafe_to_retry())
        }
    }
}

/// Stores what the provider said of the transfer.
async fn apply(
    world: &World,
    payment: &Payment,
    moving: &Moving,
    known: KnownTransfer,
    received: &Received,
) -> Result<Transfer, Failure> {
    let provider = known.provider_id.as_str();
    match known.state {
        TransferState::Processing => {
            keep(world, received).await?;
            Ok(Transfer::Pending)
        }
        TransferState::Done => {
            if let Some(mut transaction) = moving.begin_confirmed(world, payment, provider).await? {
                let evidence_id = received.keep(world, &mut transaction).await?;
                money::mark_confirmed(&mut transaction, payment.our_reference, provider, moving.at()).await?;
                moving.confirmed(world, &mut transaction, payment, provider, evidence_id).await?;
                pool::commit(transaction).await?;
            }
            Ok(Transfer::Confirmed)
        }
        TransferState::Rejected => {
            if let Some(mut transaction) = moving.begin_rejected(world, payment, provider).await? {
                received.keep(world, &mut transaction).await?;
                money::mark_rejected(&mut transaction, payment.our_reference, Some(provider), moving.at()).await?;
                pool::commit(transaction).await?;
            }
            Ok(Transfer::Rejected)
        }
    }
}

async fn mark_unknown(world: &World, payment: &Payment, moving: &Moving) -> Result<(), Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    money::mark_unknown(&mut transaction, payment.our_reference, moving.at()).await?;
    Ok(pool::commit(transaction).await?)
}

async fn keep(world: &World, received: &Received) -> Result<(), Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    received.keep(world, &mut transaction).await?;
    Ok(pool::commit(transaction).await?)
}
