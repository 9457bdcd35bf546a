//! Rust text in pieces: words, signs and string literals, comments left out. As much as finding a call needs.
//! Never a parser: it does not know what the text means.

/// One piece of a text, with the place where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A name, a keyword or a number.
    Word { text: &'a str, at: usize, line: usize },
    /// One sign.
    Sign { sign: char, at: usize },
    /// What stands between the quotes of a string.
    Literal { text: &'a str, at: usize },
}

impl<'a> Piece<'a> {
    pub(super) fn word(&self) -> Option<&'a str> {
        match self {
            Self::Word { text, .. } => Some(text),
            Self::Sign { .. } | Self::Literal { .. } => None,
        }
    }

    pub(super) fn is_sign(&self, wanted: char) -> bool {
        matches!(self, Self::Sign { sign, .. } if *sign == wanted)
    }

    pub(super) fn at(&self) -> usize {
        match self {
            Self::Word { at, .. } | Self::Sign { at, .. } | Self::Literal { at, .. } => *at,
        }
    }
}

/// A text in pieces.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((start, inside, length)) = string(rest) {
            pieces.push(Piece::Literal { text: &rest[start..start + inside], at });
            length
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_')).unwrap_or(rest.len());
            pieces.push(Piece::Word { text: &rest[..length], at, line });
            length
        } else {
            if !first.is_whitespace() {
                pieces.push(Piece::Sign { sign: first, at });
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    pieces
}

/// A string at the start of the text, raw or not, of bytes or not: where its inside begins, its length, the whole length.
fn string(rest: &str) -> Option<(usize, usize, usize)> {
    let prefix = rest.find(|sign: char| !matches!(sign, 'b' | 'r' | 'c')).filter(|length| *length <= 2)?;
    let raw = rest[..prefix].contains('r');
    let hashes = if raw { rest[prefix..].bytes().take_while(|byte| *byte == b'#').count() } else { 0 };
    let start = prefix + hashes + 1;
    if !rest[prefix + hashes..].starts_with('"') {
        return None;
    }
    let inside = if raw {
        rest[start..].find(&format!("\"{}", "#".repeat(hashes)))?
    } else {
        let mut escaped = false;
        rest[start..].char_indices().find_map(|(at, sign)| {
            let ends = sign == '"' && !escaped;
            escaped = sign == '\\' && !escaped;
            ends.then_some(at)
        })?
    };
    Some((start, inside, start + inside + 1 + hashes))
}

/// The length of a character literal, or of the quote of a lifetime.
fn character(rest: &str) -> usize {
    let inside = &rest[1..];
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map_or(1, |end| end + 4);
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    if inside[first..].starts_with('\'') { first + 2 } else { 1 }
}

/// The arguments of a call, whose pieces begin at its opening parenthesis.
pub(super) fn arguments<'p, 'a>(after: &'p [Piece<'a>]) -> Vec<&'p [Piece<'a>]> {
    let (mut depth, mut start, mut found) = (0_usize, 1, Vec::new());
    for (index, piece) in after.iter().enumerate() {
        let Piece::Sign { sign, .. } = piece else { continue };
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 || (depth == 1 && *sign == ',') {
            if index > start {
                found.push(&after[start..index]);
            }
            start = index + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// The string literals of some pieces.
pub(super) fn literals<'a>(pieces: &[Piece<'a>]) -> Vec<&'a str> {
    let text = |piece: &Piece<'a>| match piece {
        Piece::Literal { text, .. } => Some(*text),
        Piece::Word { .. } | Piece::Sign { .. } => None,
    };
    pieces.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_strings_are_one_piece() {
        let text = "a(\"x // \\\" }\", r#\"y\" }\"#, '{', b'\\'') // }\n/* { */ 'life";
        let words: Vec<&str> = pieces(text).iter().filter_map(Piece::word).collect();
        assert_eq!(words, ["a", "b", "life"]);
        assert_eq!(literals(&pieces(text)), ["x // \\\" }", "y\" }"]);
        assert!(!pieces(text).iter().any(|piece| piece.is_sign('{') || piece.is_sign('}')));
    }

    #[test]
    fn lines_count_through_strings_and_comments() {
        let text = "\"a\nb\"\n// c\nword";
        assert!(matches!(pieces(text).last(), Some(Piece::Word { text: "word", line: 4, .. })));
    }

    #[test]
    fn arguments_end_with_their_call() {
        let text = "(a, &f(b, c)[0], json!({\"d\": 1}),).await, e";
        let pieces = pieces(text);
        assert_eq!(arguments(&pieces).len(), 3);
        assert_eq!(arguments(&pieces)[0], &pieces[1..2]);
    }
}
