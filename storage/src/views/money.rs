//! The payment of an application as its page shows it. Never where the money goes.

use nesie_domain::ids::PaymentReference;

/// Where the money of an application is.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Our reference, the same for ever.
    pub our_reference: PaymentReference,
    /// `reserved`, `sent`, `unknown`, `confirmed`, `rejected` or `released`.
    pub state: String,
    /// `account`, `card` or `merchant`.
    pub method: String,
}
