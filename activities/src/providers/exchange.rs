//! One exchange with a provider: sent, cut off in time, read up to a limit, kept byte for byte, parsed strictly.
//! Never retries, never follows a redirect (the client that is handed in must not), never quotes a URL in an error.

use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::error::{ProviderError, ProviderErrorKind};

/// The most bytes that a JSON answer may have.
pub const JSON_BYTES_MAX: usize = 64 * 1024;

/// What a provider answered, and the bytes in which it did: the evidence of what was decided on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer as we read it.
    pub value: T,
    /// The body, byte for byte.
    pub raw: Vec<u8>,
    /// The body's media type as the provider named it.
    pub content_type: String,
}

impl<T: fmt::Debug> fmt::Debug for Answer<T> {
    /// Without the bytes, which hold personal data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Answer({:?}, {} bytes of {})", self.value, self.raw.len(), self.content_type)
    }
}

impl<T> Answer<T> {
    /// The same evidence under another reading.
    pub(super) fn map<U>(self, read: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: read(self.value), raw: self.raw, content_type: self.content_type }
    }
}

/// The connection to one provider.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    http: Client,
    base: Url,
    provider: &'static str,
}

/// One operation of a provider, on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    provider: &'static str,
    name: &'static str,
}

impl Operation {
    /// The error of this operation.
    pub(super) fn error(self, kind: ProviderErrorKind) -> ProviderError {
        ProviderError { provider: self.provider, operation: self.name, kind }
    }

    /// The answer can not be read, or is about something else than was asked.
    pub(super) fn unreadable(self) -> ProviderError {
        self.error(ProviderErrorKind::Unreadable)
    }

    /// Unreadable unless `holds`: what every echo in an answer is checked by.
    pub(super) fn ensure(self, holds: bool) -> Result<(), ProviderError> {
        if holds { Ok(()) } else { Err(self.unreadable()) }
    }
}

/// An answer whose status the operation has yet to judge.
#[derive(Debug)]
pub(super) struct Reply {
    operation: Operation,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(http: Client, base: Url, provider: &'static str) -> Self {
        Self { http, base, provider }
    }

    pub(super) fn provider(&self) -> &'static str {
        self.provider
    }

    pub(super) fn operation(&self, name: &'static str) -> Operation {
        Operation { provider: self.provider, name }
    }

    /// A request to the path made of `segments` under the base URL, each encoded; a last empty one ends it in a slash.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        self.http.request(method, url)
    }
}

/// Sends the request and reads the whole answer, up to `bytes_max`.
pub(super) async fn send(
    operation: Operation,
    request: RequestBuilder,
    bytes_max: usize,
) -> Result<Reply, ProviderError> {
    // The library's own errors print the URL, and a URL may hold an IIN: only the kind goes on.
    let failed = |error: reqwest::Error| operation.error(kind_of(&error));
    let mut response = request.send().await.map_err(failed)?;
    let too_large = || operation.error(ProviderErrorKind::TooLarge);
    if response.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { operation, status, headers, body })
}

/// The same for JSON, the form of all answers but the lists.
pub(super) async fn send_json(operation: Operation, request: RequestBuilder) -> Result<Reply, ProviderError> {
    send(operation, request, JSON_BYTES_MAX).await
}

fn kind_of(error: &reqwest::Error) -> ProviderErrorKind {
    if error.is_timeout() {
        ProviderErrorKind::TimedOut
    } else if error.is_builder() {
        // A header or a URL that can not be written: no provider would have taken it.
        ProviderErrorKind::Malformed
    } else {
        ProviderErrorKind::Unreachable
    }
}

impl Reply {
    /// The answer, if its status is 200 and its body is exactly what the contract says.
    pub(super) fn ok<T: DeserializeOwned>(self) -> Result<Answer<T>, ProviderError> {
        self.expect_ok()?;
        let value = self.parse()?;
        Ok(self.into_answer(value))
    }

    /// The answer, or `None` where the provider itself says that it knows no such thing.
    ///
    /// A 404 without that body is the answer of something else on the way, and no knowledge at all.
    pub(super) fn found<T: DeserializeOwned>(self) -> Result<Answer<Option<T>>, ProviderError> {
        if self.status != 404 {
            return Ok(self.ok()?.map(Some));
        }
        let refusal: Refusal = self.parse()?;
        self.operation.ensure(refusal.error == "not_found")?;
        Ok(self.into_answer(None))
    }

    /// An error unless the status is 200.
    pub(super) fn expect_ok(&self) -> Result<(), ProviderError> {
        match self.status {
            200 => Ok(()),
            // Said by the provider itself it means that nothing was done; by something on the way it means nothing.
            400 if self.parse::<Refusal>().is_ok() => Err(self.operation.error(ProviderErrorKind::Malformed)),
            status => Err(self.operation.error(ProviderErrorKind::Status(status))),
        }
    }

    /// The body as JSON of exactly this form.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|_| self.operation.unreadable())
    }

    /// The bytes as evidence of what was read.
    pub(super) fn into_answer<T>(self, value: T) -> Answer<T> {
        let content_type = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            // What RFC 9110 §8.3 has a recipient assume.
            .unwrap_or("application/octet-stream")
            .to_owned();
        Answer { value, raw: self.body, content_type }
    }
}

#[derive(serde::Deserialize)]
struct Refusal {
    error: String,
}

/// For a field that may be null but must be there: serde alone takes a missing `Option` for null.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// For an amount in tiyn, which no provider may give below zero.
pub(super) fn tiyn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<nesie_domain::money::Money, D::Error> {
    let tiyn = i64::deserialize(deserializer)?;
    if tiyn < 0 {
        return Err(serde::de::Error::custom("an amount below zero"));
    }
    Ok(nesie_domain::money::Money::from_tiyn(tiyn))
}
