//! `Term`: for how long the money is lent, in months or in days.
//! It never knows a calendar date by itself.

use chrono::{Days, Months, NaiveDate};

use crate::{rejection::rejections, text_form::shown_text};

/// The longest term in months that a product can have: twenty years.
pub const MONTHS_MAXIMUM: u16 = 240;
/// The longest term in days: beyond a year terms are counted in months.
pub const DAYS_MAXIMUM: u16 = 365;

/// The term of a microcredit; written as an ISO 8601 duration, `P12M` or `P30D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// A number of monthly instalments, 1 to 240.
    Months(u16),
    /// A number of calendar days, 1 to 365: short loans.
    Days(u16),
}

shown_text!(Term);

rejections! {
    /// Why something is not a term.
    pub enum TermError {
        /// Neither `P<n>M` nor `P<n>D`.
        Format = "term.format", "a term is written as P12M or P30D", "Срок записывается как P12M (месяцы) или P30D (дни)";
        /// Months out of range.
        Months = "term.months", "a term in months is between 1 and 240", "Срок в месяцах должен быть от 1 до 240";
        /// Days out of range.
        Days = "term.days", "a term in days is between 1 and 365", "Срок в днях должен быть от 1 до 365";
    }
}

impl Term {
    /// A term in months.
    pub fn months(months: u16) -> Result<Self, TermError> {
        Self::Months(months).validated()
    }

    /// A term in days.
    pub fn days(days: u16) -> Result<Self, TermError> {
        Self::Days(days).validated()
    }

    /// The term itself if it is within its bounds: the variants are open to all, so whoever computes with one asks.
    pub fn validated(self) -> Result<Self, TermError> {
        match self {
            Self::Months(1..=MONTHS_MAXIMUM) | Self::Days(1..=DAYS_MAXIMUM) => Ok(self),
            Self::Months(_) => Err(TermError::Months),
            Self::Days(_) => Err(TermError::Days),
        }
    }

    /// The last day of the term. A month that has no such day ends on its last.
    #[must_use]
    pub fn ends_on(self, starts_on: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(months) => starts_on.checked_add_months(Months::new(u32::from(months))),
            Self::Days(days) => starts_on.checked_add_days(Days::new(u64::from(days))),
        }
    }

    /// The most calendar days that the term can take, whenever it starts.
    #[must_use]
    pub fn days_at_most(self) -> u32 {
        match self {
            Self::Months(months) => u32::from(months) * 31,
            Self::Days(days) => u32::from(days),
        }
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Months(months) => write!(formatter, "P{months}M"),
            Self::Days(days) => write!(formatter, "P{days}D"),
        }
    }
}

impl std::str::FromStr for Term {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| match digits.as_bytes() {
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => digits.parse::<u16>().ok(),
            _ => None,
        };
        let body = text.strip_prefix('P').ok_or(TermError::Format)?;
        if let Some(months) = body.strip_suffix('M') {
            return Self::months(number(months).ok_or(TermError::Format)?);
        }
        Self::days(body.strip_suffix('D').and_then(number).ok_or(TermError::Format)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_written_and_bounded() {
        for (text, term) in [("P12M", Term::Months(12)), ("P30D", Term::Days(30)), ("P240M", Term::Months(240))] {
            assert_eq!(text.parse(), Ok(term));
            assert_eq!(term.to_string(), text);
        }
        assert_eq!(Term::months(0), Err(TermError::Months));
        assert_eq!(Term::months(241), Err(TermError::Months));
        assert_eq!(Term::days(0), Err(TermError::Days));
        assert_eq!(Term::days(366), Err(TermError::Days));
        for malformed in ["", "12", "P12", "12M", "P+1M", "P01M", "P0M", "P12Y", "P-1D", "P99999D"] {
            assert_eq!(malformed.parse::<Term>(), Err(TermError::Format), "{malformed}");
        }
        assert_eq!("P300M".parse::<Term>(), Err(TermError::Months));
    }

    #[test]
    fn a_month_without_the_day_ends_on_its_last() {
        let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("exists");
        assert_eq!(Term::Months(1).ends_on(date(2026, 1, 31)), Some(date(2026, 2, 28)));
        assert_eq!(Term::Months(13).ends_on(date(2027, 1, 31)), Some(date(2028, 2, 29)));
        assert_eq!(Term::Days(30).ends_on(date(2026, 1, 31)), Some(date(2026, 3, 2)));
    }
}
