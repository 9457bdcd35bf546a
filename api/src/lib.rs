//! The HTTP API: what a lender's front ends and staff may ask of Nesie. Parses, stores, sends acts on, and reads.
//! Never calls a provider, never decides anything of the business, holds no SQL.

mod acts;
pub mod app;
mod approvals;
mod auth;
mod cases;
mod changes;
pub mod cli;
mod context;
mod idempotency;
mod openapi;
mod parse;
mod problem;
mod reason;
mod routes;
pub mod serve;
mod temporal;
mod time;
mod turns;
mod view;

pub use openapi::document;
pub use routes::router;
