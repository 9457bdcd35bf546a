//! Schedules of Temporal that this build wants to exist.
//! Never more than one of each: an existing schedule is left as operations set it, whatever the settings say now
//! (`docs/operations.md`).

use std::time::Duration;

use anyhow::Context as _;
use nesie_workflows::{aml_refresh, duty_sweep};
use temporalio_client::schedules::{
    CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleIntervalSpec, ScheduleOverlapPolicy, ScheduleSpec,
};
use temporalio_client::tonic::Code;

use crate::{Settings, Temporal};

/// Creates what does not exist yet, each with its first run at once: the refresh of the AML lists, the sweep over duties.
pub(crate) async fn ensure(client: &Temporal, settings: &Settings) -> anyhow::Result<()> {
    create(client, settings, aml_refresh::SCHEDULE_ID, "AmlRefresh", settings.aml_refresh_minutes).await?;
    create(client, settings, duty_sweep::SCHEDULE_ID, "DutySweep", settings.duty_sweep_minutes).await
}

async fn create(
    client: &Temporal,
    settings: &Settings,
    stem: &'static str,
    workflow_type: &str,
    minutes: u64,
) -> anyhow::Result<()> {
    // One a task queue: stacks of tests share a server, and what a schedule starts is named by it and the second.
    let id = format!("{stem}/{}", settings.task_queue.task_queue);
    let interval = ScheduleIntervalSpec::from(Duration::from_secs(minutes.max(1) * 60));
    let options = CreateScheduleOptions::builder()
        .action(ScheduleAction::StartWorkflow {
            workflow_type: workflow_type.to_string(),
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
        Err(error) => Err(error).with_context(|| format!("the schedule {stem} can not be created")),
    }
}
