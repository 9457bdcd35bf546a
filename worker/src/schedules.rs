//! Schedules of Temporal that this build wants to exist.
//! Never more than one of each: an existing schedule is left as operations set it.

use std::time::Duration;

use anyhow::Context as _;
use nesie_workflows::aml_refresh::SCHEDULE_ID;
use temporalio_client::schedules::{
    CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleIntervalSpec, ScheduleOverlapPolicy, ScheduleSpec,
};
use temporalio_client::tonic::Code;

use crate::{Settings, Temporal};

/// Creates the refresh of the AML lists, the first at once, where it does not exist yet.
pub(crate) async fn ensure(client: &Temporal, settings: &Settings) -> anyhow::Result<()> {
    // One a task queue: stacks of tests share a server, and what a schedule starts is named by it and the second.
    let id = format!("{SCHEDULE_ID}/{}", settings.task_queue.task_queue);
    let interval = ScheduleIntervalSpec::from(Duration::from_secs(settings.aml_refresh_minutes.max(1) * 60));
    let options = CreateScheduleOptions::builder()
        .action(ScheduleAction::StartWorkflow {
            workflow_type: "AmlRefresh".to_string(),
            task_queue: settings.task_queue.task_queue.clone(),
            workflow_id: id.clone(),
            input: None,
        })
        .spec(ScheduleSpec::builder().intervals(vec![interval]).build())
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .trigger_immediately(true)
        .build();
    match client.create_schedule(id, options).await {
        Ok(_) => Ok(()),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => Ok(()),
        Err(error) => Err(error).context("the schedule of the AML lists can not be created"),
    }
}
