//! What a workflow leaves behind: events and bytes by kind, actions as Temporal Cloud bills them, and its shape.
//! Never what is in the payloads.

use std::collections::BTreeMap;

use anyhow::Context as _;
use prost::Message as _;
use temporalio_client::{Client, WorkflowDescribeOptions, WorkflowFetchHistoryOptions};
use temporalio_common::UntypedWorkflow;
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use crate::bare::{Shape, Step};

/// Events of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// How many.
    pub(crate) count: usize,
    /// Their encoded size.
    pub(crate) bytes: usize,
}

/// The history of one workflow, with what the server says of it.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    events: Vec<HistoryEvent>,
    /// Changes of state that the server made durable for it.
    pub(crate) state_transitions: u64,
}

impl Recorded {
    /// Fetches the history of a workflow.
    pub(crate) async fn fetch(client: &Client, workflow_id: &str) -> anyhow::Result<Self> {
        let handle = client.get_workflow_handle::<UntypedWorkflow>(workflow_id);
        let described = handle.describe(WorkflowDescribeOptions::default()).await.context("describing a workflow")?;
        let information = described.raw().workflow_execution_info.as_ref();
        let transitions = information.map(|information| information.state_transition_count).unwrap_or_default();
        let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
        let events = history.into_events().await.context("fetching a history")?;
        Ok(Self { events, state_transitions: u64::try_from(transitions).unwrap_or_default() })
    }

    /// Events and their bytes by kind, by name.
    pub(crate) fn by_kind(&self) -> BTreeMap<String, Events> {
        let mut kinds: BTreeMap<String, Events> = BTreeMap::new();
        for event in &self.events {
            let kind = kinds.entry(kind(event)).or_default();
            kind.count += 1;
            kind.bytes += event.encoded_len();
        }
        kinds
    }

    /// Events and bytes in all.
    pub(crate) fn total(&self) -> Events {
        Events { count: self.events.len(), bytes: self.events.iter().map(HistoryEvent::encoded_len).sum() }
    }

    /// Actions as Temporal Cloud bills them, as far as they stand in history: starts, tries of activities, timers,
    /// signals, updates, upserts of search attributes, markers. Queries and heartbeats are not there.
    pub(crate) fn actions(&self) -> usize {
        self.events.iter().map(actions).sum()
    }

    /// The shape: activities that one workflow task scheduled are side by side, a timer is open to the end, and an
    /// accepted update is waited for where it stands.
    pub(crate) fn shape(&self) -> Shape {
        let mut shape = Shape::default();
        let mut scheduled_by = None;
        for event in &self.events {
            match &event.attributes {
                Some(Attributes::TimerStartedEventAttributes(_)) => shape.timers += 1,
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(_)) => {
                    shape.steps.push(Step::Update);
                    scheduled_by = None;
                }
                Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                    let task = Some(scheduled.workflow_task_completed_event_id);
                    match shape.steps.last_mut() {
                        Some(Step::Activities(side_by_side)) if scheduled_by == task => *side_by_side += 1,
                        _ => shape.steps.push(Step::Activities(1)),
                    }
                    scheduled_by = task;
                }
                _ => {}
            }
        }
        shape
    }
}

/// A kind's name as Temporal's pages write it.
fn kind(event: &HistoryEvent) -> String {
    let name = event.event_type().as_str_name();
    let words = name.strip_prefix("EVENT_TYPE_").unwrap_or(name).split('_');
    words
        .map(|word| word.chars().take(1).chain(word.chars().skip(1).flat_map(char::to_lowercase)).collect::<String>())
        .collect()
}

fn actions(event: &HistoryEvent) -> usize {
    match (event.event_type(), &event.attributes) {
        // The first try counts with the scheduling; only the last try stands in history, and it knows its number.
        (_, Some(Attributes::ActivityTaskStartedEventAttributes(started))) => {
            usize::try_from(started.attempt).map_or(0, |attempt| attempt.saturating_sub(1))
        }
        (
            EventType::WorkflowExecutionStarted
            | EventType::ActivityTaskScheduled
            | EventType::TimerStarted
            | EventType::WorkflowExecutionSignaled
            | EventType::WorkflowExecutionUpdateAccepted
            | EventType::UpsertWorkflowSearchAttributes
            | EventType::MarkerRecorded,
            _,
        ) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::history::v1::{
        ActivityTaskScheduledEventAttributes, ActivityTaskStartedEventAttributes, TimerStartedEventAttributes,
        WorkflowExecutionUpdateAcceptedEventAttributes,
    };

    use super::*;

    fn bare(kind: EventType) -> HistoryEvent {
        let mut event = HistoryEvent::default();
        event.set_event_type(kind);
        event
    }

    fn event(kind: EventType, attributes: Attributes) -> HistoryEvent {
        let mut event = bare(kind);
        event.attributes = Some(attributes);
        event
    }

    fn scheduled(by: i64) -> HistoryEvent {
        let attributes =
            ActivityTaskScheduledEventAttributes { workflow_task_completed_event_id: by, ..Default::default() };
        event(EventType::ActivityTaskScheduled, Attributes::ActivityTaskScheduledEventAttributes(attributes))
    }

    fn started(attempt: i32) -> HistoryEvent {
        let attributes = ActivityTaskStartedEventAttributes { attempt, ..Default::default() };
        event(EventType::ActivityTaskStarted, Attributes::ActivityTaskStartedEventAttributes(attributes))
    }

    fn update() -> HistoryEvent {
        let attributes = WorkflowExecutionUpdateAcceptedEventAttributes::default();
        event(
            EventType::WorkflowExecutionUpdateAccepted,
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(attributes),
        )
    }

    fn recorded() -> Recorded {
        let timer = Attributes::TimerStartedEventAttributes(TimerStartedEventAttributes::default());
        let events = vec![
            bare(EventType::WorkflowExecutionStarted),
            event(EventType::TimerStarted, timer),
            scheduled(4),
            scheduled(4),
            started(1),
            started(3),
            scheduled(12),
            update(),
            scheduled(20),
            update(),
            bare(EventType::UpsertWorkflowSearchAttributes),
            bare(EventType::WorkflowExecutionCompleted),
        ];
        Recorded { events, state_transitions: 0 }
    }

    #[test]
    fn events_are_counted_by_kind_and_nothing_is_lost() {
        let recorded = recorded();
        let kinds = recorded.by_kind();
        assert_eq!(kinds["ActivityTaskScheduled"].count, 4);
        assert_eq!(kinds["WorkflowExecutionUpdateAccepted"].count, 2);
        assert_eq!(kinds["UpsertWorkflowSearchAttributes"].count, 1);
        let sum = |part: fn(&Events) -> usize| kinds.values().map(part).sum::<usize>();
        assert_eq!(sum(|events| events.count), recorded.total().count);
        assert_eq!(sum(|events| events.bytes), recorded.total().bytes);
        assert!(recorded.total().bytes > 0);
    }

    #[test]
    fn actions_are_starts_tries_timers_updates_and_upserts() {
        // 1 start, 1 timer, 4 activities with 2 tries more of one, 2 updates, 1 upsert.
        assert_eq!(recorded().actions(), 11);
    }

    #[test]
    fn the_shape_keeps_what_was_side_by_side_and_where_updates_were_awaited() {
        let steps = vec![Step::Activities(2), Step::Activities(1), Step::Update, Step::Activities(1), Step::Update];
        assert_eq!(recorded().shape(), Shape { timers: 1, steps });
    }
}
