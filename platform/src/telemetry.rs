//! Logs of a process: readable lines on a terminal, JSON where `NESIE_LOG_FORMAT=json`.
//! Never personal data: what is logged are ids, codes and durations.

use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `RUST_LOG` filters, `info` by default.
///
/// # Errors
/// When logging was started before in this process.
pub fn init(json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!("logging was started twice: {error}"))
}
