//! Sending an act on to its workflow: the only file of the API that knows Temporal's types.
//! Never starts a workflow (the start relay does) and never reads one (pages come from PostgreSQL).

use std::time::Duration;

use nesie_domain::application::Expected;
use nesie_domain::ids::ApplicationId;
use nesie_workflows::origination::{Act, ActOutcome, LoanOrigination, workflow_id};
use temporalio_client::errors::WorkflowUpdateError;
use temporalio_client::{Client, WorkflowExecuteUpdateOptions};
use tokio::sync::OnceCell;

/// How long a worker has to answer; after that the act is not known to be done (design §5).
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What became of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The workflow accepted it.
    Accepted,
    /// The workflow refused it: this was expected.
    Refused(Expected),
    /// Nobody knows yet; sending it again under the same id is safe.
    NotKnown,
    /// There is no such workflow, or it is closed: PostgreSQL knows.
    Gone,
}

/// The workflows, through one connection that is made when it is first needed.
#[derive(Default)]
pub(crate) struct Workflows {
    client: OnceCell<Client>,
}

impl Workflows {
    /// Sends an act to the workflow of its application. The same `update_id` gets the same answer.
    pub(crate) async fn send(&self, application: ApplicationId, act: Act, update_id: String) -> Sent {
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.execute(application, act, update_id)).await;
        answered.unwrap_or_else(|_elapsed| {
            tracing::warn!(application.id = %application, "no worker answered in time");
            Sent::NotKnown
        })
    }

    async fn execute(&self, application: ApplicationId, act: Act, update_id: String) -> Sent {
        let client = match self.client.get_or_try_init(|| nesie_platform::temporal::connect("nesie-api")).await {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(error = %error, "Temporal cannot be reached");
                return Sent::NotKnown;
            }
        };
        let handle = client.get_workflow_handle::<LoanOrigination>(workflow_id(application));
        let options = WorkflowExecuteUpdateOptions::builder().update_id(update_id).build();
        match handle.execute_update(LoanOrigination::act, act, options).await {
            Ok(ActOutcome::Accepted) => Sent::Accepted,
            Ok(ActOutcome::Refused { expected }) => Sent::Refused(expected),
            Err(WorkflowUpdateError::NotFound(_)) => Sent::Gone,
            // UnprocessedUpdate, ResourceExhausted, Unavailable and whatever is new: none says that it was done or not.
            Err(error) => {
                tracing::warn!(application.id = %application, error = %error, "an act is not known to be done");
                Sent::NotKnown
            }
        }
    }
}
