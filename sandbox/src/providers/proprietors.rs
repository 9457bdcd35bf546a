//! The register of sole proprietors.
//! It answers about everybody: who is not registered is answered as such, never as unknown.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use serde_json::json;

use crate::{
    ambient,
    exchange::{Answer, conduct, iin_shaped, malformed},
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/{iin}", get(lookup))
}

async fn lookup(State(sandbox): State<Shared>, Path(iin): Path<String>) -> Response {
    if let Err(problem) = iin_shaped(&iin) {
        return malformed(&sandbox, Operation::ProprietorsLookup, &problem);
    }
    let call = Call::new(Operation::ProprietorsLookup, &iin).about(Some(&iin));
    conduct(sandbox, call, async move |sandbox, _| {
        let mut record = json!({
            "iin": iin,
            "registered": sandbox.persons.get(&iin).sole_proprietor,
            "record_id": ambient::new_id("record"),
            "as_of": ambient::written(ambient::now()),
        });
        if record["registered"] == json!(true) {
            record["registration_number"] = json!(format!("KZ{}UWQ{}", &iin[..2], &iin[4..]));
            record["registered_on"] = json!("2021-03-01");
        }
        sandbox.ledgers.enter(Operation::ProprietorsLookup, record.clone());
        Answer::ok(&record)
    })
    .await
}
