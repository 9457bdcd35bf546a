//! The watch over the duties of a case: one timer at a time, which only wakes; the rows are read anew before anything is
//! told (design invariant 9). Never a count of days, and never a decision that a duty is met.

use std::time::Duration;

use temporalio_workflow::{CancellableFuture as _, TimerOptions, WorkflowContext, workflows};

use crate::case::{Case, CaseStop};
use crate::contract::{CaseStep, Cases};
use crate::parking::{now, own_write};

/// Sleeps until the next rung or due instant of any open duty, or until something stirred the case; then looks again.
/// Ends when the business is over and no duty is open: a breached duty stays open and still has to be done.
pub(crate) async fn watch<W: Case>(context: &WorkflowContext<W>) -> Result<(), CaseStop> {
    // Nothing is due before the first step has opened the duties.
    context.wait_condition(|state| state.case().stirred > 0).await?;
    loop {
        let seen = context.state(|state| state.case().stirred);
        let (case_id, at) = (context.state(|state| state.case().input.case_id), now(context));
        let wake = own_write(context, || Cases::watch_duties, || CaseStep { case_id, at }).await?;
        context.state_mut(|state| state.case_mut().armed = wake.next_at);
        if wake.open == 0 && context.state(|state| state.case().over) {
            return Ok(());
        }
        let mut stirred = context.wait_condition(|state| state.case().stirred != seen);
        let Some(next_at) = wake.next_at else {
            stirred.await?;
            continue;
        };
        let left = (next_at - now(context)).to_std().unwrap_or(Duration::ZERO);
        let mut timer = context.timer(TimerOptions::builder(left).summary("duty".to_string()).build());
        workflows::select! {
            looked = stirred => { looked?; timer.cancel(); }
            _ = timer => {}
        }
    }
}
