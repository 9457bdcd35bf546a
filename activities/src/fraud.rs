//! A fraud incident (para 13 ¶1, R-130 to R-133): its clients taken up, its duties opened.
//! Never informs or records anything itself: that is [`inform`] and [`acts`].

mod acts;
mod inform;

use chrono::{DateTime, Utc};
use nesie_domain::calendar::WorkingCalendar;
use nesie_domain::case::CaseStage;
use nesie_domain::duty::DutyKind;
use nesie_storage::bodies::cases::{AffectedClient, FraudReport};
use nesie_storage::cases::CaseRow;
use nesie_storage::facts::Actor;
use nesie_storage::incidents::{self, CaseClient, client_place};
use nesie_storage::{PgConnection, pool};
use nesie_workflows::contract::CaseStep;
use serde_json::json;

pub(crate) use acts::record_fraud_acts;
pub(crate) use inform::inform_clients;

use crate::World;
use crate::case::{CaseSubject, person};
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::record::CaseFact;

/// Clients taken up in one transaction.
const CHUNK: usize = 100;

/// Takes up the clients that were reported and opens the duties, each with its own clock (A8).
pub(crate) async fn open_incident(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let subject = CaseSubject::<FraudReport>::load(world, input.case_id).await?;
    let calendar = current_calendar(world).await?;
    let detected_at = subject.details.detected_at;
    for clients in subject.details.clients.chunks(CHUNK) {
        let mut transaction = pool::begin(&world.pool).await?;
        let establishing =
            Establishing { case: &subject.case, calendar: &calendar, otherwise: detected_at, at: input.at };
        establish(world, &mut transaction, &establishing, clients).await?;
        pool::commit(transaction).await?;
    }
    let fact = CaseFact {
        case_id: input.case_id,
        key: "open_incident",
        kind: "incident_opened",
        details: json!({
            "kind": subject.details.kind,
            "detected_at": detected_at,
            "clients": subject.details.clients.len(),
        }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::Handling),
        event: Some("case.opened"),
    };
    if let Some(mut transaction) = world.begin_case(fact).await? {
        for kind in [DutyKind::InformRegulator, DutyKind::TakeMeasures] {
            let opening = Opening { case_id: input.case_id, kind, subject: "", anchor_at: detected_at, at: input.at };
            duties::open(world, &mut transaction, &calendar, &subject.case.policy, opening).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::Handling)
}

/// What clients are taken up by.
struct Establishing<'a> {
    case: &'a CaseRow,
    calendar: &'a WorkingCalendar,
    /// When a client is established for whom nothing else was said.
    otherwise: DateTime<Utc>,
    at: DateTime<Utc>,
}

/// Takes up clients, each with the duty to be informed from the instant of its own establishment. Returns how many were
/// new: a person whom the case has is left as it is.
async fn establish(
    world: &World,
    connection: &mut PgConnection,
    by: &Establishing<'_>,
    clients: &[AffectedClient],
) -> Result<u32, Failure> {
    let mut added = 0;
    for client in clients {
        let row = CaseClient {
            person: person(world, by.case.id, ("client", client_place), &client.iin, client)?,
            loans: client.loans.clone(),
            established_at: client.established_at.unwrap_or(by.otherwise),
            added_at: by.at,
        };
        if !incidents::add_client(connection, &row).await? {
            continue;
        }
        let opening = Opening {
            case_id: by.case.id,
            kind: DutyKind::InformClient,
            subject: &row.person.id.to_string(),
            anchor_at: row.established_at,
            at: by.at,
        };
        duties::open(world, connection, by.calendar, &by.case.policy, opening).await?;
        added += 1;
    }
    Ok(added)
}
