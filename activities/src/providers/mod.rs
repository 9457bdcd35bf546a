//! The outside world as we ask it: one HTTP client per provider, each with exactly the contract of `docs/providers.md`.
//! Never a decision, never a retry, never a row: an answer is parsed strictly and handed on with its bytes.

pub mod accounting;
pub mod aml_lists;
pub mod bureau;
pub mod coid;
mod error;
mod exchange;
pub mod merchants;
pub mod ncanode;
pub mod notifications;
pub mod payments;
pub mod phones;
pub mod proprietors;
pub mod regulator;
mod settings;
#[cfg(test)]
mod testing;

pub use accounting::Accounting;
pub use aml_lists::AmlLists;
pub use bureau::Bureau;
pub use coid::Coid;
pub use error::{ProviderError, ProviderErrorKind};
pub use exchange::{Answer, JSON_BYTES_MAX};
pub use merchants::Merchants;
pub use ncanode::NcaNode;
pub use notifications::Notifications;
pub use payments::Payments;
pub use phones::Phones;
pub use proprietors::Proprietors;
pub use regulator::Regulator;
pub use settings::ProviderSettings;

use exchange::Connection;

/// Every provider, wired once in the worker.
#[derive(Clone, Debug)]
pub struct Providers {
    /// Publisher of the AML/CFT lists.
    pub aml_lists: AmlLists,
    /// The first credit bureau.
    pub bureau: Bureau,
    /// The others: they are told of suspensions, resumptions and corrections as the first one is.
    pub further_bureaus: Vec<Bureau>,
    /// Biometric identification.
    pub coid: Coid,
    /// Verification of EDS.
    pub ncanode: NcaNode,
    /// Register of sole proprietors.
    pub proprietors: Proprietors,
    /// Payment provider, all its profiles.
    pub payments: Payments,
    /// Registry of merchants under contract.
    pub merchants: Merchants,
    /// Loan accounting.
    pub accounting: Accounting,
    /// Notices to clients.
    pub notifications: Notifications,
    /// The regulator's channel.
    pub regulator: Regulator,
    /// Whose number a phone is, as the mobile operators know it.
    pub mobile_operators: Phones,
    /// The same as eGov mobile knows it.
    pub egov_mobile: Phones,
}

impl Providers {
    /// All clients on one HTTP client, which must have time-outs and must not follow redirects
    /// (as `nesie_platform::http::client` makes it).
    #[must_use]
    pub fn new(http: &reqwest::Client, settings: &ProviderSettings) -> Self {
        let to = |base: &reqwest::Url, provider| Connection::new(http.clone(), base.clone(), provider);
        Self {
            aml_lists: AmlLists::new(to(&settings.aml_url, "aml"), settings.list_timeout()),
            bureau: Bureau::new(to(&settings.bureau_url, bureau::FIRST)),
            further_bureaus: settings.further_bureaus().map(|(name, url)| Bureau::new(to(url, name))).collect(),
            coid: Coid::new(to(&settings.coid_url, "coid")),
            ncanode: NcaNode::new(to(&settings.ncanode_url, "ncanode")),
            proprietors: Proprietors::new(to(&settings.proprietors_url, "proprietors")),
            payments: Payments::new(to(&settings.payments_url, "payments")),
            merchants: Merchants::new(to(&settings.merchants_url, "merchants")),
            accounting: Accounting::new(to(&settings.accounting_url, "accounting")),
            notifications: Notifications::new(to(&settings.notifications_url, "notifications")),
            regulator: Regulator::new(to(&settings.regulator_url, "regulator")),
            mobile_operators: Phones::new(to(&settings.mobile_operators_url, "mobile-operators")),
            egov_mobile: Phones::new(to(&settings.egov_mobile_url, "egov-mobile")),
        }
    }

    /// Every credit bureau, the first one first.
    pub fn bureaus(&self) -> impl Iterator<Item = &Bureau> {
        std::iter::once(&self.bureau).chain(&self.further_bureaus)
    }
}
