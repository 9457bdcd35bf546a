//! The outside world of Nesie, over real HTTP: every provider of `docs/providers.md`, their ledgers, and an admin
//! endpoint that arranges persons, faults, holds and weather.
//! It knows no other crate of the workspace, keeps everything in memory and must never be reachable from outside.

mod admin;
mod ambient;
mod callbacks;
mod exchange;
mod faults;
mod holds;
mod issuer;
mod ledger;
mod operation;
mod persons;
mod providers;
mod random;
mod state;
mod weather;

use std::sync::Arc;

use axum::{Json, Router, extract::DefaultBodyLimit, routing::get};
use serde_json::json;

pub use state::{Config, Sandbox};

/// The largest request that a provider reads: a photograph fits, a mistake does not fill the memory.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Every provider and the admin endpoint.
pub fn app(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "UP" }))))
        .merge(providers::routes())
        .nest("/admin", admin::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(sandbox)
}
