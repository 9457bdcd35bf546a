//! Folds a Kazakh or Russian name, in Cyrillic or Latin letters, to a form in which spellings of one name coincide.
//! It is never shown to anybody: it loses what tells `Қ` from `К` and `Ұ` from `У`, as passports do.

use any_ascii::any_ascii_char;

/// One folded part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Lower-case Latin letters; of a patronymic only its root.
    pub(super) text: String,
    /// Whose child it says, if it is a patronymic.
    pub(super) patronymic: Option<Child>,
}

/// What the ending of a patronymic says about its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Son,
    Daughter,
}

/// Endings of patronymics after folding: Russian and Kazakh ones, and the Turkic one of neighbours.
const PATRONYMIC_ENDINGS: [(&str, Child); 8] = [
    ("ovich", Child::Son),
    ("evich", Child::Son),
    ("uli", Child::Son),
    ("ogli", Child::Son),
    ("ovna", Child::Daughter),
    ("evna", Child::Daughter),
    ("kizi", Child::Daughter),
    ("gizi", Child::Daughter),
];

/// The shortest root that an ending is taken from: `Улы` alone is no patronymic.
const ROOT_MINIMUM: usize = 3;

/// Spellings that stand for one sound, in the order in which they are folded.
const SOUNDS: [(&str, &str); 19] = [
    ("shch", "sh"),
    ("sch", "sh"),
    ("tch", "ch"),
    ("zh", "j"),
    ("dj", "j"),
    ("kh", "h"),
    ("gh", "g"),
    ("ph", "f"),
    ("ck", "k"),
    ("ch", "\u{1}"),
    ("c", "k"),
    ("\u{1}", "ch"),
    ("x", "ks"),
    ("q", "k"),
    ("w", "v"),
    ("y", "i"),
    ("io", "e"),
    ("ie", "e"),
    ("eu", "iu"),
];

/// The folded parts of a name, in the order given.
pub(super) fn tokens(name: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for word in name.split(|character: char| !character.is_alphabetic() && !is_apostrophe(character)) {
        let text = fold(word);
        match (text.as_str(), tokens.last_mut()) {
            ("", _) => {}
            // `Болат ұлы` written apart is `Болатұлы`.
            ("uli" | "ogli", Some(father)) => father.patronymic = Some(Child::Son),
            ("kizi" | "gizi", Some(father)) => father.patronymic = Some(Child::Daughter),
            _ => tokens.push(token(text)),
        }
    }
    tokens
}

fn token(text: String) -> Token {
    let ending = PATRONYMIC_ENDINGS.iter().find_map(|(ending, child)| {
        let root = text.strip_suffix(ending)?;
        // `Сергеевич` and `Сергейұлы` have one father.
        let root = root.trim_end_matches(['e', 'i']);
        (root.len() >= ROOT_MINIMUM).then(|| (root.to_owned(), *child))
    });
    match ending {
        Some((root, child)) => Token { text: root, patronymic: Some(child) },
        None => Token { text, patronymic: None },
    }
}

fn fold(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for character in word.chars().flat_map(char::to_lowercase) {
        push_latin(&mut text, character);
    }
    for (spelling, sound) in SOUNDS {
        if text.contains(spelling) {
            text = text.replace(spelling, sound);
        }
    }
    // `Жанна`, `Жана` and `Мұхаммед`, `Мухамед`: doubled letters are where spellings differ most.
    let mut last = None;
    text.retain(|letter| last.replace(letter) != Some(letter));
    text
}

/// Kazakh letters first, as passports write them; the general table would make `Қ` a `q`.
fn push_latin(text: &mut String, character: char) {
    let latin = match character {
        'ә' | 'ä' => "a",
        'ғ' | 'ğ' => "g",
        'қ' => "k",
        'ң' | 'ñ' => "n",
        'ө' | 'ö' => "o",
        'ұ' | 'ү' | 'ü' | 'ū' => "u",
        'һ' | 'х' => "h",
        'і' | 'ı' | 'ы' | 'й' => "i",
        'ё' | 'э' => "e",
        'ж' => "j",
        'щ' | 'ş' => "sh",
        'ç' => "ch",
        'ю' => "iu",
        'я' => "ia",
        'ь' | 'ъ' => "",
        _ => any_ascii_char(character),
    };
    text.extend(latin.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()));
}

const fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’' | 'ʼ' | 'ʹ' | '`')
}
