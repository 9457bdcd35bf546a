//! From the offer to the signature, as rows: what was shown, chosen, frozen, identified and signed.
//! Written by activities only, once each; what a page shows of it is read through `views`.

pub mod contract;
pub mod disbursement_method;
pub mod identification;
pub mod offer;
pub mod signature;
