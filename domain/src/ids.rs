//! One typed identifier per thing of the business, listed here.
//! They never come from an ambient random source: whoever makes one passes the UUID in.

use uuid::Uuid;

use crate::refund::{RefundKind, RefundRound};

macro_rules! typed_ids {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
            #[serde(transparent)]
            pub struct $name(Uuid);

            impl $name {
                /// Takes a UUID that is known to name this kind of thing.
                #[must_use]
                pub const fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                /// The bare UUID, for the database and the wire.
                #[must_use]
                pub const fn as_uuid(&self) -> Uuid {
                    self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(formatter)
                }
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    write!(formatter, concat!(stringify!($name), "({})"), self.0)
                }
            }

            impl std::str::FromStr for $name {
                type Err = IdError;

                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    Uuid::parse_str(text).map(Self).map_err(|_| IdError::Malformed)
                }
            }
        )+
    };
}

typed_ids! {
    /// One application for a microcredit, and its workflow.
    ApplicationId,
    /// What a client or a person sent, stored before anything is decided about it.
    SubmissionId,
    /// One draft of a repayment schedule that the client compares.
    DraftId,
    /// The agreement that the application led to.
    ContractId,
    /// One challenge of control movements, used once.
    ChallengeId,
    /// A step that exhausted its budget and waits for a person.
    ParkedStepId,
    /// A likeness to a listed person that waits for a compliance decision.
    ScreeningMatchId,
    /// Our own reference of a payment, stored before the provider is first called.
    PaymentReference,
    /// One request to a provider, or to us.
    RequestId,
    /// One stored piece of evidence.
    EvidenceId,
    /// One case of the Rules beside applications (paras 4, 5, 13, 36), and its workflow.
    CaseId,
    /// One legal term to be kept.
    DutyId,
    /// One act that needs a second person.
    ApprovalId,
    /// One document that came with a case or an act.
    DocumentId,
    /// One address of the lender's own systems that events are sent to.
    WebhookEndpointId,
    /// One event on its way to one such address.
    WebhookDeliveryId,
    /// One event; receivers tell repeats by it.
    EventId,
}

/// Whose a fact, a call, a piece of evidence or a parked step is. In JSON it is the one field that names it, so it can be
/// flattened into what once knew only applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Owner {
    /// An application.
    #[serde(rename = "application_id")]
    Application(ApplicationId),
    /// A case.
    #[serde(rename = "case_id")]
    Case(CaseId),
}

impl Owner {
    /// The bare UUID; no application and no case share one.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        match self {
            Self::Application(id) => id.as_uuid(),
            Self::Case(id) => id.as_uuid(),
        }
    }

    /// The application's UUID, where it is one.
    #[must_use]
    pub const fn application(self) -> Option<Uuid> {
        match self {
            Self::Application(id) => Some(id.as_uuid()),
            Self::Case(_) => None,
        }
    }

    /// The case's UUID, where it is one.
    #[must_use]
    pub const fn case(self) -> Option<Uuid> {
        match self {
            Self::Application(_) => None,
            Self::Case(id) => Some(id.as_uuid()),
        }
    }
}

impl From<ApplicationId> for Owner {
    fn from(id: ApplicationId) -> Self {
        Self::Application(id)
    }
}

impl From<CaseId> for Owner {
    fn from(id: CaseId) -> Self {
        Self::Case(id)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_uuid().fmt(formatter)
    }
}

crate::rejection::rejections! {
    /// Why a text is not an identifier.
    pub enum IdError {
        /// It is not a UUID.
        Malformed = "id.malformed", "not a UUID", "Идентификатор должен быть в формате UUID";
    }
}

/// The name space of payment references: made once at random, never changed, since references follow from it.
const PAYMENT_NAMESPACE: Uuid = Uuid::from_u128(0x8f0c_3a5e_6d41_4b7a_9a52_1e7c_44d0_b6f3);

impl PaymentReference {
    /// The reference of an application's payment: the same application and generation always give the same one.
    ///
    /// A new generation exists only after the former was finally rejected (no money moved) and other details were given.
    #[must_use]
    pub fn for_application(application: ApplicationId, generation: u32) -> Self {
        let mut name = [0_u8; 20];
        name[..16].copy_from_slice(application.0.as_bytes());
        name[16..].copy_from_slice(&generation.to_be_bytes());
        Self(Uuid::new_v5(&PAYMENT_NAMESPACE, &name))
    }

    /// The reference of a refund of a case: the same case, kind, round and generation always give the same one, and none is
    /// an application's, whose name is shorter. A new generation exists under the same condition as there.
    #[must_use]
    pub fn for_refund(case: CaseId, kind: RefundKind, round: RefundRound, generation: u32) -> Self {
        let mut name = Vec::with_capacity(40);
        name.extend_from_slice(case.0.as_bytes());
        name.extend_from_slice(&generation.to_be_bytes());
        name.extend_from_slice(kind.as_str().as_bytes());
        // References of the first round are released without it.
        if round != RefundRound::FIRST {
            name.extend_from_slice(&round.0.to_be_bytes());
        }
        Self(Uuid::new_v5(&PAYMENT_NAMESPACE, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payment_reference_follows_from_application_and_generation() {
        let one = ApplicationId::from_uuid(Uuid::from_u128(1));
        let two = ApplicationId::from_uuid(Uuid::from_u128(2));
        assert_eq!(PaymentReference::for_application(one, 0), PaymentReference::for_application(one, 0));
        assert_ne!(PaymentReference::for_application(one, 0), PaymentReference::for_application(one, 1));
        assert_ne!(PaymentReference::for_application(one, 0), PaymentReference::for_application(two, 0));
        // A released reference must stay what it was: a changed name space would pay a second time.
        assert_eq!(PaymentReference::for_application(one, 0).to_string(), "0c6f724b-f27f-5ca8-97af-c33a23818da5");
    }

    #[test]
    fn refund_reference_follows_from_case_kind_and_generation() {
        let case = CaseId::from_uuid(Uuid::from_u128(1));
        let first = |kind, generation| PaymentReference::for_refund(case, kind, RefundRound::FIRST, generation);
        let [collected, paid] = RefundKind::ALL.map(|kind| first(kind, 0));
        assert_eq!(collected.to_string(), "60744122-4bca-553c-bc72-759854a58317");
        assert_eq!(paid.to_string(), "7c828f21-cf2c-5e62-9b90-c72dfa09a1a1");
        assert_ne!(first(RefundKind::Paid, 1), paid);
        assert_ne!(PaymentReference::for_refund(case, RefundKind::Paid, RefundRound(1), 0), paid);
        assert_ne!(PaymentReference::for_application(ApplicationId::from_uuid(Uuid::from_u128(1)), 0), paid);
    }

    #[test]
    fn ids_read_what_they_write() {
        let id = ContractId::from_uuid(Uuid::from_u128(77));
        assert_eq!(id.to_string().parse::<ContractId>(), Ok(id));
        assert_eq!(
            serde_json::from_str::<ContractId>(&serde_json::to_string(&id).expect("writes")).expect("reads"),
            id
        );
        assert_eq!("77".parse::<ContractId>(), Err(IdError::Malformed));
    }
}
