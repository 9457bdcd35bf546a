//! What a failed activity tells its workflow: the type names and the typed details of the failure.
//! Never personal data: failures stand in history, and their messages are not encrypted.

use serde::{Deserialize, Serialize};

/// The type name of a failure that is worth another try; it reaches the workflow once the budget is used up.
pub const RETRY_FAILURE: &str = "Retry";

/// The type name of a failure that no further try by itself can mend: a person decides (design invariant 7).
pub const PARK_FAILURE: &str = "Park";

/// The type name of a failure that ends the application: what was asked for can not be done.
pub const REFUSE_FAILURE: &str = "Refuse";

/// The code of a failure that compliance mends, not operations: its decision on a likely match with a list lets the step
/// go on (docs/decisions/0028).
pub const MATCH_BEFORE_PAYMENT: &str = "aml.match_before_payment";

/// The typed details of every failure that our activities return, whatever its class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDetails {
    /// The provider that was asked, by its name in `docs/providers.md`; `None` where none was.
    pub provider: Option<String>,
    /// The stable code of the failure.
    pub code: String,
    /// Whether another try can do no harm.
    pub retry_is_safe: bool,
    /// Whether it is known that no money was sent, of a step that sends some; nobody said so before this was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_sent: bool,
}
