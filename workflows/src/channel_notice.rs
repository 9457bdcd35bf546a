//! A notice of a channel that is to open or to change (paras 4, 5): drafted, sent to the regulator, its term of ten working
//! days waited out, then put in effect by a person. Never in effect by itself: the timer only wakes.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, NaiveTime, Utc};
use nesie_domain::calendar::almaty_instant;
use nesie_domain::case::{CaseOutcome, CaseStage};
use temporalio_workflow::WorkflowContext;

use crate::case::{CaseStop, ask, case_workflow, receive, receive_until, step};
use crate::contract::Channels;

case_workflow! {
    /// One notice, from its draft to effect, or to its withdrawal.
    ChannelNotice {} named "ChannelNotice" runs notify
}

type Context = WorkflowContext<ChannelNotice>;

/// The business: each stage says what comes next.
async fn notify(context: &Context) -> Result<CaseOutcome, CaseStop> {
    let mut stage = step(context, || Channels::open_channel_notice).await?;
    let mut told = false;
    loop {
        stage = match stage {
            CaseStage::InEffect => return Ok(CaseOutcome::Completed),
            CaseStage::Closed { outcome } => return Ok(outcome),
            CaseStage::Handling => {
                step(context, || Channels::send_notice).await?;
                step(context, || Channels::count_notice_term).await?
            }
            CaseStage::AwaitingTerm { earliest_on } if !told => {
                // At the edge of what dates can say there is nothing to wake for.
                let from = almaty_instant(earliest_on, NaiveTime::MIN).unwrap_or(DateTime::<Utc>::MAX_UTC);
                match receive_until(context, || Channels::record_channel_acts, from).await? {
                    Some(stage) => stage,
                    None => {
                        ask(context, || Channels::tell_of_term).await?;
                        told = true;
                        stage
                    }
                }
            }
            _ => receive(context, || Channels::record_channel_acts).await?,
        };
    }
}
