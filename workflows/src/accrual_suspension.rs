//! A suspension of accrual (para 13 ¶2–3; ): five acts within 3 working days of the document's receipt, then a
//! wait for its cancellation, and for what two people decide after that.
//! Never one act that waits for another, and never a resumption by one person.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use futures::FutureExt as _;
use nesie_domain::case::{CaseOutcome, CaseStage};
use temporalio_workflow::{WorkflowContext, workflows};

use crate::case::{CaseStop, ask, case_workflow, receive_or_stirred, step};
use crate::contract::Suspensions;

case_workflow! {
    /// One document on which loans are suspended.
    AccrualSuspension {} named "AccrualSuspension" runs handle
}

type Context = WorkflowContext<AccrualSuspension>;

/// The business: what the system does by itself runs beside what compliance records.
async fn handle(context: &Context) -> Result<CaseOutcome, CaseStop> {
    let stage = step(context, || Suspensions::open_suspension).await?;
    let mut suspending = Box::pin(suspend(context).fuse());
    let mut recording = Box::pin(record(context, stage).fuse());
    loop {
        workflows::select! {
            ended = recording => return ended,
            failed = suspending => failed?,
        }
    }
}

/// The three acts that the system does itself, side by side: none waits for another's provider.
async fn suspend(context: &Context) -> Result<(), CaseStop> {
    let (accrual, reporting, notice) = workflows::join!(
        ask(context, || Suspensions::suspend_accrual),
        ask(context, || Suspensions::suspend_bureau_reporting),
        ask(context, || Suspensions::notify_of_suspension)
    );
    accrual.and(reporting).and(notice)
}

/// Works on what compliance sends, and on what two people have decided, until the document no longer holds anything.
async fn record(context: &Context, mut stage: CaseStage) -> Result<CaseOutcome, CaseStop> {
    loop {
        stage = match stage {
            CaseStage::Closed { outcome } => return Ok(outcome),
            _ => {
                let (acts, decided) = (|| Suspensions::record_suspension_acts, || Suspensions::apply_resumption);
                receive_or_stirred(context, acts, decided).await?
            }
        };
    }
}
