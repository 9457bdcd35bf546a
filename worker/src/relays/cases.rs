//! Reported cases become workflows: rows not yet marked started are started, under an id that starts once.
//! Never a second workflow for one case: a row that was started and not marked is found started.

use anyhow::Context as _;
use futures::future::try_join_all;
use nesie_domain::case::CaseKind;
use nesie_domain::ids::CaseId;
use nesie_storage::{PgPool, cases};
use nesie_workflows::case::{AnyCase, CaseInput, workflow_id};
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions};

use super::{BATCH, RelaySettings};
use crate::Temporal;

/// One round. Returns how many were started.
pub(super) async fn pass(pool: &PgPool, client: &Temporal, settings: &RelaySettings) -> anyhow::Result<usize> {
    let mut transaction = pool.begin().await.context("begin")?;
    let rows = cases::to_start(&mut transaction, BATCH).await?;
    try_join_all(rows.iter().map(|(id, kind)| start(client, settings, *id, *kind))).await?;
    for (id, _) in &rows {
        cases::mark_started(&mut transaction, *id, nesie_platform::clock::now()).await?;
    }
    transaction.commit().await.context("commit")?;
    Ok(rows.len())
}

async fn start(client: &Temporal, settings: &RelaySettings, id: CaseId, kind: CaseKind) -> anyhow::Result<()> {
    let options = WorkflowStartOptions::new(settings.task_queue.clone(), workflow_id(id))
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
        .build();
    let events_max = Some(settings.case_events_max);
    let input = CaseInput { case_id: id, budget: settings.budget, events_max, carried: None };
    match client.start_workflow(AnyCase(kind), input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(error) => Err(error).context("the workflow of a case can not be started"),
    }
}
