//! A client whose personal data was leaked is held until all measures of paragraph 36 are taken.
//! Never decides whether they are: rows do, asked through the contract.

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;

use super::Context;
use super::steps::{Stop, ask, follow, receive, stop_if_expired, stop_if_withdrawn};
use crate::contract::{Agreement, Leak, StepInput};
use crate::options;
use crate::parking::now;

/// The patch of the gate before the offer. The gate before money needs none: the step that reserves looks itself, and
/// what it answers decides what comes next.
const BEFORE_OFFER: &str = "leak-gate-before-offer";

/// Holds a client who is flagged. For all others it is one look at an index within the workflow's task.
pub(super) async fn hold_if_flagged(context: &Context) -> Result<(), Stop> {
    if !context.patched(BEFORE_OFFER) {
        return Ok(());
    }
    let application_id = context.state(|state| state.input.application_id);
    let input = StepInput { application_id, at: now(context) };
    match context.execute_local_activity(Leak::check_leak_flag, input, options::look()).await {
        Ok(false) => Ok(()),
        // A look that failed is no answer: the step that follows looks again, within its budget.
        Ok(true) | Err(_) => hold(context).await,
    }
}

/// Holds the application until no flag is in force on its client.
pub(super) async fn hold(context: &Context) -> Result<(), Stop> {
    loop {
        // Before the question: whatever is recorded from here on wakes it again.
        context.state_mut(|state| state.verified = 0);
        follow(context, ask(context, || Leak::verify_after_leak).await?)?;
        match context.state(|state| state.stage.clone()) {
            Stage::AwaitingLeakVerification { .. } => {
                receive(context, ActKind::IdentifyAfterLeak, || Agreement::identify_client).await?;
            }
            Stage::AwaitingVerificationCall => wait_for_call(context).await?,
            _ => return Ok(()),
        }
    }
}

async fn wait_for_call(context: &Context) -> Result<(), Stop> {
    context.wait_condition(|state| state.verified > 0 || state.is_ending()).await?;
    stop_if_withdrawn(context)?;
    if context.state(|state| state.verified > 0) { Ok(()) } else { stop_if_expired(context) }
}
