//! What the steps of the workflows do to the world: one file per capability, each a plain async function over [`World`].
//! Every step is idempotent: run twice, it leaves the same rows, asks the provider under the same key, and gives the
//! same verdict. Never an order of steps; that is the workflow's.

mod agreement;
mod borrowed;
mod bureaus;
mod calls;
mod case;
mod channel;
mod closing;
mod contract;
mod credit;
mod disbursement_method;
mod duties;
pub mod failure;
mod fraud;
mod identification;
mod leak;
mod lists;
mod loan;
mod offer;
mod parking;
mod payment;
mod payment_match;
pub mod providers;
mod publication;
mod record;
mod remedy;
mod renewed_consent;
mod screening;
mod signature;
mod signing;
mod subject;
mod suspension;
mod sweep;
#[cfg(test)]
mod testing;
mod transfer;
mod tried;
mod wake;
mod withdrawal;
mod world;
mod write_off;

pub use world::World;
