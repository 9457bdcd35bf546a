//! The regulator's channel: takes a letter with its documents once per key and gives a receipt.
//! It never judges a letter, and its ledger never keeps what the documents contain.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::Response, routing::post};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    ambient,
    exchange::{conduct, malformed, parse, required_header},
    ledger::Effect,
    operation::{Call, Operation},
    providers::Shared,
};

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/letters", post(submit))
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LetterKind {
    ChannelNotice,
    ChannelChange,
    FraudIncident,
}

#[derive(Deserialize)]
struct LetterWire {
    kind: LetterKind,
    reference: String,
    body: Map<String, Value>,
    documents: Vec<DocumentWire>,
}

#[derive(Deserialize)]
struct DocumentWire {
    name: String,
    sha256: String,
    content_base64: String,
}

/// A letter without the contents of its documents: their hashes bind them.
#[derive(Clone, Serialize)]
struct Letter {
    kind: LetterKind,
    reference: String,
    body: Map<String, Value>,
    documents: Vec<Document>,
}

#[derive(Clone, Serialize)]
struct Document {
    name: String,
    sha256: String,
}

async fn submit(State(sandbox): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (key, letter) = match read(&headers, &body) {
        Ok(read) => read,
        Err(problem) => return malformed(&sandbox, Operation::RegulatorSubmit, &problem),
    };
    let call = Call::new(Operation::RegulatorSubmit, &key);
    conduct(sandbox, call, async move |sandbox, _| {
        sandbox.ledgers.once(Operation::RegulatorSubmit, &key, json!(letter), || {
            let answer = json!({
                "receipt_number": ambient::new_id("receipt"),
                "received_at": ambient::written(ambient::now()),
            });
            let mut entry = json!(letter);
            entry["receipt_number"] = answer["receipt_number"].clone();
            entry["received_at"] = answer["received_at"].clone();
            entry["idempotency_key"] = json!(key);
            Effect { entry, answer }
        })
    })
    .await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<(String, Letter), String> {
    let key = required_header(headers, "idempotency-key")?;
    let LetterWire { kind, reference, body, documents } = parse(body)?;
    if reference.is_empty() {
        return Err("reference is empty".to_owned());
    }
    if body.is_empty() {
        return Err("body is empty".to_owned());
    }
    // Paras 4 and 5 name documents that a notice on a channel must have; para 13 names none.
    if kind != LetterKind::FraudIncident && documents.is_empty() {
        return Err("a letter on a channel needs a document".to_owned());
    }
    let documents = documents.into_iter().map(checked).collect::<Result<_, _>>()?;
    Ok((key, Letter { kind, reference, body, documents }))
}

/// A document whose content is what its hash says.
fn checked(document: DocumentWire) -> Result<Document, String> {
    let DocumentWire { name, sha256, content_base64 } = document;
    if name.is_empty() {
        return Err("a document has no name".to_owned());
    }
    let content = BASE64_STANDARD.decode(content_base64).map_err(|error| format!("content_base64: {error}"))?;
    let computed: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    if content.is_empty() || computed != sha256 {
        return Err("a document's content is not what its sha256 says".to_owned());
    }
    Ok(Document { name, sha256 })
}
