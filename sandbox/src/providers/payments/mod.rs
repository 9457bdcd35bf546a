//! The payment provider: ownership checks, payouts, their status.
//! Its three profiles differ in what they promise about a repeated order id; `transfers` holds that difference.

mod request;
mod transfers;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use self::{
    request::{OwnershipRequest, TransferRequest},
    transfers::{Accepted, Profile, Transfer},
};
use crate::{
    ambient,
    callbacks::Callback,
    exchange::{Answer, conduct, malformed, parse},
    faults::Circumstances,
    operation::{Call, Operation},
    providers::Shared,
    state::Sandbox,
};
pub(crate) use transfers::Transfers;

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{profile}/ownership-checks", post(ownership))
        .route("/{profile}/transfers", post(transfer))
        .route("/{profile}/transfers/{order_id}", get(status))
}

/// Every check is made anew: an answer "unavailable" must not stick to its request id.
async fn ownership(State(sandbox): State<Shared>, Path(profile): Path<String>, body: Bytes) -> Response {
    if Profile::named(&profile).is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let read = parse::<OwnershipRequest>(&body).and_then(|request| request.problem().map_or(Ok(request), Err));
    let request = match read {
        Ok(request) => request,
        Err(problem) => return malformed(&sandbox, Operation::PaymentsOwnership, &problem),
    };
    let call = Call::new(Operation::PaymentsOwnership, &request.request_id).about(Some(&request.iin));
    conduct(sandbox, call, async move |sandbox, _| {
        let ownership = sandbox.persons.get(&request.iin).ownership;
        Answer::ok(&json!({ "check_id": ambient::new_id("check"), "status": ownership }))
    })
    .await
}

async fn transfer(State(sandbox): State<Shared>, Path(profile): Path<String>, body: Bytes) -> Response {
    let Some(profile) = Profile::named(&profile) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let read = parse::<TransferRequest>(&body).and_then(|request| request.problem().map_or(Ok(request), Err));
    let request = match read {
        Ok(request) => request,
        Err(problem) => return malformed(&sandbox, Operation::PaymentsTransfer, &problem),
    };
    let call = Call::new(Operation::PaymentsTransfer, &request.order_id).about(request.holder_iin.as_deref());
    conduct(sandbox, call, async move |sandbox, circumstances| {
        match sandbox.transfers.accept(profile, &request, &circumstances, sandbox.lag, &sandbox.ledgers) {
            Accepted::Anew(transfer) => tell(sandbox, request.callback_url, transfer, circumstances).await,
            Accepted::Before(transfer) => Answer::ok(&transfer.written()),
            Accepted::Differs => Answer::error(StatusCode::CONFLICT, "the order id was used for another transfer"),
        }
    })
    .await
}

/// Tells the caller, and finishes later what is still processing; the callback follows the answer unless it is told to
/// be early.
async fn tell(
    sandbox: Arc<Sandbox>,
    callback_url: Option<String>,
    transfer: Transfer,
    circumstances: Circumstances,
) -> Answer {
    let callback = callback_url.map(|url| Callback {
        url,
        order_id: transfer.order_id().to_owned(),
        provider_id: transfer.provider_id().to_owned(),
        status: transfer.status(),
        copies: circumstances.callback_copies.unwrap_or(1),
    });
    let answer = Answer::ok(&transfer.written());
    if circumstances.early_callback
        && let Some(callback) = &callback
    {
        sandbox.callbacks.deliver(callback).await;
    }
    if let Some(delay) = circumstances.processing.filter(|_| !transfer.is_final()) {
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let settled = sandbox.transfers.settle(&transfer, &sandbox.ledgers);
            if let (Some(settled), Some(callback)) = (settled, callback) {
                sandbox.callbacks.deliver(&Callback { status: settled.status(), ..callback }).await;
            }
        });
        return answer;
    }
    match callback.filter(|_| !circumstances.early_callback) {
        Some(callback) => answer.with_afterwards(async move { sandbox.callbacks.deliver(&callback).await }),
        None => answer,
    }
}

async fn status(State(sandbox): State<Shared>, Path((profile, order_id)): Path<(String, String)>) -> Response {
    let Some(profile) = Profile::named(&profile) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let iin = sandbox.transfers.holder_iin(profile, &order_id);
    let call = Call::new(Operation::PaymentsStatus, &order_id).about(iin.as_deref());
    conduct(sandbox, call, async move |sandbox, circumstances| {
        let known = sandbox
            .transfers
            .visible(profile, &order_id, circumstances.lag)
            .filter(|_| !circumstances.unknown_reference);
        match known {
            Some(transfer) => Answer::ok(&transfer.written()),
            None => Answer::error(StatusCode::NOT_FOUND, "not_found"),
        }
    })
    .await
}
