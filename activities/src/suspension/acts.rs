//! What compliance records of a suspension: proof that collection and claims stand still, the document's cancellation,
//! the proposal of what follows it. Never a resumption: that takes a second person.

use chrono::{DateTime, Utc};
use nesie_domain::approval::ApprovalKind;
use nesie_domain::case::CaseStage;
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::cases::{Resumption, Standstill, SuspensionAct, SuspensionReport};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::{PgConnection, Postgres, Transaction, cases, duties as rows, holds, pool};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer};
use serde_json::json;

use crate::World;
use crate::case::{Acting, CaseSubject, Deed, Proposal, answer, submissions};
use crate::failure::Failure;
use crate::withdrawal;

/// Decides every act that came; each has its answer before the next is looked at.
pub(crate) async fn record_suspension_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let mut answers = Vec::with_capacity(input.submission_ids.len());
    for (submission, act) in submissions::<SuspensionAct>(world, input.case_id, &input.submission_ids).await? {
        let acting = Acting { world, submission: &submission, at: input.at };
        let answered = match acting.answered_before()? {
            Some(before) => before,
            None => decide(&acting, act).await?,
        };
        answers.push(answered);
    }
    // Read anew: the last of the five may have been met beside these acts.
    let case = cases::get(&world.pool, input.case_id).await?.ok_or_else(|| Failure::park("case.missing"))?;
    Ok(CaseActsDone { answers, stage: case.stage })
}

async fn decide(acting: &Acting<'_>, act: SuspensionAct) -> Result<CaseAnswer, Failure> {
    let case_id = acting.submission.case_id;
    let subject = CaseSubject::<SuspensionReport>::load(acting.world, case_id).await?;
    match act {
        SuspensionAct::ConfirmCollection(standstill) => confirm(acting, DutyKind::SuspendCollection, &standstill).await,
        SuspensionAct::ConfirmClaims(standstill) => confirm(acting, DutyKind::SuspendClaims, &standstill).await,
        SuspensionAct::ConfirmNotice(notice) => confirm(acting, DutyKind::NotifyOfSuspension, &notice).await,
        SuspensionAct::Cancel { number: _, issued_on, issuing_body: _, received_at, documents } => {
            if subject.case.stage == CaseStage::AwaitingResumption {
                return acting.refuse("suspension.cancelled_before", None).await;
            }
            if received_at < subject.details.received_at {
                return acting.refuse("cancellation.before_the_document", None).await;
            }
            let details = json!({ "issued_on": issued_on, "received_at": received_at, "documents": documents });
            let deed = Deed {
                stage: Some(&CaseStage::AwaitingResumption),
                event: Some("case.document_cancelled"),
                ..Deed::new("suspension_cancelled", details)
            };
            acting.done(deed).await
        }
        SuspensionAct::ProposeResumption(resumption) => propose(acting, &subject, resumption).await,
        SuspensionAct::Withdraw => withdrawal::propose(acting, &subject.case).await,
    }
}

/// Meets the duty of work that was made to stand still, with its proof.
async fn confirm(acting: &Acting<'_>, kind: DutyKind, standstill: &Standstill) -> Result<CaseAnswer, Failure> {
    let mut transaction = begin_meeting(acting.world, acting.submission.case_id).await?;
    let evidence = json!({ "done_at": standstill.done_at, "documents": standstill.documents });
    if !acting.meet(&mut transaction, kind, "", &evidence).await? {
        drop(transaction);
        return acting.refuse("duty.not_open", None).await;
    }
    answer(&mut transaction, acting.submission.id, &CaseAnswer::DONE, acting.at).await?;
    settle(acting.world, &mut transaction, acting.submission.case_id, acting.at).await?;
    pool::commit(transaction).await?;
    Ok(CaseAnswer::DONE)
}

/// Asks for the second person, once everything that the document demanded is done (A10).
async fn propose(
    acting: &Acting<'_>,
    subject: &CaseSubject<SuspensionReport>,
    resumption: Resumption,
) -> Result<CaseAnswer, Failure> {
    let (world, case_id) = (acting.world, subject.case.id);
    if subject.case.stage != CaseStage::AwaitingResumption {
        return acting.refuse("suspension.not_cancelled", None).await;
    }
    let open = rows::of_case(&world.pool, case_id).await?.iter().filter(|duty| duty.ended_at.is_none()).count();
    if open > 0 {
        return acting.refuse("case.duties_open", Some(format!("duties_open:{open}"))).await;
    }
    if let Some(request) = acting.request_in_the_way(ApprovalKind::Resumption).await? {
        return acting.refuse("approval.waits", Some(format!("approval:{}", request.id))).await;
    }
    let held = holds::of_case(&world.pool, case_id).await?;
    let held: Vec<_> =
        held.iter().map(|hold| json!({ "loan": hold.loan_reference, "since": hold.effective_from })).collect();
    let proposal = Proposal {
        kind: ApprovalKind::Resumption,
        proposal: &json!(resumption),
        difference: &json!({ "before": { "suspended": held }, "after": resumption }),
    };
    acting.ask_second_person(&subject.case, proposal, Deed::new("resumption_proposed", json!(resumption))).await
}

/// Begins a transaction that meets a duty. The case is locked first: of two steps that meet the last two duties at once,
/// the second waits here, holding nothing, and then sees both met.
pub(super) async fn begin_meeting(world: &World, case_id: CaseId) -> Result<Transaction<'static, Postgres>, Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    cases::lock_stage(&mut transaction, case_id).await?;
    Ok(transaction)
}

/// Enters the stage in which everything stands still, once the last of the five duties is met.
pub(super) async fn settle(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let stage = cases::lock_stage(connection, case_id).await?;
    if stage != CaseStage::Handling || !rows::open_of_case(connection, case_id).await?.is_empty() {
        return Ok(());
    }
    let fact = Fact {
        owner: case_id.into(),
        fact_key: "suspended",
        kind: "everything_suspended",
        details: json!({}),
        at,
        actor: Actor::System,
        build: world.build,
        moves: Move::Case { stage: &CaseStage::Suspended },
        event: Some("case.suspended"),
    };
    facts::record(connection, fact).await?;
    Ok(())
}
