//! Arranges faults and weather, and releases what is held.
//! A rule that could never meet a call is refused: a test must not pass because of a typing error.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refused;
use crate::{faults::FaultRule, providers::Shared, weather::Climate};

pub(super) async fn add_fault(State(sandbox): State<Shared>, Json(rule): Json<FaultRule>) -> Response {
    if let Some(problem) = rule.problem() {
        return refused(problem);
    }
    Json(json!({ "fault_id": sandbox.faults.add(rule) })).into_response()
}

pub(super) async fn faults(State(sandbox): State<Shared>) -> Json<Value> {
    Json(json!({ "faults": sandbox.faults.list() }))
}

pub(super) async fn remove_faults(State(sandbox): State<Shared>) -> StatusCode {
    sandbox.faults.clear();
    StatusCode::NO_CONTENT
}

pub(super) async fn remove_fault(State(sandbox): State<Shared>, Path(fault_id): Path<String>) -> StatusCode {
    if sandbox.faults.remove(&fault_id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

pub(super) async fn holds(State(sandbox): State<Shared>) -> Json<Value> {
    Json(json!({ "holds": sandbox.holds.list() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    proceed: bool,
}

pub(super) async fn release(
    State(sandbox): State<Shared>,
    Path(hold_id): Path<String>,
    Json(release): Json<Release>,
) -> StatusCode {
    if sandbox.holds.release(&hold_id, release.proceed) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

pub(super) async fn climate(State(sandbox): State<Shared>) -> Json<Climate> {
    Json(sandbox.weather.climate())
}

pub(super) async fn set_climate(State(sandbox): State<Shared>, Json(climate): Json<Climate>) -> Response {
    if let Some(problem) = climate.problem() {
        return refused(problem);
    }
    sandbox.weather.set(climate);
    StatusCode::NO_CONTENT.into_response()
}
