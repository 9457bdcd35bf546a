//! Kinds of incidents that paragraph 13 ¶1 names. Never a rule about one.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// Unauthorised access to what is a secret of microcredits.
    UnauthorisedAccess,
    /// An unauthorised change of it.
    UnauthorisedChange,
    /// Unauthorised acts of third parties.
    ThirdPartyActs,
    /// Other illegal, fraudulent acts with microcredits.
    OtherFraud,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::UnauthorisedAccess, Self::UnauthorisedChange, Self::ThirdPartyActs, Self::OtherFraud];

    /// The stable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnauthorisedAccess => "unauthorised_access",
            Self::UnauthorisedChange => "unauthorised_change",
            Self::ThirdPartyActs => "third_party_acts",
            Self::OtherFraud => "other_fraud",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in IncidentKind::ALL {
            assert_eq!(IncidentKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a kind is JSON"), kind.as_str());
        }
        assert_eq!(IncidentKind::parse("theft"), None);
    }
}
