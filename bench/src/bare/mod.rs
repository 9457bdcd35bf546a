//! The bare workflow that ours is measured against: the same number of activities, timers and updates, no business.
//! Never a step that does anything: what it costs is the price of the engine alone.

mod drive;
mod workflow;

pub(crate) use drive::{drive, worker};
pub(crate) use workflow::{Shape, Step};
