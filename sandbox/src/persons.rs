//! What the providers know about persons, as the admin endpoint arranged it.
//! A person never put there has the defaults; nobody is refused for being unknown.

use std::{collections::HashMap, sync::Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::locked;

/// The mark of a voluntary refusal of microcredits at the bureau.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum VoluntaryRefusal {
    /// The person may not be lent to.
    Active,
    /// There is no mark.
    None,
    /// The bureau does not know, which is not "none".
    Unknown,
}

/// Whether an account or card is the person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Ownership {
    /// It is.
    Confirmed,
    /// It is somebody else's.
    NotConfirmed,
    /// The bank did not say.
    Unavailable,
}

/// Whether a phone is the person's, as one base knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PhoneMatch {
    /// It is.
    Match,
    /// It is somebody else's.
    NoMatch,
    /// The base does not know, which is not "somebody else's".
    Unknown,
}

/// One person, as all providers together know them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) voluntary_refusal: VoluntaryRefusal,
    pub(crate) overdue_days_current: u32,
    pub(crate) overdue_days_max_12m: u32,
    pub(crate) monthly_payments: i64,
    pub(crate) average_monthly_income: Option<i64>,
    pub(crate) sole_proprietor: bool,
    pub(crate) biometric_score: f64,
    pub(crate) liveness: bool,
    pub(crate) has_reference_image: bool,
    pub(crate) ownership: Ownership,
    pub(crate) revoked_certificate: bool,
    pub(crate) phone_at_operator: PhoneMatch,
    pub(crate) phone_at_egov: PhoneMatch,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            voluntary_refusal: VoluntaryRefusal::None,
            overdue_days_current: 0,
            overdue_days_max_12m: 0,
            monthly_payments: 0,
            average_monthly_income: Some(60_000_000),
            sole_proprietor: false,
            biometric_score: 0.99,
            liveness: true,
            has_reference_image: true,
            ownership: Ownership::Confirmed,
            revoked_certificate: false,
            phone_at_operator: PhoneMatch::Match,
            phone_at_egov: PhoneMatch::Match,
        }
    }
}

/// Everybody of whom something was arranged.
#[derive(Default)]
pub(crate) struct Persons {
    inner: Mutex<HashMap<String, Person>>,
}

impl Persons {
    /// The person as known now.
    pub(crate) fn get(&self, iin: &str) -> Person {
        locked(&self.inner).get(iin).cloned().unwrap_or_default()
    }

    /// Changes the given fields, leaves the others, and gives the result.
    pub(crate) fn change(&self, iin: &str, fields: Map<String, Value>) -> Result<Person, String> {
        let mut persons = locked(&self.inner);
        let person = overlaid(&persons.get(iin).cloned().unwrap_or_default(), fields)?;
        persons.insert(iin.to_owned(), person.clone());
        Ok(person)
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        locked(&self.inner).clear();
    }
}

/// A copy of something with some of its fields replaced, told apart from fields that it does not have.
pub(crate) fn overlaid<T: Serialize + serde::de::DeserializeOwned>(
    present: &T,
    fields: Map<String, Value>,
) -> Result<T, String> {
    let mut whole = serde_json::to_value(present).map_err(|error| error.to_string())?;
    if let Value::Object(known) = &mut whole {
        known.extend(fields);
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}
