//! The end of an application: outcome, release of what was reserved, and the notice of it.
//! Never tells the client a confidential ground, and never ends one as not granted whose money may have moved.

use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_storage::facts::{self, Actor, Fact, Move, Recorded};
use nesie_storage::money::{self, PaymentState};
use nesie_storage::{PgConnection, notices, pool};
use nesie_workflows::contract::CloseInput;
use serde_json::{Value, json};

use crate::World;
use crate::calls::Call;
use crate::failure::Failure;
use crate::record::StepFact;
use crate::remedy::corrected_phone;
use crate::subject::{Start, Submitted, open_step};

const NOTIFY: &str = "notify_client";

/// Outcome, release of what was reserved, timeline, audit and outbox in one transaction.
pub(crate) async fn close_application(world: &World, input: CloseInput) -> Result<(), Failure> {
    let actor = match input.submission_id {
        // The client's reason stays sealed with what he sent.
        Some(submission_id) => Submitted::<Value>::load(world, input.application_id, submission_id).await?.actor(),
        None => Actor::System,
    };
    let event = format!("application.{}", input.outcome.as_str());
    let mut transaction = pool::begin(&world.pool).await?;
    let fact = Fact {
        owner: input.application_id.into(),
        fact_key: "close_application",
        kind: "application_closed",
        details: json!({ "outcome": shown(&input.outcome) }),
        at: input.at,
        actor,
        build: world.build,
        moves: Move::Application { stage: &Stage::Closed, outcome: Some(&input.outcome) },
        event: Some(&event),
    };
    if facts::record(&mut transaction, fact).await? == Recorded::New {
        settle(&mut transaction, &input).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// The outcome as the client may know it.
fn shown(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Refused { ground } if ground.is_confidential() => {
            json!({ "outcome": "refused", "ground": "not_granted" })
        }
        outcome => json!(outcome),
    }
}

/// Releases what was reserved; the outcome and the payment must say the same.
async fn settle(connection: &mut PgConnection, input: &CloseInput) -> Result<(), Failure> {
    let payment = money::payment(&mut *connection, input.application_id).await?;
    let granted = input.outcome == Outcome::Granted;
    let rejected = input.outcome == Outcome::Refused { ground: RefusalGround::PaymentRejected };
    match payment.map(|payment| (payment.state, payment.our_reference)) {
        None | Some((PaymentState::Released, _)) if !granted && !rejected => Ok(()),
        Some((PaymentState::Reserved, reference)) if !granted && !rejected => {
            Ok(money::release(connection, reference, input.at).await?)
        }
        Some((PaymentState::Rejected, _)) if rejected => Ok(()),
        Some((PaymentState::Confirmed, _)) if granted => Ok(()),
        _ => Err(Failure::park("payment.contradicts_outcome").unsafe_to_retry()),
    }
}

/// Tells the client; the wording never gives a confidential ground away.
pub(crate) async fn notify_client(world: &World, input: CloseInput) -> Result<(), Failure> {
    let template = template(&input.outcome);
    let key = notice_key(template);
    let subject = match open_step(world, input.application_id, &key).await? {
        Start::Recorded(()) => return Ok(()),
        Start::New(subject) => subject,
    };
    // `<application>:notify:<template>`: the provider sends nothing twice under it. To a corrected phone goes another
    // message, which the provider may not have seen.
    let corrected = corrected_phone(world, subject.id(), NOTIFY).await?;
    let sent_to = corrected.as_ref().map_or_else(String::new, |(submission_id, _)| format!(":{submission_id}"));
    let provider_key = format!("{}:notify:{template}{sent_to}", subject.id());
    let call = Call::under(provider_key.clone(), subject.id(), NOTIFY, ("notifications", "message"), input.at);
    let phone = corrected.as_ref().map_or(&subject.applicant.phone, |(_, phone)| phone);
    let exchange = world.providers.notifications.send(&provider_key, template, phone, subject.id().into());
    let answered = call.make(world, exchange).await?;
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: "client_notified",
        details: json!({ "template": template, "message_id": answered.value.message_id }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        answered.received.keep(world, &mut transaction).await?;
        let message_id = &answered.value.message_id;
        notices::insert(&mut transaction, subject.id(), template, message_id, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// The key of the fact that the client was told.
pub(crate) fn notice_key(template: &str) -> String {
    format!("{NOTIFY}:{template}")
}

/// One template for every refusal: which of them it was, the client learns from nobody by comparing notices.
pub(crate) const fn template(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Granted => "granted",
        Outcome::Refused { .. } => "not_granted",
        Outcome::Withdrawn => "withdrawn",
        Outcome::Expired => "expired",
        Outcome::Failed { .. } => "failed",
    }
}
