//! Sending an act on to its workflow: the only file of the API that knows Temporal's types.
//! Never starts a workflow (the start relay does) and never reads one (pages come from PostgreSQL).

use std::time::Duration;

use nesie_domain::application::Expected;
use nesie_domain::case::CaseKind;
use nesie_domain::ids::{ApplicationId, CaseId};
use nesie_workflows::case::{self, ActOnCase, AnyCase, CaseAct};
use nesie_workflows::contract::CaseAnswer;
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

/// What became of an act on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentToCase {
    /// The workflow's own answer.
    Answered(CaseAnswer),
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

    /// Sends an act to the workflow of its case. The same `update_id` gets the same answer.
    pub(crate) async fn send_to_case(&self, kind: CaseKind, id: CaseId, act: CaseAct, update_id: String) -> SentToCase {
        let answered = async {
            let Some(client) = self.client().await else { return SentToCase::NotKnown };
            let handle = client.get_workflow_handle::<AnyCase>(case::workflow_id(id));
            let options = WorkflowExecuteUpdateOptions::builder().update_id(update_id).build();
            match handle.execute_update(ActOnCase, act, options).await {
                Ok(answer) => SentToCase::Answered(answer),
                Err(WorkflowUpdateError::NotFound(_)) => SentToCase::Gone,
                Err(error) => {
                    tracing::warn!(case.id = %id, kind = kind.as_str(), error = %error, "an act is not known to be done");
                    SentToCase::NotKnown
                }
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, answered).await.unwrap_or(SentToCase::NotKnown)
    }

    async fn client(&self) -> Option<&Client> {
        match self.client.get_or_try_init(|| nesie_platform::temporal::connect("nesie-api")).await {
            Ok(client) => Some(client),
            Err(error) => {
                tracing::error!(error = %error, "Temporal cannot be reached");
                None
            }
        }
    }

    async fn execute(&self, application: ApplicationId, act: Act, update_id: String) -> Sent {
        let Some(client) = self.client().await else { return Sent::NotKnown };
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
