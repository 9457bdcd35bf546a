//! The worker: wires workflows and activities to Temporal, and runs the relays.
//! Never listens to anybody but the operator's health check, and never decides anything.

mod attributes;
mod health;
mod relays;
mod schedules;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nesie_activities::World;
use nesie_platform::build;
use nesie_workflows::accrual_suspension::AccrualSuspension;
use nesie_workflows::aml_refresh::AmlRefresh;
use nesie_workflows::calendar_publication::CalendarPublication;
use nesie_workflows::channel_notice::ChannelNotice;
use nesie_workflows::data_leak::DataLeak;
use nesie_workflows::duty_sweep::DutySweep;
use nesie_workflows::fraud_incident::FraudIncident;
use nesie_workflows::origination::LoanOrigination;
use nesie_workflows::write_off::WriteOff;
use temporalio_client::Client;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

pub use settings::Settings;

/// How long a step under way may take to end when the worker is asked to stop; beyond it the server gives the step to
/// another worker, and its own records keep it from having an effect twice.
const GRACE: Duration = Duration::from_secs(10);

/// Runs until `stop` resolves, then lets what is under way end.
///
/// # Errors
/// When the database or Temporal can not be reached at the start, or the schema is not this build's.
pub async fn run(settings: Settings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let pool = nesie_storage::pool::connect(&settings.database.url, "nesie-worker", settings.database.connections)
        .await
        .context("the database can not be reached")?;
    nesie_storage::migrate::check_schema(&pool).await.context("the schema is not the one of this build")?;
    let client = nesie_platform::temporal::connect("nesie-worker").await?;
    attributes::check(&client).await?;
    let world = settings.world(pool.clone())?.with_temporal(client.clone());
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let options = options(&settings, world)?;
    let sender = settings.webhooks.sender(pool.clone(), settings.protection.protection()?)?;
    let mut worker = Worker::new(&runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))?;
    let stop_worker = worker.shutdown_handle();
    schedules::ensure(&client, &settings).await?;

    let ready = Arc::new(health::Ready::default());
    let (relays_stop, relays_stopped) = tokio::sync::watch::channel(false);
    let mut relays = tokio::spawn(relays::run(pool.clone(), client, settings.relay(), sender, relays_stopped));
    let mut health = tokio::spawn(health::serve(settings.listen, pool, Arc::clone(&ready)));
    // Whatever ends first ends the process: a worker that only looks alive is worse than none.
    let stopping = async {
        tokio::select! {
            () = stop => Ok(()),
            ended = &mut relays => Err(anyhow::anyhow!("the relays ended: {ended:?}")),
            ended = &mut health => Err(anyhow::anyhow!("the health check ended: {ended:?}")),
        }
    };
    ready.set();
    tracing::info!(build = build(), task_queue = settings.task_queue.task_queue, "worker is ready");
    let mut polling = std::pin::pin!(worker.run());
    let stopped = tokio::select! {
        stopped = stopping => stopped,
        ended = &mut polling => anyhow::bail!("the worker stopped polling by itself: {ended:?}"),
    };
    tracing::info!("stopping: waiting for steps under way");
    ready.unset();
    stop_worker();
    let drained = polling.await.map_err(|error| anyhow::anyhow!("the worker ended badly: {error}"));
    relays_stop.send_replace(true);
    if !relays.is_finished() {
        relays.await.context("the relays ended badly")?;
    }
    health.abort();
    stopped.and(drained)
}

fn options(settings: &Settings, world: World) -> anyhow::Result<WorkerOptions> {
    Ok(WorkerOptions::new(settings.task_queue.task_queue.clone())
        // Without it the SDK sums the whole executable at every start.
        .deployment_options(WorkerDeploymentOptions::from_build_id(build().to_owned()))
        .graceful_shutdown_period(GRACE)
        .max_cached_workflows(settings.cached_workflows)
        .register_activities(world)
        .register_workflow::<LoanOrigination>()?
        .register_workflow::<AmlRefresh>()?
        .register_workflow::<ChannelNotice>()?
        .register_workflow::<FraudIncident>()?
        .register_workflow::<AccrualSuspension>()?
        .register_workflow::<WriteOff>()?
        .register_workflow::<DataLeak>()?
        .register_workflow::<CalendarPublication>()?
        .register_workflow::<DutySweep>()?
        .build())
}

/// The client that relays use.
pub(crate) type Temporal = Client;
