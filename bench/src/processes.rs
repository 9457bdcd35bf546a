//! CPU time and memory of the stack's processes, from `/proc`.
//! Never a guess for a process that is not in the stack's file: its time is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::numbers::number;

/// What the kernel counts a second as in `/proc/<pid>/stat`, on every architecture of Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// The name of the load generator's own time; in rounds of the bare workflow its worker's is in it.
pub(crate) const GENERATOR: &str = "generator (and bare worker)";

/// CPU time used so far, in ticks, by process.
pub(crate) type Ticks = BTreeMap<String, u64>;

/// The processes to look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes(Vec<Entry>);

/// What the stack's file says of a process.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    name: String,
    pid: u32,
}

#[derive(Deserialize)]
struct StackFile {
    services: Vec<Entry>,
}

impl Processes {
    /// Those that the stack's file names.
    pub(crate) fn of_stack(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let stack: StackFile =
            serde_json::from_str(&text).with_context(|| format!("{} names no processes", file.display()))?;
        Ok(Self(stack.services))
    }

    /// The memory that a process holds now, in KiB.
    pub(crate) fn resident(&self, name: &str) -> Option<u64> {
        let entry = self.0.iter().find(|entry| entry.name == name)?;
        resident(&fs::read_to_string(format!("/proc/{}/status", entry.pid)).ok()?)
    }

    /// CPU time used so far: of each process with all its descendants, dead ones included, and of ourselves.
    pub(crate) fn ticks(&self) -> Ticks {
        let all = running();
        let mut ticks: Ticks =
            self.0.iter().map(|entry| (entry.name.clone(), with_descendants(&all, entry.pid))).collect();
        let ours = all.get(&std::process::id()).map(|stat| stat.own);
        ticks.insert(GENERATOR.to_string(), ours.unwrap_or_default());
        ticks
    }
}

/// `VmRSS` of `/proc/<pid>/status`, in KiB.
fn resident(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// What was used between two looks.
pub(crate) fn used(before: &Ticks, after: &Ticks) -> Ticks {
    let since = |name: &String| before.get(name).copied().unwrap_or_default();
    after.iter().map(|(name, ticks)| (name.clone(), ticks.saturating_sub(since(name)))).collect()
}

/// Ticks as seconds.
pub(crate) fn seconds(ticks: u64) -> f64 {
    number(ticks) / TICKS_A_SECOND
}

/// One line of `/proc/<pid>/stat`, as far as we need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Of the process itself, in user and in system mode.
    own: u64,
    /// Of its children that have ended and were waited for, and of theirs.
    ended_children: u64,
}

/// Fields 4 and 14 to 17. The name in parentheses may itself hold spaces and parentheses, so they count from the last.
fn parse(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(field(4)?).ok()?,
        own: field(14)? + field(15)?,
        ended_children: field(16)? + field(17)?,
    })
}

fn running() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parse(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect()
}

/// A process and everything below it: PostgreSQL has a process for each connection.
fn with_descendants(all: &BTreeMap<u32, Stat>, pid: u32) -> u64 {
    let Some(stat) = all.get(&pid) else { return 0 };
    let children = all.iter().filter(|(child, stat)| stat.parent == pid && **child != pid);
    let below: u64 = children.map(|(child, _)| with_descendants(all, *child)).sum();
    stat.own + stat.ended_children + below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(parent: u32, own: u64, ended_children: u64) -> Stat {
        Stat { parent, own, ended_children }
    }

    #[test]
    fn a_name_may_hold_spaces_and_parentheses() {
        let line = "4242 (post (gres) x) S 7 4242 4242 0 -1 4194560 900 100 0 0 31 12 5 2 20 0 1 0 314 1000";
        assert_eq!(parse(line), Some(stat(7, 43, 7)));
        assert_eq!(parse("4242 (short) S 7 1 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_counts_with_its_living_and_dead_descendants_only() {
        let all = BTreeMap::from([
            (10, stat(1, 100, 30)),
            (11, stat(10, 5, 0)),
            (12, stat(11, 2, 1)),
            (20, stat(1, 1_000, 0)),
        ]);
        assert_eq!(with_descendants(&all, 10), 138);
        assert_eq!(with_descendants(&all, 12), 3);
        assert_eq!(with_descendants(&all, 99), 0, "it has ended");
    }

    #[test]
    fn memory_is_what_is_resident() {
        assert_eq!(resident("Name:\tx\nVmPeak:\t  9 kB\nVmRSS:\t    4242 kB\nThreads:\t1\n"), Some(4_242));
        assert_eq!(resident("Name:\tx\n"), None);
        let us = Processes(vec![Entry { name: "us".to_string(), pid: std::process::id() }]);
        assert!(us.resident("us") > Some(100) && us.resident("them").is_none());
    }

    #[test]
    fn used_is_the_difference_and_a_new_process_counts_whole() {
        let before = Ticks::from([("api".to_string(), 40), ("worker".to_string(), 90)]);
        let after = Ticks::from([("api".to_string(), 55), ("worker".to_string(), 10), ("postgres".to_string(), 3)]);
        let expected = Ticks::from([("api".to_string(), 15), ("worker".to_string(), 0), ("postgres".to_string(), 3)]);
        assert_eq!(used(&before, &after), expected, "a worker that was started anew is not negative");
        assert!((seconds(250) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn the_file_of_the_stack_is_read_as_it_is_written() {
        let text = r#"{"services":[{"name":"temporal","pid":7,"started":5,"boot":"b","ports":[],"log":"x.log"}]}"#;
        let file: StackFile = serde_json::from_str(text).expect("the form that xtask writes");
        assert_eq!((file.services[0].name.as_str(), file.services[0].pid), ("temporal", 7));
    }

    #[test]
    fn we_find_ourselves() {
        let ticks = Processes(vec![Entry { name: "us".to_string(), pid: std::process::id() }]).ticks();
        assert_eq!(ticks.len(), 2);
        assert!(running().contains_key(&std::process::id()));
    }
}
