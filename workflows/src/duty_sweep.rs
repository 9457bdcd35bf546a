//! Proves on a schedule that every open duty has a live timer, and that every timer has a duty.
//! Never tells of a rung: a case that does not agree with its rows is woken, and looks itself.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowResult};
use uuid::Uuid;

use crate::contract::{Calendar, DutySweepDone, SweepPage};
use crate::options::{self, RetryBudget};
use crate::parking::now;

/// The id of the schedule, and the stem of the ids of the workflows that it starts.
pub const SCHEDULE_ID: &str = "duty-sweep";

/// Cases that one page compares.
const PAGE: u32 = 100;
/// Findings that are kept of one sweep; more of them say the same.
const FINDINGS_MAX: usize = 500;

/// One sweep over all cases.
#[workflow]
#[derive(Default)]
pub struct DutySweep;

#[workflow_methods]
impl DutySweep {
    /// Compares page by page, then keeps what was found. Fails where that can not be done within the budget; the next
    /// run tries again.
    #[run(name = "DutySweep")]
    pub async fn run(context: &mut WorkflowContext<Self>) -> WorkflowResult<DutySweepDone> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, context.run_id().as_bytes());
        let mut done = DutySweepDone { id, cases: 0, duties: 0, findings: Vec::new(), at: now(context) };
        let mut after = None;
        loop {
            let page = SweepPage { after, limit: PAGE, at: now(context) };
            let swept =
                context.execute_activity(Calendar::sweep_duties, page, options::step(RetryBudget::default())).await?;
            done.cases += swept.cases;
            done.duties += swept.duties;
            let room = FINDINGS_MAX.saturating_sub(done.findings.len());
            done.findings.extend(swept.findings.into_iter().take(room));
            after = swept.next;
            if after.is_none() {
                break;
            }
        }
        done.at = now(context);
        context
            .execute_activity(Calendar::record_duty_sweep, done.clone(), options::step(RetryBudget::default()))
            .await?;
        Ok(done)
    }
}
