//! What the load generator is told: how much load, and where the stack is.
//! Never a secret: the token comes from the sandbox's issuer of development tokens.

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Load, and where the stack is; `cargo xtask bench` sets the addresses.
#[derive(Clone, Debug, clap::Parser)]
#[command(about = "Measures grants by bank transfer over HTTP beside a bare workflow of the same shape.")]
pub(crate) struct Settings {
    /// Applications in all, and as many bare workflows.
    #[arg(long, default_value = "60")]
    pub(crate) applications: NonZeroUsize,
    /// Most of them in flight at a time.
    #[arg(long, default_value = "10")]
    pub(crate) in_flight: NonZeroUsize,
    /// Applications before the first round, and as many bare workflows, that are not measured.
    #[arg(long, default_value = "100")]
    pub(crate) warm_up: NonZeroUsize,
    /// Rounds in which they are driven: ours, bare, ours, bare, …
    #[arg(long, default_value = "3")]
    pub(crate) rounds: NonZeroUsize,
    /// Pause of the front end before it repeats an act, in milliseconds.
    #[arg(long, default_value = "100")]
    pub(crate) repeat_milliseconds: u64,
    /// Histories that are tabulated.
    #[arg(long, default_value = "5")]
    pub(crate) histories: NonZeroUsize,
    /// Pause after each side of a round, in seconds: longer than a silent step is waited for.
    #[arg(long, default_value = "20")]
    pub(crate) settle_seconds: u64,
    /// How long the idle stack is looked at before the first round, in seconds.
    #[arg(long, default_value = "3")]
    pub(crate) idle_seconds: u64,
    /// Duties that are opened at once after the rounds; 0 measures none.
    #[arg(long, default_value = "10000")]
    pub(crate) duties: usize,
    /// Clients of the one fraud incident after the rounds, at most 2000; 0 measures none.
    #[arg(long, default_value = "1000")]
    pub(crate) affected_clients: usize,
    /// Workflows that the worker keeps in its memory.
    #[arg(long, env = "NESIE_WORKER_CACHED_WORKFLOWS", default_value = "1000")]
    pub(crate) cached_workflows: usize,
    /// Leave the rounds out: only duties and the incident.
    #[arg(long)]
    pub(crate) only_duties: bool,
    /// The API.
    #[arg(long, env = "NESIE_API_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) api_url: String,
    /// The sandbox, which plays the client's own key and keeps the weather.
    #[arg(long, env = "NESIE_SANDBOX_URL", default_value = "http://127.0.0.1:8090")]
    pub(crate) sandbox_url: String,
    /// The issuer of tokens.
    #[arg(long, env = "NESIE_OIDC_ISSUER", default_value = "http://127.0.0.1:8090/oidc")]
    pub(crate) issuer: String,
    /// The database as its owner sees it, for its statistics; without it no statements are counted.
    #[arg(long, env = "NESIE_DATABASE_OWNER_URL", hide_env_values = true)]
    pub(crate) database_owner_url: Option<String>,
    /// Which processes the stack has; without it only the generator's own CPU is known.
    #[arg(long, env = "NESIE_STACK_FILE")]
    pub(crate) stack_file: Option<PathBuf>,
}

impl Settings {
    /// How many of all belong to a round; the first rounds take what does not divide.
    pub(crate) fn of_round(&self, round: usize) -> usize {
        let (all, rounds) = (self.applications.get(), self.rounds.get());
        all / rounds + usize::from(round < all % rounds)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from(["nesie-bench"].iter().chain(arguments))
    }

    #[test]
    fn rounds_share_all_applications() {
        let settings = settings(&["--applications", "10", "--rounds", "4"]);
        let shares: Vec<usize> = (0..4).map(|round| settings.of_round(round)).collect();
        assert_eq!(shares, [3, 3, 2, 2]);
    }

    #[test]
    fn nothing_in_flight_is_refused() {
        assert!(Settings::try_parse_from(["nesie-bench", "--in-flight", "0"]).is_err());
        assert_eq!(settings(&[]).applications.get(), 60);
    }
}
