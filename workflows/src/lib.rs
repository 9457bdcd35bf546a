//! The processes of the lender as durable workflows, and the contract of the activities that they ask for.
//! Never I/O, never a clock or randomness of its own: what is decided here is decided the same way on replay.

pub mod accrual_suspension;
pub mod aml_refresh;
pub mod calendar_publication;
pub mod case;
pub mod channel_notice;
pub mod contract;
pub mod data_leak;
mod duty;
pub mod duty_sweep;
pub mod fraud_incident;
mod options;
pub mod origination;
mod parking;
pub mod write_off;

pub use options::{RetryBudget, TRY_SECONDS_MAX};
