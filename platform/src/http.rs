//! The one factory of HTTP clients.
//! Never retries: retrying belongs to workflows, where it is seen.

use std::sync::Once;
use std::time::Duration;

/// The longest that a call may be waited for, in milliseconds; a step's own time-out is longer.
pub const TIMEOUT_MILLISECONDS_MAX: u64 = 30_000;

/// How long a call to a provider may take. The total must stay below the time that a step may take in one try.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct HttpSettings {
    /// Longest wait for a connection, in milliseconds.
    #[arg(long, env = "NESIE_HTTP_CONNECT_TIMEOUT_MILLISECONDS", default_value_t = 2_000)]
    pub connect_timeout_milliseconds: u64,
    /// Longest wait for a whole answer, in milliseconds.
    #[arg(long, env = "NESIE_HTTP_TIMEOUT_MILLISECONDS", default_value_t = 5_000,
        value_parser = clap::value_parser!(u64).range(100..=TIMEOUT_MILLISECONDS_MAX))]
    pub timeout_milliseconds: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { connect_timeout_milliseconds: 2_000, timeout_milliseconds: 5_000 }
    }
}

/// Makes ring the process's only TLS provider. Idempotent.
pub fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the same provider is there already, put by a test in this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client that follows no redirects and gives up in time.
///
/// # Errors
/// When the TLS configuration of the machine can not be read.
#[expect(clippy::disallowed_methods, reason = "the factory itself")]
pub fn client(settings: HttpSettings) -> Result<reqwest::Client, reqwest::Error> {
    install_tls_provider();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(settings.connect_timeout_milliseconds))
        .timeout(Duration::from_millis(settings.timeout_milliseconds))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("nesie/", env!("CARGO_PKG_VERSION")))
        .build()
}
