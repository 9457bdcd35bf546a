//! The committed data of the checked queries (`.sqlx/`): written anew, or compared with what the sources need.
//! It never uses the development database: migrations are applied to a scratch database that is dropped again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::console::{Interrupt, say};
use crate::postgres::{query, script};
use crate::process::run_ok;
use crate::settings::{Settings, with_database};

/// The only crate with SQL (`docs`: layout), and the file that makes cargo look at its macros again.
const CRATE: &str = "nesie-storage";
const MIGRATIONS: &str = "storage/migrations";
const SOURCES: &str = "storage/src/lib.rs";

/// Writes `.sqlx/` anew, or, when only checking, fails if it differs from what the sources need.
pub(crate) fn refresh(settings: &Settings, check: bool, interrupt: &Interrupt) -> Result<()> {
    let scratch = format!("nesie_queries_{}", std::process::id());
    let maintenance = with_database(&settings.owner_database_url(), "postgres")?;
    query(settings, &maintenance, &format!("create database {scratch}"))?;
    let made = generate(settings, &with_database(&settings.owner_database_url(), &scratch)?, interrupt);
    let dropped = query(settings, &maintenance, &format!("drop database {scratch} with (force)"));
    let made = made?;
    dropped?;
    let committed = settings.root.join(".sqlx");
    let (new, old) = (contents(&made)?, contents(&committed)?);
    let differences = differences(&old, &new);
    if check {
        if !differences.is_empty() {
            bail!(
                "{} differs from what the sources need; run `cargo xtask sqlx` and commit it\n{}",
                committed.display(),
                differences.join("\n")
            );
        }
        say(format_args!("the data of {} checked queries is up to date", new.len()));
        return Ok(());
    }
    fs::create_dir_all(&committed).with_context(|| format!("making {}", committed.display()))?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(committed.join(name)).with_context(|| format!("removing {name}"))?;
    }
    for (name, text) in &new {
        fs::write(committed.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    say(format_args!("wrote the data of {} checked queries ({} changed)", new.len(), differences.len()));
    Ok(())
}

/// Lets the macros describe every query against a database with all migrations; returns the folder they filled.
fn generate(settings: &Settings, url: &str, interrupt: &Interrupt) -> Result<PathBuf> {
    for migration in migrations(&settings.root.join(MIGRATIONS))? {
        script(settings, url, &migration).with_context(|| format!("applying {}", migration.display()))?;
    }
    let folder = settings.dev.join("sqlx");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let sources = Touched::now(settings.root.join(SOURCES))?;
    let mut build = build::cargo(settings);
    build
        .args(["check", "--quiet", "--all-targets", "--package", CRATE])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &folder)
        .env("DATABASE_URL", url);
    run_ok(&mut build, interrupt)?;
    sources.restore()?;
    Ok(folder)
}

/// A source that looks changed for a while: an unchanged crate is not compiled, and its macros would write nothing.
/// The old time comes back, so that the next build does not compile everything above the crate again.
struct Touched {
    path: PathBuf,
    before: SystemTime,
}

impl Touched {
    #[expect(clippy::disallowed_methods, reason = "the time of a file on this machine, no fact of an application")]
    fn now(path: PathBuf) -> Result<Self> {
        let before = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let before = before.with_context(|| format!("looking at {}", path.display()))?;
        let touched = Self { path, before };
        touched.set(SystemTime::now())?;
        Ok(touched)
    }

    fn restore(self) -> Result<()> {
        self.set(self.before)
    }

    fn set(&self, time: SystemTime) -> Result<()> {
        let file = fs::File::options().append(true).open(&self.path);
        file.and_then(|file| file.set_modified(time)).with_context(|| format!("touching {}", self.path.display()))
    }
}

/// Migrations in the order of their names.
fn migrations(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// File names and texts of a folder of query data; a missing folder is empty.
fn contents(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry.with_context(|| format!("listing {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") && name.ends_with(".json") {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("reading {name}"))?;
            files.insert(name, text);
        }
    }
    Ok(files)
}

/// One line for each file that is missing, left over or different.
fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines: Vec<String> = new
        .iter()
        .filter_map(|(name, text)| match old.get(name) {
            None => Some(format!("missing: {name}")),
            Some(known) if known != text => Some(format!("different: {name}")),
            Some(_) => None,
        })
        .collect();
    lines.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("no longer used: {name}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let old = files(&[("same", "1"), ("changed", "1"), ("left over", "1")]);
        let new = files(&[("same", "1"), ("changed", "2"), ("added", "1")]);
        assert_eq!(differences(&old, &new), ["missing: added", "different: changed", "no longer used: left over"]);
        assert!(differences(&new, &new).is_empty());
    }
}
