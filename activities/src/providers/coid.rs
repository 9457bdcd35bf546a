//! ЦОИД: compares a photograph with the state's reference image.
//! Never decides whether a score is enough: the threshold is policy.

use nesie_domain::iin::Iin;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send_json};

/// Client of ЦОИД.
#[derive(Clone, Debug)]
pub struct Coid {
    connection: Connection,
}

/// The image formats that ЦОИД takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageType {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
}

impl ImageType {
    /// The media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// Reads the media type; `None` for any other.
    #[must_use]
    pub fn parse(media_type: &str) -> Option<Self> {
        match media_type {
            "image/png" => Some(Self::Png),
            "image/jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// One comparison to make.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The same key brings the same answer.
    pub idempotency_key: &'a str,
    /// Who the person is said to be.
    pub iin: &'a Iin,
    /// Whose liveness check made the image.
    pub vendor: &'a str,
    /// The one-time challenge that the image answers.
    pub challenge_id: &'a str,
    /// The movements that were asked for, in order, by their codes.
    pub movements: &'a [&'a str],
    /// The image.
    pub image: &'a [u8],
    /// Its format.
    pub image_type: ImageType,
}

/// What ЦОИД says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoidReply {
    /// The images were compared.
    Compared {
        /// Likeness, 0 to 1.
        score: Decimal,
        /// Whether a living person made the movements.
        liveness: bool,
    },
    /// The person has no reference image: nothing was compared.
    NoReferenceImage,
}

#[derive(Deserialize)]
struct Wire {
    iin: Iin,
    // Read as it is written: a likeness of 0.9 must not become 0.899….
    result: serde_json::Number,
    vendor: String,
    x_idempotency_key: String,
    challenge_id: String,
    liveness: bool,
}

impl Coid {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Compares the image; the same key brings the same answer.
    ///
    /// # Errors
    /// When ЦОИД gave no readable answer to this very comparison.
    pub async fn verify(&self, comparison: &Comparison<'_>) -> Result<Answer<CoidReply>, ProviderError> {
        let operation = self.connection.operation("verify");
        let movements = comparison.movements.join(",");
        let request = self
            .connection
            .request(Method::POST, &["identity", "1.1.0", "verify"])
            .query(&[
                ("iin", comparison.iin.as_str()),
                ("vendor", comparison.vendor),
                ("challenge_id", comparison.challenge_id),
                ("movements", &movements),
            ])
            .header("x-idempotency-key", comparison.idempotency_key)
            .header(CONTENT_TYPE, comparison.image_type.as_str())
            .body(comparison.image.to_vec());
        let answer = send_json(operation, request).await?.found::<Wire>()?;
        let Some(wire) = &answer.value else {
            return Ok(answer.map(|_| CoidReply::NoReferenceImage));
        };
        operation.ensure(
            wire.iin == *comparison.iin
                && wire.vendor == comparison.vendor
                && wire.x_idempotency_key == comparison.idempotency_key
                && wire.challenge_id == comparison.challenge_id,
        )?;
        let score = score(&wire.result).ok_or_else(|| operation.unreadable())?;
        let liveness = wire.liveness;
        Ok(answer.map(|_| CoidReply::Compared { score, liveness }))
    }
}

fn score(number: &serde_json::Number) -> Option<Decimal> {
    let text = number.to_string();
    let score = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    (Decimal::ZERO..=Decimal::ONE).contains(&score).then_some(score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderErrorKind;
    use crate::providers::testing::{Script, assert_hostile_answers_are_errors, iin, providers};
    use serde_json::{Value, json};

    fn answer() -> Value {
        json!({"iin": iin().as_str(), "result": 0.9, "vendor": "oz", "x_idempotency_key": "key-1",
            "challenge_id": "challenge-1", "liveness": true})
    }

    async fn verify(providers: &crate::providers::Providers) -> Result<Answer<CoidReply>, ProviderError> {
        let person = iin();
        let comparison = Comparison {
            idempotency_key: "key-1",
            iin: &person,
            vendor: "oz",
            challenge_id: "challenge-1",
            movements: &["blink", "turn_left"],
            image: b"not really a picture",
            image_type: ImageType::Png,
        };
        providers.coid.verify(&comparison).await
    }

    #[tokio::test]
    async fn reads_a_comparison() {
        let (server, providers) = providers(Script::json(200, &answer())).await;
        let score = Decimal::new(9, 1);
        assert_eq!(verify(&providers).await.expect("an answer").value, CoidReply::Compared { score, liveness: true });
        let asked = &server.requests()[0];
        let query = format!("iin={}&vendor=oz&challenge_id=challenge-1&movements=blink%2Cturn_left", iin().as_str());
        assert_eq!(asked.line, format!("POST /identity/1.1.0/verify?{query} HTTP/1.1"));
        assert!(asked.headers.contains("x-idempotency-key: key-1\r\n"));
        assert!(asked.headers.contains("content-type: image/png\r\n"));
        assert_eq!(asked.body, b"not really a picture");
    }

    #[tokio::test]
    async fn only_its_own_404_means_that_there_is_no_image() {
        let (server, providers) = providers(Script::json(404, &json!({"error": "not_found"}))).await;
        assert_eq!(verify(&providers).await.expect("an answer").value, CoidReply::NoReferenceImage);
        for other in [json!({"error": "no route"}), json!({}), json!("not_found")] {
            server.answer(Script::json(404, &other));
            assert_eq!(verify(&providers).await.map_err(|error| error.kind), Err(ProviderErrorKind::Unreadable));
        }
    }

    #[tokio::test]
    async fn an_answer_to_something_else_is_unreadable() {
        let (server, providers) = providers(Script::HangUp).await;
        for (field, value) in [
            ("iin", json!("800416300257")),
            ("vendor", json!("other")),
            ("x_idempotency_key", json!("key-2")),
            ("challenge_id", json!("challenge-2")),
            ("result", json!(1.01)),
            ("result", json!(-0.1)),
            ("result", json!("0.9")),
            ("result", json!(null)),
            ("liveness", json!("yes")),
        ] {
            let mut answer = answer();
            answer[field] = value;
            server.answer(Script::json(200, &answer));
            let error = verify(&providers).await.expect_err(field);
            assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{answer}");
        }
        assert_hostile_answers_are_errors(&server, async || verify(&providers).await.map(drop)).await;
    }

    #[test]
    fn a_score_is_read_as_written() {
        let read = |text: &str| score(&serde_json::from_str(text).expect("a number"));
        assert_eq!(read("0.9"), Some(Decimal::new(9, 1)));
        assert_eq!(read("1"), Some(Decimal::ONE));
        assert_eq!(read("1e-7"), Some(Decimal::new(1, 7)));
        assert_eq!(read("1.0000001"), None);
    }
}
