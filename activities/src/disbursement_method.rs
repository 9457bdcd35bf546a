//! How the money is to be paid out, and whether account or card is the client's (paras 8(6), 8(7), 9; ).
//! Only *confirmed* lets an application go on; *unavailable* is neither a yes nor a no.

use nesie_domain::act::ActKind;
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::iin::Iin;
use nesie_storage::agreement::disbursement_method::{self as rows, NewDisbursementMethod};
use nesie_storage::bodies::{Destination, DisbursementChoice};
use nesie_storage::{policy, pool};
use nesie_workflows::contract::{ActInput, Verdict};
use serde_json::json;

use crate::World;
use crate::agreement::act_key;
use crate::calls::{Call, Received};
use crate::failure::Failure;
use crate::providers::payments::{Owned, OwnershipStatus, PaymentProfile};
use crate::record::{StepFact, next, refuse, stage_of, with_verdict};
use crate::subject::{Start, Subject, open, open_act};

const STEP: &str = "check_disbursement_method";

/// Whether the money may go there, and by which check that is known.
pub(crate) struct Checked {
    pub(crate) confirmed: bool,
    pub(crate) check_id: String,
    pub(crate) received: Received,
}

/// The place that the details of disbursement are sealed for.
fn destination_place(subject: &Subject) -> String {
    format!("destination|{}", subject.id())
}

/// Method and details, with the check that the account or card is the client's.
pub(crate) async fn check_disbursement_method(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let key = act_key(ActKind::ChooseDisbursementMethod, &input);
    let (subject, submitted) = match open_act::<_, DisbursementChoice>(world, &input, key.as_str()).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(opened) => opened,
    };
    let Stage::AwaitingDisbursementMethod { tries_left } = subject.application.stage else {
        return Err(Failure::park("application.stage_unexpected"));
    };
    let DisbursementChoice { destination, payment_profile } = &submitted.body;
    let profile = profile(payment_profile.as_str())?;
    let call = |operation| Call::new(subject.id(), STEP, operation, input.submission_id, input.at);
    let checked = check(world, &subject.applicant.iin, destination, profile, call).await?;
    let verdict = judge(world, &subject, destination, &checked, tries_left).await?;
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: if checked.confirmed { "disbursement_method_confirmed" } else { "disbursement_method_not_confirmed" },
        details: with_verdict(
            json!({ "method": destination.method(), "payment_profile": profile.as_str(), "check_id": checked.check_id }),
            &verdict,
        )?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        checked.received.keep(world, &mut transaction).await?;
        let plain = serde_json::to_vec(destination).map_err(|_| Failure::park("record.unwritable"))?;
        let new = NewDisbursementMethod {
            submission_id: input.submission_id,
            method: destination.method(),
            payment_profile: profile.as_str(),
            destination_sealed: &world.protection.seal(&destination_place(&subject), &plain),
            confirmed: checked.confirmed,
            check_id: &checked.check_id,
            checked_at: input.at,
        };
        rows::insert(&mut transaction, subject.id(), &new).await?;
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

async fn judge(
    world: &World,
    subject: &Subject,
    destination: &Destination,
    checked: &Checked,
    tries_left: u8,
) -> Result<Verdict, Failure> {
    let channel = policy::channel(&world.pool, &subject.application.channel).await?;
    let operation = format!("microcredit_{}", destination.method());
    if !channel.is_some_and(|channel| channel.operations.contains(&operation)) {
        return Ok(refuse(RefusalGround::ChannelClosed));
    }
    Ok(match tries_left.saturating_sub(1) {
        _ if checked.confirmed => next(Stage::Processing { act: None }),
        0 => refuse(RefusalGround::OwnershipNotConfirmed),
        tries_left => next(Stage::AwaitingDisbursementMethod { tries_left }),
    })
}

/// Asks whether the money may go there: ownership of account or card, a contract in force with the merchant.
pub(crate) async fn check(
    world: &World,
    iin: &Iin,
    destination: &Destination,
    profile: PaymentProfile,
    call: impl FnOnce((&'static str, &'static str)) -> Call,
) -> Result<Checked, Failure> {
    let owned = match destination {
        Destination::Account { iban } => Owned::Account(iban),
        Destination::Card { card_token } => Owned::Card(card_token),
        Destination::Merchant { merchant_id } => {
            let call = call(("merchants", "lookup"));
            let answered = call.make(world, world.providers.merchants.lookup(merchant_id)).await?;
            // A merchant that the registry does not know has no contract; that is an answer, not a failure.
            let (check_id, confirmed) = answered.value.map_or_else(
                || ("merchant.unknown".to_owned(), false),
                |merchant| (merchant.contract_number, merchant.contract_active),
            );
            return Ok(Checked { confirmed, check_id, received: answered.received });
        }
    };
    let call = call(("payments", "ownership")).after_undetermined().begin(world).await?;
    let key = call.key();
    let exchange = world.providers.payments.check_ownership(profile, &key, iin, owned);
    let answered = call.end(world, exchange).await??;
    let confirmed = match answered.value.status {
        OwnershipStatus::Confirmed => true,
        OwnershipStatus::NotConfirmed => false,
        OwnershipStatus::Unavailable => {
            answered.received.keep_undetermined(world).await?;
            return Err(Failure::retry("payments.ownership_unavailable").of("payments"));
        }
    };
    Ok(Checked { confirmed, check_id: answered.value.check_id, received: answered.received })
}

/// Where the money goes, as it was confirmed.
pub(crate) struct Confirmed {
    pub(crate) destination: Destination,
    pub(crate) profile: PaymentProfile,
}

/// The confirmed details of an application.
pub(crate) async fn confirmed(world: &World, subject: &Subject) -> Result<Confirmed, Failure> {
    let row = rows::confirmed(&world.pool, subject.id()).await?;
    let row = row.ok_or_else(|| Failure::park("disbursement_method.not_confirmed"))?;
    let destination = open(world, &destination_place(subject), &row.destination_sealed)?;
    Ok(Confirmed { destination, profile: profile(&row.payment_profile)? })
}

pub(crate) fn profile(code: &str) -> Result<PaymentProfile, Failure> {
    PaymentProfile::parse(code).ok_or_else(|| Failure::park("payment.profile_unknown"))
}
