//! Keeps the AML lists fresh: one short workflow, started by a schedule of Temporal.
//! Never a screening: applications are screened against the version that is in use at that moment.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowResult};

use crate::contract::{ListsRefreshed, ScreeningLists};
use crate::options::{self, RetryBudget};

/// The id of the schedule, and the stem of the ids of the workflows that it starts.
pub const SCHEDULE_ID: &str = "aml-refresh";

/// One refresh of all lists.
#[workflow]
#[derive(Default)]
pub struct AmlRefresh;

#[workflow_methods]
impl AmlRefresh {
    /// Fetches, checks and puts in use what changed. Fails where the publisher can not be reached within the budget;
    /// the next run tries again, and the old version stays in use for a day after it was last named.
    #[run(name = "AmlRefresh")]
    pub async fn run(context: &mut WorkflowContext<Self>) -> WorkflowResult<ListsRefreshed> {
        let at = context.workflow_time().map(DateTime::<Utc>::from).expect("every workflow task carries its time");
        let refreshed = context
            .execute_activity(ScreeningLists::refresh_aml_lists, at, options::step(RetryBudget::default()))
            .await?;
        Ok(refreshed)
    }
}
