//! `BareGrant`: steps in the order in which a real grant's history has them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_workflow::{
    ActivityOptions, CancellableFuture as _, TimerOptions, WorkflowContext, WorkflowContextView, WorkflowResult,
    workflows,
};

/// What a grant is made of, without its business.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Timers, open from the start to the end.
    pub(crate) timers: u16,
    /// Steps, in order.
    pub(crate) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Activities side by side.
    Activities(u16),
    /// Waiting for an update.
    Update,
}

impl Shape {
    /// How many activities.
    pub(crate) fn activities(&self) -> u16 {
        self.steps.iter().map(|step| if let Step::Activities(side_by_side) = step { *side_by_side } else { 0 }).sum()
    }

    /// How many updates.
    pub(crate) fn updates(&self) -> u16 {
        self.steps.iter().map(|step| u16::from(*step == Step::Update)).sum()
    }
}

/// Longer than any run; cancelled at the end, as the expiry of an application is.
const TIMER: Duration = Duration::from_secs(86_400);

/// The activity that returns at once.
pub(crate) struct Nothing;

#[activities]
impl Nothing {
    #[activity(name = "nothing")]
    pub(crate) async fn nothing(_context: ActivityContext, number: u16) -> Result<u16, ActivityError> {
        Ok(number)
    }
}

/// The bare workflow.
#[workflow]
pub(crate) struct BareGrant {
    shape: Shape,
    /// Updates that have come.
    came: u16,
    /// Updates that have been waited for.
    awaited: u16,
    ended: bool,
}

#[workflow_methods]
impl BareGrant {
    #[init]
    fn new(_context: &WorkflowContextView, shape: Shape) -> Self {
        Self { shape, came: 0, awaited: 0, ended: false }
    }

    #[run(name = "BareGrant")]
    pub(crate) async fn run(context: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let context = &*context;
        let shape = context.state(|state| state.shape.clone());
        let timers: Vec<_> = (0..shape.timers).map(|_| context.timer(TimerOptions::builder(TIMER).build())).collect();
        for step in shape.steps {
            match step {
                Step::Activities(side_by_side) => {
                    let started = (0..side_by_side).map(|number| {
                        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10)).build();
                        context.execute_activity(Nothing::nothing, number, options)
                    });
                    for ended in workflows::join_all(started).await {
                        ended?;
                    }
                }
                Step::Update => {
                    context.state_mut(|state| state.awaited += 1);
                    context.wait_condition(|state| state.came >= state.awaited).await?;
                }
            }
        }
        for timer in &timers {
            timer.cancel();
        }
        context.state_mut(|state| state.ended = true);
        context.wait_condition(|_| context.all_handlers_finished()).await?;
        Ok(())
    }

    /// An update. It answers once the workflow has come to its next wait, so that the generator need not poll and the
    /// next update finds the workflow where a front end's next act finds it.
    #[update]
    pub(crate) async fn go_on(context: &mut WorkflowContext<Self>) {
        let context = &*context;
        let mine = context.state_mut(|state| {
            state.came += 1;
            state.came
        });
        // Cancelled only with its workflow, which then needs no answer.
        let _cancelled = context.wait_condition(move |state| state.awaited > mine || state.ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_counts_its_activities_and_updates() {
        let steps = vec![Step::Activities(2), Step::Update, Step::Activities(1), Step::Update, Step::Activities(2)];
        let shape = Shape { timers: 1, steps };
        assert_eq!((shape.activities(), shape.updates()), (5, 2));
        let text = serde_json::to_string(&shape).expect("serialises");
        assert_eq!(serde_json::from_str::<Shape>(&text).expect("reads back"), shape);
    }
}
