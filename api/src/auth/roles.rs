//! The roles, and which sets of them a handler may ask for (para 27; R-200). Never a decision about one application.

/// A role of the token's `roles` claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A backend service of the lender, in its clients' names.
    Service,
    /// Compliance staff.
    Compliance,
    /// Operations staff.
    Operations,
    /// Approves what one person may not decide alone.
    Approver,
    /// Reads everything, does nothing.
    Auditor,
}

impl Role {
    /// The role of a name; names that we do not know give no role.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "service" => Some(Self::Service),
            "compliance" => Some(Self::Compliance),
            "operations" => Some(Self::Operations),
            "approver" => Some(Self::Approver),
            "auditor" => Some(Self::Auditor),
            _ => None,
        }
    }

    /// The role's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Compliance => "compliance",
            Self::Operations => "operations",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
        }
    }
}

/// A set of roles of which a caller needs one.
pub(crate) trait RoleSet {
    /// The roles.
    const ALLOWED: &'static [Role];
}

macro_rules! role_sets {
    ($($(#[$meta:meta])* $name:ident = [$($role:ident),+];)+) => {
        $(
            $(#[$meta])*
            pub(crate) struct $name;

            impl RoleSet for $name {
                const ALLOWED: &'static [Role] = &[$(Role::$role),+];
            }
        )+
    };
}

role_sets! {
    /// Any role that we know.
    Anybody = [Service, Compliance, Operations, Approver, Auditor];
    /// Who submits applications and passes on what the client did.
    ServiceOnly = [Service];
    /// Who decides on likely matches.
    ComplianceOnly = [Compliance];
    /// Who decides on parked steps.
    OperationsOnly = [Operations];
    /// Who sees parked steps.
    ParkedReaders = [Operations, Compliance, Auditor];
    /// Who sees the endpoints of webhooks and what became of deliveries.
    WebhookReaders = [Operations, Auditor];
    /// Who sees requests for a second person.
    ApprovalReaders = [Compliance, Operations, Approver, Auditor];
    /// Who may come as a second person at all; which of them may decide stands in each request.
    ApprovalDeciders = [Compliance, Operations, Approver];
    /// Who sees likely matches with AML lists.
    MatchReaders = [Compliance, Auditor];
    /// Who reports cases: the lender's systems and compliance itself.
    CaseReporters = [Service, Compliance];
    /// Who sees cases, duties and the calendar's changes.
    CaseReaders = [Compliance, Operations, Approver, Auditor];
}
