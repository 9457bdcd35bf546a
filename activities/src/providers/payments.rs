//! The payment provider: ownership of accounts and cards, transfers, their status (R-093, R-095, R-096; design invariant 6).
//! Never takes silence for a rejection: a transfer without a readable answer is `Unknown`, and only the status tells.

use nesie_domain::card::CardToken;
use nesie_domain::iban::Iban;
use nesie_domain::ids::PaymentReference;
use nesie_domain::iin::Iin;
use nesie_domain::money::Money;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::{ProviderError, ProviderErrorKind};
use super::exchange::{Answer, Connection, nullable, send_json};

/// Client of the payment provider.
#[derive(Clone, Debug)]
pub struct Payments {
    connection: Connection,
}

/// Which of the contracted providers pays; stored with the payment before it is first called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProfile {
    /// Promises deduplication by our reference.
    Dedup,
    /// Promises nothing: a second call may pay again.
    Plain,
    /// Promises deduplication; its status lags behind the effect.
    Lagging,
}

impl PaymentProfile {
    /// Every profile.
    pub const ALL: &'static [Self] = &[Self::Dedup, Self::Plain, Self::Lagging];

    /// Its code, which is its path segment too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dedup => "dedup",
            Self::Plain => "plain",
            Self::Lagging => "lagging",
        }
    }

    /// Reads the code; `None` for any other.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.as_str() == code)
    }

    /// Whether its contract promises that a repeated reference pays once: only then may a transfer that the status
    /// does not know be sent again.
    #[must_use]
    pub const fn promises_deduplication(self) -> bool {
        match self {
            Self::Dedup | Self::Lagging => true,
            Self::Plain => false,
        }
    }
}

/// What the client wants the money on, to be checked for being his.
#[derive(Clone, Copy, Debug)]
pub enum Owned<'a> {
    /// A bank account.
    Account(&'a Iban),
    /// A card.
    Card(&'a CardToken),
}

/// What is known of the ownership. Only `Confirmed` permits a transfer (para 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OwnershipStatus {
    /// It is the client's.
    Confirmed,
    /// It is not.
    NotConfirmed,
    /// The provider can not tell now: neither of the two.
    Unavailable,
}

/// An ownership check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipCheck {
    /// The provider's id of it.
    pub check_id: String,
    /// What is known.
    pub status: OwnershipStatus,
}

/// Where the money goes.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// To the client's account.
    Account {
        /// The account.
        iban: &'a Iban,
        /// Its holder.
        holder: &'a Iin,
    },
    /// To the client's card.
    Card {
        /// The card.
        token: &'a CardToken,
        /// Its holder.
        holder: &'a Iin,
    },
    /// To a merchant under contract.
    Merchant {
        /// The merchant's id in the registry.
        merchant_id: &'a str,
    },
}

/// A transfer that is known to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTransfer {
    /// The provider's own id.
    pub provider_id: String,
    /// How it stands.
    pub state: TransferState,
}

/// How a transfer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferState {
    /// The money moved.
    Done,
    /// The provider is working on it.
    Processing,
    /// No money moved, for good. Why, in the provider's own words, which may name an account, stands in its sealed answer.
    Rejected,
}

/// How a call for a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferReply {
    /// With a readable answer.
    Known(Answer<KnownTransfer>),
    /// Without one: the money may have moved. Ask for the status before anything else.
    Unknown {
        /// Why it is not known.
        cause: ProviderError,
    },
}

/// What the status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusReply {
    /// The provider knows the transfer.
    Found(KnownTransfer),
    /// The provider knows no transfer under this reference, now. By itself this does not mean that none was made.
    NotFound,
}

#[derive(Serialize)]
struct OwnershipRequest<'a> {
    request_id: &'a str,
    iin: &'a Iin,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iban: Option<&'a Iban>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_token: Option<&'a CardToken>,
}

#[derive(Deserialize)]
struct OwnershipWire {
    check_id: String,
    status: OwnershipStatus,
}

#[derive(Serialize)]
struct TransferRequest<'a> {
    order_id: PaymentReference,
    amount: i64,
    currency: &'static str,
    #[serde(flatten)]
    destination: DestinationWire<'a>,
    callback_url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
enum DestinationWire<'a> {
    Account { iban: &'a Iban, holder_iin: &'a Iin },
    Card { card_token: &'a CardToken, holder_iin: &'a Iin },
    Merchant { merchant_id: &'a str },
}

#[derive(Deserialize)]
struct TransferWire {
    order_id: PaymentReference,
    provider_id: String,
    status: u8,
    /// Asked for, as its description has it, and not looked at.
    #[serde(rename = "err", deserialize_with = "nullable")]
    _err: Option<String>,
}

impl Payments {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Whether the account or card is the person's. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the provider gave no readable answer.
    pub async fn check_ownership(
        &self,
        profile: PaymentProfile,
        request_id: &str,
        iin: &Iin,
        owned: Owned<'_>,
    ) -> Result<Answer<OwnershipCheck>, ProviderError> {
        let operation = self.connection.operation("ownership");
        let (kind, iban, card_token) = match owned {
            Owned::Account(iban) => ("account", Some(iban), None),
            Owned::Card(token) => ("card", None, Some(token)),
        };
        let request = self.connection.request(Method::POST, &[profile.as_str(), "ownership-checks"]);
        let request = request.json(&OwnershipRequest { request_id, iin, kind, iban, card_token });
        let answer = send_json(operation, request).await?.ok::<OwnershipWire>()?;
        Ok(answer.map(|wire| OwnershipCheck { check_id: wire.check_id, status: wire.status }))
    }

    /// Sends a transfer under our own reference. To be called only after *sent* is committed.
    ///
    /// # Errors
    /// Only when the provider calls the request malformed: then, and only then, it is certain that nothing was done.
    pub async fn transfer(
        &self,
        profile: PaymentProfile,
        reference: PaymentReference,
        amount: Money,
        destination: Destination<'_>,
        callback_url: Option<&str>,
    ) -> Result<TransferReply, ProviderError> {
        let operation = self.connection.operation("transfer");
        let destination = match destination {
            Destination::Account { iban, holder } => DestinationWire::Account { iban, holder_iin: holder },
            Destination::Card { token, holder } => DestinationWire::Card { card_token: token, holder_iin: holder },
            Destination::Merchant { merchant_id } => DestinationWire::Merchant { merchant_id },
        };
        let amount = amount.tiyn();
        let body = TransferRequest { order_id: reference, amount, currency: "KZT", destination, callback_url };
        let request = self.connection.request(Method::POST, &[profile.as_str(), "transfers"]).json(&body);
        let outcome = async {
            let answer = send_json(operation, request).await?.ok::<TransferWire>()?;
            read(answer, reference).ok_or_else(|| operation.unreadable())
        };
        match outcome.await {
            Ok(answer) => Ok(TransferReply::Known(answer)),
            Err(error) if error.kind == ProviderErrorKind::Malformed => Err(error),
            Err(cause) => Ok(TransferReply::Unknown { cause }),
        }
    }

    /// How the transfer under our reference stands. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the provider gave no readable answer.
    pub async fn status(
        &self,
        profile: PaymentProfile,
        reference: PaymentReference,
    ) -> Result<Answer<StatusReply>, ProviderError> {
        let operation = self.connection.operation("status");
        let request = self.connection.request(Method::GET, &[profile.as_str(), "transfers", &reference.to_string()]);
        let answer = send_json(operation, request).await?.found::<TransferWire>()?;
        let Answer { value, raw, content_type } = answer;
        let Some(wire) = value else {
            return Ok(Answer { value: StatusReply::NotFound, raw, content_type });
        };
        let answer =
            read(Answer { value: wire, raw, content_type }, reference).ok_or_else(|| operation.unreadable())?;
        Ok(answer.map(StatusReply::Found))
    }
}

/// The transfer as it is told, if it is ours and its status is one of the three.
fn read(answer: Answer<TransferWire>, reference: PaymentReference) -> Option<Answer<KnownTransfer>> {
    if answer.value.order_id != reference {
        return None;
    }
    let state = match answer.value.status {
        2 => TransferState::Done,
        1 => TransferState::Processing,
        0 => TransferState::Rejected,
        _ => return None,
    };
    Some(answer.map(|wire| KnownTransfer { provider_id: wire.provider_id, state }))
}

#[cfg(test)]
mod tests {
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
            payments
                .transfer(PaymentProfile::Dedup, REFERENCE, amount, destination, callback)
                .await
                .expect("an answer");
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
}
