//! Submitted applications become workflows: rows not yet marked started are started, under an id that starts once.
//! Never a second workflow for one application: a row that was started and not marked is found started.

use anyhow::Context as _;
use futures::future::try_join_all;
use nesie_storage::PgPool;
use nesie_storage::applications::{self, ToStart};
use nesie_workflows::origination::{LoanOrigination, OriginationInput, workflow_id};
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions};

use super::{BATCH, RelaySettings};
use crate::Temporal;

/// One round. Returns how many were started.
pub(super) async fn pass(pool: &PgPool, client: &Temporal, settings: &RelaySettings) -> anyhow::Result<usize> {
    let mut transaction = pool.begin().await.context("begin")?;
    let rows = applications::to_start(&mut transaction, BATCH).await?;
    try_join_all(rows.iter().map(|row| start(client, settings, row))).await?;
    for row in &rows {
        applications::mark_started(&mut transaction, row.id, nesie_platform::clock::now()).await?;
    }
    transaction.commit().await.context("commit")?;
    Ok(rows.len())
}

async fn start(client: &Temporal, settings: &RelaySettings, row: &ToStart) -> anyhow::Result<()> {
    let input = OriginationInput {
        application_id: row.id,
        valid_for_seconds: u64::try_from(row.valid_for_seconds)
            .context("valid_for_seconds is positive by constraint")?,
        budget: settings.budget,
        payment_patience_seconds: u64::from(row.policy.payment_status_patience_minutes()) * 60,
    };
    let options = WorkflowStartOptions::new(settings.task_queue.clone(), workflow_id(row.id))
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
        .enable_eager_workflow_start(true)
        .build();
    match client.start_workflow(LoanOrigination::run, input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(error) => Err(error).context("a workflow can not be started"),
    }
}
