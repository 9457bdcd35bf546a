//! Is this client on a list of the AML/CFT law? (paragraphs 8(1) and 10, R-080, R-100; `domain.md` §6.4)
//!
//! The number decides where both sides have one; without it, names and birth date.
//! Likeness never refuses anybody: it asks a person to look. The score is for ranking and for the record, it proves nothing.

#[cfg(test)]
mod golden;
mod normalise;
mod score;
#[cfg(test)]
mod tests;

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

use self::normalise::{Token, tokens};
use crate::{iin::Iin, person::PersonName, text_form::coded_enum};

coded_enum! {
    /// Which list an entry stands on.
    pub enum ListCategory, "list_category.unknown" {
        /// Connected with the financing of terrorism (category 1).
        Financing = "financing",
        /// Participants (category 2).
        Participants = "participants",
        /// Proliferation of weapons of mass destruction (AML law, article 12-1).
        Proliferation = "proliferation",
    }
}

coded_enum! {
    /// Why an entry looks like the client.
    pub enum MatchReason, "match_reason.unknown" {
        /// Names alike, same birth date.
        NameAndBirthDate = "name_and_birth_date",
        /// Names alike, birth dates alike: one part of the date differs, or day and month are swapped.
        NameAndCloseBirthDate = "name_and_close_birth_date",
        /// Names alike, at least one birth date unknown.
        NameOnly = "name_only",
        /// Names alike although the birth dates differ.
        NameDespiteBirthDate = "name_despite_birth_date",
        /// Names and birth date agree although the numbers differ.
        NameAndBirthDateDespiteIin = "name_and_birth_date_despite_iin",
    }
}

/// How many points the score loses when the birth dates differ altogether.
const OTHER_BIRTH_DATE: i8 = 15;
/// How many points the score loses when the birth dates nearly agree.
const CLOSE_BIRTH_DATE: i8 = 3;
/// How many points the score gains when the birth dates agree.
const SAME_BIRTH_DATE: i8 = 3;
/// From which likeness of names a differing number is doubted, if the birth date agrees.
const DESPITE_IIN_MINIMUM: u8 = 97;

/// One person on a list, as published.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPerson {
    /// The entry's name in the list: category and number, never personal data.
    pub entry_id: String,
    /// The number, if published.
    pub iin: Option<String>,
    /// All names in one line.
    pub name: String,
    /// The birth date, if published.
    pub birth_date: Option<NaiveDate>,
    /// Which list.
    pub list: ListCategory,
}

impl std::fmt::Debug for ListedPerson {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ListedPerson({} {})", self.list, self.entry_id)
    }
}

/// A listed person whose names are folded once, so that a screening only compares.
#[derive(Clone)]
pub struct PreparedEntry {
    person: ListedPerson,
    tokens: Vec<Token>,
    /// Whether a number was published with it. One whose control digit fails is a slip of the list and settles nothing.
    numbered: bool,
}

impl PreparedEntry {
    /// The entry's name in the list.
    #[must_use]
    pub fn entry_id(&self) -> &str {
        &self.person.entry_id
    }

    /// Which list.
    #[must_use]
    pub const fn list(&self) -> ListCategory {
        self.person.list
    }
}

impl From<ListedPerson> for PreparedEntry {
    fn from(person: ListedPerson) -> Self {
        let tokens = tokens(&person.name);
        let numbered = person.iin.as_deref().is_some_and(|number| Iin::parse(number).is_ok());
        Self { person, tokens, numbered }
    }
}

impl std::fmt::Debug for PreparedEntry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.person.fmt(formatter)
    }
}

/// Whom the lists are searched for.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    iin: Iin,
    name: String,
    birth_dates: [Option<NaiveDate>; 2],
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Subject(****)")
    }
}

impl Subject {
    /// A client. Both the birth date that he gave and the one that his number suggests are compared, and the likelier counts:
    /// either may be wrong, and only the first is his to choose.
    #[must_use]
    pub fn new(iin: Iin, name: &PersonName, birth_date: Option<NaiveDate>) -> Self {
        let birth_dates = [birth_date, iin.birth_date_hint()];
        Self { iin, name: name.full(), birth_dates }
    }
}

/// One entry that looks like the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The entry's name in the list.
    pub entry_id: String,
    /// Which list.
    pub list: ListCategory,
    /// The likeness, 0 to 100.
    pub score_percent: u8,
    /// Why.
    pub reason: MatchReason,
}

/// What a screening came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ScreeningResult {
    /// Nobody on the lists looks like the client.
    Clear,
    /// The client's number is on a list: refuse.
    Exact {
        /// The entry's name in the list.
        entry_id: String,
        /// Which list.
        list: ListCategory,
    },
    /// Entries look like the client: a person decides.
    Fuzzy {
        /// The likest first; all of them, since whoever is not shown would count as looked at.
        best: Vec<Match>,
    },
}

/// Searches the lists for the client; likenesses below the threshold (percent) are not told.
#[must_use]
pub fn screen(subject: &Subject, entries: &[PreparedEntry], threshold_percent: u8) -> ScreeningResult {
    if let Some(entry) = entries.iter().find(|entry| entry.person.iin.as_deref() == Some(subject.iin.as_str())) {
        return ScreeningResult::Exact { entry_id: entry.person.entry_id.clone(), list: entry.person.list };
    }
    let subject_tokens = tokens(&subject.name);
    let mut best: Vec<Match> =
        entries.iter().filter_map(|entry| compare(subject, &subject_tokens, entry, threshold_percent)).collect();
    if best.is_empty() {
        return ScreeningResult::Clear;
    }
    best.sort_by(|one, other| (other.score_percent, &one.entry_id).cmp(&(one.score_percent, &other.entry_id)));
    ScreeningResult::Fuzzy { best }
}

/// The likeness of two names, 0 to 100, order of the parts and script aside.
#[must_use]
pub fn name_score_percent(one: &str, other: &str) -> u8 {
    score::percent(&tokens(one), &tokens(other))
}

fn compare(subject: &Subject, subject_tokens: &[Token], entry: &PreparedEntry, threshold: u8) -> Option<Match> {
    let (reason, points, minimum) = match birth_dates(subject, entry.person.birth_date) {
        BirthDates::Same if entry.numbered => {
            (MatchReason::NameAndBirthDateDespiteIin, 0, DESPITE_IIN_MINIMUM.max(threshold))
        }
        // A published number that is not the client's settles it: two people of one name are two people.
        _ if entry.numbered => return None,
        BirthDates::Same => (MatchReason::NameAndBirthDate, SAME_BIRTH_DATE, threshold),
        BirthDates::Close => (MatchReason::NameAndCloseBirthDate, -CLOSE_BIRTH_DATE, threshold),
        BirthDates::Unknown => (MatchReason::NameOnly, 0, threshold),
        BirthDates::Other => (MatchReason::NameDespiteBirthDate, -OTHER_BIRTH_DATE, threshold),
    };
    let score = |names: u8| names.saturating_add_signed(points).min(100);
    // Most entries are settled by their birth date alone: the same name would not be alike enough.
    if score(100) < minimum {
        return None;
    }
    let score_percent = score(score::percent(subject_tokens, &entry.tokens));
    (score_percent >= minimum).then(|| Match {
        entry_id: entry.person.entry_id.clone(),
        list: entry.person.list,
        score_percent,
        reason,
    })
}

/// The likeliest last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum BirthDates {
    Unknown,
    Other,
    Close,
    Same,
}

fn birth_dates(subject: &Subject, listed: Option<NaiveDate>) -> BirthDates {
    let Some(listed) = listed else { return BirthDates::Unknown };
    let known = subject.birth_dates.into_iter().flatten();
    known.map(|date| likeness(date, listed)).max().unwrap_or(BirthDates::Unknown)
}

fn likeness(one: NaiveDate, other: NaiveDate) -> BirthDates {
    if one == other {
        return BirthDates::Same;
    }
    let parts = |date: NaiveDate| (date.year(), date.month(), date.day());
    let ((year, month, day), (other_year, other_month, other_day)) = (parts(one), parts(other));
    let alike = [year == other_year, month == other_month, day == other_day].into_iter().filter(|same| *same).count();
    let swapped = year == other_year && month == other_day && day == other_month;
    // A slip of one year keeps day and month; two people born on one day of different years differ by more.
    let year_slip = (year - other_year).abs() <= 1;
    if swapped || alike == 2 && (year == other_year || year_slip) { BirthDates::Close } else { BirthDates::Other }
}
