//! The processes of the stack by name: order, ports, how each is asked to end.
//! It never starts one.

use std::fmt;

use clap::ValueEnum;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

/// A process of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// PostgreSQL 18.
    Postgres,
    /// Temporal's development server.
    Temporal,
    /// Every outside provider.
    Sandbox,
    /// Activities, workflows and relays.
    Worker,
    /// The HTTP API.
    Api,
}

impl Name {
    /// Every process in the order in which they start; they end in the reverse order.
    pub(crate) const ALL: [Self; 5] = [Self::Postgres, Self::Temporal, Self::Sandbox, Self::Worker, Self::Api];

    /// Name in `stack.json`, in the name of its log, and on the command line.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Temporal => "temporal",
            Self::Sandbox => "sandbox",
            Self::Worker => "worker",
            Self::Api => "api",
        }
    }

    /// The signal that means "finish what you are doing and end".
    /// PostgreSQL waits for every client on SIGTERM; its orderly quick end is SIGINT.
    pub(crate) fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            Self::Temporal | Self::Sandbox | Self::Worker | Self::Api => Signal::TERM,
        }
    }

    /// Package and binary of a process that is built here.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Postgres | Self::Temporal => None,
            Self::Sandbox => Some("nesie-sandbox"),
            Self::Worker => Some("nesie-worker"),
            Self::Api => Some("nesie-api"),
        }
    }

    /// What its binary is told to do, where it can do several things.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["serve"],
            Self::Postgres | Self::Temporal | Self::Sandbox | Self::Worker => &[],
        }
    }

    /// Path that answers 200 once the process can do its work.
    pub(crate) fn ready_path(self) -> Option<&'static str> {
        match self {
            Self::Postgres | Self::Temporal => None,
            Self::Sandbox => Some("/healthz"),
            Self::Worker | Self::Api => Some("/readyz"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Temporal => "Temporal",
            Self::Sandbox => "the sandbox",
            Self::Worker => "the worker",
            Self::Api => "the API",
        })
    }
}

/// What a port of a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PortUse {
    /// Its own protocol.
    Main,
    /// Pages for people.
    Pages,
}
