//! `docs/compliance.md` as text: the same for the same table, marks and proofs, and a line a row, so that a difference
//! names its row. Never anything that is not in them: no date, no commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::marks::Marks;
use super::proofs::{Proof, Proofs};
use super::requirements::{Row, Table, number_of};

const HEAD: &str = "\
# Compliance matrix

Made by `cargo xtask compliance` from [requirements.tsv](requirements.tsv), the code and the stories; `.ci/run` refuses a stale file. Do not edit it.

- **Code**: the files that say in a comment or a string that they do what the row asks. A file that only lists the Rules does not count.
- **Tests**: the stories of `tests/it/` that drive the real API, worker, PostgreSQL and Temporal, and then assert this row's entry of the audit log (`stack.proves`). Other tests exist and do not count.
- **Audit record**: the action of that entry, with what its details must hold; *denied* where the entry is a refusal.
- **State**: *proved* has code and a counting test; *code, no counting test* has code alone; *not yet* has neither. *Proved* says that the stories show the row at work, not that a lawyer has found it complete. Columns *Term* and *By* are the requirement table's (SW: the back end; SW-rec: the back end can only record; FE: a front end; ORG: the organisation; w.d.: working days).
";

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Proved,
    CodeOnly,
    NotYet,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::CodeOnly => "code, no counting test",
            Self::NotYet => "not yet",
        }
    }
}

/// The document. A row that a story proves and no code claims is an error: one of both is wrong.
pub(super) fn write(table: &Table, marks: &Marks, proofs: &Proofs) -> Result<String> {
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    let mut chapters = String::new();
    for chapter in &table.chapters {
        let rows: Vec<&Row> = chapter.rows.iter().filter(|row| row.is_back_ends()).collect();
        if rows.is_empty() {
            continue;
        }
        write!(chapters, "\n## {}\n\n", chapter.title)?;
        chapters.push_str("| Row | Para | Requirement | Term | By | Code | Tests | Audit record | State |\n");
        chapters.push_str("|---|---|---|---|---|---|---|---|---|\n");
        for row in rows {
            let number = number_of(&row.id).unwrap_or_default();
            let code: Vec<&str> = marks.get(&number).into_iter().flatten().map(String::as_str).collect();
            let tests = proofs.get(&number).map(Vec::as_slice).unwrap_or_default();
            let state = state(row, &code, tests)?;
            *counts.entry(state).or_default() += 1;
            line(&mut chapters, row, &code, tests, state)?;
        }
    }
    let mut document = HEAD.to_owned();
    let of = |state| counts.get(&state).copied().unwrap_or_default();
    let all: usize = counts.values().sum();
    write!(document, "\nOf {all} rows that a back end has a part in: ")?;
    let [proved, code, not_yet] = [State::Proved, State::CodeOnly, State::NotYet].map(of);
    writeln!(document, "{proved} proved, {code} with code and no counting test, {not_yet} not yet.")?;
    document.push_str(&chapters);
    document.push_str("\n## Not a back end's\n\nWhat only an organisation or a front end can do, and paragraphs that ask nothing.\n\n");
    document.push_str("| Row | Para | Requirement | Term | By |\n|---|---|---|---|---|\n");
    for row in table.rows().filter(|row| !row.is_back_ends()) {
        let (by, requirement, term) = (or_dash(&row.by), cell(&row.requirement), or_dash(&row.term));
        writeln!(document, "| {} | {} | {requirement} | {term} | {by} |", row.id, row.paragraph)?;
    }
    Ok(document)
}

fn state(row: &Row, code: &[&str], tests: &[Proof]) -> Result<State> {
    Ok(match (code.is_empty(), tests.first()) {
        (false, Some(_)) => State::Proved,
        (false, None) => State::CodeOnly,
        (true, None) => State::NotYet,
        (true, Some(test)) => bail!(
            "{} is proved by {} of {}, and no code names it: the file that does it says so in its docstring",
            row.id,
            test.test,
            test.file
        ),
    })
}

fn line(into: &mut String, row: &Row, code: &[&str], tests: &[Proof], state: State) -> Result<()> {
    let code = code.iter().map(|file| format!("[{file}](../{file})"));
    let mut named: Vec<String> = tests.iter().map(test).collect();
    named.dedup();
    let mut records: Vec<String> = tests.iter().map(record).collect();
    records.sort();
    records.dedup();
    writeln!(
        into,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.id,
        row.paragraph,
        cell(&row.requirement),
        or_dash(&row.term),
        or_dash(&row.by),
        or_dash(&code.collect::<Vec<_>>().join("<br>")),
        or_dash(&named.join("<br>")),
        or_dash(&records.join("<br>")),
        state.name(),
    )?;
    Ok(())
}

fn test(proof: &Proof) -> String {
    let module = proof.file.trim_start_matches("tests/it/").trim_end_matches(".rs").replace('/', "::");
    format!("[{module}::{}](../{})", proof.test, proof.file)
}

fn record(proof: &Proof) -> String {
    let denied = if proof.denied { ", *denied*" } else { "" };
    let details = if proof.details.is_empty() { String::new() } else { format!(" with `{}`", cell(&proof.details)) };
    format!("`{}`{details}{denied}", proof.action)
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { cell(text) }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The rows whose lines differ, or that the rest does.
pub(super) fn differences(committed: &str, document: &str) -> Vec<String> {
    let rows = |text: &str| -> BTreeMap<String, String> {
        let id = |line: &str| Some(line.strip_prefix("| ")?.split(' ').next()?.to_owned());
        let row = |line: &str| Some((id(line).filter(|id| number_of(id).is_some())?, line.to_owned()));
        text.lines().filter_map(row).collect()
    };
    let (old, new) = (rows(committed), rows(document));
    let mut found: Vec<String> = Vec::new();
    for (id, line) in &new {
        match old.get(id) {
            None => found.push(format!("{id} is missing")),
            Some(committed) if committed != line => found.push(format!("{id} differs\n  - {committed}\n  + {line}")),
            Some(_) => {}
        }
    }
    found.extend(old.keys().filter(|id| !new.contains_key(*id)).map(|id| format!("{id} is no row of the table")));
    if found.is_empty() {
        found.push("text outside the rows differs".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(marks: &Marks, proofs: &Proofs) -> Result<String> {
        let table = "## Chapter 1\nR-001\t2\tAutomate\t\tSW\nR-002\t2\tVerify\t1 w.d.\tSW\nR-161\t15\tPaper\t\tORG\n";
        write(&Table::parse(table).unwrap(), marks, proofs)
    }

    fn proof() -> Proof {
        let [file, test, action] = ["tests/it/a.rs", "a_story", "done"].map(str::to_owned);
        Proof { file, test, action, denied: true, details: "{ \"a\": 1 }".to_owned() }
    }

    #[test]
    fn a_row_says_how_far_it_is() {
        let marks = Marks::from([(1, ["a/src/a.rs".to_owned()].into())]);
        let document = made(&marks, &Proofs::from([(1, vec![proof(), proof()])])).unwrap();
        let proved = "| R-001 | 2 | Automate | – | SW | [a/src/a.rs](../a/src/a.rs) | [a::a_story](../tests/it/a.rs) | `done` with `{ \"a\": 1 }`, *denied* | proved |";
        assert!(document.contains(proved), "{document}");
        assert!(document.contains("| R-002 | 2 | Verify | 1 w.d. | SW | – | – | – | not yet |"), "{document}");
        assert!(document.contains("Of 2 rows that a back end has a part in: 1 proved, 0 with code"), "{document}");
        assert!(document.ends_with("| R-161 | 15 | Paper | – | ORG |\n"), "{document}");
        let code = made(&marks, &Proofs::new()).unwrap();
        assert!(code.contains("| – | – | code, no counting test |"), "{code}");
        assert!(differences(&document, &code)[0].starts_with("R-001 differs"));
        assert_eq!(differences(&format!("{code}\n"), &code), ["text outside the rows differs"]);
    }

    #[test]
    fn a_proof_without_code_is_an_error() {
        let error = made(&Marks::new(), &Proofs::from([(1, vec![proof()])])).unwrap_err().to_string();
        assert!(error.starts_with("R-001 is proved by a_story of tests/it/a.rs, and no code names it"), "{error}");
    }
}
