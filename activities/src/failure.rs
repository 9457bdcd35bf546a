//! What a failure means: try again, park for a person, or refuse (design invariant 7). The one place that decides it,
//! and the one place that makes it an error of the SDK.
//! Never personal data: what is said here stands in history, in plain text.

use nesie_storage::StorageError;
use nesie_workflows::contract::{FailureDetails, PARK_FAILURE, REFUSE_FAILURE, RETRY_FAILURE};
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

use crate::providers::{ProviderError, ProviderErrorKind};

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Try again by itself, within the step's budget; after it the step is parked.
    Retry,
    /// No try by itself can mend it: park at once.
    Park,
    /// What was asked for can not be done; the application ends.
    Refuse,
}

/// A failed activity.
///
/// Not a `std::error::Error` on purpose: the SDK would take any of those at a bare `?` and make it retryable without
/// its class. This type has its own conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is to be done about it.
    pub class: FailureClass,
    /// The provider that was asked, by its name in `docs/providers.md`; `None` where none was.
    pub provider: Option<&'static str>,
    /// The stable code, as operations see it.
    pub code: &'static str,
    /// Whether another try can do no harm.
    pub retry_is_safe: bool,
    /// Whether it is known that no money was sent, of a step that sends some.
    pub nothing_sent: bool,
    /// What happened, for the log and the history: an operation and a kind, never a value.
    message: String,
}

impl Failure {
    /// Worth another try.
    #[must_use]
    pub fn retry(code: &'static str) -> Self {
        Self::new(FailureClass::Retry, code)
    }

    /// For a person to decide.
    #[must_use]
    pub fn park(code: &'static str) -> Self {
        Self::new(FailureClass::Park, code)
    }

    /// Ends the application.
    #[must_use]
    pub fn refuse(code: &'static str) -> Self {
        Self::new(FailureClass::Refuse, code)
    }

    /// What several things that were done side by side came to. Of failures one that another try may mend comes first: the
    /// step is tried again for whom it is still to be done.
    pub(crate) fn of_all(done: Vec<Result<(), Self>>) -> Result<(), Self> {
        let failed = done.into_iter().filter_map(Result::err);
        failed.min_by_key(|failure| failure.class != FailureClass::Retry).map_or(Ok(()), Err)
    }

    fn new(class: FailureClass, code: &'static str) -> Self {
        Self { class, provider: None, code, retry_is_safe: true, nothing_sent: false, message: code.to_owned() }
    }

    /// The same failure of a provider.
    #[must_use]
    pub fn of(self, provider: &'static str) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// The same failure after something that must not happen twice may have happened, such as a payment by a provider
    /// that promises no deduplication. Never tried again by itself.
    #[must_use]
    pub fn unsafe_to_retry(self) -> Self {
        let class = if self.class == FailureClass::Retry { FailureClass::Park } else { self.class };
        Self { class, retry_is_safe: false, ..self }
    }

    /// The same failure before any money was sent.
    #[must_use]
    pub fn before_money(self) -> Self {
        Self { nothing_sent: true, ..self }
    }

    /// What the workflow is told.
    #[must_use]
    pub fn details(&self) -> FailureDetails {
        FailureDetails {
            provider: self.provider.map(str::to_owned),
            code: self.code.to_owned(),
            retry_is_safe: self.retry_is_safe,
            nothing_sent: self.nothing_sent,
        }
    }

    const fn type_name(&self) -> &'static str {
        match self.class {
            FailureClass::Retry => RETRY_FAILURE,
            FailureClass::Park => PARK_FAILURE,
            FailureClass::Refuse => REFUSE_FAILURE,
        }
    }
}

impl From<ProviderError> for Failure {
    /// Another try with the same key does no harm with any operation that ends in such an error: reads, and writes that
    /// the provider keeps once by their key. A transfer never ends in one after it may have been made.
    fn from(error: ProviderError) -> Self {
        let failure = Self::new(class_of(error.kind), error.kind.code()).of(error.provider);
        Self { message: error.to_string(), ..failure }
    }
}

const fn class_of(kind: ProviderErrorKind) -> FailureClass {
    match kind {
        // The provider asks us to come back later; that is no fault of the request.
        ProviderErrorKind::Status(408 | 425 | 429) => FailureClass::Retry,
        ProviderErrorKind::Malformed | ProviderErrorKind::Status(400..500) => FailureClass::Park,
        ProviderErrorKind::Unreachable
        | ProviderErrorKind::TimedOut
        | ProviderErrorKind::Status(_)
        | ProviderErrorKind::Unreadable
        | ProviderErrorKind::TooLarge
        | ProviderErrorKind::Undetermined => FailureClass::Retry,
    }
}

impl From<StorageError> for Failure {
    /// The driver's failures pass; what contradicts itself in our own rows needs a person.
    fn from(error: StorageError) -> Self {
        let message = error.to_string();
        let (class, code) = match error {
            StorageError::Driver { .. } => (FailureClass::Retry, "storage.driver"),
            StorageError::RowsAffected { .. } => (FailureClass::Park, "storage.rows_affected"),
            StorageError::Inconsistent { .. } => (FailureClass::Park, "storage.inconsistent"),
            StorageError::Conflict { .. } => (FailureClass::Park, "storage.conflict"),
            StorageError::Encode { .. } => (FailureClass::Park, "storage.encode"),
            StorageError::Migrate { .. } => (FailureClass::Retry, "storage.migrate"),
            StorageError::Schema { .. } => (FailureClass::Retry, "storage.schema"),
        };
        Self { message, ..Self::new(class, code) }
    }
}

/// The text of a failure for the SDK, which wants an error of the standard library.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Message(String);

impl From<Failure> for ActivityError {
    fn from(failure: Failure) -> Self {
        let application_failure = ApplicationFailure::builder(Message(failure.message.clone()))
            .type_name(failure.type_name().to_owned())
            .non_retryable(failure.class != FailureClass::Retry)
            .details(failure.details())
            .build();
        Self::application(application_failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider_failure(kind: ProviderErrorKind) -> Failure {
        ProviderError { provider: "bureau", operation: "report", kind }.into()
    }

    #[test]
    fn every_kind_of_provider_error_has_its_class() {
        use FailureClass::{Park, Retry};
        use ProviderErrorKind::{Malformed, Status, TimedOut, TooLarge, Undetermined, Unreachable, Unreadable};
        for (kind, class, code) in [
            (Unreachable, Retry, "provider.unreachable"),
            (TimedOut, Retry, "provider.timed_out"),
            (Unreadable, Retry, "provider.unreadable"),
            (TooLarge, Retry, "provider.too_large"),
            (Undetermined, Retry, "provider.undetermined"),
            (Status(500), Retry, "provider.server_error"),
            (Status(503), Retry, "provider.server_error"),
            (Status(302), Retry, "provider.unexpected_status"),
            (Status(204), Retry, "provider.unexpected_status"),
            (Status(429), Retry, "provider.asks_to_wait"),
            (Status(401), Park, "provider.request_refused"),
            (Status(403), Park, "provider.request_refused"),
            (Status(404), Park, "provider.request_refused"),
            (Status(422), Park, "provider.request_refused"),
            (Malformed, Park, "provider.request_malformed"),
        ] {
            let failure = provider_failure(kind);
            assert_eq!((failure.class, failure.code), (class, code), "{kind:?}");
            assert_eq!((failure.provider, failure.retry_is_safe), (Some("bureau"), true), "{kind:?}");
        }
    }

    #[test]
    fn the_sdk_is_told_class_and_type() {
        let parked = Failure::retry("payment.unknown").of("payments").unsafe_to_retry();
        assert_eq!((parked.class, parked.retry_is_safe), (FailureClass::Park, false));
        for (failure, type_name, non_retryable) in [
            (provider_failure(ProviderErrorKind::TimedOut), "Retry", false),
            (parked, "Park", true),
            (Failure::refuse("client.unsupported"), "Refuse", true),
            (StorageError::Conflict { operation: "record a fact" }.into(), "Park", true),
        ] {
            let ActivityError::Application(application) = ActivityError::from(failure) else {
                panic!("an application failure")
            };
            assert_eq!(application.type_name(), Some(type_name));
            assert_eq!(application.is_non_retryable(), non_retryable);
        }
    }

    #[test]
    fn a_question_mark_keeps_the_class() {
        fn activity() -> Result<(), ActivityError> {
            Err(Failure::park("aml.list_missing"))?;
            Ok(())
        }
        let Err(ActivityError::Application(application)) = activity() else { panic!("an application failure") };
        assert_eq!(application.type_name(), Some(PARK_FAILURE));
    }

    #[test]
    fn details_keep_their_form_in_history() {
        let details = provider_failure(ProviderErrorKind::TimedOut).unsafe_to_retry().details();
        let written = r#"{"provider":"bureau","code":"provider.timed_out","retry_is_safe":false}"#;
        assert_eq!(serde_json::to_string(&details).expect("details are plain data"), written);
        assert_eq!(serde_json::from_str::<FailureDetails>(written).expect("the same form"), details);
        let details = Failure::park("client.leak_unverified").before_money().details();
        let written = r#"{"provider":null,"code":"client.leak_unverified","retry_is_safe":true,"nothing_sent":true}"#;
        assert_eq!(serde_json::to_string(&details).expect("details are plain data"), written);
    }
}
