//! A fraud incident (para 13 ¶1): affected clients and the regulator informed, measures taken, each within its own term.
//! Never one workflow a client, and never a clock of one duty that waits for another.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use futures::FutureExt as _;
use nesie_domain::case::{CaseOutcome, CaseStage};
use temporalio_workflow::{ContinueAsNewOptions, WorkflowContext, workflows};

use crate::case::{CaseStop, case_workflow, enter, next_run, receive, step, stir};
use crate::contract::{CaseStep, Fraud};
use crate::parking::attempt;

case_workflow! {
    /// One incident, handled until compliance closes it with every duty met. `to_inform`: clients may have to be informed;
    /// `informing`: a step that informs them is under way.
    FraudIncident { to_inform: bool = false, informing: bool = false } named "FraudIncident" runs handle
}

type Context = WorkflowContext<FraudIncident>;

/// The business: the incident is opened; then clients are informed beside whatever compliance records.
async fn handle(context: &Context) -> Result<CaseOutcome, CaseStop> {
    match context.state(|state| state.case.input.carried.as_ref().map(|carried| carried.stage)) {
        None => {
            step(context, || Fraud::open_incident).await?;
        }
        // Opened by a run before this one; what is still to be done stands in rows.
        Some(stage) => enter(context, stage),
    }
    context.state_mut(|state| state.to_inform = true);
    let mut informing = Box::pin(inform(context).fuse());
    let mut recording = Box::pin(record(context).fuse());
    loop {
        workflows::select! {
            ended = recording => return ended,
            failed = informing => failed?,
        }
    }
}

/// Informs clients as long as there are any to be informed; a client found later wakes it.
async fn inform(context: &Context) -> Result<(), CaseStop> {
    loop {
        context.wait_condition(|state| state.to_inform).await?;
        context.state_mut(|state| {
            state.to_inform = false;
            state.informing = true;
        });
        let case_id = context.state(|state| state.case.input.case_id);
        let done = attempt(context, || Fraud::inform_clients, |at| CaseStep { case_id, at }).await?;
        context.state_mut(|state| state.informing = false);
        if done.informed > 0 {
            stir(context);
        }
        if done.left > 0 {
            context.state_mut(|state| state.to_inform = true);
        }
    }
}

/// Works on what compliance sends until it closes the incident, or two people withdraw it.
async fn record(context: &Context) -> Result<CaseOutcome, CaseStop> {
    loop {
        if let CaseStage::Closed { outcome } = receive(context, || Fraud::record_fraud_acts).await? {
            return Ok(outcome);
        }
        // Whom it is still to inform the next run finds by the rows.
        if let Some(next) = next_run(context, |state| !state.informing).await? {
            context.continue_as_new(next, ContinueAsNewOptions::default())?;
        }
        context.state_mut(|state| state.to_inform = true);
    }
}
