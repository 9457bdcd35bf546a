//! The application that a step works on, with its applicant opened, and what was submitted for it.
//! Never keeps what it opened longer than the step.

use nesie_domain::ids::{ApplicationId, SubmissionId};
use nesie_domain::limits::PolicySet;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use nesie_domain::term::Term;
use nesie_storage::applications::{self, Application};
use nesie_storage::bodies::{Applicant, applicant_place, submission_place};
use nesie_storage::facts::Actor;
use nesie_storage::submissions;
use serde::de::DeserializeOwned;

use crate::World;
use crate::failure::Failure;

/// An application with its applicant and the limits that bind it.
pub(crate) struct Subject {
    pub(crate) application: Application,
    pub(crate) applicant: Applicant,
    pub(crate) policies: PolicySet,
    pub(crate) amount: Money,
    pub(crate) rate: Rate,
    pub(crate) term: Term,
}

impl Subject {
    /// Loads and opens an application.
    pub(crate) async fn load(world: &World, id: ApplicationId) -> Result<Self, Failure> {
        let application =
            applications::get(&world.pool, id).await?.ok_or_else(|| Failure::park("application.missing"))?;
        let applicant = open(world, &applicant_place(id), &application.applicant_sealed)?;
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
        let submission = submissions::get(&world.pool, id)
            .await?
            .filter(|submission| submission.application_id == application_id)
            .ok_or_else(|| Failure::park("submission.missing"))?;
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
