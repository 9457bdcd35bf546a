//! Read models for the API: what a page or a list shows, straight from the rows. Never writes.

pub mod agreement;
pub mod application;
pub mod money;
pub mod open_work;
