//! The worker's process: settings from the environment, logs, signals.
//! Never anything else; see the library.

use clap::Parser as _;
use nesie_worker::Settings;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    nesie_platform::telemetry::init(&settings.log)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // The SDK's worker stays on one thread.
    LocalSet::new().run_until(nesie_worker::run(settings, stop)).await
}
