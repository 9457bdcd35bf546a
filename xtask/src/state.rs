//! `.dev/stack.json`: which processes run, since when, on which ports, so that a second command finds the first.
//! It never trusts a pid alone: a number that another process has got since is not ours to end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::console::note;
use crate::service::{Name, PortUse};
use crate::settings::{Port, Settings};

/// A process that was started, recognisable after its pid has been given to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Process id.
    pub(crate) pid: u32,
    /// Start time in clock ticks since boot, field 22 of `/proc/<pid>/stat`.
    pub(crate) started: u64,
    /// The boot it belongs to.
    pub(crate) boot: String,
}

impl Identity {
    /// Identity of a process that runs now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let started = start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { pid, started, boot: boot() })
    }

    /// Whether that very process runs and has not been killed.
    pub(crate) fn is_well(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        self.is_alive() && !is_dying(&stat)
    }

    /// Whether that very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now == *self)
    }
}

/// Start time out of `/proc/<pid>/stat`; none for a zombie, which only waits to be collected.
/// The name in parentheses may itself hold spaces and parentheses, so fields count from the last one.
fn start_time(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Whether a process has been killed and only has not finished dying, from `/proc/<pid>/stat`.
fn is_dying(stat: &str) -> bool {
    const EXITING: u64 = 0x4;
    const KILLED: u64 = 1 << 8;
    let fields: Vec<&str> = stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect());
    // Fields 9 (the kernel's flags) and 31 (pending signals), counted from the third.
    let bits = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    bits(9) & EXITING != 0 || bits(31) & KILLED != 0
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// One running process of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Which one.
    pub(crate) name: Name,
    /// Which process.
    #[serde(flatten)]
    pub(crate) identity: Identity,
    /// What it listens on.
    pub(crate) ports: Vec<EntryPort>,
    /// Its log.
    pub(crate) log: PathBuf,
}

/// A port of a running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryPort {
    /// What for.
    pub(crate) purpose: PortUse,
    /// Its number.
    pub(crate) number: u16,
}

/// What `stack.json` holds: processes in the order in which they started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The processes.
    pub(crate) services: Vec<Entry>,
}

impl State {
    /// Reads the file; a missing one means that nothing runs.
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let path = path(settings);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!("reading {}: end the processes it names by hand, then delete it", path.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes the file in one piece, or removes it when nothing is left.
    pub(crate) fn write(&self, settings: &Settings) -> Result<()> {
        let path = path(settings);
        if self.services.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("removing {}", path.display()))
                }
                _ => Ok(()),
            };
        }
        let part = path.with_extension("json.part");
        let text = serde_json::to_string_pretty(self).context("writing the state as JSON")?;
        fs::write(&part, text + "\n").with_context(|| format!("writing {}", part.display()))?;
        fs::rename(&part, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Forgets processes that have ended; returns them.
    pub(crate) fn drop_dead(&mut self, is_alive: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let (alive, dead) = std::mem::take(&mut self.services).into_iter().partition(is_alive);
        self.services = alive;
        dead
    }

    /// The entry of a process.
    pub(crate) fn find(&self, name: Name) -> Option<&Entry> {
        self.services.iter().find(|entry| entry.name == name)
    }

    /// Ports that are in use by our own processes.
    pub(crate) fn ports(&self) -> Vec<Port> {
        self.services
            .iter()
            .flat_map(|entry| {
                entry.ports.iter().map(|port| Port { service: entry.name, purpose: port.purpose, number: port.number })
            })
            .collect()
    }
}

fn path(settings: &Settings) -> PathBuf {
    settings.dev.join("stack.json")
}

/// Held while the stack is being changed, so that two commands do not start it twice.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its drop, which releases the lock")] File);

impl Lock {
    /// Waits until no other command changes the stack.
    pub(crate) fn take(dev: &Path) -> Result<Self> {
        fs::create_dir_all(dev).with_context(|| format!("making {}", dev.display()))?;
        let path = dev.join("lock");
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        if file.try_lock().is_err() {
            note("waiting for another `cargo xtask` that is starting or stopping the stack");
            file.lock().with_context(|| format!("locking {}", path.display()))?;
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: Name, pid: u32) -> Entry {
        let identity = Identity { pid, started: 5, boot: "b".to_owned() };
        let ports = vec![EntryPort { purpose: PortUse::Main, number: 1000 }];
        Entry { name, identity, ports, log: PathBuf::from("x.log") }
    }

    #[test]
    fn start_time_survives_any_process_name_and_ignores_zombies() {
        let rest = "1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(start_time(&format!("12 (a b) c)) S {rest}")), Some(987_654));
        assert_eq!(start_time(&format!("12 (x) Z {rest}")), None);
        assert_eq!(start_time("12 (x) S 1"), None);
        assert_eq!(start_time(""), None);
    }

    #[test]
    fn a_killed_process_is_dying_before_it_is_gone() {
        let stat = |flags: u32, pending: u32| {
            format!("12 (x) S 1 1 1 0 -1 {flags} 1 0 0 0 0 0 0 0 20 0 1 0 9876 0 0 1 1 1 1 1 1 {pending} 0 0 0")
        };
        assert!(!is_dying(&stat(4_194_560, 0)));
        assert!(is_dying(&stat(4_194_564, 0)), "it exits");
        assert!(is_dying(&stat(4_194_560, 256)), "SIGKILL is pending");
        assert!(!is_dying(&stat(4_194_560, 2)), "SIGINT is pending");
    }

    #[test]
    fn we_are_alive_but_a_process_with_our_pid_and_another_start_is_not() {
        let ours = Identity::of(std::process::id()).expect("we run");
        assert!(ours.is_alive() && ours.is_well());
        assert!(!Identity { started: ours.started + 1, ..ours.clone() }.is_alive());
        assert!(!Identity { boot: "another boot".to_owned(), ..ours }.is_alive());
    }

    #[test]
    fn dead_processes_are_forgotten_in_order() {
        let mut state =
            State { services: vec![entry(Name::Postgres, 1), entry(Name::Temporal, 2), entry(Name::Api, 3)] };
        let dead = state.drop_dead(|entry| entry.identity.pid != 2);
        assert_eq!(dead, [entry(Name::Temporal, 2)]);
        assert_eq!(state.services, [entry(Name::Postgres, 1), entry(Name::Api, 3)]);
        assert!(state.find(Name::Temporal).is_none());
        let port = Port { service: Name::Postgres, purpose: PortUse::Main, number: 1000 };
        assert_eq!(state.ports()[0], port);
    }

    #[test]
    fn the_file_keeps_its_form() {
        let text = serde_json::to_string(&State { services: vec![entry(Name::Temporal, 7)] }).expect("serialises");
        let form = r#"{"services":[{"name":"temporal","pid":7,"started":5,"boot":"b","ports":[{"purpose":"main","number":1000}],"log":"x.log"}]}"#;
        assert_eq!(text, form);
        assert_eq!(
            serde_json::from_str::<State>(form).expect("reads back"),
            State { services: vec![entry(Name::Temporal, 7)] }
        );
    }
}
