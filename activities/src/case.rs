//! The case that a step works on, with its details opened, and what people submitted for it; the end of a case.
//! Never a rule of one kind of case: those stand in the file of the kind.

mod acting;

use chrono::{DateTime, Utc};
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::ids::{CaseId, Owner, SubmissionId};
use nesie_domain::iin::Iin;
use nesie_storage::bodies::submission_place;
use nesie_storage::cases::{self, CasePerson, CaseRow, CaseSubmission, details_place};
use nesie_storage::facts::Actor;
use nesie_storage::{PgConnection, duties, pool};
use nesie_workflows::contract::{CaseAnswer, CaseEnd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

pub(crate) use acting::{Acting, Deed, Proposal};

use crate::World;
use crate::failure::Failure;
use crate::record::{CaseFact, derived_id, hex};
use crate::subject::{Submitted, open};

/// A case with its details opened.
pub(crate) struct CaseSubject<D> {
    pub(crate) case: CaseRow,
    pub(crate) details: D,
}

impl<D: DeserializeOwned> CaseSubject<D> {
    /// Loads and opens a case.
    pub(crate) async fn load(world: &World, id: CaseId) -> Result<Self, Failure> {
        let case = cases::get(&world.pool, id).await?.ok_or_else(|| Failure::park("case.missing"))?;
        let details = open(world, &details_place(id), &case.details_sealed)?;
        Ok(Self { case, details })
    }
}

/// What people submitted for a case, in the order in which it came, each opened.
pub(crate) async fn submissions<T: DeserializeOwned>(
    world: &World,
    case_id: CaseId,
    ids: &[SubmissionId],
) -> Result<Vec<(CaseSubmission, T)>, Failure> {
    let rows = cases::submissions(&world.pool, case_id, ids).await?;
    rows.into_iter()
        .map(|row| {
            let body = open(world, &submission_place(row.id), &row.body_sealed)?;
            Ok((row, body))
        })
        .collect()
}

/// What a person submitted for an application or a case.
pub(crate) async fn submitted<T: DeserializeOwned>(
    world: &World,
    owner: Owner,
    id: SubmissionId,
) -> Result<Submitted<T>, Failure> {
    match owner {
        Owner::Application(application_id) => Submitted::load(world, application_id, id).await,
        Owner::Case(case_id) => {
            let mut found = submissions(world, case_id, &[id]).await?;
            let (row, body) = found.pop().ok_or_else(|| Failure::park("submission.missing"))?;
            Ok(Submitted { body, submitted_by: row.submitted_by })
        }
    }
}

/// A person whom a case names, sealed for his place: the same person has the same row whenever the case names him.
pub(crate) fn person<T: Serialize>(
    world: &World,
    case_id: CaseId,
    (thing, place): (&str, fn(Uuid) -> String),
    iin: &Iin,
    person: &T,
) -> Result<CasePerson, Failure> {
    let iin_index = world.protection.index("iin", iin.as_str()).to_vec();
    let id = derived_id(case_id, &format!("{thing}|{}", hex(&iin_index)));
    let plain = serde_json::to_vec(person).map_err(|_| Failure::park("client.unwritable"))?;
    Ok(CasePerson { id, case_id, iin_index, person_sealed: world.protection.seal(&place(id), &plain) })
}

/// Who submitted it, with his roles and the reason that he gave.
pub(crate) fn actor(submission: &CaseSubmission) -> Actor {
    Actor::Person {
        subject: submission.submitted_by.clone(),
        roles: submission.roles.clone(),
        reason: submission.reason.clone(),
    }
}

/// Keeps the answer to an act, in the transaction of what was decided on it.
pub(crate) async fn answer(
    connection: &mut PgConnection,
    id: SubmissionId,
    answer: &CaseAnswer,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    Ok(cases::answer_submission(connection, id, &json!(answer), at).await?)
}

/// Records the end of a case. Duties that are still open are cancelled only where the case itself is withdrawn or
/// superseded (design invariant 9): a case that is completed with a duty open is a contradiction, and parks nothing over.
pub(crate) async fn close_case(world: &World, input: CaseEnd) -> Result<(), Failure> {
    let stage = CaseStage::Closed { outcome: input.outcome };
    let fact = CaseFact {
        case_id: input.case_id,
        key: "close_case",
        kind: "case_closed",
        details: json!({ "outcome": input.outcome }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&stage),
        event: Some("case.closed"),
    };
    let Some(mut transaction) = world.begin_case(fact).await? else { return Ok(()) };
    if input.outcome != CaseOutcome::Completed {
        for duty in duties::cancel_of(&mut transaction, input.case_id, "system", input.at).await? {
            crate::duties::tell(world, &mut transaction, input.case_id, duty, "cancelled", json!({}), input.at).await?;
        }
    }
    Ok(pool::commit(transaction).await?)
}
