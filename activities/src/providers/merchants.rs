//! The registry of merchants under contract (para 9: money may go to a merchant for the client).
//! Never decides: a merchant whose contract ended is told as such.

use nesie_domain::bin::Bin;
use nesie_domain::iban::Iban;
use reqwest::Method;
use serde::Deserialize;

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of the registry.
#[derive(Clone, Debug)]
pub struct Merchants {
    connection: Connection,
}

/// A merchant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Merchant {
    /// Its id in the registry.
    pub merchant_id: String,
    /// Its name.
    pub name: String,
    /// Its BIN.
    pub bin: Bin,
    /// Its account.
    pub iban: Iban,
    /// Its contract with the lender.
    pub contract_number: String,
    /// Whether that contract is in force.
    pub contract_active: bool,
}

impl Merchants {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The merchant, or `None` where the registry knows none of this id. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the registry gave no readable answer about this merchant.
    pub async fn lookup(&self, merchant_id: &str) -> Result<Answer<Option<Merchant>>, ProviderError> {
        let operation = self.connection.operation("lookup");
        let request = self.connection.request(Method::GET, &[merchant_id]);
        let answer = send_json(operation, request).await?.found::<Merchant>()?;
        operation.ensure(answer.value.as_ref().is_none_or(|merchant| merchant.merchant_id == merchant_id))?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use crate::providers::ProviderErrorKind;
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, providers};
    use serde_json::json;

    #[tokio::test]
    async fn finds_a_merchant_or_none() {
        let merchant = json!({"merchant_id": "M-0001", "name": "ТОО «Тұрмыс Техника»", "bin": "241240000127",
            "iban": "KZ563190000012344567", "contract_number": "M-0001/2026", "contract_active": true});
        let (server, providers) = providers(Script::json(200, &merchant)).await;
        let found = providers.merchants.lookup("M-0001").await.expect("an answer").value.expect("a merchant");
        assert_eq!((found.bin.as_str(), found.contract_active), ("241240000127", true));
        assert_eq!(server.requests()[0].line, "GET /M-0001 HTTP/1.1");
        let other = providers.merchants.lookup("M-0002").await;
        assert_eq!(other.map_err(|error| error.kind), Err(ProviderErrorKind::Unreadable), "another merchant");

        server.answer(Script::json(404, &json!({"error": "not_found"})));
        assert_eq!(providers.merchants.lookup("M 1/../x").await.expect("an answer").value, None);
        assert_eq!(server.requests()[2].line, "GET /M%201%2F..%2Fx HTTP/1.1", "an id can not change the path");
        assert_hostile_answers_are_errors(&server, async || providers.merchants.lookup("M-0001").await.map(drop)).await;
    }

    #[tokio::test]
    async fn numbers_that_do_not_hold_are_unreadable() {
        let merchant = json!({"merchant_id": "M-0001", "name": "x", "bin": "241240000128",
            "iban": "KZ563190000012344567", "contract_number": "1", "contract_active": true});
        let (_server, providers) = providers(Script::json(200, &merchant)).await;
        let error = providers.merchants.lookup("M-0001").await.expect_err("a control digit that does not hold");
        assert_eq!(error.kind, ProviderErrorKind::Unreadable);
    }
}
