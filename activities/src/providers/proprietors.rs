//! The register of sole proprietors. What it says is stored evidence of an exemption from the EDS (reading A4).
//! Never decides on that exemption.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::iin::Iin;
use reqwest::Method;
use serde::Deserialize;

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of the register.
#[derive(Clone, Debug)]
pub struct Proprietors {
    connection: Connection,
}

/// What the register holds on a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProprietorRecord {
    /// The registration, or `None`: not registered.
    pub registration: Option<Registration>,
    /// The register's own id of this extract.
    pub record_id: String,
    /// The instant that the extract speaks of.
    pub as_of: DateTime<Utc>,
}

/// A registration as sole proprietor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its number.
    pub number: String,
    /// Its day.
    pub registered_on: NaiveDate,
}

#[derive(Deserialize)]
struct Wire {
    iin: Iin,
    registered: bool,
    record_id: String,
    as_of: DateTime<Utc>,
    // There exactly when `registered` is true, which is checked below.
    registration_number: Option<String>,
    registered_on: Option<NaiveDate>,
}

impl Proprietors {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Whether the person is registered as a sole proprietor. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the register gave no readable answer about this person.
    pub async fn lookup(&self, iin: &Iin) -> Result<Answer<ProprietorRecord>, ProviderError> {
        let operation = self.connection.operation("lookup");
        let request = self.connection.request(Method::GET, &[iin.as_str()]);
        let answer = send_json(operation, request).await?.ok::<Wire>()?;
        let wire = &answer.value;
        operation.ensure(wire.iin == *iin)?;
        let registration = match (wire.registered, &wire.registration_number, wire.registered_on) {
            (true, Some(number), Some(registered_on)) => Some(Registration { number: number.clone(), registered_on }),
            (false, None, None) => None,
            _ => return Err(operation.unreadable()),
        };
        Ok(answer.map(|wire| ProprietorRecord { registration, record_id: wire.record_id, as_of: wire.as_of }))
    }
}

#[cfg(test)]
mod tests {
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, iin, providers};
    use serde_json::json;

    fn registered() -> serde_json::Value {
        json!({"iin": iin().as_str(), "registered": true, "registration_number": "KZ-1", "registered_on": "2021-03-01",
            "record_id": "record-1", "as_of": "2026-11-22T10:00:00.000Z"})
    }

    #[tokio::test]
    async fn reads_both_answers() {
        let (script, providers) = providers(Script::json(200, &registered())).await;
        let answer = providers.proprietors.lookup(&iin()).await.expect("a registration");
        let registration = answer.value.registration.expect("registered");
        assert_eq!((registration.number.as_str(), answer.value.record_id.as_str()), ("KZ-1", "record-1"));
        assert_eq!(answer.raw, registered().to_string().into_bytes());
        assert_eq!(answer.content_type, "application/json");
        assert_eq!(script.requests()[0].line, format!("GET /{} HTTP/1.1", iin().as_str()));

        let not =
            json!({"iin": iin().as_str(), "registered": false, "record_id": "r", "as_of": "2026-11-22T10:00:00Z"});
        script.answer(Script::json(200, &not));
        assert_eq!(providers.proprietors.lookup(&iin()).await.expect("an answer").value.registration, None);
    }

    #[tokio::test]
    async fn a_half_answer_is_no_answer() {
        let mut half = registered();
        half["registered"] = json!(false);
        let (script, providers) = providers(Script::json(200, &half)).await;
        assert!(providers.proprietors.lookup(&iin()).await.is_err(), "a number of somebody who is not registered");
        let mut other = registered();
        other["iin"] = json!("800416300257");
        script.answer(Script::json(200, &other));
        assert!(providers.proprietors.lookup(&iin()).await.is_err(), "another person");
        assert_hostile_answers_are_errors(&script, async || providers.proprietors.lookup(&iin()).await.map(drop)).await;
    }
}
