//! The developer command in the foreground: Ctrl-C ends every child, and a child that dies ends the rest and is reported.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use uuid::Uuid;

use crate::harness::{eventually, free_port, variable};

/// `up` in the foreground, with servers of its own.
struct Foreground {
    command: Child,
    directory: PathBuf,
}

impl Foreground {
    fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("nesie-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory).expect("a folder");
        let said = std::fs::File::create(directory.join("said")).expect("a log");
        let mut command = Command::new(variable("NESIE_XTASK"));
        command
            .args(["up", "--only", "postgres,temporal"])
            .env_remove("DATABASE_URL")
            .env_remove("TEMPORAL_ADDRESS")
            .env("NESIE_DEV_DIR", &directory)
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said);
        for name in ["NESIE_POSTGRES_PORT", "NESIE_TEMPORAL_PORT", "NESIE_TEMPORAL_UI_PORT"] {
            command.env(name, free_port().to_string());
        }
        Self { command: command.spawn().expect("the developer command starts"), directory }
    }

    /// The processes of its services by name, once it watches over both.
    async fn services(&self) -> Vec<(String, u64)> {
        eventually("both services run", async || {
            let said = self.said();
            let state = std::fs::read_to_string(self.directory.join("stack.json")).unwrap_or_default();
            let state: Value = serde_json::from_str(&state).unwrap_or_default();
            let services = state["services"].as_array().cloned().unwrap_or_default();
            let read = |entry: &Value| Some((entry["name"].as_str()?.to_string(), entry["pid"].as_u64()?));
            let services: Vec<_> = services.iter().filter_map(read).collect();
            if services.len() == 2 && said.contains("Ctrl-C") { Ok(services) } else { Err(said) }
        })
        .await
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.join("said")).unwrap_or_default()
    }

    /// Waits until it has ended; whether it ended well.
    async fn ended(&mut self) -> bool {
        let command = std::cell::RefCell::new(&mut self.command);
        eventually("the developer command ends", async || {
            command.borrow_mut().try_wait().expect("a child").ok_or_else(|| "it runs".to_string())
        })
        .await
        .success()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if matches!(self.command.try_wait(), Ok(None)) {
            // So that it ends its children, which SIGKILL would leave.
            signal("INT", self.command.id().into());
            let _ = self.command.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn signal(name: &str, pid: u64) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} to {pid}");
}

/// Whether the process is there and not only waiting to be buried.
fn lives(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

#[tokio::test]
async fn ctrl_c_ends_every_child() {
    let mut up = Foreground::start();
    let services = up.services().await;
    assert!(services.iter().all(|(_, pid)| lives(*pid)), "{services:?}");
    signal("INT", up.command.id().into());
    up.ended().await;
    let left: Vec<_> = services.iter().filter(|(_, pid)| lives(*pid)).collect();
    assert!(left.is_empty(), "{left:?}: {}", up.said());
}

#[tokio::test]
async fn a_child_that_dies_is_reported_and_ends_the_rest() {
    let mut up = Foreground::start();
    let services = up.services().await;
    let temporal = services.iter().find(|(name, _)| name == "temporal").expect("Temporal runs").1;
    signal("KILL", temporal);
    assert!(!up.ended().await, "{}", up.said());
    assert!(up.said().contains("Temporal ended"), "{}", up.said());
    let left: Vec<_> = services.iter().filter(|(_, pid)| lives(*pid)).collect();
    assert!(left.is_empty(), "{left:?}: {}", up.said());
}
