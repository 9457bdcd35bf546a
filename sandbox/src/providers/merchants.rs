//! The registry of merchants under contract.
//! A merchant that is not there is answered 404; one whose contract ended is still there.

use std::{collections::HashMap, sync::Mutex};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    exchange::{Answer, conduct},
    operation::{Call, Operation},
    persons::overlaid,
    providers::Shared,
    state::locked,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/{merchant_id}", get(lookup))
}

/// One merchant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merchant {
    merchant_id: String,
    name: String,
    bin: String,
    iban: String,
    contract_number: String,
    contract_active: bool,
}

impl Merchant {
    fn made_up(merchant_id: &str) -> Self {
        Self {
            merchant_id: merchant_id.to_owned(),
            name: "ТОО «Тұрмыс Техника»".to_owned(),
            bin: "241240000127".to_owned(),
            iban: "KZ563190000012344567".to_owned(),
            contract_number: format!("{merchant_id}/2026"),
            contract_active: true,
        }
    }
}

/// Every merchant.
pub(crate) struct Merchants {
    inner: Mutex<HashMap<String, Merchant>>,
}

impl Merchants {
    /// The registry with `M-0001`.
    pub(crate) fn with_the_first() -> Self {
        let first = Merchant::made_up("M-0001");
        Self { inner: Mutex::new(HashMap::from([(first.merchant_id.clone(), first)])) }
    }

    /// Changes the given fields of a merchant, or adds one.
    pub(crate) fn change(&self, merchant_id: &str, mut fields: Map<String, Value>) -> Result<Merchant, String> {
        fields.insert("merchant_id".to_owned(), json!(merchant_id));
        let mut merchants = locked(&self.inner);
        let present = merchants.get(merchant_id).cloned().unwrap_or_else(|| Merchant::made_up(merchant_id));
        let merchant = overlaid(&present, fields)?;
        merchants.insert(merchant_id.to_owned(), merchant.clone());
        Ok(merchant)
    }

    fn get(&self, merchant_id: &str) -> Option<Merchant> {
        locked(&self.inner).get(merchant_id).cloned()
    }
}

async fn lookup(State(sandbox): State<Shared>, Path(merchant_id): Path<String>) -> Response {
    let call = Call::new(Operation::MerchantsLookup, &merchant_id);
    conduct(sandbox, call, async move |sandbox, _| match sandbox.merchants.get(&merchant_id) {
        Some(merchant) => Answer::ok(&json!(merchant)),
        None => Answer::error(StatusCode::NOT_FOUND, "not_found"),
    })
    .await
}
