//! Building our binaries, and where cargo puts them.
//! It never builds against a database: checked queries use the committed data.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::console::Interrupt;
use crate::process::{output, run_ok};
use crate::settings::Settings;

/// How the binaries are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    #[default]
    Debug,
    /// For measuring.
    Release,
}

/// The cargo that runs us.
pub(crate) fn cargo(settings: &Settings) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&settings.root).env("SQLX_OFFLINE", "true");
    // What `cargo run` tells us of ourselves. Build scripts watch some of it: left there, half of what we depend on would be
    // built anew whenever a developer goes from `cargo xtask` to cargo and back.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds the binaries of these packages in one go.
pub(crate) fn binaries(settings: &Settings, packages: &[&str], profile: Profile, interrupt: &Interrupt) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let mut build = cargo(settings);
    build.args(["build", "--quiet", "--bins"]);
    for package in packages {
        build.args(["--package", package]);
    }
    if profile == Profile::Release {
        build.arg("--release");
    }
    run_ok(&mut build, interrupt)
}

/// Folder of the built binaries, wherever the developer's cargo settings put it.
pub(crate) fn folder(settings: &Settings, profile: Profile) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = output(cargo(settings).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading cargo's metadata")?;
    Ok(metadata.target_directory.join(match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    }))
}
