//! The regulator's channel: hands a letter with its documents on and brings the receipt back.
//! Never words a letter, and never takes one for received without a receipt number and its instant.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use nesie_domain::ids::CaseId;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of the regulator's channel.
#[derive(Clone, Debug)]
pub struct Regulator {
    connection: Connection,
}

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// Notice of a new channel of remote services (para 4).
    ChannelNotice,
    /// Notice of a change of one (para 5).
    ChannelChange,
    /// Report of a fraud incident (para 13 ¶1).
    FraudIncident,
}

/// A letter to the regulator.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// What it is about.
    pub kind: LetterKind,
    /// The case that it comes from.
    pub reference: CaseId,
    /// What it says: an object with at least one field.
    pub body: &'a serde_json::Value,
    /// What is attached to it; at least one where it is about a channel.
    pub documents: &'a [LetterDocument<'a>],
}

/// A document that goes with a letter.
#[derive(Clone, Copy)]
pub struct LetterDocument<'a> {
    /// Its file name.
    pub name: &'a str,
    /// The SHA-256 of its content in lower hexadecimal, as it was kept when the document came.
    pub sha256_hex: &'a str,
    /// Its bytes.
    pub content: &'a [u8],
}

impl std::fmt::Debug for LetterDocument<'_> {
    /// Without name and bytes, which may hold personal data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "LetterDocument({}, {} bytes)", self.sha256_hex, self.content.len())
    }
}

/// The regulator's receipt of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// The number under which it was received.
    pub receipt_number: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct LetterWire<'a> {
    kind: LetterKind,
    reference: CaseId,
    body: &'a serde_json::Value,
    documents: Vec<DocumentWire<'a>>,
}

#[derive(Serialize)]
struct DocumentWire<'a> {
    name: &'a str,
    sha256: &'a str,
    content_base64: String,
}

impl<'a> DocumentWire<'a> {
    fn of(document: &LetterDocument<'a>) -> Self {
        let content_base64 = BASE64_STANDARD.encode(document.content);
        Self { name: document.name, sha256: document.sha256_hex, content_base64 }
    }
}

impl Regulator {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Submits a letter; a repeat with the same key brings the same receipt.
    ///
    /// # Errors
    /// When the regulator did not readably receive it.
    pub async fn submit(&self, idempotency_key: &str, letter: &Letter<'_>) -> Result<Answer<Receipt>, ProviderError> {
        let operation = self.connection.operation("submit");
        let body = LetterWire {
            kind: letter.kind,
            reference: letter.reference,
            body: letter.body,
            documents: letter.documents.iter().map(DocumentWire::of).collect(),
        };
        let request = self.connection.request(Method::POST, &["letters"]);
        let request = request.header("idempotency-key", idempotency_key).json(&body);
        let answer = send_json(operation, request).await?.ok::<Receipt>()?;
        operation.ensure(!answer.value.receipt_number.trim().is_empty())?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderErrorKind;
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, providers};
    use serde_json::json;
    use uuid::Uuid;

    #[tokio::test]
    async fn submits_a_letter() {
        let received = json!({"receipt_number": "N-1", "received_at": "2026-11-25T10:00:00.000Z"});
        let (server, providers) = providers(Script::json(200, &received)).await;
        let body = json!({"channel": "site"});
        let sha256_hex = nesie_domain::hash::sha256_hex(b"rules");
        let documents = [LetterDocument { name: "rules.pdf", sha256_hex: &sha256_hex, content: b"rules" }];
        let letter = Letter {
            kind: LetterKind::ChannelNotice,
            reference: CaseId::from_uuid(Uuid::nil()),
            body: &body,
            documents: &documents,
        };
        assert!(!format!("{letter:?}").contains("rules.pdf"), "a letter's documents are not told");
        let submit = async || providers.regulator.submit("key-1", &letter).await;
        let receipt = submit().await.expect("a receipt").value;
        assert_eq!(receipt.receipt_number, "N-1");
        assert_eq!(receipt.received_at.to_rfc3339(), "2026-11-25T10:00:00+00:00");
        let asked = &server.requests()[0];
        assert_eq!(asked.line, "POST /letters HTTP/1.1");
        assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
        let sent = json!({"kind": "channel_notice", "reference": Uuid::nil(), "body": {"channel": "site"},
            "documents": [{"name": "rules.pdf", "sha256": sha256_hex, "content_base64": "cnVsZXM="}]});
        assert_eq!(asked.json(), sent);

        for unreadable in [
            json!({"receipt_number": "", "received_at": "2026-11-25T10:00:00.000Z"}),
            json!({"receipt_number": " ", "received_at": "2026-11-25T10:00:00.000Z"}),
            json!({"receipt_number": "N-1", "received_at": "25.11.2026"}),
            json!({"receipt_number": "N-1", "received_at": null}),
            json!({"receipt_number": 1, "received_at": "2026-11-25T10:00:00.000Z"}),
            json!({"received_at": "2026-11-25T10:00:00.000Z"}),
        ] {
            server.answer(Script::json(200, &unreadable));
            let error = submit().await.expect_err("no receipt");
            assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{unreadable}");
        }
        assert_hostile_answers_are_errors(&server, async || submit().await.map(drop)).await;
    }
}
