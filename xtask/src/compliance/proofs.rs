//! Proofs in stories: a call of `proves` or `proves_denial` names rows, object and action of the audit log, and the test
//! fails unless the entry is there. Each call counts for the test that it stands in.
//! Never counts a call outside a test, in a test that is ignored, or in a file that is not built.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::requirements::{Table, number_of};
use super::source::{Piece, arguments, literals, pieces};

/// Where the stories are, and where those of them that are built are named.
const STORIES: &str = "tests/it";
const MAIN: &str = "tests/it/main.rs";

/// A test that asserts a row's audit record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proof {
    /// `tests/it/money.rs`.
    pub(super) file: String,
    /// The test's name.
    pub(super) test: String,
    /// The action in the audit log.
    pub(super) action: String,
    /// Whether the entry is a denial.
    pub(super) denied: bool,
    /// What its details must hold, as the call says it; empty for anything.
    pub(super) details: String,
}

/// Proofs by row.
pub(super) type Proofs = BTreeMap<u16, Vec<Proof>>;

/// Every proof of the stories below `root`.
pub(super) fn scan(root: &Path, table: &Table) -> Result<Proofs> {
    let main = std::fs::read_to_string(root.join(MAIN)).with_context(|| format!("reading {MAIN}"))?;
    let mut proofs = Proofs::new();
    for file in super::sources(root, STORIES)? {
        let below = file.strip_prefix(STORIES).unwrap_or(&file).trim_start_matches('/');
        if below.starts_with("harness/") {
            continue;
        }
        let text = std::fs::read_to_string(root.join(&file)).with_context(|| format!("reading {file}"))?;
        let found = of_file(&file, &text, table)?;
        let module = below.split(['/', '.']).next().unwrap_or(below);
        let built = main.lines().any(|line| line.trim() == format!("mod {module};"));
        ensure!(found.is_empty() || built, "{file} proves rows, and {MAIN} does not name it");
        for (row, proof) in found {
            proofs.entry(row).or_default().push(proof);
        }
    }
    for of_row in proofs.values_mut() {
        of_row.sort();
        of_row.dedup();
    }
    Ok(proofs)
}

/// A function that is open at a place of a file.
struct Open {
    name: String,
    depth: usize,
    is_test: bool,
}

/// The proofs of one file, with the row of each.
fn of_file(file: &str, text: &str, table: &Table) -> Result<Vec<(u16, Proof)>> {
    let pieces = pieces(text);
    let (mut open, mut depth, mut found): (Vec<Open>, usize, Vec<(u16, Proof)>) = (Vec::new(), 0, Vec::new());
    let (mut is_test, mut ignored, mut named) = (false, false, None);
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Word { text: "test", .. } if follows(&pieces[..index], "#[tokio::") => is_test = true,
            Piece::Word { text: "ignore", .. } if follows(&pieces[..index], "#[") => ignored = true,
            Piece::Word { text: "fn", .. } => {
                named = pieces.get(index + 1).and_then(Piece::word);
            }
            Piece::Sign { sign: '{', .. } => {
                depth += 1;
                if let Some(name) = named.take() {
                    open.push(Open { name: name.to_owned(), depth, is_test: is_test && !ignored });
                    (is_test, ignored) = (false, false);
                }
            }
            Piece::Sign { sign: '}', .. } => {
                open.retain(|function| function.depth < depth);
                depth = depth.saturating_sub(1);
            }
            Piece::Word { text: call @ ("proves" | "proves_denial"), line, .. } if follows(&pieces[..index], ".") => {
                let place = format!("{file}:{line}");
                let test = open.last().filter(|function| function.is_test);
                let Some(test) = test else { bail!("{place}: a proof counts in a test that runs, and only there") };
                for (row, proof) in read(text, &pieces[index + 1..], table).with_context(|| place.clone())? {
                    let denied = *call == "proves_denial";
                    found.push((row, Proof { file: file.to_owned(), test: test.name.clone(), denied, ..proof }));
                }
            }
            Piece::Word { .. } | Piece::Sign { .. } | Piece::Literal { .. } => {}
        }
    }
    Ok(found)
}

/// Whether the last pieces spell this.
fn follows(before: &[Piece<'_>], spelled: &str) -> bool {
    let mut rest = spelled;
    for piece in before.iter().rev() {
        let before = match piece {
            Piece::Word { text, .. } => rest.strip_suffix(text),
            Piece::Sign { sign, .. } => rest.strip_suffix(*sign),
            Piece::Literal { .. } => None,
        };
        let Some(before) = before else { return false };
        if before.is_empty() {
            return true;
        }
        rest = before;
    }
    false
}

/// The arguments of one call: rows, object, action, details.
fn read(text: &str, after: &[Piece<'_>], table: &Table) -> Result<Vec<(u16, Proof)>> {
    let arguments = arguments(after);
    let [rows, _object, action, details] = arguments[..] else {
        bail!("a proof has four arguments (rows, object, action, details), not {}", arguments.len());
    };
    let action = literals(action);
    let [action] = action[..] else { bail!("the action is not a literal") };
    // What the entry must hold is shown in the document, so it stands in the call.
    let shown = matches!(details, [first, second, ..] if first.word() == Some("json") && second.is_sign('!'));
    ensure!(shown, "the details are not a json!");
    let details = if literals(details).is_empty() { String::new() } else { written(text, details) };
    let known = table.by_number();
    let rows = literals(rows);
    ensure!(!rows.is_empty(), "no row is named by a literal");
    rows.into_iter()
        .map(|id| {
            let row = number_of(id).and_then(|number| Some((number, *known.get(&number)?)));
            let (number, row) = row.with_context(|| format!("the requirement table has no {id}"))?;
            ensure!(row.is_back_ends(), "{id} is not a back end's");
            let (action, details) = (action.to_owned(), details.clone());
            let proof = Proof { file: String::new(), test: String::new(), action, denied: false, details };
            Ok((number, proof))
        })
        .collect()
}

/// What stands in the braces of a `json!`, as it is written there.
fn written(text: &str, details: &[Piece<'_>]) -> String {
    let braced: Vec<usize> =
        details.iter().filter(|piece| piece.is_sign('{') || piece.is_sign('}')).map(Piece::at).collect();
    match braced[..] {
        [first, .., last] => text[first..=last].split_whitespace().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::parse("## C\nR-132\t13\ta\t\tSW\nR-133\t13\ta\t\tSW\nR-161\t15\ta\t\tORG\n").unwrap()
    }

    fn of(text: &str) -> Result<Vec<(u16, Proof)>> {
        of_file("tests/it/a.rs", text, &table())
    }

    fn error(text: &str) -> String {
        format!("{:#}", of(text).unwrap_err())
    }

    const STORY: &str = r#"
        //! stack.proves("R-999", a, "b", json!({})) in a comment.
        fn helper() { let brace = "}"; }
        #[tokio::test]
        async fn first() {
            let name = format!("{}", '{');
            if true { stack.proves(&["R-132", "R-133"], &case.workflow(), "duty_met", json!({ "kind": "a" })).await; }
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn second() {
            eventually(|| async { 1 }).await;
            stack
                .proves_denial("R-133", &format!("case/{id}"), "close", json!({}))
                .await;
        }
    "#;

    #[test]
    fn a_call_counts_for_the_test_that_it_stands_in() {
        let found = of(STORY).unwrap();
        let shown: Vec<_> = found.iter().map(|(row, proof)| (*row, proof.test.as_str(), proof.denied)).collect();
        assert_eq!(shown, [(132, "first", false), (133, "first", false), (133, "second", true)]);
        assert_eq!((found[0].1.action.as_str(), found[0].1.details.as_str()), ("duty_met", r#"{ "kind": "a" }"#));
        assert_eq!(found[2].1.details, "");
    }

    #[test]
    fn what_does_not_count_is_an_error_with_its_place() {
        let call = r#"stack.proves("R-132", a, "b", json!({})).await;"#;
        let outside = "tests/it/a.rs:1: a proof counts in a test that runs, and only there";
        assert_eq!(error(&format!("async fn helper() {{ {call} }}")), outside);
        assert_eq!(error(&format!("#[tokio::test] #[ignore] async fn t() {{ {call} }}")), outside);
        let test = |call: &str| format!("#[tokio::test]\nasync fn t() {{ {call} }}");
        assert_eq!(error(&test(&call.replace("132", "999"))), "tests/it/a.rs:2: the requirement table has no R-999");
        assert_eq!(error(&test(&call.replace("132", "161"))), "tests/it/a.rs:2: R-161 is not a back end's");
        assert_eq!(error(&test(&call.replace("\"b\"", "b"))), "tests/it/a.rs:2: the action is not a literal");
        assert_eq!(error(&test(&call.replace("json!({})", "b"))), "tests/it/a.rs:2: the details are not a json!");
    }
}
