//! What can go wrong between us and a provider. Never holds a URL, a body or a name: errors reach logs and history.

use std::fmt;

/// A call to a provider that gave no answer that we may act on.
///
/// Not a `std::error::Error` on purpose: the SDK turns any of those into a retryable failure at a bare `?`, and so the
/// class would be lost. The way into an activity's error is [`crate::failure::Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// The provider, by its name in `docs/providers.md`.
    pub provider: &'static str,
    /// What was asked of it, by the operation's name there.
    pub operation: &'static str,
    /// What went wrong.
    pub kind: ProviderErrorKind,
}

/// What went wrong with a call. None of these is a negative answer (issue part 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderErrorKind {
    /// No connection, or one that broke before the answer was complete.
    #[error("the provider could not be reached, or hung up")]
    Unreachable,
    /// No complete answer within the client's time-out.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// A status that the contract does not know.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// An answer that the contract does not know: form, value, checksum, or about something else than was asked.
    #[error("the provider's answer can not be read")]
    Unreadable,
    /// More bytes than an answer can have.
    #[error("the provider's answer is too large")]
    TooLarge,
    /// The provider calls our request malformed (400): nothing was done.
    #[error("the provider calls the request malformed")]
    Malformed,
    /// The provider says that it can not tell, as when the status of a certificate is not to be had.
    #[error("the provider can not tell")]
    Undetermined,
}

impl ProviderErrorKind {
    /// The stable code, as operations see it on a parked step.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "provider.unreachable",
            Self::TimedOut => "provider.timed_out",
            Self::Status(500..) => "provider.server_error",
            Self::Status(408 | 425 | 429) => "provider.asks_to_wait",
            Self::Status(400..) => "provider.request_refused",
            Self::Status(_) => "provider.unexpected_status",
            Self::Unreadable => "provider.unreadable",
            Self::TooLarge => "provider.too_large",
            Self::Malformed => "provider.request_malformed",
            Self::Undetermined => "provider.undetermined",
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}: {}", self.provider, self.operation, self.kind)
    }
}
