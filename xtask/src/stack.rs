//! The development stack as a whole: bring up what is missing, watch it, take it down in reverse order.
//! It never touches a server that was given by `DATABASE_URL` or `TEMPORAL_ADDRESS`.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::console::{Interrupt, note, say};
use crate::postgres::Cluster;
use crate::process::{POLL, Running, tail_of};
use crate::service::{Name, PortUse};
use crate::settings::{PORTS, Settings};
use crate::state::{Entry, Lock, State};
use crate::{ours, packages, ports, temporal};

/// A stack that is up, and which part of it this command started.
pub(crate) struct Stack {
    /// Where everything is.
    pub(crate) settings: Settings,
    /// How its binaries are built.
    profile: Profile,
    /// Our wish to end.
    pub(crate) interrupt: Interrupt,
    started: Vec<Running>,
    found: Vec<Running>,
}

impl Stack {
    /// Brings up the wanted services: those that already run stay, the others start in order.
    pub(crate) fn up(mut settings: Settings, wanted: &[Name], profile: Profile, interrupt: Interrupt) -> Result<Self> {
        let _lock = Lock::take(&settings.dev)?;
        protect(&settings)?;
        let mut state = State::read(&settings)?;
        let dead = state.drop_dead(is_up);
        for entry in &dead {
            note(format_args!("{} of an earlier run has ended\n{}", entry.name, tail_of(entry.name, &entry.log)));
        }
        state.write(&settings)?;
        settings.keep_ports(&state.ports());
        let missing = missing(&settings, wanted, &state);
        let patience = if dead.is_empty() { Duration::ZERO } else { Duration::from_secs(5) };
        ports::require_free(&settings, &missing, patience)?;
        let found = state.services.iter().filter(|entry| wanted.contains(&entry.name));
        let found = found.cloned().map(Running::adopted).collect();
        let mut stack = Self { settings, profile, interrupt, started: Vec::new(), found };
        if let Err(error) = stack.start(&missing, &mut state) {
            stack.stop_started(&mut state)?;
            return Err(error);
        }
        Ok(stack)
    }

    fn start(&mut self, missing: &[Name], state: &mut State) -> Result<()> {
        if missing.iter().any(|name| name.package().is_some()) {
            say("building sandbox, worker and API");
            build::binaries(&self.settings, &[], self.profile, &self.interrupt)?;
        }
        if missing.iter().any(|name| matches!(name, Name::Postgres | Name::Temporal)) {
            packages::install(&self.settings, &self.interrupt)?;
        }
        let mut migrated = false;
        for &name in missing {
            self.interrupt.check()?;
            if matches!(name, Name::Worker | Name::Api) && !migrated {
                ours::migrate(&self.settings, &self.binaries()?, &self.interrupt)?;
                migrated = true;
            }
            let begun = Instant::now();
            let running = match name {
                Name::Postgres => Cluster::prepare(&self.settings)?.start(&self.settings, &self.interrupt)?,
                Name::Temporal => temporal::start(&self.settings, &self.interrupt)?,
                Name::Sandbox | Name::Worker | Name::Api => {
                    ours::start(&self.settings, name, &self.binaries()?, &self.interrupt)?
                }
            };
            say(format_args!("{name} is ready ({:.1} s)", begun.elapsed().as_secs_f64()));
            state.services.push(running.entry.clone());
            self.started.push(running);
            state.services.sort_by_key(|entry| entry.name);
            state.write(&self.settings)?;
        }
        Ok(())
    }

    /// Folder of the built binaries.
    pub(crate) fn binaries(&self) -> Result<PathBuf> {
        build::folder(&self.settings, self.profile)
    }

    /// Whether this command started any part of it.
    pub(crate) fn started_any(&self) -> bool {
        !self.started.is_empty()
    }

    /// Says which processes that were found running are not of the newest build.
    pub(crate) fn note_older_builds(&self) -> Result<()> {
        if self.found.iter().all(|running| running.entry.name.package().is_none()) {
            return Ok(());
        }
        build::binaries(&self.settings, &[], self.profile, &self.interrupt)?;
        let binaries = self.binaries()?;
        for running in self.found.iter().filter(|running| running.entry.name.package().is_some()) {
            let newest = running.entry.name.package().map(|package| binaries.join(package));
            let program = fs::read_link(format!("/proc/{}/exe", running.entry.identity.pid)).ok();
            // The link of a program whose file was replaced ends in " (deleted)".
            if program != newest {
                let name = running.entry.name;
                note(format_args!(
                    "{name}, which was already running, is of another build; `cargo xtask down` ends it"
                ));
            }
        }
        Ok(())
    }

    /// The first process that has ended although nobody asked it to, as an error to report.
    pub(crate) fn check(&mut self) -> Result<()> {
        for running in self.started.iter_mut().chain(&mut self.found) {
            if let Some(status) = running.ended() {
                return Err(running.obituary(&status));
            }
        }
        Ok(())
    }

    /// Watches until we are asked to end, `down` has ended it elsewhere, or a process crashes.
    pub(crate) fn watch(&mut self) -> Result<()> {
        while !self.interrupt.asked() {
            if let Err(crash) = self.check() {
                let _lock = Lock::take(&self.settings.dev)?;
                if State::read(&self.settings)?.services.is_empty() {
                    say("the stack was taken down by another command");
                    return Ok(());
                }
                return Err(crash);
            }
            thread::sleep(POLL * 4);
        }
        Ok(())
    }

    /// Ends what this command started, in reverse order, and leaves what it found.
    pub(crate) fn finish(mut self) -> Result<()> {
        let _lock = Lock::take(&self.settings.dev)?;
        let mut state = State::read(&self.settings)?;
        self.stop_started(&mut state)
    }

    fn stop_started(&mut self, state: &mut State) -> Result<()> {
        let started = std::mem::take(&mut self.started);
        stop(&self.settings, state, started)
    }

    /// The URLs that a developer needs.
    pub(crate) fn describe(&self, services: &[Name]) {
        for line in describe(&self.settings, services) {
            say(line);
        }
    }
}

/// What is to be started of what is wanted, in order: neither what a given server stands in for, nor what already runs.
fn missing(settings: &Settings, wanted: &[Name], state: &State) -> Vec<Name> {
    let is_missing = |name: &Name| wanted.contains(name) && !settings.is_given(*name) && state.find(*name).is_none();
    Name::ALL.into_iter().filter(is_missing).collect()
}

/// Whether a process of an earlier command runs and still takes connections: one that was just killed does not.
fn is_up(entry: &Entry) -> bool {
    let listening = entry.ports.iter().all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port.number)).is_ok());
    listening && entry.identity.is_well()
}

/// Ends everything that `stack.json` names.
pub(crate) fn down(settings: &Settings) -> Result<()> {
    let _lock = Lock::take(&settings.dev)?;
    let mut state = State::read(settings)?;
    state.drop_dead(|entry| entry.identity.is_alive());
    if state.services.is_empty() {
        state.write(settings)?;
        say("nothing runs");
        return Ok(());
    }
    let running = state.services.iter().cloned().map(Running::adopted).collect();
    stop(settings, &mut state, running)
}

/// Ends processes in reverse order; one that cannot be ended does not keep the others alive.
fn stop(settings: &Settings, state: &mut State, mut running: Vec<Running>) -> Result<()> {
    let mut failure = None;
    while let Some(mut process) = running.pop() {
        let name = process.entry.name;
        match process.stop() {
            Ok(killed) => {
                say(format_args!("{name} {}", if killed { "had to be killed" } else { "has ended" }));
                state.services.retain(|entry| entry.identity != process.entry.identity);
                state.write(settings)?;
            }
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(()), Err)
}

/// The folder holds a cluster without passwords: only its owner may look into it.
fn protect(settings: &Settings) -> Result<()> {
    let ignore = settings.dev.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").with_context(|| format!("writing {}", ignore.display()))?;
    }
    Ok(())
}

fn describe(settings: &Settings, services: &[Name]) -> Vec<String> {
    let mut lines = Vec::new();
    for name in Name::ALL.into_iter().filter(|name| services.contains(name)) {
        match name {
            // A given URL may hold a password, and whoever gave it knows it.
            Name::Postgres if settings.is_given(name) => lines.push("PostgreSQL    from DATABASE_URL".to_owned()),
            Name::Postgres => lines.push(format!("PostgreSQL    {}", settings.owner_database_url())),
            Name::Temporal => {
                lines.push(format!("Temporal      {}", settings.temporal_address()));
                lines.extend(settings.temporal_pages().map(|url| format!("Temporal UI   {url}")));
            }
            Name::Sandbox => lines.push(format!("sandbox       {}", settings.http_url(name))),
            Name::Worker => lines.push(format!("worker        {}/readyz", settings.http_url(name))),
            Name::Api => {
                lines.push(format!("API           {}", settings.http_url(name)));
                lines.push(format!("API document  {}/openapi.json", settings.http_url(name)));
            }
        }
    }
    lines
}

/// Variables that move each port, for the help of `up`.
pub(crate) fn port_help() -> String {
    let width = PORTS.iter().map(|port| port.variable.len()).max().unwrap_or_default();
    let mut lines = vec!["Ports (set the variable to change one):".to_owned()];
    for port in &PORTS {
        let pages = if port.purpose == PortUse::Pages { ", pages" } else { "" };
        lines.push(format!("  {:width$}  {:5}  {}{pages}", port.variable, port.default, port.service));
    }
    lines.push("DATABASE_URL and TEMPORAL_ADDRESS, when set, win: nothing is started in their place.".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Identity;

    fn settings(database: Option<&str>, temporal: Option<&str>) -> Settings {
        let mut settings = Settings::from_environment().expect("the environment of the tests is valid");
        settings.given_database = database.map(str::to_owned);
        settings.given_temporal = temporal.map(str::to_owned);
        settings
    }

    #[test]
    fn nothing_is_started_in_the_place_of_a_given_server() {
        const OURS: [Name; 3] = [Name::Sandbox, Name::Worker, Name::Api];
        let (database, temporal) = (Some("postgres://o@h/d"), Some("http://t:1"));
        for (database, temporal, servers) in [
            (None, None, &[Name::Postgres, Name::Temporal][..]),
            (database, None, &[Name::Temporal]),
            (None, temporal, &[Name::Postgres]),
            (database, temporal, &[]),
        ] {
            let started = missing(&settings(database, temporal), &Name::ALL, &State::default());
            assert_eq!(started, [servers, &OURS].concat(), "{database:?} {temporal:?}");
            let started = missing(&settings(database, temporal), &[Name::Temporal, Name::Postgres], &State::default());
            assert_eq!(started, servers, "only what is wanted: {database:?} {temporal:?}");
        }
    }

    #[test]
    fn nothing_is_started_twice() {
        let identity = Identity { pid: 1, started: 2, boot: "b".to_owned() };
        let entry = Entry { name: Name::Temporal, identity, ports: Vec::new(), log: PathBuf::from("x.log") };
        let state = State { services: vec![entry] };
        let started = missing(&settings(None, None), &Name::ALL, &state);
        assert_eq!(started, [Name::Postgres, Name::Sandbox, Name::Worker, Name::Api]);
    }

    #[test]
    fn a_given_database_url_is_never_printed() {
        let lines = describe(&settings(Some("postgres://o:secret@h/d"), None), &Name::ALL).join("\n");
        assert!(lines.contains("from DATABASE_URL") && !lines.contains("secret"), "{lines}");
    }

    #[test]
    fn only_the_wanted_services_are_described() {
        let lines = describe(&settings(None, None), &[Name::Temporal]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("Temporal ") && lines[1].starts_with("Temporal UI"), "{lines:?}");
    }

    #[test]
    fn the_help_names_every_port_variable() {
        let help = port_help();
        for port in &PORTS {
            assert!(help.contains(port.variable) && help.contains(&port.default.to_string()), "{help}");
        }
    }
}
