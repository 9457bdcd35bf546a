//! The demonstration: drives the book of applications through the HTTP API only, as a front end would.
//! It never opens the database.

use anyhow::{Result, bail};

use crate::stack::Stack;

/// Drives the book, or one story of it, and fails on any unexpected outcome.
pub(crate) fn run(_stack: &mut Stack, _story: Option<&str>) -> Result<()> {
    bail!("the driver of the book of applications is not part of this build yet")
}
