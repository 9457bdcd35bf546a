//! Logs of a process: readable lines on a terminal, JSON where `NESIE_LOG_FORMAT=json`.
//! Never personal data: what is logged are ids, codes and durations.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// What is logged where `RUST_LOG` does not say. Temporal's SDK opens a span for every call and every turn of a workflow at the
/// level of information: entering and leaving them is a twentieth of a worker's CPU. Its warnings are still logged.
const DEFAULT_FILTER: &str = "info,temporalio_client=warn,temporalio_sdk=warn,temporalio_sdk_core=warn";

/// How a process logs.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LogSettings {
    /// Whether logs are JSON lines.
    #[arg(long, env = "NESIE_LOG_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
}

/// Starts logging to standard error, in colours where that is a terminal; `RUST_LOG` filters.
///
/// # Errors
/// When logging was started before in this process.
pub fn init(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    let started = if settings.log_format == "json" { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!("logging was started twice: {error}"))
}
