//! Acts that need two people: which there are, and who may be the second.
//! Never decides an act itself.

use serde::{Deserialize, Serialize};

/// An act that needs a second person (issue: governance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// A version of the working calendar is published.
    PublishCalendar,
    /// A debt is written off (para 13 ¶4).
    WriteOff,
    /// Accrual, collection and reporting resume after a cancellation (para 13 ¶3).
    Resumption,
    /// A parked step is completed by hand, with proof.
    CompleteByHand,
    /// A parked step is retried with corrected input.
    RetryCorrected,
}

impl ApprovalKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::PublishCalendar, Self::WriteOff, Self::Resumption, Self::CompleteByHand, Self::RetryCorrected];

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublishCalendar => "publish_calendar",
            Self::WriteOff => "write_off",
            Self::Resumption => "resumption",
            Self::CompleteByHand => "complete_by_hand",
            Self::RetryCorrected => "retry_corrected",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Who may decide, and until when: copied into each request when it is made, so that a later rule does not change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// Roles of which the second person needs one.
    pub roles: Vec<String>,
    /// How long the request waits, in hours.
    pub valid_hours: u32,
}

impl ApprovalRule {
    /// The rule in force for new requests.
    #[must_use]
    pub fn current(valid_hours: u32) -> Self {
        Self { roles: vec!["approver".to_string()], valid_hours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in ApprovalKind::ALL {
            assert_eq!(ApprovalKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a kind is JSON"), kind.as_str());
        }
    }
}
