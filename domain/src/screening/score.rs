//! How alike two folded names are, whatever the order of their parts.
//! The weakest part counts most: brothers share surname and patronymic, and are two people.

use rust_decimal::prelude::ToPrimitive as _;

use super::normalise::Token;

/// The share of the weakest part in the score; the rest is the mean of all parts.
const WEAKEST_SHARE: f64 = 0.6;
/// What remains of a likeness when the first letters differ: people misspell the middle of a name, not its start.
const OTHER_INITIAL: f64 = 0.85;
/// What remains when one side is a patronymic and the other is not, although both names have one: father and son.
const OTHER_ROLE: f64 = 0.6;
/// What remains when only one of the names marks a patronymic at all: `Болат` for `Болатұлы`.
const UNMARKED_ROLE: f64 = 0.9;
/// What remains when one patronymic is a son's and the other a daughter's.
const OTHER_SEX: f64 = 0.8;
/// What a part costs that the other side leaves out: a patronymic often is, a name seldom.
const MISSING_PATRONYMIC: f64 = 0.04;
const MISSING_NAME: f64 = 0.1;

/// The likeness in percent, rounded down.
pub(super) fn percent(one: &[Token], other: &[Token]) -> u8 {
    let (shorter, longer) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    // One part in common says nothing about who somebody is.
    if shorter.len() < 2 && longer.len() != shorter.len() || shorter.is_empty() {
        return 0;
    }
    let pairs = best_pairs(shorter, longer);
    let weakest = pairs.iter().map(|pair| pair.likeness).fold(1.0, f64::min);
    let letters: f64 = pairs.iter().map(|pair| pair.letters).sum();
    let mean = pairs.iter().map(|pair| pair.likeness * pair.letters).sum::<f64>() / letters;
    let missing: f64 = longer
        .iter()
        .enumerate()
        .filter(|(index, _)| pairs.iter().all(|pair| pair.of_longer != *index))
        .map(|(_, token)| if token.patronymic.is_some() { MISSING_PATRONYMIC } else { MISSING_NAME })
        .sum();
    let score = WEAKEST_SHARE * weakest + (1.0 - WEAKEST_SHARE) * mean - missing;
    // The smallest of additions keeps a full likeness from being 99.99… before it is cut.
    (score * 100.0 + 1e-9).floor().clamp(0.0, 100.0).to_u8().unwrap_or(0)
}

struct Pair {
    of_shorter: usize,
    of_longer: usize,
    likeness: f64,
    letters: f64,
}

/// Pairs every part of the shorter name with its likest free part of the longer one.
fn best_pairs(shorter: &[Token], longer: &[Token]) -> Vec<Pair> {
    let marked = |tokens: &[Token]| tokens.iter().any(|token| token.patronymic.is_some());
    let other_role = if marked(shorter) && marked(longer) { OTHER_ROLE } else { UNMARKED_ROLE };
    let mut candidates: Vec<Pair> = Vec::with_capacity(shorter.len() * longer.len());
    for (of_shorter, one) in shorter.iter().enumerate() {
        for (of_longer, other) in longer.iter().enumerate() {
            let letters = one.text.len().max(other.text.len()).to_f64().unwrap_or(1.0);
            candidates.push(Pair { of_shorter, of_longer, likeness: likeness(one, other, other_role), letters });
        }
    }
    candidates.sort_by(|one, other| other.likeness.total_cmp(&one.likeness));
    let mut chosen: Vec<Pair> = Vec::with_capacity(shorter.len());
    for pair in candidates {
        let free = chosen.iter().all(|taken| taken.of_shorter != pair.of_shorter && taken.of_longer != pair.of_longer);
        if free {
            chosen.push(pair);
        }
    }
    chosen
}

/// Jaro-Winkler forgives too much in short names, edit distance too little in long ones: their mean.
fn likeness(one: &Token, other: &Token, other_role: f64) -> f64 {
    let letters = f64::midpoint(
        strsim::jaro_winkler(&one.text, &other.text),
        strsim::normalized_levenshtein(&one.text, &other.text),
    );
    let initial = if one.text.chars().next() == other.text.chars().next() { 1.0 } else { OTHER_INITIAL };
    let role = match (one.patronymic, other.patronymic) {
        (Some(child), Some(other_child)) if child != other_child => OTHER_SEX,
        (Some(_), Some(_)) | (None, None) => 1.0,
        (Some(_), None) | (None, Some(_)) => other_role,
    };
    letters * initial * role
}
