//! What every process of Nesie needs once: settings, telemetry, the connection to Temporal, the system clock, the one
//! HTTP client factory, and the protection of personal data.
//! Never a rule of the business.

pub mod clock;
pub mod http;
pub mod outward;
pub mod protection;
pub mod settings;
pub mod telemetry;
pub mod temporal;
pub mod webhook;

/// The build that runs, stored with every decision (design invariant 12): set by the release, else `development`.
pub const BUILD: &str = match option_env!("NESIE_BUILD") {
    Some(build) => build,
    None => "development",
};
