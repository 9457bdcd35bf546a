//! A leak of personal data (para 36, R-220): its clients flagged.
//! Never takes a measure itself: that is [`gate`], and what compliance records is [`acts`].

mod acts;
mod gate;

use chrono::{DateTime, Utc};
use nesie_domain::case::CaseStage;
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::cases::{LeakReport, LeakedClient};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::leaks::{self, NewFlag, flag_place};
use nesie_storage::{PgConnection, pool};
use nesie_workflows::contract::CaseStep;
use serde_json::json;
use uuid::Uuid;

pub(crate) use acts::record_leak_acts;
pub(crate) use gate::{check_leak_flag, verify_after_leak};

use crate::World;
use crate::case::{CaseSubject, person};
use crate::failure::Failure;
use crate::record::CaseFact;

/// Clients flagged in one transaction.
const CHUNK: usize = 200;

/// Flags the clients that were reported.
pub(crate) async fn open_data_leak(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let subject = CaseSubject::<LeakReport>::load(world, input.case_id).await?;
    let LeakReport { learned_at, clients, .. } = &subject.details;
    for clients in clients.chunks(CHUNK) {
        let mut transaction = pool::begin(&world.pool).await?;
        flag(world, &mut transaction, input.case_id, *learned_at, clients, input.at).await?;
        pool::commit(transaction).await?;
    }
    let fact = CaseFact {
        case_id: input.case_id,
        key: "open_data_leak",
        kind: "data_leak_opened",
        details: json!({ "learned_at": learned_at, "clients": clients.len() }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&CaseStage::Handling),
        event: Some("case.opened"),
    };
    if let Some(transaction) = world.begin_case(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(CaseStage::Handling)
}

/// Flags clients. Returns how many were new: a person whom the case has is left as it is.
async fn flag(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    learned_at: DateTime<Utc>,
    clients: &[LeakedClient],
    at: DateTime<Utc>,
) -> Result<u32, Failure> {
    let mut added = 0;
    for client in clients {
        let person = person(world, case_id, ("flag", flag_place), &client.iin, client)?;
        let new = NewFlag { person, learned_at, flagged_at: at };
        added += u32::from(leaks::flag(connection, &new).await?);
    }
    Ok(added)
}

/// Takes the flags off a client for whom nothing is missing any more, each with a fact on its own case.
async fn clear(
    world: &World,
    connection: &mut PgConnection,
    iin_index: &[u8],
    at: DateTime<Utc>,
) -> Result<Vec<Uuid>, Failure> {
    let cleared = leaks::clear(connection, iin_index, at).await?;
    for (id, case_id) in &cleared {
        let fact = Fact {
            owner: (*case_id).into(),
            fact_key: &format!("client_cleared:{id}"),
            kind: "client_cleared",
            details: json!({ "client_id": id }),
            at,
            actor: Actor::System,
            build: world.build,
            // A closed case stays closed: its flag outlived it.
            moves: Move::Stays,
            event: Some("case.client_cleared"),
        };
        facts::record(connection, fact).await?;
    }
    Ok(cleared.into_iter().map(|(id, _)| id).collect())
}
