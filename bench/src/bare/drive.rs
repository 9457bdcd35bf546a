//! Drives bare workflows: starts one, sends its updates, waits for its end.
//! Never through our API: there is none of our code between the generator and the engine.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use temporalio_client::{Client, WorkflowStartOptions};
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use super::Shape;
use super::workflow::{BareGrant, Nothing};

/// A worker of the bare workflow, in this process, on its own task queue.
pub(crate) fn worker(runtime: &Runtime, client: &Client, task_queue: &str) -> anyhow::Result<Worker> {
    let options = WorkerOptions::new(task_queue)
        // Without it the SDK sums the whole executable at every start.
        .deployment_options(WorkerDeploymentOptions::from_build_id("bench".to_string()))
        .max_cached_workflows(1_000)
        .graceful_shutdown_period(Duration::from_secs(2))
        .register_activities(Nothing)
        .register_workflow::<BareGrant>()?
        .build();
    Worker::new(runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))
}

/// One bare workflow from its start to its end. Returns how long that took.
pub(crate) async fn drive(client: Client, task_queue: String, id: String, shape: Shape) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let updates = shape.updates();
    // Eager, as the start relay starts ours.
    let options = WorkflowStartOptions::new(task_queue, id).enable_eager_workflow_start(true).build();
    let handle = client.start_workflow(BareGrant::run, shape, options).await.context("starting a bare workflow")?;
    for _ in 0..updates {
        handle.execute_update(BareGrant::go_on, (), Default::default()).await.context("sending an update")?;
    }
    handle.get_result(Default::default()).await.context("waiting for a bare workflow")?;
    Ok(begun.elapsed())
}
