//! Whose number a phone is: the base of the mobile operators and that of eGov mobile, each of its own mind.
//! A number that a base does not know is UNKNOWN, never somebody else's.

use axum::{Router, body::Bytes, extract::State, response::Response, routing::post};
use serde::Deserialize;
use serde_json::json;

use crate::{
    ambient,
    exchange::{Answer, conduct, iin_shaped, malformed, parse},
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of the mobile operators' base.
pub(crate) fn of_operators() -> Router<Shared> {
    Router::new()
        .route("/check", post(async |sandbox, body| check(sandbox, Operation::MobileOperatorsCheck, body).await))
}

/// The paths of the base of eGov mobile.
pub(crate) fn of_egov() -> Router<Shared> {
    Router::new().route("/check", post(async |sandbox, body| check(sandbox, Operation::EgovMobileCheck, body).await))
}

#[derive(Deserialize)]
struct Question {
    iin: String,
    phone: String,
}

async fn check(State(sandbox): State<Shared>, operation: Operation, body: Bytes) -> Response {
    let read = parse::<Question>(&body).and_then(|question| iin_shaped(&question.iin).map(|()| question));
    let Question { iin, phone } = match read {
        Ok(question) => question,
        Err(problem) => return malformed(&sandbox, operation, &problem),
    };
    if phone.is_empty() {
        return malformed(&sandbox, operation, "phone is empty");
    }
    let call = Call::new(operation, &iin).about(Some(&iin));
    conduct(sandbox, call, async move |sandbox, _| {
        let person = sandbox.persons.get(&iin);
        let result =
            if operation == Operation::EgovMobileCheck { person.phone_at_egov } else { person.phone_at_operator };
        let record = json!({
            "iin": iin,
            "phone": phone,
            "result": result,
            "record_id": ambient::new_id("record"),
            "as_of": ambient::written(ambient::now()),
        });
        sandbox.ledgers.enter(operation, record.clone());
        Answer::ok(&record)
    })
    .await
}
