//! Developer commands: `cargo xtask <verb>`.
//! It has no database driver and no crate of ours: what the demonstration does, a front end can do.

mod build;
mod compliance;
mod console;
mod demo;
mod ours;
mod packages;
mod ports;
mod postgres;
mod process;
mod queries;
mod service;
mod settings;
mod stack;
mod state;
mod temporal;
mod verbs;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::build::Profile;
use crate::console::{Interrupt, note, say};
use crate::service::Name;
use crate::settings::Settings;
use crate::stack::Stack;

/// Developer commands of Nesie.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", after_help = stack::port_help())]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Bring the stack up; Ctrl-C ends it.
    Up {
        /// Return once it is ready; `down` ends it.
        #[arg(long)]
        detach: bool,
        /// Only these services, separated by commas.
        #[arg(long, value_delimiter = ',', value_enum)]
        only: Vec<Name>,
    },
    /// End the stack.
    Down,
    /// Drive the book of applications through the API and reconcile the ledgers.
    Demo {
        /// Only the story of this name; `cases` tells of the cases with legal terms instead.
        #[arg(long)]
        story: Option<String>,
    },
    /// Run the tests against a real PostgreSQL and a real Temporal.
    Test {
        /// Passed on to the test runner: a filter, options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Print a development token.
    Token {
        /// Roles: service, compliance, operations, approver, auditor.
        #[arg(long = "role", required = true, value_delimiter = ',')]
        roles: Vec<String>,
        /// Who the token is for.
        #[arg(long, default_value = "developer")]
        subject: String,
    },
    /// Bring the schema of the database up to date.
    Migrate,
    /// Write the data of the checked queries anew.
    Sqlx {
        /// Only compare; fail if it differs.
        #[arg(long)]
        check: bool,
    },
    /// Write the compliance matrix anew from code and stories.
    Compliance {
        /// Only compare; fail if it differs.
        #[arg(long)]
        check: bool,
    },
    /// Measure the stack beside a bare workflow.
    Bench {
        /// Build for measuring; takes long the first time.
        #[arg(long)]
        release: bool,
        /// Passed on to the load generator.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    let settings = Settings::from_environment()?;
    let interrupt = Interrupt::catch()?;
    match verb {
        Verb::Up { detach, only } => up(settings, detach, only, interrupt),
        Verb::Down => stack::down(&settings),
        Verb::Demo { story } => verbs::demo(settings, story.as_deref(), interrupt),
        Verb::Test { arguments } => verbs::test(settings, &arguments, interrupt),
        Verb::Token { roles, subject } => verbs::token(settings, &roles, &subject),
        Verb::Migrate => verbs::migrate(settings, interrupt),
        Verb::Sqlx { check } => verbs::sqlx(settings, check, interrupt),
        Verb::Compliance { check } => compliance::refresh(&settings.root, check),
        Verb::Bench { release, arguments } => {
            let profile = if release { Profile::Release } else { Profile::Debug };
            verbs::bench(settings, profile, &arguments, interrupt)
        }
    }
}

fn up(settings: Settings, detach: bool, only: Vec<Name>, interrupt: Interrupt) -> Result<()> {
    let wanted = if only.is_empty() { Name::ALL.to_vec() } else { only };
    let mut stack = Stack::up(settings, &wanted, Profile::Debug, interrupt)?;
    if !stack.started_any() {
        say("already up");
    }
    stack.describe(&wanted);
    if wanted.iter().any(|name| name.package().is_some()) {
        say("secrets and tokens are for development only");
    }
    if !stack.started_any() {
        return Ok(());
    }
    if detach {
        say("`cargo xtask down` ends it");
        return Ok(());
    }
    say("Ctrl-C ends it");
    let watched = stack.watch();
    let ended = stack.finish();
    watched.and(ended)
}
