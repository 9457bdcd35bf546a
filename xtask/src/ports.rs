//! Whether a port is free, and who has it if not, from `/proc`.
//! It never ends the process that has it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::POLL;
use crate::service::Name;
use crate::settings::{PORTS, Settings};

/// Refuses to start services whose ports are taken, naming all of them at once.
/// A process that was killed a moment ago may hold its port a little longer: `patience` is for it.
pub(crate) fn require_free(settings: &Settings, services: &[Name], patience: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let problems = problems(settings, services);
        if problems.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > patience {
            bail!("{}", problems.join("\n"));
        }
        thread::sleep(POLL);
    }
}

fn problems(settings: &Settings, services: &[Name]) -> Vec<String> {
    let mut problems = Vec::new();
    for setting in PORTS.iter().filter(|setting| services.contains(&setting.service)) {
        let port = settings.port(setting.service, setting.purpose);
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            let holder = if error.kind() == std::io::ErrorKind::AddrInUse {
                holder(port).map_or_else(|| "another process".to_owned(), |process| process.to_string())
            } else {
                error.to_string()
            };
            problems.push(message(port, setting.service, setting.variable, &holder));
        }
    }
    problems
}

/// What the developer reads: the port, who has it, and what to set.
fn message(port: u16, service: Name, variable: &str, holder: &str) -> String {
    format!(
        "port {port}, which {service} needs, is taken by {holder}; \
         end that process, or choose another port: {variable}=<port>"
    )
}

/// A process found in `/proc`.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    command: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {} (`{}`)", self.pid, self.command)
    }
}

/// The process that listens on a port, as far as we may look into it.
fn holder(port: u16) -> Option<Process> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else { continue };
        let holds = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| wanted.iter().any(|name| target.as_os_str() == &**name))
        });
        if holds {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            return Some(Process { pid, command: command_line(&command) });
        }
    }
    None
}

/// Inodes of the sockets that listen on a port, from a table like `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (local.ends_with(&suffix) && *state == LISTEN).then(|| (*inode).to_owned())
        })
        .collect()
}

/// A command line short enough for a message.
fn command_line(raw: &[u8]) -> String {
    const LONGEST: usize = 80;
    let words: Vec<String> = raw
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1C41 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1
   2: 0100007F:D439 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0
";

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        assert_eq!(listening_inodes(TABLE, 7233), ["4242"]);
        assert_eq!(listening_inodes(TABLE, 54329), ["4244"]);
        assert!(listening_inodes(TABLE, 1).is_empty());
    }

    #[test]
    fn the_message_names_port_service_holder_and_variable() {
        let message = message(7233, Name::Temporal, "NESIE_TEMPORAL_PORT", "process 12 (`temporal server`)");
        for part in ["7233", "Temporal", "process 12 (`temporal server`)", "NESIE_TEMPORAL_PORT="] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn our_own_listener_is_found_by_its_port() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let found = holder(port).expect("we may look into ourselves");
        assert_eq!(found.pid, std::process::id());
        assert!(!found.command.is_empty());
    }

    #[test]
    fn a_long_command_line_is_cut_between_characters() {
        let long = format!("program\0{}\0", "қ".repeat(200));
        let line = command_line(long.as_bytes());
        assert!(line.starts_with("program қ") && line.ends_with('…') && line.chars().count() == 81, "{line}");
        assert_eq!(command_line(b"a\0b\0"), "a b");
    }
}
