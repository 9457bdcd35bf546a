//! The golden set: pairs of names of which a person said whether they name one person (`golden/names.csv`).
//! It never tells how the scoring would do on names it was not made with.

use std::fmt::Arguments;
use std::io::Write as _;

use super::name_score_percent;

const PAIRS: &str = include_str!("../../golden/names.csv");
/// The threshold of the seeded policy.
const THRESHOLD: u8 = 88;

struct Pair {
    one: &'static str,
    other: &'static str,
    same: bool,
}

fn pairs() -> Vec<Pair> {
    let lines = PAIRS.lines().skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split(';').collect::<Vec<_>>()[..] {
            [one, other, verdict @ ("yes" | "no")] => Pair { one, other, same: verdict == "yes" },
            _ => panic!("not name_a;name_b;yes|no: {line}"),
        })
        .collect()
}

/// `part` of `whole` in thousandths.
fn per_mille(part: usize, whole: usize) -> usize {
    part * 1000 / whole
}

/// Prints a line past libtest, which keeps what `println!` says of a test that passes: these numbers are there to be read.
fn say(line: Arguments<'_>) {
    let _gone = writeln!(std::io::stdout(), "{line}");
}

#[test]
fn the_golden_set_keeps_its_precision_and_recall() {
    let pairs = pairs();
    assert!(pairs.len() >= 60, "the golden set has {} pairs", pairs.len());
    let (mut true_positives, mut false_positives, mut false_negatives) = (0, 0, 0);
    for Pair { one, other, same } in &pairs {
        let score = name_score_percent(one, other);
        match (score >= THRESHOLD, same) {
            (true, true) => true_positives += 1,
            (true, false) => {
                false_positives += 1;
                say(format_args!("false positive {score}: {one} | {other}"));
            }
            (false, true) => {
                false_negatives += 1;
                say(format_args!("false negative {score}: {one} | {other}"));
            }
            (false, false) => {}
        }
    }
    let precision = per_mille(true_positives, true_positives + false_positives);
    let recall = per_mille(true_positives, true_positives + false_negatives);
    say(format_args!(
        "golden set: {} pairs, threshold {THRESHOLD} %, precision 0.{precision:03}, recall 0.{recall:03} (1000 = 1)",
        pairs.len()
    ));
    assert!(precision >= 900, "precision {precision} of 1000");
    assert!(recall >= 900, "recall {recall} of 1000");
}

#[test]
fn likeness_does_not_depend_on_who_is_asked_about_whom() {
    for Pair { one, other, .. } in pairs() {
        assert_eq!(name_score_percent(one, other), name_score_percent(other, one), "{one} | {other}");
        assert_eq!(name_score_percent(one, one), 100, "{one}");
    }
}
