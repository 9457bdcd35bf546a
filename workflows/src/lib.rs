//! The processes of the lender as durable workflows, and the contract of the activities that they ask for.
//! Never I/O, never a clock or randomness of its own: what is decided here is decided the same way on replay.

pub mod aml_refresh;
pub mod contract;
mod options;
pub mod origination;

pub use options::RetryBudget;
