//! Webhooks: endpoints with their sealed secrets, deliveries with their log, and replays. Secrets come in sealed and
//! leave sealed. Never sends anything; a delivery's state is the relay's alone (design invariant 3).

pub mod deliveries;
pub mod endpoints;
pub mod log;
pub mod queue;
pub mod replays;
pub mod secrets;
#[cfg(test)]
mod tests;
