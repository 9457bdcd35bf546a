//! Shows what the providers did and what they were asked.
//! It changes nothing.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{operation::Operation, providers::Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryFilter {
    order_id: Option<String>,
    iin: Option<String>,
}

pub(super) async fn ledger(
    State(sandbox): State<Shared>,
    Path(provider): Path<String>,
    Query(filter): Query<EntryFilter>,
) -> Response {
    if !Operation::is_provider(&provider) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let filters = [("order_id", filter.order_id.as_deref()), ("iin", filter.iin.as_deref())];
    Json(json!({ "entries": sandbox.ledgers.entries(&provider, &filters) })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallFilter {
    provider: Option<String>,
    key: Option<String>,
}

pub(super) async fn calls(State(sandbox): State<Shared>, Query(filter): Query<CallFilter>) -> Json<Value> {
    Json(json!({ "calls": sandbox.calls.list(filter.provider.as_deref(), filter.key.as_deref()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallbackFilter {
    order_id: Option<String>,
}

pub(super) async fn callbacks(State(sandbox): State<Shared>, Query(filter): Query<CallbackFilter>) -> Json<Value> {
    Json(json!({ "callbacks": sandbox.callbacks.list(filter.order_id.as_deref()) }))
}
