//! The verbs that bring the stack up for a while: test, migrate, demo, bench; and the token.
//! None of them knows the database's tables or any crate of ours.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::build::{self, Profile};
use crate::console::{Interrupt, say};
use crate::process::{output, run};
use crate::service::Name;
use crate::settings::Settings;
use crate::stack::Stack;
use crate::state::State;
use crate::{demo, ours, packages};

/// The package whose tests start our binaries.
const STORIES: &str = "nesie-tests";

/// Brings up a part of the stack, does something with it, and ends what it started, also after a failure.
fn with_stack(
    settings: Settings,
    wanted: &[Name],
    profile: Profile,
    interrupt: Interrupt,
    work: impl FnOnce(&mut Stack) -> Result<()>,
) -> Result<()> {
    let mut stack = Stack::up(settings, wanted, profile, interrupt)?;
    // A crashed process explains a failure better than what failed because of it.
    let done = work(&mut stack).map_err(|error| stack.check().err().unwrap_or(error));
    let ended = stack.finish();
    done.and(ended)
}

/// Brings the schema of the database up to date.
pub(crate) fn migrate(settings: Settings, interrupt: Interrupt) -> Result<()> {
    with_stack(settings, &[Name::Postgres], Profile::Debug, interrupt, |stack| {
        build::binaries(&stack.settings, &[], Profile::Debug, &stack.interrupt)?;
        ours::migrate(&stack.settings, &stack.binaries()?, &stack.interrupt)?;
        say("the schema is up to date");
        Ok(())
    })
}

/// Runs every test, or those that the arguments choose, against a real PostgreSQL and a real Temporal.
pub(crate) fn test(settings: Settings, arguments: &[String], interrupt: Interrupt) -> Result<()> {
    with_stack(settings, &[Name::Postgres, Name::Temporal], Profile::Debug, interrupt, |stack| {
        let settings = &stack.settings;
        packages::install(settings, &stack.interrupt)?;
        let whole = !chooses_packages(arguments);
        if whole {
            // Binaries and tests in one build: two would choose the features of shared crates differently.
            let mut build = build::cargo(settings);
            build.args(["build", "--quiet", "--workspace", "--all-targets"]);
            succeed(run(&mut build, &stack.interrupt)?, "building")?;
        } else if arguments.iter().any(|argument| argument.contains(STORIES)) {
            build::binaries(settings, &[], Profile::Debug, &stack.interrupt)?;
        }
        let nextest = output(build::cargo(settings).args(["nextest", "--version"])).is_ok();
        let mut tests = build::cargo(settings);
        tests.args(if nextest { &["nextest", "run"][..] } else { &["test"][..] });
        if whole {
            tests.arg("--workspace");
        }
        tests.args(arguments);
        test_environment(stack, &mut tests)?;
        succeed(run(&mut tests, &stack.interrupt)?, "tests")?;
        if nextest && arguments.is_empty() {
            // nextest does not run the examples in the documentation.
            let mut examples = build::cargo(settings);
            examples.args(["test", "--quiet", "--workspace", "--doc"]);
            test_environment(stack, &mut examples)?;
            succeed(run(&mut examples, &stack.interrupt)?, "examples in the documentation")?;
        }
        Ok(())
    })
}

/// Whether the arguments for the test runner name packages, so that the whole workspace is not meant.
fn chooses_packages(arguments: &[String]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.into_iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

/// What tests are told: the shared servers, and how to start servers of their own where they kill them.
fn test_environment(stack: &Stack, command: &mut Command) -> Result<()> {
    let settings = &stack.settings;
    command
        .env("DATABASE_URL", settings.owner_database_url())
        .env("TEMPORAL_ADDRESS", settings.temporal_address())
        .env("NESIE_BIN_DIR", stack.binaries()?)
        // Not the running executable: building all targets may have replaced its file.
        .env("NESIE_XTASK", stack.binaries()?.join("xtask"))
        .env("NESIE_PACKAGES_DIR", &settings.packages);
    Ok(())
}

fn succeed(status: std::process::ExitStatus, what: &str) -> Result<()> {
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    Ok(())
}

/// Drives the book of applications through the API and reconciles the sandbox's ledgers with ours.
pub(crate) fn demo(settings: Settings, story: Option<&str>, interrupt: Interrupt) -> Result<()> {
    with_stack(settings, &Name::ALL, Profile::Debug, interrupt, |stack| {
        stack.note_older_builds()?;
        stack.describe(&Name::ALL);
        demo::run(stack, story)
    })
}

/// Builds the load generator and runs it against the stack.
pub(crate) fn bench(settings: Settings, profile: Profile, arguments: &[String], interrupt: Interrupt) -> Result<()> {
    with_stack(settings, &Name::ALL, profile, interrupt, |stack| {
        stack.note_older_builds()?;
        let settings = &stack.settings;
        build::binaries(settings, &["nesie-bench"], profile, &stack.interrupt)?;
        let mut bench = Command::new(stack.binaries()?.join("nesie-bench"));
        bench
            .args(arguments)
            .current_dir(&settings.root)
            .envs(settings.environment()?)
            .env("NESIE_API_URL", settings.http_url(Name::Api))
            .env("NESIE_SANDBOX_URL", settings.http_url(Name::Sandbox))
            .env("NESIE_DATABASE_OWNER_URL", settings.owner_database_url())
            .env("NESIE_STACK_FILE", settings.dev.join("stack.json"));
        succeed(run(&mut bench, &stack.interrupt)?, "bench")
    })
}

/// Prints a development token for these roles from the sandbox's issuer.
pub(crate) fn token(mut settings: Settings, roles: &[String], subject: &str) -> Result<()> {
    let mut state = State::read(&settings)?;
    state.drop_dead(|entry| entry.identity.is_alive());
    if state.find(Name::Sandbox).is_none() {
        bail!("the sandbox, which issues development tokens, does not run: start the stack with `cargo xtask up`");
    }
    settings.keep_ports(&state.ports());
    say(request_token(&settings, roles, subject)?);
    Ok(())
}

/// Asks the issuer for a token, as a front end would.
pub(crate) fn request_token(settings: &Settings, roles: &[String], subject: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Request<'a> {
        grant_type: &'static str,
        subject: &'a str,
        roles: String,
    }
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
    }
    let request = Request { grant_type: "client_credentials", subject, roles: roles.join(" ") };
    let url = format!("{}/token", settings.issuer());
    let mut answer = ours::agent(Duration::from_secs(10))
        .post(&url)
        .send_json(&request)
        .with_context(|| format!("asking {url} for a token"))?;
    let answer: Answer = answer.body_mut().read_json().context("reading the issuer's answer")?;
    Ok(answer.access_token)
}

/// Regenerates, or checks, the committed data of the checked queries.
pub(crate) fn sqlx(settings: Settings, check: bool, interrupt: Interrupt) -> Result<()> {
    with_stack(settings, &[Name::Postgres], Profile::Debug, interrupt, |stack| {
        packages::install(&stack.settings, &stack.interrupt)?;
        crate::queries::refresh(&stack.settings, check, &stack.interrupt)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_chosen_by_option_not_by_a_filter_or_the_tests_own_arguments() {
        let chooses =
            |words: &[&str]| chooses_packages(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(
            chooses(&["-p", "nesie-domain"]) && chooses(&["--package=nesie-domain"]) && chooses(&["-pnesie-domain"])
        );
        assert!(!chooses(&[]) && !chooses(&["money"]) && !chooses(&["money", "--", "-p"]));
    }
}
