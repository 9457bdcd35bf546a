//! Callbacks of providers wake the workflows that they are about.
//! Never believed: the workflow asks for the status itself (design invariant 6).

use anyhow::Context as _;
use nesie_domain::ids::{ApplicationId, CaseId, Owner};
use nesie_storage::PgPool;
use nesie_storage::inbox::{self, ToPassOn};
use nesie_storage::money::{self, PaymentState};
use nesie_workflows::case::{self, AnyCase, Stirred};
use nesie_workflows::origination::{LoanOrigination, workflow_id};
use temporalio_client::WorkflowSignalOptions;
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::tonic::Code;

use super::BATCH;
use crate::Temporal;

/// One round. Returns how many were passed on.
pub(super) async fn pass(pool: &PgPool, client: &Temporal) -> anyhow::Result<usize> {
    let mut transaction = pool.begin().await.context("begin")?;
    let rows = inbox::to_pass_on(&mut transaction, BATCH).await?;
    for row in &rows {
        // One that can not be passed on stays for the next round, and holds no other up.
        if let Err(error) = pass_on(pool, client, row).await {
            tracing::error!(
                provider = row.provider,
                event = row.event_id,
                error = format!("{error:#}"),
                "not passed on"
            );
            continue;
        }
        inbox::mark(&mut transaction, &row.provider, &row.event_id, nesie_platform::clock::now()).await?;
    }
    transaction.commit().await.context("commit")?;
    Ok(rows.len())
}

async fn pass_on(pool: &PgPool, client: &Temporal, row: &ToPassOn) -> anyhow::Result<()> {
    match row.owner {
        Some(Owner::Application(application_id)) => wake_application(pool, client, application_id).await,
        Some(Owner::Case(case_id)) => wake_case(client, case_id).await,
        None => {
            tracing::warn!(provider = row.provider, event = row.event_id, "a callback names no payment of ours");
            Ok(())
        }
    }
}

async fn wake_application(pool: &PgPool, client: &Temporal, application_id: ApplicationId) -> anyhow::Result<()> {
    // Known already: a signal would only cost the workflow a task.
    let payment = money::payment(pool, application_id).await?;
    if payment.is_some_and(|payment| matches!(payment.state, PaymentState::Confirmed | PaymentState::Rejected)) {
        return Ok(());
    }
    let handle = client.get_workflow_handle::<LoanOrigination>(workflow_id(application_id));
    signalled(handle.signal(LoanOrigination::payment_callback, (), WorkflowSignalOptions::default()).await)
}

/// A case asks for the status of its refunds when it is stirred.
async fn wake_case(client: &Temporal, case_id: CaseId) -> anyhow::Result<()> {
    let handle = client.get_workflow_handle::<AnyCase>(case::workflow_id(case_id));
    signalled(handle.signal(Stirred, (), WorkflowSignalOptions::default()).await)
}

fn signalled(result: Result<(), WorkflowInteractionError>) -> anyhow::Result<()> {
    match result {
        Ok(()) => Ok(()),
        // Closed: there is nothing left to wake.
        Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
        Err(WorkflowInteractionError::Rpc(status)) if status.code() == Code::NotFound => Ok(()),
        Err(error) => Err(error).context("a workflow can not be woken"),
    }
}
