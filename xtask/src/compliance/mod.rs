//! The compliance matrix: each row of the requirement table that a back end can enforce, with the code that does it, the
//! tests that prove it and the audit record that shows it (`docs/compliance.md`).
//! Never a judgement of its own: code and stories say what they do, this only gathers it.

mod document;
mod marks;
mod proofs;
mod requirements;
mod source;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::console::say;
use requirements::Table;

const REQUIREMENTS: &str = "docs/requirements.tsv";
const DOCUMENT: &str = "docs/compliance.md";

/// Writes the document anew, or, when only checking, fails and names the rows that differ from code and stories.
pub(crate) fn refresh(root: &Path, check: bool) -> Result<()> {
    let text = fs::read_to_string(root.join(REQUIREMENTS)).with_context(|| format!("reading {REQUIREMENTS}"))?;
    let table = Table::parse(&text).with_context(|| format!("reading {REQUIREMENTS}"))?;
    let document = document::write(&table, &marks::scan(root, &table)?, &proofs::scan(root, &table)?)?;
    let path = root.join(DOCUMENT);
    if !check {
        fs::write(&path, &document).with_context(|| format!("writing {DOCUMENT}"))?;
        say(format_args!("wrote {DOCUMENT}"));
        return Ok(());
    }
    let committed = fs::read_to_string(&path).with_context(|| format!("reading {DOCUMENT}"))?;
    if committed != document {
        let rows = document::differences(&committed, &document);
        bail!("{DOCUMENT} is stale; run `cargo xtask compliance` and commit it\n{}", rows.join("\n"));
    }
    say(format_args!("{DOCUMENT} is up to date"));
    Ok(())
}

/// The Rust files below a folder, by their paths from the root, in order; none where there is no such folder.
fn sources(root: &Path, folder: &str) -> Result<Vec<String>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        if !path.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&path).with_context(|| format!("reading {folder}"))? {
            let entry = entry.with_context(|| format!("reading {folder}"))?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(name);
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                files.push(name);
            }
        }
    }
    files.sort();
    Ok(files)
}
