//! Our own processes in the stack: schema, sandbox, worker, API.
//! It knows their environment and their readiness, never what they do.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::console::Interrupt;
use crate::process::{Running, run_ok};
use crate::service::{Name, PortUse};
use crate::settings::Settings;
use crate::state::EntryPort;

/// Brings the schema up to date as its owner: the only process that is told the owner's URL.
pub(crate) fn migrate(settings: &Settings, binaries: &Path, interrupt: &Interrupt) -> Result<()> {
    let mut command = Command::new(binaries.join("nesie-api"));
    command
        .arg("migrate")
        .current_dir(&settings.root)
        .env("NESIE_DATABASE_OWNER_URL", settings.owner_database_url())
        .env("RUST_LOG", "warn");
    run_ok(&mut command, interrupt).context("bringing the schema up to date")
}

/// Starts one of our processes and waits until it says that it is ready.
pub(crate) fn start(settings: &Settings, name: Name, binaries: &Path, interrupt: &Interrupt) -> Result<Running> {
    let (Some(package), Some(path)) = (name.package(), name.ready_path()) else {
        bail!("{name} is not one of our processes");
    };
    let mut command = Command::new(binaries.join(package));
    command.args(name.arguments());
    // The owner's URL, which a developer may have set, is not for processes without DDL.
    command.current_dir(&settings.root).env_remove("DATABASE_URL").env_remove("NESIE_DATABASE_OWNER_URL");
    command.envs(settings.environment()?);
    if matches!(name, Name::Worker | Name::Api)
        && let Some(named) = build::name(settings)
    {
        command.env(build::BUILD, named);
    }
    let ports = vec![EntryPort { purpose: PortUse::Main, number: settings.port(name, PortUse::Main) }];
    let mut running = Running::start(name, command, ports, &settings.dev.join("logs"))?;
    let url = format!("{}{path}", settings.http_url(name));
    let agent = agent(Duration::from_secs(2));
    let outcome = running.wait_ready(Duration::from_secs(60), interrupt, || agent.get(&url).call().is_ok());
    if let Err(error) = outcome {
        running.stop().with_context(|| format!("ending {name}, which did not get ready"))?;
        return Err(error);
    }
    Ok(running)
}

/// An HTTP client for our own processes on this machine: no proxy, and never without an end.
pub(crate) fn agent(limit: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).timeout_global(Some(limit)).build().new_agent()
}
