//! Health of the worker for its operator: alive, and ready to take steps.
//! Never data of an application.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use nesie_storage::PgPool;

/// Categories of AML lists that must be loaded (domain.md §6.4).
const LISTS: usize = 2;

/// Whether the worker polls its task queue.
#[derive(Debug, Default)]
pub(crate) struct Ready(AtomicBool);

impl Ready {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn unset(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Serves `/healthz` and `/readyz`.
pub(crate) async fn serve(listen: SocketAddr, pool: PgPool, ready: Arc<Ready>) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(is_ready))
        .with_state((pool, ready));
    let listener = tokio::net::TcpListener::bind(listen).await.inspect_err(|error| {
        tracing::error!(%listen, %error, "the health check can not listen");
    })?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn is_ready(State((pool, ready)): State<(PgPool, Arc<Ready>)>) -> (StatusCode, &'static str) {
    if !ready.0.load(Ordering::Acquire) {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting");
    }
    match unfit(&pool).await {
        Ok(None) => (StatusCode::OK, "ready"),
        Ok(Some(why)) => (StatusCode::SERVICE_UNAVAILABLE, why),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        }
    }
}

/// Why every application would be parked: the schema must be this build's, and both AML lists there and fresh.
async fn unfit(pool: &PgPool) -> Result<Option<&'static str>, nesie_storage::StorageError> {
    nesie_storage::migrate::check_schema(pool).await?;
    let lists = nesie_storage::lists::current(pool).await?;
    Ok(match lists.len() {
        ..LISTS => Some("the AML lists are not loaded yet"),
        _ if lists.iter().any(|list| list.is_stale) => Some("the AML lists have not been refreshed for a day"),
        _ => None,
    })
}
