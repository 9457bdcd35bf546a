//! PostgreSQL and Temporal of one story's own, which it may kill with SIGKILL and start again on the same data.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::{free_port, variable};

/// Servers in a folder of their own, started by the developer command.
pub(crate) struct OwnServers {
    directory: PathBuf,
    environment: Vec<(String, String)>,
    postgres_port: u16,
    temporal_port: u16,
}

impl OwnServers {
    pub(crate) fn start(directory: &Path) -> Self {
        let (postgres_port, temporal_port) = (free_port(), free_port());
        let environment = vec![
            ("NESIE_DEV_DIR".to_string(), directory.display().to_string()),
            ("NESIE_POSTGRES_PORT".to_string(), postgres_port.to_string()),
            ("NESIE_TEMPORAL_PORT".to_string(), temporal_port.to_string()),
            ("NESIE_TEMPORAL_UI_PORT".to_string(), free_port().to_string()),
        ];
        let servers = Self { directory: directory.to_path_buf(), environment, postgres_port, temporal_port };
        servers.up();
        servers
    }

    /// Starts what does not run.
    pub(crate) fn up(&self) {
        self.xtask(&["up", "--only", "postgres,temporal", "--detach"]);
    }

    /// SIGKILL to `postgres` or `temporal`: the server and all of its processes.
    pub(crate) fn kill(&self, service: &str) {
        let state = std::fs::read_to_string(self.directory.join("stack.json")).expect("the servers' state");
        let state: Value = serde_json::from_str(&state).expect("the servers' state is JSON");
        let services = state["services"].as_array().expect("the state lists services");
        let pid = services.iter().find(|entry| entry["name"] == service).and_then(|entry| entry["pid"].as_u64());
        let pid = pid.unwrap_or_else(|| panic!("no pid of {service} in {state}"));
        let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
        assert!(killed.success(), "{service} could not be killed");
    }

    pub(crate) fn database_url(&self) -> String {
        format!("postgres://nesie@127.0.0.1:{}/nesie", self.postgres_port)
    }

    pub(crate) fn temporal_address(&self) -> String {
        format!("http://127.0.0.1:{}", self.temporal_port)
    }

    fn xtask(&self, arguments: &[&str]) {
        let output = Command::new(variable("NESIE_XTASK"))
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env_remove("TEMPORAL_ADDRESS")
            .envs(self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .output()
            .expect("the developer command runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = Command::new(variable("NESIE_XTASK"))
                .arg("down")
                .env_remove("DATABASE_URL")
                .env_remove("TEMPORAL_ADDRESS")
                .envs(self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
                .output();
        } else {
            self.xtask(&["down"]);
        }
    }
}
