//! Notices to clients: hands a template and an address on.
//! Never words a notice, and never carries why an application was refused.

use chrono::{DateTime, Utc};
use nesie_domain::ids::Owner;
use nesie_domain::phone::Phone;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of the notifications.
#[derive(Clone, Debug)]
pub struct Notifications {
    connection: Connection,
}

/// A notice that was accepted for sending.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AcceptedNotice {
    /// The provider's id of it.
    pub message_id: String,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Message<'a> {
    template: &'a str,
    phone: &'a Phone,
    #[serde(flatten)]
    owner: Owner,
    language: &'static str,
}

impl Notifications {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Sends a notice in Russian about an application or a case; a repeat with the same key sends nothing.
    ///
    /// # Errors
    /// When the provider did not readably accept it.
    pub async fn send(
        &self,
        idempotency_key: &str,
        template: &str,
        phone: &Phone,
        owner: Owner,
    ) -> Result<Answer<AcceptedNotice>, ProviderError> {
        let operation = self.connection.operation("message");
        let request = self.connection.request(Method::POST, &["messages"]);
        let request = request.header("idempotency-key", idempotency_key);
        send_json(operation, request.json(&Message { template, phone, owner, language: "ru" })).await?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, FailureClass};
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, providers};
    use nesie_domain::ids::{ApplicationId, CaseId};
    use serde_json::json;
    use uuid::Uuid;

    #[tokio::test]
    async fn sends_a_notice() {
        let accepted = json!({"message_id": "m-1", "accepted_at": "2026-11-22T10:00:00.000Z"});
        let (server, providers) = providers(Script::json(200, &accepted)).await;
        let phone = Phone::parse("+77011234567").expect("a phone");
        let owner = Owner::from(ApplicationId::from_uuid(Uuid::nil()));
        let send = async |key: &str| providers.notifications.send(key, "granted", &phone, owner).await;
        assert_eq!(send("key-1").await.expect("accepted").value.message_id, "m-1");
        let asked = &server.requests()[0];
        assert_eq!(asked.line, "POST /messages HTTP/1.1");
        assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
        let body =
            json!({"template": "granted", "phone": "+77011234567", "application_id": Uuid::nil(), "language": "ru"});
        assert_eq!(asked.json(), body);
        assert_hostile_answers_are_errors(&server, async || send("key-1").await.map(drop)).await;
    }

    #[tokio::test]
    async fn a_notice_about_a_case_names_the_case_and_no_application() {
        let accepted = json!({"message_id": "m-1", "accepted_at": "2026-11-22T10:00:00.000Z"});
        let (server, providers) = providers(Script::json(200, &accepted)).await;
        let phone = Phone::parse("+77011234567").expect("a phone");
        let owner = Owner::from(CaseId::from_uuid(Uuid::nil()));
        providers.notifications.send("key-1", "fraud_incident", &phone, owner).await.expect("accepted");
        let body =
            json!({"template": "fraud_incident", "phone": "+77011234567", "case_id": Uuid::nil(), "language": "ru"});
        assert_eq!(server.requests()[0].json(), body);
    }

    #[tokio::test]
    async fn a_key_that_can_not_be_a_header_never_leaves() {
        let (server, providers) = providers(Script::HangUp).await;
        let phone = Phone::parse("+77011234567").expect("a phone");
        let owner = Owner::from(ApplicationId::from_uuid(Uuid::nil()));
        let error = providers.notifications.send("a\r\nb: c", "granted", &phone, owner).await.expect_err("a bad key");
        assert_eq!(Failure::from(error).class, FailureClass::Park);
        assert!(server.requests().is_empty());
    }
}
