//! Arranges persons, lists and merchants, and plays the client's own key.
//! It changes what providers know, never what they did.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::refused;
use crate::{
    exchange::iin_shaped,
    providers::{
        Shared,
        aml::NewPerson,
        ncanode::container::{Container, SignRequest},
        webhooks::NewReceiver,
    },
};

pub(super) async fn change_person(
    State(sandbox): State<Shared>,
    Path(iin): Path<String>,
    Json(fields): Json<Map<String, Value>>,
) -> Response {
    let changed = iin_shaped(&iin).and_then(|()| sandbox.persons.change(&iin, fields));
    changed.map_or_else(refused, |person| Json(person).into_response())
}

pub(super) async fn list_person(State(sandbox): State<Shared>, Json(person): Json<NewPerson>) -> Json<Value> {
    Json(json!({ "version": sandbox.aml.list(person) }))
}

pub(super) async fn change_merchant(
    State(sandbox): State<Shared>,
    Path(merchant_id): Path<String>,
    Json(fields): Json<Map<String, Value>>,
) -> Response {
    sandbox.merchants.change(&merchant_id, fields).map_or_else(refused, |merchant| Json(merchant).into_response())
}

pub(super) async fn set_receiver(
    State(sandbox): State<Shared>,
    Path(receiver): Path<String>,
    Json(new): Json<NewReceiver>,
) -> Response {
    sandbox.receivers.set(&receiver, &new).map_or_else(refused, |()| StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn sign(Json(request): Json<SignRequest>) -> Response {
    let signed = iin_shaped(&request.iin).and_then(|()| Container::signed(&request));
    signed.map_or_else(refused, |cms| Json(json!({ "cms": cms })).into_response())
}

pub(super) async fn reset(State(sandbox): State<Shared>) -> StatusCode {
    sandbox.reset();
    StatusCode::NO_CONTENT
}
