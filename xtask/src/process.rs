//! Processes: start one with its log, watch it, end it, and run a tool to its end.
//! It never touches a process that this stack did not start.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::console::Interrupt;
use crate::service::Name;
use crate::state::{Entry, EntryPort, Identity};

/// How long a process may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How often a condition is looked at again.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// Lines of a log that a report shows.
const TAIL_LINES: usize = 30;

/// A process of the stack: a child of ours, or one that an earlier command started.
pub(crate) struct Running {
    /// What `stack.json` says of it.
    pub(crate) entry: Entry,
    child: Option<Child>,
}

impl Running {
    /// One that an earlier command started.
    pub(crate) fn adopted(entry: Entry) -> Self {
        Self { entry, child: None }
    }

    /// Starts a process with its output in `logs/<name>.log`; the log of the run before stays as `….previous.log`.
    pub(crate) fn start(name: Name, mut command: Command, ports: Vec<EntryPort>, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("making {}", logs.display()))?;
        let log = logs.join(format!("{}.log", name.key()));
        if log.exists() {
            fs::rename(&log, logs.join(format!("{}.previous.log", name.key())))
                .with_context(|| format!("setting aside {}", log.display()))?;
        }
        let output = File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("making {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // A group of its own: Ctrl-C reaches us, and we end the children in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().to_string_lossy()))?;
        let identity =
            Identity::of(child.id()).ok_or_else(|| anyhow!("{name} ended at once\n{}", tail_of(name, &log)))?;
        Ok(Self { entry: Entry { name, identity, ports, log }, child: Some(child) })
    }

    /// How it ended, if it did: a status where it is our child, words where we cannot know.
    pub(crate) fn ended(&mut self) -> Option<String> {
        if let Some(child) = &mut self.child {
            return child.try_wait().ok().flatten().map(|status| status.to_string());
        }
        (!self.entry.identity.is_alive()).then(|| "unknown exit status: another command started it".to_owned())
    }

    /// What to tell of a process that ended when it should not have.
    pub(crate) fn obituary(&self, status: &str) -> anyhow::Error {
        let name = self.entry.name;
        anyhow!("{name} ended ({status})\n{}", tail_of(name, &self.entry.log))
    }

    /// Waits until it is ready, or reports why it will not be.
    pub(crate) fn wait_ready(
        &mut self,
        limit: Duration,
        interrupt: &Interrupt,
        ready: impl Fn() -> bool,
    ) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Err(self.obituary(&status));
            }
            if ready() {
                return Ok(());
            }
            interrupt.check()?;
            if started.elapsed() > limit {
                let name = self.entry.name;
                bail!("{name} was not ready within {} s\n{}", limit.as_secs(), tail_of(name, &self.entry.log));
            }
            thread::sleep(POLL);
        }
    }

    /// Asks it to end, waits, and kills it if it does not. True if it had to be killed.
    pub(crate) fn stop(&mut self) -> Result<bool> {
        let name = self.entry.name;
        if self.ended().is_some() {
            return Ok(false);
        }
        let pid = i32::try_from(self.entry.identity.pid).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{name} has an impossible pid"))?;
        // It may end between the look and the signal: then there is nothing left to do.
        if kill_process(pid, name.stop_signal()).is_err() && self.ended().is_some() {
            return Ok(false);
        }
        if self.wait_end(GRACE) {
            return Ok(false);
        }
        if let Err(error) = kill_process(pid, Signal::KILL)
            && self.ended().is_none()
        {
            bail!("{name} (process {}) cannot be ended: {error}", self.entry.identity.pid);
        }
        if !self.wait_end(GRACE) {
            bail!("{name} (process {}) survived SIGKILL", self.entry.identity.pid);
        }
        Ok(true)
    }

    fn wait_end(&mut self, limit: Duration) -> bool {
        let started = Instant::now();
        while self.ended().is_none() {
            if started.elapsed() > limit {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }
}

pub(crate) fn tail_of(name: Name, log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let lines = tail(&String::from_utf8_lossy(&bytes), TAIL_LINES);
    if lines.is_empty() {
        return format!("{name} wrote nothing to {}", log.display());
    }
    format!("the end of {}:\n{lines}", log.display())
}

/// The last lines of a text, indented so that they stand apart.
fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let kept = &all[all.len().saturating_sub(lines)..];
    kept.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

/// Runs a tool in the foreground to its end; our wish to stop is passed on to it.
pub(crate) fn run(command: &mut Command, interrupt: &Interrupt) -> Result<ExitStatus> {
    let what = display(command);
    let mut child = command.spawn().with_context(|| format!("starting {what}"))?;
    let mut told = false;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("waiting for {what}"))? {
            interrupt.check()?;
            return Ok(status);
        }
        if interrupt.asked() && !told {
            told = true;
            if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                // Fails only if it has ended by itself, which the next look finds.
                let _ended = kill_process(pid, Signal::TERM);
            }
        }
        thread::sleep(POLL);
    }
}

/// Runs a tool that must succeed.
pub(crate) fn run_ok(command: &mut Command, interrupt: &Interrupt) -> Result<()> {
    let status = run(command, interrupt)?;
    if !status.success() {
        bail!("{} failed ({status})", display(command));
    }
    Ok(())
}

/// Runs a tool that must succeed and returns what it printed; its errors are part of ours.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let what = display(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {what}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{what} failed ({})\n{}", output.status, tail(&errors, TAIL_LINES));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Program and first argument: enough to recognise a tool, without any secret in its arguments.
fn display(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match command.get_args().next() {
        Some(first) if !first.to_string_lossy().contains("://") => format!("`{program} {}`", first.to_string_lossy()),
        _ => format!("`{program}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_last_lines_whole_and_marked() {
        let text: String = (1..=40).map(|number| format!("line {number}\n")).collect();
        let kept = tail(&text, 3);
        assert_eq!(kept, "  | line 38\n  | line 39\n  | line 40");
        assert_eq!(tail("one", 30), "  | one");
        assert_eq!(tail("", 30), "");
    }

    #[test]
    fn a_displayed_command_never_shows_a_url() {
        assert_eq!(display(Command::new("/x/bin/psql").args(["postgres://u:secret@h/d", "-c"])), "`psql`");
        assert_eq!(display(Command::new("cargo").args(["build", "-p"])), "`cargo build`");
    }

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("nesie-xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        folder
    }

    #[test]
    fn a_process_that_ends_by_itself_is_reported_with_status_and_log() {
        let folder = scratch("obituary");
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason; sleep 0.2; exit 3"]);
        let mut running = Running::start(Name::Api, command, Vec::new(), &folder).expect("sh starts");
        let interrupt = Interrupt::catch().expect("signals can be caught");
        let error = running.wait_ready(Duration::from_secs(20), &interrupt, || false).expect_err("it ends").to_string();
        assert!(error.contains("the API ended (exit status: 3)") && error.contains("| the reason"), "{error}");
        fs::remove_dir_all(folder).expect("ours to remove");
    }

    #[test]
    fn a_running_process_is_stopped_and_then_known_to_be_dead() {
        let folder = scratch("stop");
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut running = Running::start(Name::Api, command, Vec::new(), &folder).expect("sleep starts");
        assert!(running.ended().is_none() && running.entry.identity.is_alive());
        assert!(!running.stop().expect("it can be ended"), "SIGTERM is enough for sleep");
        assert!(!running.entry.identity.is_alive());
        assert!(!running.stop().expect("a second stop finds nothing to do"));
        fs::remove_dir_all(folder).expect("ours to remove");
    }

    #[test]
    fn the_log_of_the_run_before_is_kept() {
        let folder = scratch("logs");
        for text in ["first", "second"] {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo {text}; sleep 600")]);
            let mut running = Running::start(Name::Worker, command, Vec::new(), &folder).expect("sh starts");
            let log = folder.join("worker.log");
            let interrupt = Interrupt::catch().expect("signals can be caught");
            running
                .wait_ready(Duration::from_secs(20), &interrupt, || {
                    fs::read_to_string(&log).unwrap_or_default().contains(text)
                })
                .expect("it writes its line");
            running.stop().expect("it can be ended");
        }
        let previous = fs::read_to_string(folder.join("worker.previous.log")).expect("kept");
        assert_eq!(previous, "first\n");
        fs::remove_dir_all(folder).expect("ours to remove");
    }
}
