//! What compliance records of a leak, one act a transaction, in the order in which they came.
//! Never counts a call that did not reach the client, nor one to a number that the client did not give.

use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_storage::bodies::cases::{LeakAct, LeakReport, VerificationCall};
use nesie_storage::leaks::{self, NewCall, call_place};
use nesie_storage::{locks, pool};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer};
use serde_json::json;
use uuid::Uuid;

use super::{clear, flag};
use crate::World;
use crate::case::{Acting, CaseSubject, Deed, submissions};
use crate::failure::Failure;
use crate::{wake, withdrawal};

/// Decides every act that came; each has its answer before the next is looked at. After the closure nothing is done.
pub(crate) async fn record_leak_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let subject = CaseSubject::<LeakReport>::load(world, input.case_id).await?;
    let mut done = CaseActsDone { answers: Vec::new(), stage: CaseStage::Handling };
    for (submission, act) in submissions::<LeakAct>(world, input.case_id, &input.submission_ids).await? {
        let acting = Acting { world, submission: &submission, at: input.at };
        let answer = match acting.answered_before()? {
            Some(answer) => answer,
            None if done.stage.is_closed() => acting.refuse("case.closed", None).await?,
            None => decide(&acting, &subject, &act).await?,
        };
        if answer == CaseAnswer::DONE {
            match act {
                LeakAct::Close => done.stage = CaseStage::Closed { outcome: CaseOutcome::Completed },
                // On a repeat too: the try before may have died between its record and the waking.
                LeakAct::RecordCall { client_id, call } if call.satisfies() => {
                    wake_applications(world, &acting, client_id).await?;
                }
                LeakAct::RecordCall { .. } | LeakAct::AddClients { .. } | LeakAct::Withdraw => {}
            }
        }
        done.answers.push(answer);
    }
    Ok(done)
}

async fn decide(acting: &Acting<'_>, subject: &CaseSubject<LeakReport>, act: &LeakAct) -> Result<CaseAnswer, Failure> {
    match act {
        LeakAct::AddClients { clients } => {
            let details = json!({ "given": clients.len() });
            let mut transaction = acting.begin(Deed::new("clients_added", details), &CaseAnswer::DONE).await?;
            let learned_at = subject.details.learned_at;
            flag(acting.world, &mut transaction, subject.case.id, learned_at, clients, acting.at).await?;
            pool::commit(transaction).await?;
            Ok(CaseAnswer::DONE)
        }
        LeakAct::RecordCall { client_id, call } => record_call(acting, *client_id, call).await,
        LeakAct::Close => acting.done(Deed::new("closure_decided", json!({}))).await,
        LeakAct::Withdraw => withdrawal::propose(acting, &subject.case).await,
    }
}

async fn record_call(acting: &Acting<'_>, client_id: Uuid, call: &VerificationCall) -> Result<CaseAnswer, Failure> {
    let Acting { world, submission, at } = *acting;
    let Some(flagged) = leaks::of_case(&world.pool, submission.case_id, client_id).await? else {
        return acting.refuse("client.unknown", None).await;
    };
    if flagged.cleared_at.is_some() {
        return acting.refuse("client.cleared", None).await;
    }
    if call.called_at < flagged.learned_at {
        return acting.refuse("call.before_the_leak", None).await;
    }
    let phone_index = world.protection.index("phone", call.phone.as_str());
    if !leaks::phone_is_known(&world.pool, &flagged.iin_index, &phone_index).await? {
        return acting.refuse("phone.not_the_clients", None).await;
    }
    let record = serde_json::to_vec(call).map_err(|_| Failure::park("call.unwritable"))?;
    let details = json!({
        "client_id": client_id,
        "called_at": call.called_at,
        "outcome": if call.reached { "reached" } else { "not_reached" },
        "satisfies": call.satisfies(),
        "script_version": call.script_version,
        "documents": call.documents,
    });
    let mut transaction = acting.begin(Deed::new("verification_call_recorded", details), &CaseAnswer::DONE).await?;
    // A check of his phone that is under way sees this call, or is seen by it.
    locks::client(&mut transaction, &flagged.iin_index).await?;
    let new = NewCall {
        id: submission.id,
        case_id: submission.case_id,
        iin_index: &flagged.iin_index,
        phone_index: &phone_index,
        record_sealed: &world.protection.seal(&call_place(submission.id), &record),
        called_at: call.called_at,
        satisfies: call.satisfies(),
        recorded_at: at,
    };
    leaks::insert_call(&mut transaction, &new).await?;
    clear(world, &mut transaction, &flagged.iin_index, at).await?;
    pool::commit(transaction).await?;
    Ok(CaseAnswer::DONE)
}

/// Every open application of the client looks again; one that does not wait takes no notice.
async fn wake_applications(world: &World, acting: &Acting<'_>, client_id: Uuid) -> Result<(), Failure> {
    let Some(flagged) = leaks::of_case(&world.pool, acting.submission.case_id, client_id).await? else { return Ok(()) };
    for application_id in leaks::open_applications(&world.pool, &flagged.iin_index).await? {
        wake::client_verified(world, application_id).await?;
    }
    Ok(())
}
