//! `nesie-sandbox`: reads its settings, listens on the loopback interface, and serves until told to stop.
//! It never listens on another interface: whoever reaches it can make up money.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use clap::Parser;
use nesie_sandbox::{Config, Sandbox, app};
use tokio::{net::TcpListener, signal::unix::SignalKind};
use tracing_subscriber::EnvFilter;

/// Plays every outside provider of Nesie over real HTTP, for development and tests.
#[derive(Parser)]
struct Settings {
    /// Where to listen; only loopback addresses. Port 0 takes a free one.
    #[arg(long, env = "NESIE_SANDBOX_LISTEN", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The issuer's URL in tokens; without it, `/oidc` below the address listened on.
    #[arg(long, env = "NESIE_OIDC_ISSUER")]
    issuer: Option<String>,
    /// Where the issuer's key is kept, so that tokens outlive a restart.
    #[arg(long, env = "NESIE_SANDBOX_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// The secret under which payment callbacks are signed; without it none is sent.
    #[arg(long, env = "NESIE_PAYMENTS_CALLBACK_SECRET", hide_env_values = true)]
    callback_secret: Option<String>,
    /// For how long the payment profile `lagging` does not know a transfer that has happened.
    #[arg(long, env = "NESIE_SANDBOX_LAG_MILLISECONDS", default_value_t = 3_000)]
    lag_milliseconds: u64,
    /// The seed of the made-up AML lists.
    #[arg(long, env = "NESIE_SANDBOX_AML_SEED", default_value_t = 1)]
    aml_seed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    let settings = Settings::parse();
    ensure!(settings.listen.ip().is_loopback(), "the sandbox listens on loopback addresses only");
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("cannot listen on {}", settings.listen))?;
    let address = listener.local_addr().context("cannot read the address listened on")?;
    let issuer = settings.issuer.unwrap_or_else(|| format!("http://{address}/oidc"));
    let sandbox = Sandbox::try_new(Config {
        key_file: settings.key_file,
        callback_secret: settings.callback_secret,
        aml_seed: settings.aml_seed,
        lag: Duration::from_millis(settings.lag_milliseconds),
        ..Config::new(issuer)
    })?;
    let mut terminated = tokio::signal::unix::signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    tracing::info!(%address, "the sandbox is ready");
    // Not a graceful shutdown: it would wait for every request that is held.
    tokio::select! {
        served = axum::serve(listener, app(Arc::new(sandbox))) => served.context("the listener failed"),
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot watch for Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}
