//! The providers and what can be asked of each, named as `docs/providers.md` names them.
//! It never holds behaviour: faults, calls and ledgers only need to speak of the same things.

/// One thing that a caller can ask of one provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// A published list of the AML/CFT publisher.
    AmlList,
    /// A credit report.
    BureauReport,
    /// Information on a contract, given to the bureau.
    BureauContract,
    /// Notice to the bureau that information on a contract stops.
    BureauSuspension,
    /// Notice to the bureau that it goes on.
    BureauResumption,
    /// A correction of what the bureau holds on a contract.
    BureauCorrection,
    /// The same three at a second bureau, which has a ledger of its own.
    SecondBureauSuspension,
    /// See [`Self::SecondBureauSuspension`].
    SecondBureauResumption,
    /// See [`Self::SecondBureauSuspension`].
    SecondBureauCorrection,
    /// A biometric comparison by ЦОИД.
    CoidVerify,
    /// Verification of a signed message.
    NcanodeVerify,
    /// Extraction of the signed content.
    NcanodeExtract,
    /// A look into the register of sole proprietors.
    ProprietorsLookup,
    /// A check who owns an account or a card.
    PaymentsOwnership,
    /// A payout.
    PaymentsTransfer,
    /// The status of a payout by our reference.
    PaymentsStatus,
    /// A look into the registry of merchants.
    MerchantsLookup,
    /// Opening a loan in the loan accounting.
    AccountingOpenLoan,
    /// A payment by a client, entered in the loan accounting.
    AccountingPayment,
    /// Suspending the accrual on a loan.
    AccountingSuspend,
    /// Ending that.
    AccountingResume,
    /// Writing a loan off.
    AccountingWriteOff,
    /// A look at the debt on a day.
    AccountingBalance,
    /// A look at the payments on a loan.
    AccountingPayments,
    /// A look at the postings of a loan.
    AccountingPostings,
    /// A notice to a client.
    NotificationsMessage,
    /// A letter to the regulator.
    RegulatorSubmit,
    /// A webhook that comes to one of the lender's own systems.
    WebhooksReceive,
    /// A look whose number a phone is, at the mobile operators.
    MobileOperatorsCheck,
    /// The same at the base of eGov mobile.
    EgovMobileCheck,
}

impl Operation {
    /// Every operation that takes part in faults, calls and ledgers.
    pub(crate) const ALL: [Self; 30] = [
        Self::AmlList,
        Self::BureauReport,
        Self::BureauContract,
        Self::BureauSuspension,
        Self::BureauResumption,
        Self::BureauCorrection,
        Self::SecondBureauSuspension,
        Self::SecondBureauResumption,
        Self::SecondBureauCorrection,
        Self::CoidVerify,
        Self::NcanodeVerify,
        Self::NcanodeExtract,
        Self::ProprietorsLookup,
        Self::PaymentsOwnership,
        Self::PaymentsTransfer,
        Self::PaymentsStatus,
        Self::MerchantsLookup,
        Self::AccountingOpenLoan,
        Self::AccountingPayment,
        Self::AccountingSuspend,
        Self::AccountingResume,
        Self::AccountingWriteOff,
        Self::AccountingBalance,
        Self::AccountingPayments,
        Self::AccountingPostings,
        Self::NotificationsMessage,
        Self::RegulatorSubmit,
        Self::WebhooksReceive,
        Self::MobileOperatorsCheck,
        Self::EgovMobileCheck,
    ];

    /// The provider's name, which is also the first segment of its paths.
    pub(crate) fn provider(self) -> &'static str {
        match self {
            Self::AmlList => "aml",
            Self::BureauReport
            | Self::BureauContract
            | Self::BureauSuspension
            | Self::BureauResumption
            | Self::BureauCorrection => "bureau",
            Self::SecondBureauSuspension | Self::SecondBureauResumption | Self::SecondBureauCorrection => {
                "second-bureau"
            }
            Self::CoidVerify => "coid",
            Self::NcanodeVerify | Self::NcanodeExtract => "ncanode",
            Self::ProprietorsLookup => "proprietors",
            Self::PaymentsOwnership | Self::PaymentsTransfer | Self::PaymentsStatus => "payments",
            Self::MerchantsLookup => "merchants",
            Self::AccountingOpenLoan
            | Self::AccountingPayment
            | Self::AccountingSuspend
            | Self::AccountingResume
            | Self::AccountingWriteOff
            | Self::AccountingBalance
            | Self::AccountingPayments
            | Self::AccountingPostings => "accounting",
            Self::NotificationsMessage => "notifications",
            Self::RegulatorSubmit => "regulator",
            Self::WebhooksReceive => "webhooks",
            Self::MobileOperatorsCheck => "mobile-operators",
            Self::EgovMobileCheck => "egov-mobile",
        }
    }

    /// The operation's name within its provider.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AmlList => "list",
            Self::BureauReport => "report",
            Self::BureauContract => "contract",
            Self::BureauSuspension | Self::SecondBureauSuspension => "suspension",
            Self::BureauResumption | Self::SecondBureauResumption => "resumption",
            Self::BureauCorrection | Self::SecondBureauCorrection => "correction",
            Self::CoidVerify | Self::NcanodeVerify => "verify",
            Self::NcanodeExtract => "extract",
            Self::ProprietorsLookup | Self::MerchantsLookup => "lookup",
            Self::PaymentsOwnership => "ownership",
            Self::PaymentsTransfer => "transfer",
            Self::PaymentsStatus => "status",
            Self::AccountingOpenLoan => "open_loan",
            Self::AccountingPayment => "payment",
            Self::AccountingSuspend => "suspend",
            Self::AccountingResume => "resume",
            Self::AccountingWriteOff => "write_off",
            Self::AccountingBalance => "balance",
            Self::AccountingPayments => "payments",
            Self::AccountingPostings => "postings",
            Self::NotificationsMessage => "message",
            Self::RegulatorSubmit => "submit",
            Self::WebhooksReceive => "receive",
            Self::MobileOperatorsCheck | Self::EgovMobileCheck => "check",
        }
    }

    /// Whether a provider of this name takes part.
    pub(crate) fn is_provider(name: &str) -> bool {
        Self::ALL.iter().any(|operation| operation.provider() == name)
    }

    /// The operation of these names.
    pub(crate) fn find(provider: &str, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.provider() == provider && operation.name() == name)
    }
}

/// One request as the shared mechanism sees it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// What is asked.
    pub(crate) operation: Operation,
    /// The order id, request id or idempotency key; where a provider has none, what `docs/providers.md` says.
    pub(crate) key: String,
    /// Whom it is about, where the request says so.
    pub(crate) iin: Option<String>,
}

impl Call {
    /// A call that is about nobody in particular.
    pub(crate) fn new(operation: Operation, key: &str) -> Self {
        Self { operation, key: key.to_owned(), iin: None }
    }

    /// The same call, about a person.
    pub(crate) fn about(self, iin: Option<&str>) -> Self {
        Self { iin: iin.map(str::to_owned), ..self }
    }
}
