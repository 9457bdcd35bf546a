//! The application that a step works on, with its applicant opened, and what was submitted for it.
//! Never keeps what it opened longer than the step.

use nesie_domain::ids::{ApplicationId, SubmissionId};
use nesie_domain::limits::PolicySet;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use nesie_domain::term::Term;
use nesie_storage::applications::{self, Application, FactKeys, Opening};
use nesie_storage::bodies::{Applicant, applicant_place, submission_place};
use nesie_storage::facts::Actor;
use nesie_storage::submissions::{self, Submission};
use nesie_workflows::contract::ActInput;
use serde::de::DeserializeOwned;

use crate::World;
use crate::failure::Failure;
use crate::record::verdict;

/// An application with its applicant and the limits that bind it.
pub(crate) struct Subject {
    pub(crate) application: Application,
    pub(crate) applicant: Applicant,
    pub(crate) policies: PolicySet,
    pub(crate) amount: Money,
    pub(crate) rate: Rate,
    pub(crate) term: Term,
}

/// Where a step starts.
pub(crate) enum Start<V, S> {
    /// At what it recorded before: there is nothing left to do.
    Recorded(V),
    /// At what it is about.
    New(S),
}

/// Opens a step: what it recorded under its key, or the application that it is about. `()` for a step without a verdict.
pub(crate) async fn open_step<V: DeserializeOwned>(
    world: &World,
    id: ApplicationId,
    key: &str,
) -> Result<Start<V, Subject>, Failure> {
    let opening = load(world, id, key.into(), None).await?;
    if let Some(details) = opening.recorded {
        return verdict(&details).map(Start::Recorded);
    }
    Subject::read(world, opening.application).map(Start::New)
}

/// Opens a step that works on an act: what it recorded under one of its keys, or the application and what was submitted.
pub(crate) async fn open_act<'a, V: DeserializeOwned, T: DeserializeOwned>(
    world: &World,
    input: &ActInput,
    keys: impl Into<FactKeys<'a>>,
) -> Result<Start<V, (Subject, Submitted<T>)>, Failure> {
    let opening = load(world, input.application_id, keys.into(), Some(input.submission_id)).await?;
    if let Some(details) = opening.recorded {
        return verdict(&details).map(Start::Recorded);
    }
    let submitted = Submitted::read(world, input.submission_id, opening.submission)?;
    Ok(Start::New((Subject::read(world, opening.application)?, submitted)))
}

async fn load(
    world: &World,
    id: ApplicationId,
    keys: FactKeys<'_>,
    submission_id: Option<SubmissionId>,
) -> Result<Opening, Failure> {
    let opening = applications::open(&world.pool, id, keys, submission_id).await?;
    opening.ok_or_else(|| Failure::park("application.missing"))
}

impl Subject {
    /// Loads and opens an application.
    pub(crate) async fn load(world: &World, id: ApplicationId) -> Result<Self, Failure> {
        Self::read(world, load(world, id, FactKeys::default(), None).await?.application)
    }

    fn read(world: &World, application: Application) -> Result<Self, Failure> {
        let applicant = open(world, &applicant_place(application.id), &application.applicant_sealed)?;
        // The limits that were in force when it was received bind it, whatever has come since.
        let policies = application.policy.clone();
        let inconsistent = || Failure::park("application.inconsistent");
        Ok(Self {
            applicant,
            policies,
            amount: Money::from_tiyn(application.amount_tiyn),
            rate: Rate::from_percent(application.annual_rate).map_err(|_| inconsistent())?,
            term: term(&application).ok_or_else(inconsistent)?,
            application,
        })
    }

    pub(crate) fn id(&self) -> ApplicationId {
        self.application.id
    }
}

fn term(application: &Application) -> Option<Term> {
    match (application.term_months, application.term_days) {
        (Some(months), None) => Term::months(u16::try_from(months).ok()?).ok(),
        (None, Some(days)) => Term::days(u16::try_from(days).ok()?).ok(),
        _ => None,
    }
}

/// Opens sealed JSON. A failure says nothing of the content.
pub(crate) fn open<T: DeserializeOwned>(world: &World, place: &str, sealed: &[u8]) -> Result<T, Failure> {
    let plain = world.protection.open(place, sealed).map_err(|_| Failure::park("protection.can_not_open"))?;
    serde_json::from_slice(&plain).map_err(|_| Failure::park("protection.unreadable"))
}

/// What a person submitted, opened.
pub(crate) struct Submitted<T> {
    pub(crate) body: T,
    pub(crate) submitted_by: String,
}

impl<T: DeserializeOwned> Submitted<T> {
    /// Loads and opens a submission; one of another application is not found.
    pub(crate) async fn load(world: &World, application_id: ApplicationId, id: SubmissionId) -> Result<Self, Failure> {
        Self::read(world, id, submissions::get(&world.pool, application_id, id).await?)
    }

    fn read(world: &World, id: SubmissionId, submission: Option<Submission>) -> Result<Self, Failure> {
        let submission = submission.ok_or_else(|| Failure::park("submission.missing"))?;
        let body = open(world, &submission_place(id), &submission.body_sealed)?;
        Ok(Self { body, submitted_by: submission.submitted_by })
    }

    /// Who submitted it, without words of his own: a client's words stay sealed.
    pub(crate) fn actor(&self) -> Actor {
        self.actor_because(String::new())
    }

    /// Who submitted it, and the reason that staff gave.
    pub(crate) fn actor_because(&self, reason: String) -> Actor {
        Actor::Person { subject: self.submitted_by.clone(), roles: Vec::new(), reason }
    }
}
