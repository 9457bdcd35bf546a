//! The working calendar of Kazakhstan: which days work, and by when a term of working days ends.
//! Days are data that is passed in, with a version and their legal source; nothing here knows a date by heart.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeZone as _, Utc, Weekday};
use chrono_tz::Asia::Almaty;
use serde::{Deserialize, Serialize};

/// The version of a calendar, as it is stored with every term that was counted by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarVersion(String);

impl CalendarVersion {
    /// A version's name: 1 to 40 of lower-case letters, digits, dots and hyphens.
    ///
    /// # Errors
    /// [`CalendarError::Version`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if (1..=40).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(CalendarError::Version)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CalendarVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a day is not what the week says it is (domain.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// A national or state holiday, or a day off of the Labour Code.
    PublicHoliday,
    /// The working day to which a holiday on a weekend moves the day off.
    ShiftedDayOff,
    /// A working day that was made a day off, for a weekend day that works.
    TransferredDayOff,
    /// A Saturday or Sunday that works.
    WorkedWeekend,
}

impl DayKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::PublicHoliday, Self::ShiftedDayOff, Self::TransferredDayOff, Self::WorkedWeekend];

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicHoliday => "public_holiday",
            Self::ShiftedDayOff => "shifted_day_off",
            Self::TransferredDayOff => "transferred_day_off",
            Self::WorkedWeekend => "worked_weekend",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A day that is not what the week says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    /// The day.
    pub on: NaiveDate,
    /// Why.
    pub kind: DayKind,
    /// Its name, in Russian.
    pub name: String,
    /// The legal source.
    pub source: String,
    /// Whether it is not announced yet (Kurban Ait of a coming year).
    pub estimated: bool,
}

/// Why a calendar, or a question to it, makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The version's name.
    #[error("a version is 1 to 40 of lower-case letters, digits, dots and hyphens")]
    Version,
    /// The last day lies before the first.
    #[error("the calendar ends before it begins")]
    EmptySpan,
    /// A day lies outside the span.
    #[error("{0} lies outside the calendar's span")]
    DayOutside(NaiveDate),
    /// A day stands twice.
    #[error("{0} stands twice")]
    DayTwice(NaiveDate),
    /// A worked weekend on a weekday, or a shifted or transferred day off on a weekend.
    #[error("{0} can not be of its kind on that day of the week")]
    DayOfWeek(NaiveDate),
}

/// The count would leave the days that the calendar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar knows the days from {first} to {last} only")]
pub struct OutsideCalendar {
    /// The first day that it knows.
    pub first: NaiveDate,
    /// The last.
    pub last: NaiveDate,
}

/// A day that was not counted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The day.
    pub on: NaiveDate,
    /// `weekend`, or the holiday's name.
    pub reason: String,
}

/// A term, counted day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The day on which the term ends.
    pub due_on: NaiveDate,
    /// That day's end: 24:00 in Almaty, which is the first instant after the term.
    pub due_at: DateTime<Utc>,
    /// The working days that were counted, in the order of counting.
    pub counted: Vec<NaiveDate>,
    /// The days between that were not.
    pub skipped: Vec<Skipped>,
    /// Whether one of them, or the first day after them, hangs on a day that is only estimated.
    pub crosses_estimated: bool,
    /// The version of the calendar.
    pub calendar_version: CalendarVersion,
}

/// One version of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingCalendar {
    version: CalendarVersion,
    first: NaiveDate,
    last: NaiveDate,
    days: BTreeMap<NaiveDate, CalendarDay>,
}

impl WorkingCalendar {
    /// A calendar of the days from `first` to `last`, of which `days` are not what the week says.
    ///
    /// # Errors
    /// [`CalendarError`], naming the day that makes no sense.
    pub fn new(
        version: CalendarVersion,
        first: NaiveDate,
        last: NaiveDate,
        days: Vec<CalendarDay>,
    ) -> Result<Self, CalendarError> {
        if last < first {
            return Err(CalendarError::EmptySpan);
        }
        let mut known = BTreeMap::new();
        for day in days {
            let on = day.on;
            if on < first || last < on {
                return Err(CalendarError::DayOutside(on));
            }
            let fits = match day.kind {
                DayKind::WorkedWeekend => is_weekend(on),
                DayKind::ShiftedDayOff | DayKind::TransferredDayOff => !is_weekend(on),
                DayKind::PublicHoliday => true,
            };
            if !fits {
                return Err(CalendarError::DayOfWeek(on));
            }
            if known.insert(on, day).is_some() {
                return Err(CalendarError::DayTwice(on));
            }
        }
        Ok(Self { version, first, last, days: known })
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &CalendarVersion {
        &self.version
    }

    /// The first and the last day that it knows.
    #[must_use]
    pub fn span(&self) -> (NaiveDate, NaiveDate) {
        (self.first, self.last)
    }

    /// The days that are not what the week says, in their order.
    pub fn days(&self) -> impl Iterator<Item = &CalendarDay> {
        self.days.values()
    }

    /// Whether a day works.
    ///
    /// # Errors
    /// [`OutsideCalendar`].
    pub fn is_working(&self, day: NaiveDate) -> Result<bool, OutsideCalendar> {
        Ok(self.reason_off(day)?.is_none())
    }

    /// Counts working days strictly after a day (`days > 0`), or strictly before it (`days < 0`); zero days end on the
    /// day itself. The trigger's own day is never counted (domain.md §3.4, A8, A9).
    ///
    /// # Errors
    /// [`OutsideCalendar`] where the count, or the trigger itself, leaves the days that are known.
    pub fn count(&self, trigger: NaiveDate, days: i32) -> Result<Counted, OutsideCalendar> {
        self.known(trigger)?;
        let wanted = usize::try_from(days.unsigned_abs()).unwrap_or(usize::MAX);
        let (mut counted, mut skipped, mut estimated) = (Vec::new(), Vec::new(), false);
        let mut day = trigger;
        while counted.len() < wanted {
            let next = if days > 0 { day.succ_opt() } else { day.pred_opt() };
            day = next.ok_or_else(|| self.outside())?;
            match self.reason_off(day)? {
                None => counted.push(day),
                Some(reason) => skipped.push(Skipped { on: day, reason }),
            }
            estimated |= self.days.get(&day).is_some_and(|known| known.estimated);
        }
        let due_at = end_of(day).ok_or_else(|| self.outside())?;
        let calendar_version = self.version.clone();
        Ok(Counted { due_on: day, due_at, counted, skipped, crosses_estimated: estimated, calendar_version })
    }

    /// The first day on which a channel may open, or a change take effect, after a notice that was sent on a day (paras
    /// 4, 5; A7): with `strict` so many full working days lie between the two; otherwise the notice day is the nth
    /// working day before, which is one day less.
    ///
    /// # Errors
    /// [`OutsideCalendar`].
    pub fn earliest_opening(
        &self,
        sent_on: NaiveDate,
        working_days: u32,
        strict: bool,
    ) -> Result<NaiveDate, OutsideCalendar> {
        let days = i32::try_from(working_days).map_err(|_| self.outside())?;
        let last = self.count(sent_on, days)?.due_on;
        if strict { last.succ_opt().ok_or_else(|| self.outside()) } else { Ok(last) }
    }

    /// Why a day is off: `weekend`, or the name of what makes it so.
    fn reason_off(&self, day: NaiveDate) -> Result<Option<String>, OutsideCalendar> {
        self.known(day)?;
        Ok(match self.days.get(&day) {
            Some(known) if known.kind == DayKind::WorkedWeekend => None,
            Some(known) => Some(known.name.clone()),
            None if is_weekend(day) => Some("weekend".to_owned()),
            None => None,
        })
    }

    fn known(&self, day: NaiveDate) -> Result<(), OutsideCalendar> {
        if day < self.first || self.last < day { Err(self.outside()) } else { Ok(()) }
    }

    fn outside(&self) -> OutsideCalendar {
        OutsideCalendar { first: self.first, last: self.last }
    }
}

/// The calendar day in Almaty: the day of the law and of schedules. UTC+6 until March 2024, UTC+5 since.
#[must_use]
pub fn local_date(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Almaty).date_naive()
}

/// An instant as Almaty's clocks show it, with their distance from UTC: `2026-11-26T00:00:00+05:00`.
#[must_use]
pub fn almaty_text(at: DateTime<Utc>) -> String {
    at.with_timezone(&Almaty).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}

/// A time of Almaty's clocks as an instant; `None` at the edge of what dates can say.
#[must_use]
pub fn almaty_instant(on: NaiveDate, at: NaiveTime) -> Option<DateTime<Utc>> {
    Almaty.from_local_datetime(&on.and_time(at)).earliest().map(|at| at.with_timezone(&Utc))
}

/// The end of a day in Almaty, 24:00.
#[must_use]
pub fn end_of(day: NaiveDate) -> Option<DateTime<Utc>> {
    almaty_instant(day.checked_add_days(Days::new(1))?, NaiveTime::MIN)
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

#[cfg(test)]
mod tests;
