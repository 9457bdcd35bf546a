//! Temporal of the development stack: the development server with its state in a file.
//! It never runs for production, and nothing but this file knows how it is tuned.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::console::Interrupt;
use crate::ours::agent;
use crate::packages;
use crate::process::Running;
use crate::service::{Name, PortUse};
use crate::settings::Settings;
use crate::state::EntryPort;

/// Search attributes that our workflows set; an unregistered one would hang a workflow.
const SEARCH_ATTRIBUTES: [&str; 2] = ["NesieParked", "NesieOutcome"];

/// Dynamic configuration, each with its reason.
const DYNAMIC_CONFIGURATION: [&str; 6] = [
    // The default of 20 polls a second on one shard puts a floor of 50 ms under every dispatched task.
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    // Tests let a workflow skip time; one that does not ask for it keeps the real clock.
    "frontend.WorkflowTimeSkippingEnabled=true",
    "history.timerProcessorMaxTimeShift=\"1ms\"",
    // Else continue-as-new doubles the time that was skipped.
    "history.workflowIdReuseMinimalInterval=\"0s\"",
];

/// SQLite settings: about three times the throughput of the defaults, and safe against a killed process.
const SQLITE_PRAGMAS: [&str; 2] = ["journal_mode=WAL", "synchronous=NORMAL"];

/// Starts the server and waits until it serves and knows our search attributes.
pub(crate) fn start(settings: &Settings, interrupt: &Interrupt) -> Result<Running> {
    let port = settings.port(Name::Temporal, PortUse::Main);
    let pages = settings.port(Name::Temporal, PortUse::Pages);
    let mut server = temporal(settings);
    server
        .args(["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"])
        .args(["--port", &port.to_string(), "--ui-port", &pages.to_string()])
        .arg("--db-filename")
        .arg(settings.dev.join("temporal.db"));
    for pragma in SQLITE_PRAGMAS {
        server.args(["--sqlite-pragma", pragma]);
    }
    for pair in DYNAMIC_CONFIGURATION {
        server.args(["--dynamic-config-value", pair]);
    }
    for attribute in SEARCH_ATTRIBUTES {
        server.args(["--search-attribute", &format!("{attribute}=Keyword")]);
    }
    let ports =
        vec![EntryPort { purpose: PortUse::Main, number: port }, EntryPort { purpose: PortUse::Pages, number: pages }];
    let mut running = Running::start(Name::Temporal, server, ports, &settings.dev.join("logs"))?;
    let ready = || serves(settings, port) && pages_serve(pages);
    if let Err(error) = running.wait_ready(Duration::from_secs(60), interrupt, ready) {
        running.stop().context("ending Temporal, which did not get ready")?;
        return Err(error);
    }
    Ok(running)
}

/// Whether the namespace is there with our search attributes: the last things that a start makes.
fn serves(settings: &Settings, port: u16) -> bool {
    temporal(settings)
        .args(["operator", "search-attribute", "list", "--namespace", "default", "--output", "json"])
        .args(["--command-timeout", "5s", "--address", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success() && SEARCH_ATTRIBUTES.iter().all(|attribute| text.contains(attribute))
        })
}

/// Whether the pages reach the server too: they dial it before it listens, and answer with errors until they dial again.
fn pages_serve(port: u16) -> bool {
    let url = format!("http://127.0.0.1:{port}/api/v1/namespaces/default");
    agent(Duration::from_secs(5)).get(&url).call().is_ok()
}

/// The command line without the developer's own Temporal settings, which name other servers.
fn temporal(settings: &Settings) -> Command {
    let mut command = Command::new(packages::temporal_program(settings));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TEMPORAL_")) {
        command.env_remove(name);
    }
    command.args(["--disable-config-file", "--disable-config-env"]);
    command
}
