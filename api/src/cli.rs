//! Commands and settings of the process, from the environment. Never a default for a secret.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use nesie_platform::http::HttpSettings;
use nesie_platform::settings::{DatabaseSettings, ProtectionSettings};
use nesie_platform::telemetry::LogSettings;

/// The HTTP API of Nesie.
#[derive(Debug, Parser)]
#[command(name = "nesie-api", version)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the process can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the API.
    Serve(Box<ServeSettings>),
    /// Applies migrations and seeds the limits, as the owner of the database; then ends.
    Migrate(MigrateSettings),
    /// Prints the OpenAPI document; then ends.
    Openapi,
}

/// Settings of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateSettings {
    /// URL of the owner role.
    #[arg(long = "database-owner-url", env = "NESIE_DATABASE_OWNER_URL", hide_env_values = true)]
    pub url: String,
}

/// Settings of `serve`.
#[derive(Debug, Args)]
pub struct ServeSettings {
    /// Where to listen.
    #[arg(long, env = "NESIE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The URL under which clients see this API.
    #[arg(long, env = "NESIE_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    pub public_url: String,
    /// The certificate chain in PEM; with it the API serves TLS itself.
    #[arg(long, env = "NESIE_TLS_CERTIFICATE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's key in PEM.
    #[arg(long, env = "NESIE_TLS_KEY", requires = "tls_certificate", hide_env_values = true)]
    pub tls_key: Option<PathBuf>,
    /// Issuer of the tokens.
    #[arg(long, env = "NESIE_OIDC_ISSUER")]
    pub oidc_issuer: String,
    /// Where the issuer's keys are; `<issuer>/jwks.json` when not set.
    #[arg(long, env = "NESIE_OIDC_JWKS_URL")]
    pub oidc_jwks_url: Option<String>,
    /// The secret that the payment provider signs callbacks with.
    #[arg(long, env = "NESIE_PAYMENTS_CALLBACK_SECRET", hide_env_values = true)]
    pub payments_callback_secret: CallbackSecret,
    /// For development alone: endpoints of webhooks may be without TLS, and on this machine.
    #[arg(long, env = "NESIE_WEBHOOKS_ALLOW_INTERNAL")]
    pub webhooks_allow_internal: bool,
    /// Logs.
    #[command(flatten)]
    pub log: LogSettings,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Keys for personal data.
    #[command(flatten)]
    pub protection: ProtectionSettings,
    /// The client that fetches the issuer's keys.
    #[command(flatten)]
    pub http: HttpSettings,
}

/// A secret that is never printed.
#[derive(Clone)]
pub struct CallbackSecret(String);

impl CallbackSecret {
    /// Takes the secret.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::str::FromStr for CallbackSecret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() < 16 { Err("the secret must have at least 16 characters") } else { Ok(Self(text.to_owned())) }
    }
}

impl std::fmt::Debug for CallbackSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CallbackSecret(****)")
    }
}

/// `serve` when nothing is said: its settings come from the environment alone.
#[derive(Debug, Parser)]
#[command(name = "nesie-api", version)]
struct ServeOnly {
    #[command(flatten)]
    settings: ServeSettings,
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the command from its end; the process then exits with a status that is not zero.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Some(Command::Serve(settings)) => crate::serve::serve(*settings).await,
            None => crate::serve::serve(ServeOnly::parse().settings).await,
            Some(Command::Migrate(settings)) => migrate(&settings).await,
            Some(Command::Openapi) => print_document(),
        }
    }
}

async fn migrate(settings: &MigrateSettings) -> anyhow::Result<()> {
    nesie_platform::telemetry::init(&LogSettings::default())?;
    nesie_platform::http::install_tls_provider();
    nesie_storage::migrate::migrate(&settings.url).await.context("migrations were not applied")?;
    tracing::info!("the schema is up to date");
    Ok(())
}

fn print_document() -> anyhow::Result<()> {
    let document = crate::document().to_pretty_json()?;
    writeln!(std::io::stdout(), "{document}").context("the document could not be printed")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        ServeOnly::command().debug_assert();
    }

    #[test]
    fn a_short_callback_secret_is_refused_and_none_is_printed() {
        assert!("short".parse::<CallbackSecret>().is_err());
        let secret: CallbackSecret = "a-secret-of-some-length".parse().expect("long enough");
        assert_eq!(format!("{secret:?}"), "CallbackSecret(****)");
    }
}
