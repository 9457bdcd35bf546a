//! Load generator: grants by bank transfer over HTTP, beside a bare workflow of the same shape, in alternating rounds.
//! Never a test: nothing here fails because something was slow.

mod applicant;
mod bare;
mod channels;
mod duties;
mod front;
mod history;
mod incidents;
mod numbers;
mod processes;
mod report;
mod rounds;
mod settings;
mod skew;
mod table;
mod usage;

use anyhow::Context as _;
use clap::Parser as _;
use nesie_platform::http::HttpSettings;
use nesie_storage::{pool, statistics};
use temporalio_sdk::Runtime;
use tokio::task::LocalSet;
use uuid::Uuid;

use crate::front::Front;
use crate::processes::Processes;
use crate::report::say;
use crate::rounds::Bench;
use crate::settings::Settings;
use crate::usage::Meter;

/// The client waits longer than the API may take for an answer.
const HTTP: HttpSettings = HttpSettings { connect_timeout_milliseconds: 2_000, timeout_milliseconds: 30_000 };

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let http = nesie_platform::http::client(HTTP)?;
    let front = Front::sign_in(&settings, http.clone()).await?;
    let client = nesie_platform::temporal::connect("nesie-bench").await?;
    let meter = meter(&settings).await?;
    let compliance = Front::with_role(&settings, http, "compliance").await?;
    if settings.only_duties {
        return duties::run(&settings, &compliance, &client, &meter).await;
    }
    let task_queue = format!("nesie-bench-{}", Uuid::new_v4());
    let runtime = Runtime::from_current_tokio(Default::default())?;
    let mut worker = bare::worker(&runtime, &client, &task_queue)?;
    let stop = worker.shutdown_handle();
    let bench = Bench { settings, front, client, task_queue, meter };
    say("warming up");
    let run = async {
        let results = bench.run().await;
        stop();
        results
    };
    let (results, ended) = LocalSet::new().run_until(async { tokio::join!(run, worker.run()) }).await;
    report::print(&bench.settings, &results?);
    ended.map_err(|error| anyhow::anyhow!("the bare workflow's worker ended badly: {error}"))?;
    duties::run(&bench.settings, &compliance, &bench.client, &bench.meter).await
}

async fn meter(settings: &Settings) -> anyhow::Result<Meter> {
    let processes = Processes::of_stack(settings.stack_file.as_deref())?;
    let database = match &settings.database_owner_url {
        Some(url) => {
            let pool = pool::connect(url, "nesie-bench", 1).await.context("the database can not be reached")?;
            let counted = statistics::count_statements(&pool).await;
            Some((pool, counted))
        }
        None => None,
    };
    Ok(Meter { processes, database })
}
