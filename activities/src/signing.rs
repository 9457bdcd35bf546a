//! What follows once the contract is signed, or needs no EDS: cooling-off, the merchant's own identification, or money.
//! Never skips a hold that policy sets.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use nesie_domain::application::Stage;
use nesie_domain::calendar::{almaty_instant, end_of, local_date};
use nesie_domain::money::Money;
use nesie_domain::person::Purpose;
use nesie_storage::agreement::identification::{Challenge, insert_challenge};
use nesie_storage::agreement::signature;
use nesie_storage::bodies::Destination;
use nesie_storage::{PgConnection, Postgres, Transaction, locks, pool, views};

use crate::World;
use crate::agreement::tries;
use crate::failure::Failure;
use crate::identification::{PAYMENT, new_challenge};
use crate::subject::Subject;

/// A stage, and the challenge that goes with it.
pub(crate) struct After {
    pub(crate) stage: Stage,
    challenge: Option<Challenge>,
    /// The client's turn, in which everything is to be recorded: of two contracts that he signs at once, the second counts the
    /// first.
    turn: Option<Transaction<'static, Postgres>>,
}

impl After {
    /// The transaction that is under way, to go on with.
    pub(crate) fn take_turn(&mut self) -> Option<Transaction<'static, Postgres>> {
        self.turn.take()
    }

    /// Issues the challenge, if the stage has one.
    pub(crate) async fn store(&self, connection: &mut PgConnection, subject: &Subject) -> Result<(), Failure> {
        if let Some(challenge) = &self.challenge {
            insert_challenge(connection, subject.id(), challenge).await?;
        }
        Ok(())
    }
}

/// The stage after the signature (policy of domain.md §10; para 9).
pub(crate) async fn after_signing(
    world: &World,
    subject: &Subject,
    destination: &Destination,
    at: DateTime<Utc>,
) -> Result<After, Failure> {
    let to_merchant = matches!(destination, Destination::Merchant { .. });
    let consumer = subject.application.purpose == Purpose::Consumer.as_str();
    let mut turn = None;
    if consumer && !to_merchant && subject.policies.has_cooling_off() {
        let mut transaction = pool::begin(&world.pool).await?;
        locks::client_of(&mut transaction, subject.id()).await?;
        let besides = signature::signed_besides(&mut transaction, subject.id(), day_of(local_date(at))?).await?;
        turn = Some(transaction);
        let in_all = Money::from_tiyn(subject.amount.tiyn().saturating_add(besides));
        if let Some(hours) = subject.policies.cooling_off_hours(in_all) {
            let until = at + TimeDelta::hours(hours.into());
            return Ok(After { stage: Stage::CoolingOff { until }, challenge: None, turn });
        }
    }
    Ok(After { turn, ..after_cooling_off(world, subject, destination, at) })
}

/// The instants of Almaty between which a day lies.
fn day_of(day: NaiveDate) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
    almaty_instant(day, NaiveTime::MIN).zip(end_of(day)).ok_or_else(|| Failure::park("calendar.no_such_day"))
}

/// The stage once consent needs no more waiting: a payment to a merchant has an identification of its own.
pub(crate) fn after_cooling_off(
    world: &World,
    subject: &Subject,
    destination: &Destination,
    at: DateTime<Utc>,
) -> After {
    if !matches!(destination, Destination::Merchant { .. }) {
        return After { stage: Stage::Processing { act: None }, challenge: None, turn: None };
    }
    let challenge = new_challenge(world, subject, PAYMENT, 1, at);
    let tries_left = tries(subject.policies.identification_attempts_maximum());
    let stage = Stage::AwaitingPaymentIdentification { challenge_id: challenge.id, tries_left };
    After { stage, challenge: Some(challenge), turn: None }
}

/// The frozen contract of an application.
pub(crate) async fn frozen(world: &World, subject: &Subject) -> Result<views::agreement::Contract, Failure> {
    let open = |place: &str, sealed: &[u8]| world.protection.open(place, sealed).ok();
    let contract = views::agreement::contract(&world.pool, subject.id(), open).await?;
    contract.ok_or_else(|| Failure::park("contract.missing"))
}
