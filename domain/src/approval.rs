//! Acts that need two people: which there are, and who may be the second.
//! Never decides an act itself.

use chrono::{DateTime, TimeDelta, Utc};
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
    /// A case that was opened in error is withdrawn.
    WithdrawCase,
}

impl ApprovalKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::PublishCalendar,
        Self::WriteOff,
        Self::Resumption,
        Self::CompleteByHand,
        Self::RetryCorrected,
        Self::WithdrawCase,
    ];

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublishCalendar => "publish_calendar",
            Self::WriteOff => "write_off",
            Self::Resumption => "resumption",
            Self::CompleteByHand => "complete_by_hand",
            Self::RetryCorrected => "retry_corrected",
            Self::WithdrawCase => "withdraw_case",
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

/// The role of the second person.
const APPROVER: &str = "approver";
/// How long a request waits where no policy of its case says otherwise.
const VALID_HOURS: u32 = 72;

impl ApprovalRule {
    /// The rule in force for new requests of a kind. A case's policy may set another validity.
    #[must_use]
    pub fn current(kind: ApprovalKind) -> Self {
        match kind {
            ApprovalKind::PublishCalendar
            | ApprovalKind::WriteOff
            | ApprovalKind::Resumption
            | ApprovalKind::CompleteByHand
            | ApprovalKind::RetryCorrected
            | ApprovalKind::WithdrawCase => Self { roles: vec![APPROVER.to_string()], valid_hours: VALID_HOURS },
        }
    }

    /// Until when a request made at an instant waits.
    #[must_use]
    pub fn expires_at(&self, made_at: DateTime<Utc>) -> DateTime<Utc> {
        made_at + TimeDelta::hours(self.valid_hours.into())
    }

    /// Whether one of these roles may decide.
    #[must_use]
    pub fn allows(&self, roles: &[String]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }
}

/// Where a request stands. Nothing leads back to pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// It waits for the second person.
    Pending,
    /// The second person agreed.
    Approved,
    /// The second person refused.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Expired];

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// The state of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
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

    #[test]
    fn states_read_back() {
        for state in ApprovalState::ALL {
            assert_eq!(ApprovalState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).expect("a state is JSON"), state.as_str());
        }
    }

    #[test]
    fn only_a_role_of_the_rule_decides() {
        let rule = ApprovalRule::current(ApprovalKind::CompleteByHand);
        assert!(rule.allows(&["operations".to_string(), "approver".to_string()]));
        for roles in [vec![], vec!["operations".to_string()], vec!["Approver".to_string()]] {
            assert!(!rule.allows(&roles), "{roles:?}");
        }
        assert_eq!(rule.expires_at(DateTime::UNIX_EPOCH).timestamp(), 72 * 3600);
    }
}
