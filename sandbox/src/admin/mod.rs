//! The admin endpoint: arranges the outside world and shows its ledgers.
//! No part of Nesie but the demo, the benchmark and the tests may call it; it authenticates nobody.

mod ledgers;
mod troubles;
mod world;

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use serde_json::json;

use crate::providers::Shared;

/// The paths below `/admin`.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/persons/{iin}", put(world::change_person))
        .route("/aml/persons", put(world::list_person))
        .route("/merchants/{merchant_id}", put(world::change_merchant))
        .route("/webhooks/{receiver}", put(world::set_receiver))
        .route("/eds/sign", post(world::sign))
        .route("/reset", post(world::reset))
        .route("/ledger/{provider}", get(ledgers::ledger))
        .route("/calls", get(ledgers::calls))
        .route("/callbacks", get(ledgers::callbacks))
        .route("/faults", post(troubles::add_fault).get(troubles::faults).delete(troubles::remove_faults))
        .route("/faults/{fault_id}", delete(troubles::remove_fault))
        .route("/holds", get(troubles::holds))
        .route("/holds/{hold_id}/release", post(troubles::release))
        .route("/seed", get(troubles::climate).put(troubles::set_climate))
}

/// What was asked cannot be, and why.
fn refused(problem: impl Into<String>) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": problem.into() }))).into_response()
}
