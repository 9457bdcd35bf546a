//! Whose number a phone is (para 36): one client for the base of the mobile operators and for that of eGov mobile.
//! Never takes a number that a base does not know for the person's, nor for somebody else's.

use chrono::{DateTime, Utc};
use nesie_domain::iin::Iin;
use nesie_domain::phone::Phone;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of one base.
#[derive(Clone, Debug)]
pub struct Phones {
    connection: Connection,
}

/// Whether the number is the person's. `Unknown` is not `NoMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhoneMatch {
    /// It is.
    Match,
    /// It is somebody else's.
    NoMatch,
    /// The base can not tell.
    Unknown,
}

/// What a base says of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneRecord {
    /// Whether it is the person's.
    pub result: PhoneMatch,
    /// The base's own id of this answer.
    pub record_id: String,
    /// The instant that the answer speaks of.
    pub as_of: DateTime<Utc>,
}

#[derive(Serialize)]
struct Question<'a> {
    iin: &'a Iin,
    phone: &'a Phone,
}

#[derive(Deserialize)]
struct Wire {
    iin: Iin,
    phone: String,
    result: PhoneMatch,
    record_id: String,
    as_of: DateTime<Utc>,
}

impl Phones {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Whether the number is the person's. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the base gave no readable answer about this person and this number.
    pub async fn check(&self, iin: &Iin, phone: &Phone) -> Result<Answer<PhoneRecord>, ProviderError> {
        let operation = self.connection.operation("check");
        let request = self.connection.request(Method::POST, &["check"]).json(&Question { iin, phone });
        let answer = send_json(operation, request).await?.ok::<Wire>()?;
        let wire = &answer.value;
        operation.ensure(wire.iin == *iin && wire.phone == phone.as_str() && !wire.record_id.is_empty())?;
        Ok(answer.map(|wire| PhoneRecord { result: wire.result, record_id: wire.record_id, as_of: wire.as_of }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderErrorKind;
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, iin, providers};
    use serde_json::json;

    #[tokio::test]
    async fn reads_all_three_answers_and_no_other() {
        let answer = json!({"iin": iin().as_str(), "phone": "+77011234567", "result": "MATCH", "record_id": "r-1",
            "as_of": "2026-11-25T10:00:00.000Z"});
        let (server, providers) = providers(Script::json(200, &answer)).await;
        let phone = Phone::parse("+77011234567").expect("a phone");
        for (base, provider) in
            [(&providers.mobile_operators, "mobile-operators"), (&providers.egov_mobile, "egov-mobile")]
        {
            let changed = |field: &str, value: serde_json::Value| {
                let mut changed = answer.clone();
                changed[field] = value;
                server.answer(Script::json(200, &changed));
            };
            for (written, read) in
                [("MATCH", PhoneMatch::Match), ("NO_MATCH", PhoneMatch::NoMatch), ("UNKNOWN", PhoneMatch::Unknown)]
            {
                changed("result", json!(written));
                assert_eq!(base.check(&iin(), &phone).await.expect("an answer").value.result, read);
            }
            for (field, value) in [
                ("result", json!("MAYBE")),
                ("result", json!(null)),
                ("iin", json!("800416300257")),
                ("phone", json!("+77011234568")),
                ("record_id", json!("")),
                ("as_of", json!("today")),
            ] {
                changed(field, value);
                let error = base.check(&iin(), &phone).await.expect_err(field);
                assert_eq!((error.kind, error.provider), (ProviderErrorKind::Unreadable, provider), "{field}");
            }
        }
        let asked = &server.requests()[0];
        assert_eq!(asked.line, "POST /check HTTP/1.1", "neither IIN nor phone stands in a URL");
        assert_eq!(asked.json(), json!({"iin": iin().as_str(), "phone": "+77011234567"}));
        assert_hostile_answers_are_errors(&server, async || {
            providers.mobile_operators.check(&iin(), &phone).await.map(drop)
        })
        .await;
    }
}
