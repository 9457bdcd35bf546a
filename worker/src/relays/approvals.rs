//! Decisions of two people reach the workflows that wait for them; requests that waited too long are recorded as expired.
//! Never does what was approved: the workflow's own activity re-reads the request and applies it.

use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use nesie_domain::approval::{ApprovalKind, ApprovalState};
use nesie_domain::ids::{ApplicationId, ApprovalId, CaseId, Owner};
use nesie_storage::approvals::{self, Approval};
use nesie_storage::{PgPool, audit};
use nesie_workflows::case::{self, ActOnCase, AnyCase, CaseAct, CaseWhat, Stirred};
use nesie_workflows::contract::{CaseAnswer, Remedy, Withdrawal};
use nesie_workflows::origination::{Act, ActOutcome, LoanOrigination, What, workflow_id};
use serde_json::json;
use temporalio_client::errors::{WorkflowInteractionError, WorkflowStartError, WorkflowUpdateError};
use temporalio_client::tonic::Code;
use temporalio_client::{
    UntypedWorkflow, WorkflowExecuteUpdateOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};

use super::RelaySettings;
use crate::Temporal;

/// Requests that one round passes on at most: more than ever wait without an answer at once.
const AT_ONCE: i64 = 200;

/// How long a workflow has to answer; after that it is told again, under the same id.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// One round: expiry first, since an expired request is passed on too. Returns how many were passed on.
pub(super) async fn pass(pool: &PgPool, client: &Temporal, settings: &RelaySettings) -> anyhow::Result<usize> {
    let mut transaction = pool.begin().await.context("begin")?;
    approvals::expire_due(&mut transaction, nesie_platform::clock::now()).await?;
    transaction.commit().await.context("commit")?;
    let mut transaction = pool.begin().await.context("begin")?;
    let rows = approvals::to_pass_on(&mut transaction, AT_ONCE).await?;
    // Side by side: one that can not be passed on stays for the next round, and holds no other up.
    let passed = join_all(rows.iter().map(|row| pass_on(client, settings, row))).await;
    let mut passed_on = 0;
    for (row, passed) in rows.iter().zip(passed) {
        match passed {
            Ok(Passed::On) => {}
            // Approved and yet not done: whoever looks for it finds it beside the decisions.
            Ok(Passed::Moot) => {
                audit::record_denial_in(&mut transaction, &moot(row, &approvals::approval_object(row.id))).await?;
            }
            Err(error) => {
                tracing::error!(approval = %row.id, error = format!("{error:#}"), "not passed on");
                continue;
            }
        }
        approvals::mark_passed_on(&mut transaction, row.id, nesie_platform::clock::now()).await?;
        passed_on += 1;
    }
    transaction.commit().await.context("commit")?;
    Ok(passed_on)
}

/// What became of a request on its way.
enum Passed {
    /// The workflow concerned knows, or nobody has to know.
    On,
    /// The workflow no longer waits for it.
    Moot,
}

async fn pass_on(client: &Temporal, settings: &RelaySettings, row: &Approval) -> anyhow::Result<Passed> {
    let approved = row.state == ApprovalState::Approved;
    match (row.owner, row.kind) {
        (Some(Owner::Application(id)), ApprovalKind::CompleteByHand | ApprovalKind::RetryCorrected) if approved => {
            decide(client, row, id).await
        }
        (Some(Owner::Case(id)), ApprovalKind::CompleteByHand | ApprovalKind::RetryCorrected) if approved => {
            let Remedy { parked_step_id, submission_id, decision, .. } = remedy(row)?;
            let what = CaseWhat::DecideParkedStep { parked_step_id, decision };
            tell(client, row, id, CaseAct { submission_id, what }).await
        }
        (Some(Owner::Case(id)), ApprovalKind::WithdrawCase) if approved => {
            let proposal = serde_json::from_value(row.proposal.clone());
            let Withdrawal { submission_id, .. } = proposal.context("a proposal can not be read")?;
            tell(client, row, id, CaseAct { submission_id, what: CaseWhat::Withdraw }).await
        }
        (Some(Owner::Case(case_id)), _) => stir(client, case_id).await,
        (_, ApprovalKind::PublishCalendar) if approved => publish(client, settings, row.id).await,
        // Rejected or expired: the step stays parked, the calendar stays as it is; the row itself is the record.
        _ => Ok(Passed::On),
    }
}

/// A case reads its requests itself; it only has to look.
async fn stir(client: &Temporal, case_id: CaseId) -> anyhow::Result<Passed> {
    let handle = client.get_workflow_handle::<AnyCase>(case::workflow_id(case_id));
    match handle.signal(Stirred, (), WorkflowSignalOptions::default()).await {
        Ok(()) => Ok(Passed::On),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(Passed::On),
        Err(WorkflowInteractionError::Rpc(status)) if status.code() == Code::NotFound => Ok(Passed::On),
        Err(error) => Err(error).context("a case can not be stirred"),
    }
}

/// The publication of a calendar version is a workflow of its own, which starts once.
async fn publish(client: &Temporal, settings: &RelaySettings, id: ApprovalId) -> anyhow::Result<Passed> {
    let options = WorkflowStartOptions::new(settings.task_queue.clone(), format!("calendar-publication/{id}"))
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
        .build();
    let input = payload(&json!({ "approval_id": id }));
    match client.start_workflow(UntypedWorkflow::new("CalendarPublication"), input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(Passed::On),
        Err(error) => Err(error).context("a publication can not be started"),
    }
}

/// The workflow of an application takes the decision on its parked step as an act, under the request's own id.
async fn decide(client: &Temporal, row: &Approval, id: ApplicationId) -> anyhow::Result<Passed> {
    let Remedy { parked_step_id, submission_id, decision, .. } = remedy(row)?;
    let act = Act { submission_id, what: What::DecideParkedStep { parked_step_id, decision } };
    let handle = client.get_workflow_handle::<LoanOrigination>(workflow_id(id));
    let options = WorkflowExecuteUpdateOptions::builder().update_id(format!("approval/{}", row.id)).build();
    let answered = tokio::time::timeout(ANSWER_WITHIN, handle.execute_update(LoanOrigination::act, act, options));
    match answered.await.context("a workflow does not answer")? {
        Ok(ActOutcome::Accepted) => Ok(Passed::On),
        Ok(ActOutcome::Refused { .. }) | Err(WorkflowUpdateError::NotFound(_)) => Ok(Passed::Moot),
        Err(error) => Err(error).context("a workflow can not be told"),
    }
}

/// The workflow of a case takes the same, under the request's own id.
async fn tell(client: &Temporal, row: &Approval, id: CaseId, act: CaseAct) -> anyhow::Result<Passed> {
    let handle = client.get_workflow_handle::<AnyCase>(case::workflow_id(id));
    let options = WorkflowExecuteUpdateOptions::builder().update_id(format!("approval/{}", row.id)).build();
    let answered = tokio::time::timeout(ANSWER_WITHIN, handle.execute_update(ActOnCase, act, options));
    match answered.await.context("a case does not answer")? {
        Ok(CaseAnswer::Done { .. }) => Ok(Passed::On),
        Ok(CaseAnswer::Refused { .. }) | Err(WorkflowUpdateError::NotFound(_)) => Ok(Passed::Moot),
        Err(error) => Err(error).context("a case can not be told"),
    }
}

fn remedy(row: &Approval) -> anyhow::Result<Remedy> {
    serde_json::from_value(row.proposal.clone()).context("a proposal can not be read")
}

fn moot<'a>(row: &Approval, object: &'a str) -> audit::Entry<'a> {
    audit::Entry {
        occurred_at: nesie_platform::clock::now(),
        actor: "system",
        roles: &[],
        action: "pass_on_approval",
        object,
        reason: "act_not_expected",
        request_id: None,
        details: json!({ "kind": row.kind, "object": row.object }),
    }
}

fn payload<T: temporalio_common::data_converters::TemporalSerializable + 'static>(value: &T) -> RawValue {
    RawValue::from_value(value, &PayloadConverter::default())
}
