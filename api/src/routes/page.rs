//! Keyset pages: a limit, and an opaque cursor that says where the last page ended. Never an offset.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::problem::{FieldError, Problem};

const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 200;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many entries at most, 1 to 200; 50 when absent.
    pub(crate) limit: Option<String>,
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A page's position and size.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    /// How many entries at most.
    pub(crate) limit: i64,
    /// Where the page before ended.
    pub(crate) after: Option<(DateTime<Utc>, Uuid)>,
}

impl PageQuery {
    /// Reads both; every bad one is named.
    pub(crate) fn read(&self) -> Result<Page, Problem> {
        let mut errors = Vec::new();
        let mut refuse = |pointer: &str, code: &str, message: &str| {
            errors.push(FieldError { pointer: pointer.into(), code: code.into(), message: message.into() });
        };
        let limit = match self.limit.as_deref().map(str::parse::<i64>) {
            None => LIMIT_DEFAULT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                refuse("?limit", "limit.out_of_range", "Допустимо от 1 до 200");
                LIMIT_DEFAULT
            }
        };
        let after = self.cursor.as_deref().map(read_cursor);
        if after == Some(None) {
            refuse("?cursor", "cursor.malformed", "Передайте значение next предыдущей страницы без изменений");
        }
        if errors.is_empty() { Ok(Page { limit, after: after.flatten() }) } else { Err(Problem::Invalid(errors)) }
    }
}

impl Page {
    /// One more than asked for, which tells whether there is a next page.
    pub(crate) fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the extra entry off and makes the cursor of the last one that stays.
    pub(crate) fn cut<T>(&self, rows: &mut Vec<T>, position: impl Fn(&T) -> (DateTime<Utc>, Uuid)) -> Option<String> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(|row| write_cursor(position(row)))
    }
}

fn write_cursor((at, id): (DateTime<Utc>, Uuid)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", at.timestamp_micros()))
}

fn read_cursor(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (at, id) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
    // What a page ends with lies there; PostgreSQL's instants end sooner than ours.
    (2000..=9999).contains(&at.year()).then_some((at, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: Option<&str>, cursor: Option<&str>) -> Result<Page, Problem> {
        PageQuery { limit: limit.map(str::to_owned), cursor: cursor.map(str::to_owned) }.read()
    }

    #[test]
    fn a_cursor_reads_back_and_a_made_up_one_is_refused() {
        let position =
            (DateTime::from_timestamp_micros(1_764_000_000_123_456).expect("an instant"), Uuid::from_u128(9));
        let page = query(Some("2"), Some(&write_cursor(position))).expect("read");
        assert_eq!(page, Page { limit: 2, after: Some(position) });
        for bad in ["x", "", "MTox"] {
            assert!(query(None, Some(bad)).is_err(), "{bad:?}");
        }
        for at in [
            "-62000000000000000",
            "946684799999999",
            "253402300800000000",
            "8000000000000000000",
            "9223372036854775807",
        ] {
            let cursor = URL_SAFE_NO_PAD.encode(format!("{at}:{}", Uuid::from_u128(9)));
            assert!(query(None, Some(&cursor)).is_err(), "{at}");
        }
        for bad in ["0", "201", "-1", "many"] {
            assert!(query(Some(bad), None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn there_is_a_next_page_exactly_when_one_more_was_found() {
        let page = query(Some("2"), None).expect("read");
        let position = |number: &u128| (DateTime::UNIX_EPOCH, Uuid::from_u128(*number));
        let mut two = vec![1, 2];
        assert_eq!(page.cut(&mut two, position), None);
        let mut three = vec![1, 2, 3];
        assert_eq!(page.cut(&mut three, position), Some(write_cursor(position(&2))));
        assert_eq!(three, [1, 2]);
    }
}
