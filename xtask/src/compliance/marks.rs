//! Marks in code: a file that names `R-141`, or a range such as "R-131 to R-133", says that it does what the row asks.
//! Never judges whether it does: that is what the tests of a row are for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::requirements::{Table, number_of};

/// The crates whose code is the system. Tests, sandbox, bench and this one do nothing for a client.
const CRATES: [&str; 8] = ["api", "activities", "console", "domain", "platform", "storage", "worker", "workflows"];
/// Files that list what the Rules say and do none of it: naming a row there is no code for it.
const CATALOGUES: [&str; 2] = ["domain/src/paragraph.rs", "domain/src/duty.rs"];
/// What may stand between both ends of a range.
const JOINERS: [&str; 5] = ["to", "…", "..", "–", "-"];

/// Files by row, in the order of their paths.
pub(super) type Marks = BTreeMap<u16, BTreeSet<String>>;

/// Every mark of the workspace below `root`.
pub(super) fn scan(root: &Path, table: &Table) -> Result<Marks> {
    let mut marks = Marks::new();
    for package in CRATES {
        for file in super::sources(root, &format!("{package}/src"))? {
            if CATALOGUES.contains(&file.as_str()) || is_test(&file) {
                continue;
            }
            let text = std::fs::read_to_string(root.join(&file)).with_context(|| format!("reading {file}"))?;
            for row in rows(&file, without_tests(&text), table)? {
                marks.entry(row).or_default().insert(file.clone());
            }
        }
    }
    Ok(marks)
}

fn is_test(file: &str) -> bool {
    file.split('/').any(|part| matches!(part, "tests" | "testing" | "tests.rs" | "testing.rs"))
}

/// The text before the tests of a file, which stand last.
fn without_tests(text: &str) -> &str {
    let end = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"];
    let end = end.iter().filter_map(|start| text.find(start)).min();
    end.map_or(text, |end| &text[..end])
}

/// The rows that a text names, ranges expanded; a row that the table does not have is an error with file and line.
fn rows(file: &str, text: &str, table: &Table) -> Result<BTreeSet<u16>> {
    let known = table.by_number();
    let mut found = BTreeSet::new();
    let mut range_from = None;
    for (at, number) in numbers(text) {
        let line = text[..at].matches('\n').count() + 1;
        if !known.contains_key(&number) {
            bail!("{file}:{line}: the requirement table has no R-{number:03}");
        }
        if let Some((from, end)) = range_from
            && is_joiner(&text[end..at])
        {
            if from >= number {
                bail!("{file}:{line}: the range R-{from:03} to R-{number:03} runs backwards");
            }
            found.extend(known.range(from..=number).map(|(number, _)| *number));
        }
        found.insert(number);
        range_from = Some((number, at + "R-000".len()));
    }
    Ok(found)
}

/// Where a row is named, and its number.
fn numbers(text: &str) -> impl Iterator<Item = (usize, u16)> {
    text.match_indices("R-").filter_map(|(at, _)| {
        let number = number_of(text.get(at..at + "R-000".len())?)?;
        let alone = !text[..at].ends_with(char::is_alphanumeric)
            && !text[at + "R-000".len()..].starts_with(|after: char| after.is_ascii_alphanumeric());
        alone.then_some((at, number))
    })
}

/// Whether a range goes on over this text: a word or sign, around which a comment may go on to the next line.
fn is_joiner(between: &str) -> bool {
    let words: Vec<&str> = between.split_whitespace().filter(|word| !matches!(*word, "//" | "///" | "//!")).collect();
    words.len() == 1 && JOINERS.contains(&words[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let rows: String = [1, 30, 31, 36, 131, 132, 133].map(|row| format!("R-{row:03}\t1\ta\t\tSW\n")).concat();
        Table::parse(&format!("## C\n{rows}")).unwrap()
    }

    fn found(text: &str) -> Vec<u16> {
        rows("a.rs", text, &table()).unwrap().into_iter().collect()
    }

    #[test]
    fn a_row_is_named_alone_in_a_list_and_in_a_range() {
        assert_eq!(found("//! Term (para 13; R-131)."), [131]);
        assert_eq!(found("&[\"R-001\", \"R-036\"]"), [1, 36]);
        assert_eq!(found("R-131 to R-133"), [131, 132, 133]);
        assert_eq!(found("R-030…R-036, R-001"), [1, 30, 31, 36]);
        assert_eq!(found("R-030 – R-036"), [30, 31, 36]);
        assert_eq!(found("R-030-R-036"), [30, 31, 36]);
        assert_eq!(found("//! (R-131 to\n//! R-133)"), [131, 132, 133]);
        assert_eq!(found("R-030, R-036"), [30, 36], "a list is no range");
        assert_eq!(found("R-030 to nobody, R-036"), [30, 36]);
    }

    #[test]
    fn what_only_looks_like_a_row_is_none() {
        assert_eq!(found("YR-001 R-0012 R-1 R-00a"), Vec::<u16>::new());
    }

    #[test]
    fn a_row_that_the_table_does_not_have_is_named_with_its_line() {
        let error = rows("a.rs", "R-001\nR-999", &table()).unwrap_err().to_string();
        assert_eq!(error, "a.rs:2: the requirement table has no R-999");
        let error = rows("a.rs", "R-133 to R-131", &table()).unwrap_err().to_string();
        assert_eq!(error, "a.rs:1: the range R-133 to R-131 runs backwards");
    }

    #[test]
    fn tests_are_no_code() {
        assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\n R-001"), "a\n");
        assert_eq!(without_tests("#[cfg(test)]\nmod tests;\nR-001"), "#[cfg(test)]\nmod tests;\nR-001");
        assert!(is_test("api/src/routes/tests/cases.rs") && is_test("activities/src/testing.rs"));
        assert!(!is_test("api/src/contests.rs"));
    }
}
