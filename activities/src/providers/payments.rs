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
mod tests;
