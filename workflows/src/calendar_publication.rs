//! A calendar version put in force in mid-term: published, every open duty counted anew page by page, cases told.
//! Never a count of days, and never a duty changed: what moves is superseded.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use std::time::Duration;

use nesie_domain::ids::{ApprovalId, DutyId};
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{ContinueAsNewOptions, TimerOptions, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::contract::{Calendar, Publication, PublicationStep, RecomputePage, WakeChanged};
use crate::options;
use crate::parking::now;

/// Duties that one page counts anew; all of them are locked meanwhile.
const PAGE: u32 = 100;
/// Cases that are told at once.
const WOKEN_AT_ONCE: u32 = 50;
/// Pages after which the workflow goes on as a new run.
const PAGES_A_RUN: u32 = 100;
/// A step that read the calendar before may still open a duty by it: longer than a try of a step may take.
const LATE_OPENINGS: Duration = Duration::from_secs(60);

/// The workflow's id: the start is the idempotent step.
#[must_use]
pub fn workflow_id(approval_id: ApprovalId) -> String {
    format!("calendar-publication/{approval_id}")
}

/// What a run starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicationInput {
    /// The request that was approved.
    pub approval_id: ApprovalId,
    /// How far the runs before came.
    #[serde(default)]
    pub progress: Progress,
}

/// How far a publication is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The version, once it is in force.
    pub version: Option<String>,
    /// The last duty of the last page.
    pub after: Option<DutyId>,
    /// Whether this is the second time through, for duties that were opened late by the version before.
    pub again: bool,
    /// How many duties moved.
    pub changed: u32,
}

/// How a publication ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// What became of the version.
    pub publication: Publication,
    /// How many duties moved.
    pub changed: u32,
}

/// One publication.
#[workflow]
pub struct CalendarPublication {
    input: PublicationInput,
}

#[workflow_methods]
impl CalendarPublication {
    #[init]
    fn new(_context: &WorkflowContextView, input: PublicationInput) -> Self {
        Self { input }
    }

    /// Publishes, then works through the open duties twice.
    #[run(name = "CalendarPublication")]
    pub async fn run(context: &mut WorkflowContext<Self>) -> WorkflowResult<Published> {
        let PublicationInput { approval_id, mut progress } = context.state(|state| state.input.clone());
        let version = match progress.version.clone() {
            Some(version) => version,
            None => {
                let step = PublicationStep { approval_id, at: now(context) };
                let publish = Calendar::publish_calendar_version;
                match context.execute_activity(publish, step, options::own_write()).await? {
                    Publication::Published { version } => version,
                    publication @ Publication::Refused { .. } => return Ok(Published { publication, changed: 0 }),
                }
            }
        };
        progress.version = Some(version.clone());
        let mut pages = 0;
        loop {
            let page = RecomputePage { version: version.clone(), after: progress.after, limit: PAGE, at: now(context) };
            let done = context.execute_activity(Calendar::recompute_duties, page, options::own_write()).await?;
            progress.changed += done.changed;
            progress.after = done.next;
            loop {
                let wake = WakeChanged { version: version.clone(), limit: WOKEN_AT_ONCE, at: now(context) };
                if context.execute_activity(Calendar::wake_changed_cases, wake, options::own_write()).await? == 0 {
                    break;
                }
            }
            if done.next.is_none() {
                if progress.again {
                    let publication = Publication::Published { version };
                    return Ok(Published { publication, changed: progress.changed });
                }
                progress.again = true;
                let pause = TimerOptions::builder(LATE_OPENINGS).summary("duties opened late".to_string()).build();
                context.timer(pause).await;
            }
            pages += 1;
            if pages >= PAGES_A_RUN {
                let next = PublicationInput { approval_id, progress };
                context.continue_as_new(next, ContinueAsNewOptions::default())?;
                unreachable!("continue_as_new always ends the run");
            }
        }
    }
}
