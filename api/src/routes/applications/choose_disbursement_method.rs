//! The client says how the money is to be paid out, with details (para 8(6), 8(7), R-086, R-087). A card number is
//! refused before it is stored.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::card::{CardToken, CardTokenError};
use nesie_domain::iban::Iban;
use nesie_domain::ids::ApplicationId;
use nesie_storage::bodies::{Destination, DisbursementChoice, PaymentProfile};
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;

/// How the money is to be paid out.
#[derive(Deserialize, ToSchema)]
#[schema(as = DisbursementMethod)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct DisbursementMethodRequest {
    /// `account`, `card` or `merchant`.
    method: String,
    /// The client's account, for `account`.
    iban: Option<String>,
    /// The provider's token of the client's card, for `card`; never a card number.
    card_token: Option<String>,
    /// The seller under contract, for `merchant`.
    merchant_id: Option<String>,
    /// Which of the lender's contracted providers pays: `dedup`, `plain` or `lagging`; `dedup` when absent.
    payment_profile: Option<String>,
}

/// Выбрать способ получения денег
#[utoipa::path(
    put, path = "/v1/applications/{id}/disbursement-method", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = DisbursementMethodRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Действие не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn choose_disbursement_method(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("PUT /v1/applications/{id}/disbursement-method");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let choice = read(&body)?;
    act.send(What::Client { kind: ActKind::ChooseDisbursementMethod }, &choice, "").await
}

fn read(body: &[u8]) -> Result<DisbursementChoice, Problem> {
    let mut fields = Fields::read(body)?;
    let destination = match fields.text("/method").as_deref() {
        Some("account") => fields.parsed("/iban", Iban::parse).map(|iban| Destination::Account { iban }),
        Some("card") => {
            fields.parsed("/card_token", CardToken::parse).map(|card_token| Destination::Card { card_token })
        }
        Some("merchant") => read_merchant(&mut fields).map(|merchant_id| Destination::Merchant { merchant_id }),
        Some("cash") => {
            fields.refuse("/method", "method.not_supported", "Выдача наличными пока не поддерживается");
            None
        }
        Some(_) => {
            fields.refuse("/method", "method.unknown", "Допустимые значения: account, card, merchant");
            None
        }
        None => None,
    };
    let payment_profile = match fields.optional_text("/payment_profile").as_deref() {
        None | Some("dedup") => PaymentProfile::Dedup,
        Some("plain") => PaymentProfile::Plain,
        Some("lagging") => PaymentProfile::Lagging,
        Some(_) => {
            fields.refuse("/payment_profile", "payment_profile.unknown", "Допустимые значения: dedup, plain, lagging");
            PaymentProfile::Dedup
        }
    };
    fields.finish(destination.map(|destination| DisbursementChoice { destination, payment_profile }))
}

fn read_merchant(fields: &mut Fields) -> Option<String> {
    let id = fields.text("/merchant_id")?;
    // A card number must not be stored, whichever field it is sent in.
    if CardToken::parse(&id) == Err(CardTokenError::IsPan) {
        fields.refuse("/merchant_id", "merchant_id.is_pan", CardTokenError::IsPan.message_ru());
        return None;
    }
    let well_formed =
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !well_formed {
        fields.refuse("/merchant_id", "merchant_id.format", "От 1 до 64 латинских букв, цифр и дефисов");
        return None;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn codes(body: &Value) -> Vec<String> {
        match read(body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.code).collect(),
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn each_method_needs_its_own_details_and_no_others() {
        let account = json!({"method": "account", "iban": "KZ86125KZT5004100100"});
        let choice = read(account.to_string().as_bytes()).expect("read");
        assert_eq!((choice.destination.method(), choice.payment_profile.as_str()), ("account", "dedup"));
        assert!(codes(&json!({"method": "card", "card_token": "tok_12345678", "payment_profile": "plain"})).is_empty());
        assert!(codes(&json!({"method": "merchant", "merchant_id": "M-0001"})).is_empty());
        assert_eq!(codes(&json!({"method": "cash"})), ["method.not_supported"]);
        assert_eq!(codes(&json!({"method": "post"})), ["method.unknown"]);
        assert_eq!(codes(&json!({"method": "account"})), ["required"]);
        assert_eq!(codes(&json!({"method": "merchant", "merchant_id": "M-0001", "iban": "x"})), ["unknown_field"]);
        assert_eq!(codes(&json!({"method": "card", "card_token": "4111111111111111"})), ["card_token.is_pan"]);
        for number in ["4111111111111111", "4111-1111-1111-1111", "M-4111111111111111"] {
            assert_eq!(
                codes(&json!({"method": "merchant", "merchant_id": number})),
                ["merchant_id.is_pan"],
                "{number}"
            );
        }
        assert_eq!(
            codes(&json!({"method": "merchant", "merchant_id": "../x", "payment_profile": "?"})),
            ["merchant_id.format", "payment_profile.unknown"]
        );
    }
}
