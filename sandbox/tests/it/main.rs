//! The sandbox over real HTTP, in this process, on a free port.
//! No test knows anything of it but what `docs/providers.md` says.

mod accounting;
mod arrangements;
mod faults;
mod harness;
mod holds;
mod payments;
mod providers;
mod tokens;
