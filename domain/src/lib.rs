//! The rules of lending as pure types and functions (Resolution №217 of 28.11.2019).
//! Nothing here does I/O, reads a clock or an environment, or draws a random number: those are passed in.

pub mod act;
pub mod application;
pub mod approval;
pub mod bin;
pub mod calendar;
pub mod card;
pub mod case;
pub mod challenge;
pub mod channel;
mod control_digit;
pub mod duty;
pub mod effective_rate;
pub mod hash;
pub mod iban;
pub mod ids;
pub mod iin;
pub mod incident;
pub mod limits;
pub mod money;
pub mod paragraph;
pub mod person;
pub mod phone;
pub mod quote;
pub mod rate;
pub mod refund;
pub mod rejection;
pub mod schedule;
pub mod screening;
pub mod suspension;
pub mod term;
mod text_form;
pub mod webhook;

pub use text_form::UnknownCode;
