//! A process of ours under test, with its log, ended with the test.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::Rng as _;

/// A running process; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts one of our binaries with just this environment.
    pub(crate) fn start(binary: &str, arguments: &[&str], environment: &[(String, String)], directory: &Path) -> Self {
        let path = binaries().join(binary);
        let log = directory.join(format!("{binary}-{}.log", rand::rng().random::<u32>()));
        let file = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let child = Command::new(&path)
            .args(arguments)
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .envs(environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log can be cloned"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it first (cargo xtask test does)", path.display()));
        Self { name: binary.to_string(), child, log }
    }

    /// Waits for a process that ends by itself, and fails unless it ends well.
    pub(crate) fn succeed(mut self) {
        let status = self.child.wait().expect("a child can be waited for");
        assert!(status.success(), "{} ended with {status}:\n{}", self.name, self.tail());
    }

    /// Waits for a process that ends by itself, and fails if it ends well. Returns its log.
    pub(crate) fn fail(mut self) -> String {
        let status = self.child.wait().expect("a child can be waited for");
        assert!(!status.success(), "{} ended well:\n{}", self.name, self.tail());
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `url` answers 200, and fails as soon as the process dies.
    pub(crate) async fn ready(&mut self, url: &str) {
        let client = nesie_platform::http::client(Default::default()).expect("a client");
        for _ in 0..1_200 {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!("{} ended with {status}:\n{}", self.name, self.tail());
            }
            if client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} is not ready:\n{}", self.name, self.tail());
    }

    /// SIGKILL: nothing of the process gets to run any more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// The end of the log, for a failing test.
    pub(crate) fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the runner shows it beside the failure")]
            {
                eprintln!("--- end of the log of {} ---\n{}", self.name, self.tail());
            }
        }
    }
}

/// Where `cargo xtask test` built our binaries.
pub(crate) fn binaries() -> PathBuf {
    PathBuf::from(variable("NESIE_BIN_DIR"))
}

/// A variable that `cargo xtask test` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by `cargo xtask test`"))
}

/// A port that nobody listens on, outside the range from which the kernel takes ports for outgoing connections.
pub(crate) fn free_port() -> u16 {
    for _ in 0..1_000 {
        let port = rand::rng().random_range(12_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
