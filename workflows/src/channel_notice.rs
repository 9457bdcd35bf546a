//! A notice of a channel that is to open or to change (paras 4, 5): drafted, sent to the regulator, its term of ten working
//! days waited out, then put in effect by a person. Never in effect by itself: the timer only wakes.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use nesie_domain::calendar::almaty_instant;
use nesie_domain::case::{CaseOutcome, CaseStage};
use temporalio_workflow::WorkflowContext;

use crate::case::{CaseStop, News, ask, case_workflow, receive, receive_or_told, step};
use crate::contract::Channels;
use crate::parking::now;

case_workflow! {
    /// One notice, from its draft to effect, or to its withdrawal.
    ChannelNotice {} named "ChannelNotice" runs notify
}

type Context = WorkflowContext<ChannelNotice>;

/// The patch with which a notice that waits looks again when it is told that a calendar may have moved its term.
const TERM_MOVES: &str = "notice-term-moves";

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
            CaseStage::AwaitingTerm { earliest_on } => {
                let until = (!told).then(|| beginning(earliest_on));
                match receive_or_told(context, || Channels::record_channel_acts, until, TERM_MOVES).await? {
                    News::Acts(stage) => stage,
                    News::Instant => {
                        ask(context, || Channels::tell_of_term).await?;
                        told = true;
                        stage
                    }
                    News::Told => {
                        let stage = step(context, || Channels::count_notice_term).await?;
                        // A day that lies ahead again is told of again.
                        told &= has_come(stage, now(context));
                        stage
                    }
                }
            }
            _ => receive(context, || Channels::record_channel_acts).await?,
        };
    }
}

/// The beginning of a day in Almaty. At the edge of what dates can say there is nothing to wake for.
fn beginning(day: NaiveDate) -> DateTime<Utc> {
    almaty_instant(day, NaiveTime::MIN).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn has_come(stage: CaseStage, now: DateTime<Utc>) -> bool {
    matches!(stage, CaseStage::AwaitingTerm { earliest_on } if beginning(earliest_on) <= now)
}
