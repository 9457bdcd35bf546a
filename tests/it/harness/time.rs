//! The server's own time skipping: moves one workflow's clock on, fires what falls due, and holds it there.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use temporalio_client::tonic::{Code, IntoRequest, Status};
use temporalio_client::{Client, NamespacedClient as _, UntypedWorkflow};
use temporalio_common::protos::temporal::api::common::v1::{
    FastForwardConfig, Payload, Payloads, TimeSkippingConfig, WorkflowExecution, WorkflowType,
};
use temporalio_common::protos::temporal::api::enums::v1::FastForwardPollingResult;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionOptions;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowExecutionTimeSkippingRequest, StartWorkflowExecutionRequest, UpdateWorkflowExecutionOptionsRequest,
};
use uuid::Uuid;

/// By default the server stops skipping after 200 skips, without a word.
const SKIPS_MAX: i32 = 100_000;

/// Starts a workflow whose first task sees the instant `by` from now, and holds it there. For a case that was reported
/// while no worker ran, so that no relay has started it: its relay finds it started.
pub(crate) async fn start_later(
    client: &Client,
    task_queue: &str,
    (workflow_type, workflow_id): (&str, &str),
    input: &serde_json::Value,
    by: Duration,
) {
    let payload = Payload {
        metadata: [("encoding".to_string(), b"json/plain".to_vec())].into(),
        data: input.to_string().into_bytes(),
        ..Default::default()
    };
    let fast_forward = "begin".to_string();
    let request = StartWorkflowExecutionRequest {
        namespace: client.namespace(),
        workflow_id: workflow_id.to_string(),
        workflow_type: Some(WorkflowType { name: workflow_type.to_string() }),
        task_queue: Some(TaskQueue { name: task_queue.to_string(), ..Default::default() }),
        input: Some(Payloads { payloads: vec![payload] }),
        request_id: Uuid::new_v4().to_string(),
        workflow_start_delay: Some(duration(by)),
        time_skipping_config: Some(skipping(&fast_forward, by)),
        ..Default::default()
    };
    client.connection().workflow_service().start_workflow_execution(request.into_request()).await.expect("started");
    moved(client, workflow_id, &fast_forward).await;
}

/// Moves a workflow's clock on by `by`. Ends early where the workflow does.
pub(crate) async fn advance(client: &Client, workflow_id: &str, by: Duration) {
    let fast_forward = Uuid::new_v4().to_string();
    match configure(client, workflow_id, &fast_forward, by).await {
        Err(status) if status.code() == Code::NotFound => return,
        configured => configured.expect("time skipping can be set"),
    }
    moved(client, workflow_id, &fast_forward).await;
}

/// Waits until the clock has moved, or the workflow has ended.
async fn moved(client: &Client, workflow_id: &str, fast_forward: &str) {
    let end = async {
        loop {
            let request = PollWorkflowExecutionTimeSkippingRequest {
                namespace: client.namespace(),
                workflow_execution: execution(workflow_id),
                fast_forward_id: fast_forward.to_string(),
            };
            let answer = client
                .connection()
                .workflow_service()
                .poll_workflow_execution_time_skipping(request.into_request())
                .await
                .expect("time skipping can be polled")
                .into_inner();
            match answer.fast_forward_polling_result() {
                FastForwardPollingResult::FastForwardCompleted => return,
                FastForwardPollingResult::PollTimeout => {}
                _ if answer.failed_reason.contains("execution ended") => return,
                _ => panic!("fast-forward: {}", answer.failed_reason),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), end).await.expect("the clock moves within 30 seconds");
}

/// A workflow's own clock; that of the machine until it was first moved on.
pub(crate) async fn now(client: &Client, workflow_id: &str) -> DateTime<Utc> {
    let handle = client.get_workflow_handle::<UntypedWorkflow>(workflow_id.to_string());
    let description = handle.describe(Default::default()).await.expect("a workflow can be described");
    let extended = description.raw().workflow_extended_info.as_ref();
    let skipped =
        extended.and_then(|info| info.time_skipping_info.as_ref()).and_then(|info| info.current_time.as_ref());
    match skipped {
        Some(at) => DateTime::UNIX_EPOCH + TimeDelta::seconds(at.seconds) + TimeDelta::nanoseconds(at.nanos.into()),
        None => nesie_platform::clock::now(),
    }
}

/// Moves a workflow's clock on to an instant, and holds it there: from then on it goes as fast as the machine's.
pub(crate) async fn advance_to(client: &Client, workflow_id: &str, at: DateTime<Utc>) {
    let left = (at - now(client, workflow_id).await).to_std().expect("the instant lies ahead");
    advance(client, workflow_id, left).await;
}

async fn configure(client: &Client, workflow_id: &str, id: &str, by: Duration) -> Result<(), Status> {
    let request = UpdateWorkflowExecutionOptionsRequest {
        namespace: client.namespace(),
        workflow_execution: execution(workflow_id),
        workflow_execution_options: Some(WorkflowExecutionOptions {
            time_skipping_config: Some(skipping(id, by)),
            ..Default::default()
        }),
        update_mask: Some(prost_wkt_types::FieldMask { paths: vec!["time_skipping_config".to_string()] }),
        ..Default::default()
    };
    client.connection().workflow_service().update_workflow_execution_options(request.into_request()).await.map(|_| ())
}

fn skipping(id: &str, by: Duration) -> TimeSkippingConfig {
    TimeSkippingConfig {
        enabled: true,
        max_session_skip_count: SKIPS_MAX,
        disable_propagation: false,
        fast_forward_config: Some(FastForwardConfig { id: id.to_string(), duration: Some(duration(by)) }),
    }
}

fn duration(by: Duration) -> prost_wkt_types::Duration {
    prost_wkt_types::Duration {
        seconds: i64::try_from(by.as_secs()).expect("a duration of this age of the world"),
        nanos: i32::try_from(by.subsec_nanos()).expect("less than a second"),
    }
}

fn execution(workflow_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.to_string(), run_id: String::new() })
}
