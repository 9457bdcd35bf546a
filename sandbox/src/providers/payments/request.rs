//! What is asked of the payment provider, and when it is malformed: then nothing is done.
//! A card's number is refused here too: only tokens travel.

use serde::{Deserialize, Serialize};

use crate::exchange::iin_shaped;

/// How the money reaches its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// To the client's account.
    Account,
    /// To the client's card.
    Card,
    /// To a merchant, for goods.
    Merchant,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// An account.
    Account,
    /// A card.
    Card,
}

/// Whose account or card is this?
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OwnershipRequest {
    pub(super) request_id: String,
    pub(super) iin: String,
    kind: Kind,
    iban: Option<String>,
    card_token: Option<String>,
}

impl OwnershipRequest {
    /// Why this request cannot be carried out.
    pub(super) fn problem(&self) -> Option<String> {
        if self.request_id.is_empty() {
            return Some("request_id is empty".to_owned());
        }
        iin_shaped(&self.iin).err().or_else(|| match self.kind {
            Kind::Account => iban_problem(self.iban.as_deref()),
            Kind::Card => card_token_problem(self.card_token.as_deref()),
        })
    }
}

/// Pay this out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct TransferRequest {
    pub(super) order_id: String,
    pub(super) method: Method,
    pub(super) amount: i64,
    currency: String,
    iban: Option<String>,
    card_token: Option<String>,
    pub(super) holder_iin: Option<String>,
    merchant_id: Option<String>,
    pub(super) callback_url: Option<String>,
}

impl TransferRequest {
    /// Why this request cannot be carried out.
    pub(super) fn problem(&self) -> Option<String> {
        if self.order_id.is_empty() {
            return Some("order_id is empty".to_owned());
        }
        if self.amount <= 0 {
            return Some("amount must be positive".to_owned());
        }
        if self.currency != "KZT" {
            return Some("currency must be KZT".to_owned());
        }
        let holder = || iin_shaped(self.holder_iin.as_deref().unwrap_or_default()).err();
        match self.method {
            Method::Account => iban_problem(self.iban.as_deref()).or_else(holder),
            Method::Card => card_token_problem(self.card_token.as_deref()).or_else(holder),
            Method::Merchant => {
                self.merchant_id.as_deref().unwrap_or_default().is_empty().then(|| "merchant_id is missing".to_owned())
            }
        }
    }

    /// Where the money goes: the IBAN, the card's token or the merchant's id.
    pub(super) fn destination(&self) -> &str {
        let destination = match self.method {
            Method::Account => &self.iban,
            Method::Card => &self.card_token,
            Method::Merchant => &self.merchant_id,
        };
        destination.as_deref().unwrap_or_default()
    }

    /// Whether both ask for the same payment; where the callback goes does not matter.
    pub(super) fn pays_the_same(&self, other: &Self) -> bool {
        Self { callback_url: None, ..self.clone() } == Self { callback_url: None, ..other.clone() }
    }
}

/// A Kazakh IBAN: `KZ`, two check digits, three digits of the bank, thirteen alphanumerics; ISO 13616.
fn iban_problem(iban: Option<&str>) -> Option<String> {
    let iban = iban.unwrap_or_default();
    let shaped = iban.len() == 20
        && iban.starts_with("KZ")
        && iban.bytes().skip(2).take(5).all(|byte| byte.is_ascii_digit())
        && iban.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let checked = shaped && {
        let rearranged = iban.chars().skip(4).chain(iban.chars().take(4));
        let remainder = rearranged
            .filter_map(|letter| letter.to_digit(36))
            .fold(0, |remainder, value| (remainder * if value < 10 { 10 } else { 100 } + value) % 97);
        remainder == 1
    };
    (!checked).then(|| "iban is not a Kazakh IBAN".to_owned())
}

fn card_token_problem(token: Option<&str>) -> Option<String> {
    let token = token.unwrap_or_default();
    if token.is_empty() {
        return Some("card_token is missing".to_owned());
    }
    let digits_only = token.chars().all(|letter| letter.is_ascii_digit() || letter == ' ' || letter == '-');
    digits_only.then(|| "card_token looks like a card's number".to_owned())
}
