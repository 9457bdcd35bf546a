//! A write-off (para 13 ¶4–5): decided by two people, then corrected at the bureau and refunded, each on its own clock.
//! Never reopened but by a court act of the client's own guilt, and never a refund under a second reference.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use std::time::Duration;

use futures::FutureExt as _;
use nesie_domain::case::{CaseOutcome, CaseStage};
use temporalio_common::ActivityDefinition;
use temporalio_workflow::{CancellableFuture as _, TimerOptions, WorkflowContext, workflows};

use crate::case::{CaseStop, case_workflow, record, step, stir};
use crate::contract::{CaseStep, Refunded, WriteOffs};
use crate::parking::attempt;

/// The first and the longest pause before a refund under way is asked for again; the provider's callback comes before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// The longest pause where the provider has taken longer than that already. It may work on a refund for days, all of which are to
/// have room in one history.
const PAUSE_OF_LONG_ONES: Duration = Duration::from_secs(3_600);

/// The patch of pauses that grow beyond the first longest.
const ASKED_LESS_OFTEN: &str = "refund-asked-less-often";

case_workflow! {
    /// One verdict, until a court act reopens the claim; without one it stays written off.
    WriteOff {} named "WriteOff" runs handle
}

type Context = WorkflowContext<WriteOff>;

/// The business: the duties are opened; then the debt is settled beside whatever compliance sends, until a claim is
/// reopened or the case withdrawn.
async fn handle(context: &Context) -> Result<CaseOutcome, CaseStop> {
    step(context, || WriteOffs::open_write_off).await?;
    let mut settling = Box::pin(settle(context).fuse());
    let mut recording = Box::pin(record(context, || WriteOffs::record_write_off_acts).fuse());
    loop {
        workflows::select! {
            ended = recording => return ended,
            settled = settling => settled?,
        }
    }
}

/// The decision first, since without it nothing is corrected and no money moves; then the three others side by side, and
/// the refunds again for as long as the books show payments that came meanwhile.
async fn settle(context: &Context) -> Result<(), CaseStop> {
    decide(context).await?;
    let (corrected, collected, paid) = workflows::join!(
        correct(context),
        refund(context, || WriteOffs::refund_collected),
        refund(context, || WriteOffs::refund_paid)
    );
    corrected.and(collected).and(paid)?;
    // Released histories end with the first answer: it always was that everything is done.
    while step(context, || WriteOffs::finish_write_off).await? != CaseStage::WrittenOff {
        let (collected, paid) = workflows::join!(
            refund(context, || WriteOffs::refund_collected),
            refund(context, || WriteOffs::refund_paid)
        );
        collected.and(paid)?;
    }
    Ok(())
}

/// Looks for the decision of two people whenever something stirred the case.
async fn decide(context: &Context) -> Result<(), CaseStop> {
    loop {
        let seen = context.state(|state| state.case.stirred);
        if look(context, || WriteOffs::apply_write_off_decision).await? {
            stir(context);
            return Ok(());
        }
        context.wait_condition(|state| state.case.stirred != seen).await?;
    }
}

async fn correct(context: &Context) -> Result<(), CaseStop> {
    look(context, || WriteOffs::correct_credit_history).await?;
    stir(context);
    Ok(())
}

/// Asks for a refund until it is done. It never stirs the case before: the other refund would wake this one for ever.
async fn refund<A>(context: &Context, activity: impl Fn() -> A) -> Result<(), CaseStop>
where
    A: ActivityDefinition<Input = CaseStep, Output = Refunded>,
{
    let mut waited = Duration::ZERO;
    loop {
        let seen = context.state(|state| state.case.stirred);
        match look(context, &activity).await? {
            Refunded::Done => {
                stir(context);
                return Ok(());
            }
            Refunded::AwaitingAccount => {
                context.wait_condition(|state| state.case.stirred != seen).await?;
                // Another account is another transfer: it is asked for soon again.
                if waited > PAUSES.1 && context.patched(ASKED_LESS_OFTEN) {
                    waited = Duration::ZERO;
                }
            }
            Refunded::Pending => {
                let long = waited > PAUSES.1 && context.patched(ASKED_LESS_OFTEN);
                let pause = waited.clamp(PAUSES.0, if long { PAUSE_OF_LONG_ONES } else { PAUSES.1 });
                if !long {
                    waited += pause;
                }
                let pending = TimerOptions::builder(pause).summary("refund is pending".to_string()).build();
                let mut timer = context.timer(pending);
                let mut stirred = context.wait_condition(|state| state.case.stirred != seen);
                workflows::select! {
                    news = stirred => { news?; timer.cancel(); }
                    _ = timer => if long { waited += pause },
                }
            }
        }
    }
}

/// A step that does not by itself say that the duties may have changed.
async fn look<A>(context: &Context, activity: impl Fn() -> A) -> Result<A::Output, CaseStop>
where
    A: ActivityDefinition<Input = CaseStep>,
{
    let case_id = context.state(|state| state.case.input.case_id);
    attempt(context, activity, |at| CaseStep { case_id, at }).await
}
