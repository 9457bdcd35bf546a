//! Building our binaries, and where cargo puts them.
//! It never builds against a database: checked queries use the committed data.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::console::Interrupt;
use crate::process::{output, run_ok};
use crate::service::Name;
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

/// The variable that names the build of API and worker.
pub(crate) const BUILD: &str = "NESIE_BUILD";

/// How API and worker are to name the build: by the commit that they were built from. Nothing where the caller names it, or
/// where git does not answer; they know what to do then.
pub(crate) fn name(settings: &Settings) -> Option<String> {
    let named = std::env::var_os(BUILD).is_some_and(|named| !named.is_empty());
    if named { None } else { described(&settings.root) }
}

fn described(folder: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]).current_dir(folder);
    // It only looks, and must not be in the way of the developer's own git.
    git.env("GIT_OPTIONAL_LOCKS", "0");
    output(&mut git).ok().map(|said| said.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The cargo that runs us.
pub(crate) fn cargo(settings: &Settings) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&settings.root).env("SQLX_OFFLINE", "true");
    // The name goes to the processes: compiled in, each new one would build everything above `platform` anew.
    cargo.env_remove(BUILD);
    // What `cargo run` tells us of ourselves. Build scripts watch some of it: left there, half of what we depend on would be
    // built anew whenever a developer goes from `cargo xtask` to cargo and back.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds the stack's binaries in one go, and those of the packages named besides. Always all of the stack's: another choice
/// of packages would choose the features of shared crates differently, and build them once more.
pub(crate) fn binaries(settings: &Settings, besides: &[&str], profile: Profile, interrupt: &Interrupt) -> Result<()> {
    let mut build = cargo(settings);
    build.args(["build", "--quiet", "--bins"]);
    let ours: Vec<&str> = Name::ALL.into_iter().filter_map(Name::package).collect();
    for package in ours.iter().chain(besides) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_repository_a_build_has_no_name() {
        // The root of the file system, above which there is nothing.
        assert_eq!(described(Path::new("/")), None);
    }
}
