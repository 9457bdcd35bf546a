//! How late a duty's due instant is noticed: the clocks of all cases are moved to shortly before the same due instant by
//! the server's own time skipping, and then run in real time, so that all fall due at once, as at the end of a day.
//! Never the database: when a rung was claimed is what the API says.

use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nesie_platform::clock::now;
use serde_json::Value;
use temporalio_client::tonic::IntoRequest as _;
use temporalio_client::{Client, NamespacedClient as _};
use temporalio_common::protos::temporal::api::common::v1::{FastForwardConfig, TimeSkippingConfig, WorkflowExecution};
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionOptions;
use temporalio_common::protos::temporal::api::workflowservice::v1::UpdateWorkflowExecutionOptionsRequest;
use uuid::Uuid;

use crate::front::Front;
use crate::incidents::{IN_FLIGHT, workflow_id};
use crate::numbers::Distribution;

/// By default the server stops skipping after 200 skips, without a word.
const SKIPS_MAX: i32 = 100_000;
/// Real time before the due instant: for the first clock and for each further one.
const LEAD: (TimeDelta, TimeDelta) = (TimeDelta::seconds(20), TimeDelta::milliseconds(30));
/// Cases whose rungs are read at most; they are spread evenly over all.
const SAMPLE: usize = 1_000;
/// The longest that is waited for a firing after its due instant.
const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// How late the due instants were noticed, by the workflow's own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skew {
    /// From the due instant to the claim of its rung.
    pub(crate) late: Distribution,
    /// How many were read.
    pub(crate) read: usize,
}

/// Moves every case to its due instant, and reads how late each was noticed.
pub(crate) async fn measure(compliance: &Front, client: &Client, cases: &[Uuid]) -> anyhow::Result<Skew> {
    let Some(first) = cases.first() else { return Ok(Skew::default()) };
    let due_at = instant(&duty(compliance, *first).await?["due_at"])?;
    let each = LEAD.1 * i32::try_from(cases.len())?;
    let by = due_at - (now() + LEAD.0 + each);
    if by <= TimeDelta::zero() {
        bail!("the duties fall due by themselves in a moment: measure at another time of the day");
    }
    stream::iter(cases)
        .map(|case| advance(client, workflow_id(*case), by))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    // One that was moved later would have fallen due while its clock was skipping.
    let real = due_at - by;
    if now() >= real {
        bail!("the clocks were not moved in time");
    }
    tokio::time::sleep((real - now()).to_std().unwrap_or_default()).await;
    let step = cases.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<Uuid> = cases.iter().copied().step_by(step).collect();
    let late: Vec<Duration> = stream::iter(sample)
        .map(|case| claimed(compliance, case, real + PATIENCE))
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(Skew { read: late.len(), late: Distribution::of(late) })
}

/// The duty of a case that falls due first: to inform the regulator.
async fn duty(compliance: &Front, case: Uuid) -> anyhow::Result<Value> {
    let page = compliance.get(&format!("/v1/duties?case_id={case}&kind=inform_regulator")).await?;
    let id = page["items"][0]["id"].as_str().context("the case has the duty")?.to_string();
    compliance.get(&format!("/v1/duties/{id}")).await
}

/// Waits until the breach is claimed; how late that was.
async fn claimed(compliance: &Front, case: Uuid, until: DateTime<Utc>) -> anyhow::Result<Duration> {
    loop {
        let duty = duty(compliance, case).await?;
        let rungs = duty["rungs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let breached = rungs.iter().find(|rung| rung["rung"] == "breached" && !rung["claimed_at"].is_null());
        if let Some(rung) = breached {
            let late = instant(&rung["claimed_at"])? - instant(&rung["planned_at"])?;
            return late.to_std().context("claimed before it was due");
        }
        if now() > until {
            bail!("case {case}: the due instant was not noticed");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn instant(value: &Value) -> anyhow::Result<DateTime<Utc>> {
    value.as_str().context("no instant")?.parse().context("an instant")
}

async fn advance(client: &Client, workflow_id: String, by: TimeDelta) -> anyhow::Result<()> {
    let duration = prost_wkt_types::Duration { seconds: by.num_seconds(), nanos: by.subsec_nanos() };
    let config = TimeSkippingConfig {
        enabled: true,
        max_session_skip_count: SKIPS_MAX,
        disable_propagation: false,
        fast_forward_config: Some(FastForwardConfig { id: Uuid::new_v4().to_string(), duration: Some(duration) }),
    };
    let options = WorkflowExecutionOptions { time_skipping_config: Some(config), ..Default::default() };
    let request = UpdateWorkflowExecutionOptionsRequest {
        namespace: client.namespace(),
        workflow_execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
        workflow_execution_options: Some(options),
        update_mask: Some(prost_wkt_types::FieldMask { paths: vec!["time_skipping_config".to_string()] }),
        ..Default::default()
    };
    let service = client.connection();
    service
        .workflow_service()
        .update_workflow_execution_options(request.into_request())
        .await
        .context("time skipping")?;
    Ok(())
}
