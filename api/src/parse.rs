//! Reading a request's JSON so that every bad field is named, not only the first (R-199). Never repeats a value in an answer.

mod extract;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use nesie_domain::rejection::Rejection;
use serde_json::Value;

pub(crate) use extract::{Body, Id, Parameters, Version};

use crate::problem::{FieldError, Problem};

/// The longest reference or number.
const LABEL_CHARACTERS_MAX: usize = 100;
/// The longest text in a person's words.
const WORDS_CHARACTERS_MAX: usize = 10_000;
/// The longest name of a field or a parameter that an answer repeats.
const NAME_CHARACTERS_MAX: usize = 64;

/// The day on which the Rules took effect (Resolution №217, item 5): nothing before it falls under them.
pub(crate) fn rules_in_force_from() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day of the calendar")
}

/// The fields of a body: asked for one by one, all refusals collected, unknown fields refused at the end.
pub(crate) struct Fields {
    root: Value,
    asked: BTreeSet<String>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads the body as a JSON object.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        let root: Value = serde_json::from_slice(body).map_err(|_| Problem::MalformedJson)?;
        if !root.is_object() {
            return Err(Problem::field("", "type.object", "Тело запроса должно быть объектом JSON"));
        }
        Ok(Self { root, asked: BTreeSet::new(), errors: Vec::new() })
    }

    /// Refuses a field.
    pub(crate) fn refuse(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message: message.into() });
    }

    /// Whether a field is there and not null. Counts as asking for it.
    pub(crate) fn has(&mut self, pointer: &str) -> bool {
        self.value(pointer).is_some()
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, pointer: &str) -> Option<String> {
        if !self.has(pointer) {
            self.refuse(pointer, "required", "Обязательное поле");
            return None;
        }
        self.optional_text(pointer)
    }

    /// A text that may be absent or null.
    pub(crate) fn optional_text(&mut self, pointer: &str) -> Option<String> {
        let value = self.value(pointer)?;
        let Some(text) = value.as_str().map(str::to_owned) else {
            self.refuse(pointer, "type.string", "Значение должно быть строкой");
            return None;
        };
        // PostgreSQL stores it neither in text nor in jsonb.
        if text.contains('\0') {
            self.refuse(pointer, "text.nul", "Текст не может содержать знак U+0000");
            return None;
        }
        Some(text)
    }

    /// A text that must be there and that `parse` understands.
    pub(crate) fn parsed<T, E: Rejection>(
        &mut self,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(pointer)?;
        self.understood(pointer, parse(&text))
    }

    /// A text that may be absent or null, but if it is there, `parse` must understand it.
    pub(crate) fn optional_parsed<T, E: Rejection>(
        &mut self,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.optional_text(pointer)?;
        self.understood(pointer, parse(&text))
    }

    /// Keeps what was understood; refuses the field otherwise.
    pub(crate) fn understood<T, E: Rejection>(&mut self, pointer: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.refuse(pointer, error.code(), error.message_ru())).ok()
    }

    /// A date that must be there.
    pub(crate) fn date(&mut self, pointer: &str) -> Option<NaiveDate> {
        let text = self.text(pointer)?;
        self.read_date(pointer, &text)
    }

    /// A date that may be absent or null.
    pub(crate) fn optional_date(&mut self, pointer: &str) -> Option<NaiveDate> {
        let text = self.optional_text(pointer)?;
        self.read_date(pointer, &text)
    }

    /// A day that has been, and not before the Rules took effect.
    pub(crate) fn past_date(&mut self, pointer: &str) -> Option<NaiveDate> {
        let day = self.date(pointer)?;
        if day > crate::time::day(crate::time::now()) {
            self.refuse(pointer, "date.in_the_future", "Дата не может быть в будущем");
            return None;
        }
        if day < rules_in_force_from() {
            self.refuse(pointer, "date.before_the_rules", "Правила действуют с 01.01.2020: дата не может быть раньше");
            return None;
        }
        Some(day)
    }

    /// An instant that must be there, not in the future and not before the Rules took effect.
    pub(crate) fn past_instant(&mut self, pointer: &str) -> Option<DateTime<Utc>> {
        let text = self.text(pointer)?;
        self.read_past_instant(pointer, &text)
    }

    /// The same, which may be absent or null: `Some(None)` then, and `None` where it was refused.
    pub(crate) fn optional_past_instant(&mut self, pointer: &str) -> Option<Option<DateTime<Utc>>> {
        if !self.has(pointer) {
            return Some(None);
        }
        self.past_instant(pointer).map(Some)
    }

    /// A short name that must be there: a reference, a number of a document.
    pub(crate) fn label(&mut self, pointer: &str) -> Option<String> {
        self.limited(pointer, "label.length", LABEL_CHARACTERS_MAX)
    }

    /// A text in a person's words that must be there.
    pub(crate) fn words(&mut self, pointer: &str) -> Option<String> {
        self.limited(pointer, "text.length", WORDS_CHARACTERS_MAX)
    }

    /// Yes or no, which must be there.
    pub(crate) fn boolean(&mut self, pointer: &str) -> Option<bool> {
        let Some(value) = self.value(pointer) else {
            self.refuse(pointer, "required", "Обязательное поле");
            return None;
        };
        let answer = value.as_bool();
        if answer.is_none() {
            self.refuse(pointer, "type.boolean", "Значение должно быть true или false");
        }
        answer
    }

    /// A whole number that may be absent or null.
    pub(crate) fn optional_number(&mut self, pointer: &str) -> Option<u64> {
        let value = self.value(pointer)?;
        let number = value.as_u64();
        if number.is_none() {
            self.refuse(pointer, "type.integer", "Значение должно быть целым неотрицательным числом");
        }
        number
    }

    /// How many entries a list has that must be there, at most `maximum`.
    pub(crate) fn list(&mut self, pointer: &str, maximum: usize) -> usize {
        let length = self.value(pointer).and_then(Value::as_array).map(Vec::len);
        match length {
            Some(length) if (1..=maximum).contains(&length) => length,
            _ => {
                self.refuse(pointer, "type.list", format!("Нужен список, в котором от 1 до {maximum} элементов"));
                0
            }
        }
    }

    /// The value, if no field was refused and none is unknown.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        let mut unknown = Vec::new();
        find_unknown(&self.root, "", &self.asked, &mut unknown);
        for pointer in unknown {
            self.refuse(&pointer, "unknown_field", "Такого поля нет");
        }
        if !self.errors.is_empty() {
            return Err(Problem::Invalid(self.errors));
        }
        value.ok_or(Problem::Internal)
    }

    fn value(&mut self, pointer: &str) -> Option<&Value> {
        self.asked.insert(pointer.to_owned());
        self.root.pointer(pointer).filter(|value| !value.is_null())
    }

    fn limited(&mut self, pointer: &str, code: &str, maximum: usize) -> Option<String> {
        let text = self.text(pointer)?.trim().to_owned();
        if text.is_empty() || text.chars().count() > maximum {
            self.refuse(pointer, code, format!("От 1 до {maximum} знаков"));
            return None;
        }
        Some(text)
    }

    fn read_past_instant(&mut self, pointer: &str, text: &str) -> Option<DateTime<Utc>> {
        let Ok(at) = DateTime::parse_from_rfc3339(text).map(|at| at.with_timezone(&Utc).trunc_subsecs(6)) else {
            self.refuse(
                pointer,
                "instant.format",
                "Момент записывается по RFC 3339, например 2026-11-20T09:00:00+05:00",
            );
            return None;
        };
        if at > crate::time::now() {
            self.refuse(pointer, "instant.in_the_future", "Момент не может быть в будущем");
            return None;
        }
        if crate::time::day(at) < rules_in_force_from() {
            self.refuse(
                pointer,
                "instant.before_the_rules",
                "Правила действуют с 01.01.2020: момент не может быть раньше",
            );
            return None;
        }
        Some(at)
    }

    fn read_date(&mut self, pointer: &str, text: &str) -> Option<NaiveDate> {
        let date = query_date(text);
        if date.is_none() {
            self.refuse(pointer, "date.format", "Дата записывается как ГГГГ-ММ-ДД");
        }
        date
    }
}

/// A date of the form 0000-00-00.
pub(crate) fn query_date(text: &str) -> Option<NaiveDate> {
    if is_date_form(text) { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok() } else { None }
}

/// Whether a text has the form 0000-00-00; the parser alone would take signs, blanks and shorter parts as well.
fn is_date_form(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

/// A field is known when it was asked for, or when something below it was.
fn find_unknown(value: &Value, at: &str, asked: &BTreeSet<String>, unknown: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (escape(name), value)).collect(),
        Value::Array(entries) => entries.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => return,
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        let below = format!("{pointer}/");
        let has_asked_below = asked.range(below.clone()..).next().is_some_and(|known| known.starts_with(&below));
        if has_asked_below {
            find_unknown(child, &pointer, asked, unknown);
        } else if !asked.contains(&pointer) && unknown.len() < 20 {
            unknown.push(pointer);
        }
    }
}

/// A field's name in a JSON pointer.
fn escape(name: &str) -> String {
    cut(name).replace('~', "~0").replace('/', "~1")
}

/// A name that is the caller's text, as much of it as an answer repeats.
fn cut(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use nesie_domain::iin::Iin;
    use serde_json::json;

    use super::*;

    fn codes(problem: Problem) -> Vec<(String, String)> {
        let Problem::Invalid(errors) = problem else { panic!("not a 422: {problem:?}") };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn every_bad_field_is_named_and_no_value_is_repeated() {
        let body = json!({
            "client": {"iin": "123", "extra": 1}, "count": "many", "yes": 1, "day": "2026-1-05", "list": [], "later": {},
        });
        let mut fields = Fields::read(body.to_string().as_bytes()).expect("an object");
        fields.parsed("/client/iin", Iin::parse);
        fields.text("/client/name");
        fields.optional_number("/count");
        fields.boolean("/yes");
        fields.boolean("/no");
        fields.date("/day");
        fields.list("/list", 3);
        let problem = fields.finish(Some(())).expect_err("refused");
        assert!(!problem.body().to_string().contains("123"));
        let named = codes(problem);
        for expected in [
            ("/client/iin", "iin.format"),
            ("/client/name", "required"),
            ("/count", "type.integer"),
            ("/yes", "type.boolean"),
            ("/no", "required"),
            ("/day", "date.format"),
            ("/list", "type.list"),
            ("/client/extra", "unknown_field"),
            ("/later", "unknown_field"),
        ] {
            assert!(named.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{expected:?} in {named:?}");
        }
        assert_eq!(named.len(), 9);
    }

    #[test]
    fn null_is_absent_and_entries_of_lists_are_known_one_by_one() {
        let body = json!({"a": null, "list": [{"kind": "x"}, {"kind": "y", "more": 1}]});
        let mut fields = Fields::read(body.to_string().as_bytes()).expect("an object");
        assert_eq!(fields.optional_text("/a"), None);
        assert_eq!(fields.list("/list", 3), 2);
        for entry in 0..2 {
            assert!(fields.text(&format!("/list/{entry}/kind")).is_some());
        }
        assert_eq!(
            codes(fields.finish(Some(())).expect_err("refused")),
            [("/list/1/more".to_owned(), "unknown_field".to_owned())]
        );
    }

    #[test]
    fn a_date_is_ten_characters_of_digits_and_hyphens() {
        for (text, good) in [
            ("2026-01-05", true),
            ("+2026-1-05", false),
            (" 2026-1-05", false),
            ("+26-001-05", false),
            ("2026- 1-05", false),
            ("2026-02-30", false),
            ("2026/01/05", false),
        ] {
            let body = json!({"day": text});
            let mut fields = Fields::read(body.to_string().as_bytes()).expect("an object");
            assert_eq!(fields.date("/day").is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn no_text_may_hold_what_postgresql_cannot_store() {
        let mut fields = Fields::read(br#"{"a": "x\u0000", "b": "\u0000"}"#).expect("an object");
        assert_eq!((fields.text("/a"), fields.optional_text("/b")), (None, None));
        let expected = ["/a", "/b"].map(|pointer| (pointer.to_owned(), "text.nul".to_owned()));
        assert_eq!(codes(fields.finish(Some(())).expect_err("refused")), expected);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(Fields::read(b"{").err(), Some(Problem::MalformedJson));
        assert!(matches!(Fields::read(b"[]").err(), Some(Problem::Invalid(_))));
    }
}
