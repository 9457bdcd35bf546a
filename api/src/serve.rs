//! The listener: plain or TLS of 1.2 at least, until the process is told to end. Refuses to start on a schema of another build.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::app::{App, AppSettings};
use crate::cli::ServeSettings;

/// How long requests under way may still take once the process was told to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves the API until SIGINT or SIGTERM.
///
/// # Errors
/// When settings cannot be used, the database cannot be reached or has another build's schema, or the address is taken.
pub async fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    nesie_platform::telemetry::init(&settings.log)?;
    nesie_platform::http::install_tls_provider();
    let pool = nesie_storage::pool::connect(&settings.database.url, "nesie-api", settings.database.connections)
        .await
        .context("NESIE_DATABASE_URL: the database cannot be used")?;
    nesie_storage::migrate::check_schema(&pool).await?;
    let issuer = settings.oidc_issuer.trim_end_matches('/').to_owned();
    let app = App::new(AppSettings {
        pool: pool.clone(),
        protection: settings.protection.protection()?,
        http: nesie_platform::http::client(settings.http)?,
        oidc_jwks_url: settings.oidc_jwks_url.unwrap_or_else(|| format!("{issuer}/jwks.json")),
        oidc_issuer: settings.oidc_issuer,
        callback_secret: settings.payments_callback_secret,
        inside: nesie_platform::outward::Inside::allowed_if(settings.webhooks_allow_internal),
    });
    let listener = TcpListener::bind(settings.listen)
        .with_context(|| format!("NESIE_LISTEN: {} cannot be listened on", settings.listen))?;
    let handle = Handle::<SocketAddr>::new();
    tokio::spawn(end_on_signal(handle.clone()));
    tracing::info!(address = %settings.listen, url = settings.public_url, "serving");
    answer(crate::router(app), listener, settings.tls_certificate.zip(settings.tls_key), handle).await?;
    pool.close().await;
    tracing::info!("ended");
    Ok(())
}

/// Answers until the handle says the end: by TLS alone where a certificate and its key are given.
async fn answer(
    router: Router,
    listener: TcpListener,
    tls: Option<(PathBuf, PathBuf)>,
    handle: Handle<SocketAddr>,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let service = router.into_make_service();
    if let Some((certificate, key)) = tls {
        let tls = RustlsConfig::from_config(Arc::new(tls_config(&certificate, &key)?));
        axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await?;
    } else {
        axum_server::from_tcp(listener)?.handle(handle).serve(service).await?;
    }
    Ok(())
}

/// TLS 1.2 and 1.3 with ring, HTTP/2 and HTTP/1.1. Nothing older can be spoken: rustls has none of it.
fn tls_config(certificate: &Path, key: &Path) -> anyhow::Result<rustls::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .context("NESIE_TLS_CERTIFICATE cannot be read as PEM")?;
    let key = PrivateKeyDer::from_pem_file(key).context("NESIE_TLS_KEY cannot be read as PEM")?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not belong together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn end_on_signal(handle: Handle<SocketAddr>) {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
    handle.graceful_shutdown(Some(GRACE));
}

#[cfg(test)]
mod tests;
