//! What is asked of workflows from outside: of a case, to look again, and until when its watch sleeps; of an application,
//! to look again whether its client may go on.
//! Never anything that decides: both only lead to rows being read.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, CaseId};
use nesie_workflows::case::{AnyCase, Stirred, Watched, workflow_id};
use nesie_workflows::origination::{self, LoanOrigination};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowQueryError};
use temporalio_client::tonic::Code;
use temporalio_client::{QueryRejectCondition, WorkflowQueryOptions, WorkflowSignalOptions};

use crate::World;
use crate::failure::Failure;

/// Whether a case could be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// It was.
    Told,
    /// It has no workflow that runs.
    NotThere,
}

/// What a case's workflow says of its watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It sleeps until then, or until it is stirred.
    Until(Option<DateTime<Utc>>),
    /// It has no workflow that runs.
    NotThere,
    /// It can not be asked: no worker answers, or it fails.
    Silent,
}

/// Tells a case's workflow to look at its duties again.
pub(crate) async fn stir(world: &World, case_id: CaseId) -> Result<Woken, Failure> {
    let client = world.temporal.as_ref().ok_or_else(|| Failure::retry("temporal.missing"))?;
    let handle = client.get_workflow_handle::<AnyCase>(workflow_id(case_id));
    match handle.signal(Stirred, (), WorkflowSignalOptions::default()).await {
        Ok(()) => Ok(Woken::Told),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(Woken::NotThere),
        Err(WorkflowInteractionError::Rpc(status)) if status.code() == Code::NotFound => Ok(Woken::NotThere),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a case can not be told");
            Err(Failure::retry("temporal.signal"))
        }
    }
}

/// Tells the workflow of an application that something was recorded of its client; one that is over needs no telling.
pub(crate) async fn client_verified(world: &World, application_id: ApplicationId) -> Result<(), Failure> {
    let client = world.temporal.as_ref().ok_or_else(|| Failure::retry("temporal.missing"))?;
    let handle = client.get_workflow_handle::<LoanOrigination>(origination::workflow_id(application_id));
    match handle.signal(LoanOrigination::client_verified, (), WorkflowSignalOptions::default()).await {
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
        Err(WorkflowInteractionError::Rpc(status)) if status.code() == Code::NotFound => Ok(()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an application can not be told");
            Err(Failure::retry("temporal.signal"))
        }
    }
}

/// Asks a case's workflow until when its watch sleeps.
pub(crate) async fn watched(world: &World, case_id: CaseId) -> Result<Watch, Failure> {
    let client = world.temporal.as_ref().ok_or_else(|| Failure::retry("temporal.missing"))?;
    let handle = client.get_workflow_handle::<AnyCase>(workflow_id(case_id));
    // A closed workflow still answers queries, from its history: it has no timer any more.
    let options = WorkflowQueryOptions::builder().reject_condition(QueryRejectCondition::NotOpen).build();
    Ok(match handle.query(Watched, (), options).await {
        Ok(until) => Watch::Until(until),
        Err(WorkflowQueryError::NotFound(_) | WorkflowQueryError::Rejected { .. }) => Watch::NotThere,
        Err(WorkflowQueryError::Rpc(status)) if status.code() == Code::NotFound => Watch::NotThere,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a case can not be asked for its watch");
            Watch::Silent
        }
    })
}
