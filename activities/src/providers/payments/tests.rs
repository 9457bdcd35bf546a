//! The payment provider's client beside scripted answers: good ones, hostile ones, and what is asked.

use super::*;
use crate::providers::Providers;
use crate::providers::testing::{Received, Script, assert_hostile_answers_are_errors, iin, nowhere, providers};
use serde_json::{Value, json};
use uuid::Uuid;

const REFERENCE: PaymentReference = PaymentReference::from_uuid(Uuid::from_u128(7));

fn iban() -> Iban {
    Iban::parse("KZ563190000012344567").expect("an IBAN")
}

fn told(status: u8) -> Value {
    json!({"order_id": REFERENCE, "provider_id": "p-1", "status": status, "err": null})
}

async fn transfer(providers: &Providers) -> Result<TransferReply, ProviderError> {
    let (iban, holder) = (iban(), iin());
    let destination = Destination::Account { iban: &iban, holder: &holder };
    let amount = Money::from_tiyn(30_000_000);
    providers.payments.transfer(PaymentProfile::Plain, REFERENCE, amount, destination, None).await
}

async fn status(providers: &Providers) -> Result<Answer<StatusReply>, ProviderError> {
    providers.payments.status(PaymentProfile::Lagging, REFERENCE).await
}

#[tokio::test]
async fn sends_a_transfer_and_reads_its_state() {
    let (server, providers) = providers(Script::HangUp).await;
    for (code, state) in [(2, TransferState::Done), (1, TransferState::Processing), (0, TransferState::Rejected)] {
        server.answer(Script::json(200, &told(code)));
        let reply = transfer(&providers).await.expect("an answer");
        let TransferReply::Known(answer) = reply else { panic!("{reply:?}") };
        assert_eq!(answer.value, KnownTransfer { provider_id: "p-1".to_owned(), state: state.clone() });
        assert_eq!(answer.raw, told(code).to_string().into_bytes());
        let found = StatusReply::Found(KnownTransfer { provider_id: "p-1".to_owned(), state });
        assert_eq!(status(&providers).await.expect("a status").value, found);
    }
    let asked = server.requests();
    assert_eq!(asked[0].line, "POST /plain/transfers HTTP/1.1");
    let body = json!({"order_id": REFERENCE, "method": "account", "amount": 30_000_000, "currency": "KZT",
        "iban": "KZ563190000012344567", "holder_iin": iin().as_str(), "callback_url": null});
    assert_eq!(asked[0].json(), body);
    assert_eq!(asked[1].line, format!("GET /lagging/transfers/{REFERENCE} HTTP/1.1"));
}

#[tokio::test]
async fn a_card_and_a_merchant_are_named_by_their_own_fields() {
    let (server, providers) = providers(Script::json(200, &told(2))).await;
    let (token, holder) = (CardToken::parse("tok_abcdefgh").expect("a token"), iin());
    let amount = Money::from_tiyn(1);
    for destination in
        [Destination::Card { token: &token, holder: &holder }, Destination::Merchant { merchant_id: "M-0001" }]
    {
        let payments = &providers.payments;
        let callback = Some("http://127.0.0.1:8080/v1/callbacks/payments");
        payments.transfer(PaymentProfile::Dedup, REFERENCE, amount, destination, callback).await.expect("an answer");
    }
    let bodies: Vec<Value> = server.requests().iter().map(Received::json).collect();
    assert_eq!((&bodies[0]["method"], &bodies[0]["card_token"]), (&json!("card"), &json!("tok_abcdefgh")));
    assert_eq!((&bodies[1]["method"], &bodies[1]["merchant_id"]), (&json!("merchant"), &json!("M-0001")));
    assert_eq!(bodies[1]["callback_url"], json!("http://127.0.0.1:8080/v1/callbacks/payments"));
    assert!(bodies[1].get("holder_iin").is_none());
}

#[tokio::test]
async fn a_transfer_without_a_readable_answer_is_unknown() {
    let (server, providers) = providers(Script::HangUp).await;
    let mut other = told(0);
    other["order_id"] = json!(Uuid::from_u128(8));
    let mut wordless = told(0);
    wordless.as_object_mut().expect("an object").remove("err");
    let json = [("content-type", "application/json")];
    for (name, script, kind) in [
        ("time-out", Script::Silence, ProviderErrorKind::TimedOut),
        ("hung up", Script::HangUp, ProviderErrorKind::Unreachable),
        ("500", Script::json(500, &json!({"error": "x"})), ProviderErrorKind::Status(500)),
        ("400 of a proxy", Script::body(400, &json, b"<html>"), ProviderErrorKind::Status(400)),
        ("404", Script::json(404, &json!({"error": "not_found"})), ProviderErrorKind::Status(404)),
        ("409", Script::json(409, &json!({"error": "x"})), ProviderErrorKind::Status(409)),
        ("302", Script::body(302, &[("location", "/")], b""), ProviderErrorKind::Status(302)),
        ("cut off", Script::body(200, &json, b"{\"<this is"), ProviderErrorKind::Unreadable),
        ("fourth state", Script::json(200, &told(3)), ProviderErrorKind::Unreadable),
        ("another order", Script::json(200, &other), ProviderErrorKind::Unreadable),
        ("a field missing", Script::json(200, &wordless), ProviderErrorKind::Unreadable),
        ("too large", Script::body(200, &json, &[b' '; 65_537]), ProviderErrorKind::TooLarge),
    ] {
        server.answer(script);
        let reply = transfer(&providers).await.expect(name);
        let TransferReply::Unknown { cause } = reply else { panic!("{name}: {reply:?}") };
        assert_eq!(cause.kind, kind, "{name}");
    }
    let reply = transfer(&nowhere().await).await.expect("nobody there");
    assert!(matches!(reply, TransferReply::Unknown { cause } if cause.kind == ProviderErrorKind::Unreachable));
}

#[tokio::test]
async fn a_malformed_transfer_is_an_error_since_nothing_was_done() {
    let (_server, providers) = providers(Script::json(400, &json!({"error": "amount"}))).await;
    assert_eq!(transfer(&providers).await.map_err(|error| error.kind), Err(ProviderErrorKind::Malformed));
}

#[tokio::test]
async fn only_the_providers_own_404_means_not_found() {
    let (server, providers) = providers(Script::json(404, &json!({"error": "not_found"}))).await;
    assert_eq!(status(&providers).await.expect("a status").value, StatusReply::NotFound);
    server.answer(Script::body(404, &[("content-type", "text/html")], b"<html>no route</html>"));
    assert_eq!(status(&providers).await.map_err(|error| error.kind), Err(ProviderErrorKind::Unreadable));
    assert_hostile_answers_are_errors(&server, async || status(&providers).await.map(drop)).await;
}

#[tokio::test]
async fn reads_all_three_answers_on_ownership() {
    let (server, providers) = providers(Script::HangUp).await;
    let (iban, person) = (iban(), iin());
    let check = async || {
        let owned = Owned::Account(&iban);
        providers.payments.check_ownership(PaymentProfile::Dedup, "request-1", &person, owned).await
    };
    for (word, status) in [
        ("CONFIRMED", OwnershipStatus::Confirmed),
        ("NOT_CONFIRMED", OwnershipStatus::NotConfirmed),
        ("UNAVAILABLE", OwnershipStatus::Unavailable),
    ] {
        server.answer(Script::json(200, &json!({"check_id": "c-1", "status": word})));
        assert_eq!(check().await.expect("a check").value, OwnershipCheck { check_id: "c-1".to_owned(), status });
    }
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /dedup/ownership-checks HTTP/1.1");
    let body = json!({"request_id": "request-1", "iin": person.as_str(), "kind": "account", "iban": iban.as_str()});
    assert_eq!(asked.json(), body);
    server.answer(Script::json(200, &json!({"check_id": "c-1", "status": "MAYBE"})));
    assert_eq!(check().await.map_err(|error| error.kind), Err(ProviderErrorKind::Unreadable));
    assert_hostile_answers_are_errors(&server, async || check().await.map(drop)).await;
}

#[test]
fn profiles_say_what_they_promise() {
    for profile in PaymentProfile::ALL {
        assert_eq!(PaymentProfile::parse(profile.as_str()), Some(*profile));
        assert_eq!(profile.promises_deduplication(), *profile != PaymentProfile::Plain);
    }
    assert_eq!(PaymentProfile::parse("other"), None);
}
