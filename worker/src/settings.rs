//! The worker's settings.
//! Never read from anywhere but the environment and the command line.

use std::net::SocketAddr;
use std::time::Duration;

use nesie_activities::World;
use nesie_activities::providers::{ProviderSettings, Providers};
use nesie_domain::webhook::RetrySchedule;
use nesie_platform::http::HttpSettings;
use nesie_platform::outward::{Inside, OutwardClient, system_lookup};
use nesie_platform::protection::Protection;
use nesie_platform::settings::{DatabaseSettings, ProtectionSettings, TaskQueueSettings};
use nesie_platform::telemetry::LogSettings;
use nesie_storage::PgPool;
use nesie_workflows::RetryBudget;
use nesie_workflows::case::EVENTS_MAX;

use crate::relays::{RelaySettings, Sender};

/// Everything that the worker is told.
#[derive(Debug, clap::Parser)]
#[command(about = "Runs Nesie's workflows, activities and relays.")]
pub struct Settings {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// The task queue.
    #[command(flatten)]
    pub task_queue: TaskQueueSettings,
    /// Keys of the protection of personal data.
    #[command(flatten)]
    pub protection: ProtectionSettings,
    /// Time-outs of calls to providers.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Where the providers are.
    #[command(flatten)]
    pub providers: ProviderSettings,
    /// How webhooks are sent.
    #[command(flatten)]
    pub webhooks: WebhookSettings,
    /// Where the health check listens.
    #[arg(long, env = "NESIE_WORKER_LISTEN", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Where the API is seen from outside; the payment provider calls back there.
    #[arg(long, env = "NESIE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Most workflows kept in memory.
    #[arg(long, env = "NESIE_WORKER_CACHED_WORKFLOWS", default_value_t = 1_000)]
    pub cached_workflows: usize,
    /// How often a step that asks a provider is tried before it is parked.
    #[arg(long, env = "NESIE_STEP_ATTEMPTS", default_value_t = RetryBudget::default().attempts)]
    pub step_attempts: u16,
    /// Pause before a step's second try, in milliseconds; it doubles.
    #[arg(long, env = "NESIE_STEP_FIRST_PAUSE_MILLISECONDS", default_value_t = RetryBudget::default().first_pause_milliseconds)]
    pub step_first_pause_milliseconds: u32,
    /// The longest pause between two tries of a step, in milliseconds.
    #[arg(long, env = "NESIE_STEP_LONGEST_PAUSE_MILLISECONDS", default_value_t = RetryBudget::default().longest_pause_milliseconds)]
    pub step_longest_pause_milliseconds: u32,
    /// Events after which a case with many acts goes on as a new run, before its history grows too long.
    #[arg(long, env = "NESIE_CASE_EVENTS_MAX", default_value_t = EVENTS_MAX, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pub case_events_max: u32,
    /// How often the relays look for work, in milliseconds.
    #[arg(long, env = "NESIE_RELAY_PAUSE_MILLISECONDS", default_value_t = 100)]
    pub relay_pause_milliseconds: u64,
    /// How often the AML lists are refreshed, in minutes: at least twice in the day for which they are good. Only for the schedule
    /// that is made: one that exists in Temporal stays as operations set it.
    #[arg(long, env = "NESIE_AML_REFRESH_MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=720))]
    pub aml_refresh_minutes: u64,
    /// How often the sweep compares open duties with their timers, in minutes. Only for the schedule that is made, as above.
    #[arg(long, env = "NESIE_DUTY_SWEEP_MINUTES", default_value_t = 15)]
    pub duty_sweep_minutes: u64,
    /// Logs.
    #[command(flatten)]
    pub log: LogSettings,
}

/// How webhooks are sent.
#[derive(Debug, clap::Args)]
pub struct WebhookSettings {
    /// How often a webhook is tried before it is given up.
    #[arg(long, env = "NESIE_WEBHOOKS_ATTEMPTS", default_value_t = RetrySchedule::default().attempts)]
    pub webhooks_attempts: u16,
    /// Pause before a webhook's second try, in milliseconds; it triples, give or take a fifth.
    #[arg(long, env = "NESIE_WEBHOOKS_FIRST_PAUSE_MILLISECONDS", default_value_t = RetrySchedule::default().first_pause_milliseconds)]
    pub webhooks_first_pause_milliseconds: u32,
    /// The longest pause between two tries of a webhook, in milliseconds.
    #[arg(long, env = "NESIE_WEBHOOKS_LONGEST_PAUSE_MILLISECONDS", default_value_t = RetrySchedule::default().longest_pause_milliseconds)]
    pub webhooks_longest_pause_milliseconds: u32,
    /// Longest wait for an endpoint's answer, in milliseconds.
    #[arg(
        long = "webhooks-timeout-milliseconds",
        env = "NESIE_WEBHOOKS_TIMEOUT_MILLISECONDS",
        default_value_t = 10_000
    )]
    pub webhooks_timeout_milliseconds: u64,
    /// For development alone: webhooks may be sent without TLS, and to this machine.
    #[arg(long, env = "NESIE_WEBHOOKS_ALLOW_INTERNAL")]
    pub webhooks_allow_internal: bool,
}

impl WebhookSettings {
    /// What sends webhooks.
    pub(crate) fn sender(&self, pool: PgPool, protection: Protection) -> anyhow::Result<Sender> {
        let timeout = Duration::from_millis(self.webhooks_timeout_milliseconds);
        Ok(Sender {
            pool,
            client: OutwardClient::try_new(timeout, Inside::allowed_if(self.webhooks_allow_internal), system_lookup())?,
            protection,
            schedule: RetrySchedule {
                attempts: self.webhooks_attempts,
                first_pause_milliseconds: self.webhooks_first_pause_milliseconds,
                longest_pause_milliseconds: self.webhooks_longest_pause_milliseconds,
            },
            timeout,
        })
    }
}

impl Settings {
    /// What the activities work with.
    pub(crate) fn world(&self, pool: PgPool) -> anyhow::Result<World> {
        let client = nesie_platform::http::client(self.http)?;
        Ok(World::new(
            pool,
            Providers::new(&client, &self.providers),
            self.protection.protection()?,
            self.public_url.as_ref().map(|url| format!("{}/v1/callbacks/payments", url.trim_end_matches('/'))),
            nesie_platform::build(),
        ))
    }

    /// What the relays are told.
    pub(crate) fn relay(&self) -> RelaySettings {
        RelaySettings {
            task_queue: self.task_queue.task_queue.clone(),
            budget: RetryBudget {
                attempts: self.step_attempts,
                first_pause_milliseconds: self.step_first_pause_milliseconds,
                longest_pause_milliseconds: self.step_longest_pause_milliseconds,
            },
            case_events_max: self.case_events_max,
            pause: Duration::from_millis(self.relay_pause_milliseconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }
}
