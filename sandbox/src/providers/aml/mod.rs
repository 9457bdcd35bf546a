//! The publisher of the AML/CFT lists: both categories, with version and checksum.
//! A published version never changes; a change is a new version.

mod made_up;
mod xml;

use std::sync::Mutex;

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use chrono::{NaiveDate, Timelike};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::made_up::{ListedPerson, MadeUp};
use crate::{
    ambient,
    exchange::{Answer, conduct, malformed},
    operation::{Call, Operation},
    providers::Shared,
    state::locked,
};

/// The date of the made-up lists' first version.
const FIRST_VERSION_DATE: &str = "2026-11-20";

/// The paths of this provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/xml_category_1/", get(category_1)).route("/xml_category_2/", get(category_2))
}

/// A list in the version in force.
#[derive(Clone)]
struct Published {
    version: String,
    sha256: String,
    body: Bytes,
}

impl Published {
    fn new(version: String, body: String) -> Self {
        let sha256 = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { version, sha256, body: Bytes::from(body) }
    }
}

/// What is told of a person who is to be listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPerson {
    #[serde(default)]
    iin: Option<String>,
    surname: String,
    given_name: String,
    #[serde(default)]
    patronymic: Option<String>,
    #[serde(default)]
    birth_date: Option<NaiveDate>,
}

/// The lists in force.
pub(crate) struct Publisher {
    inner: Mutex<Lists>,
}

struct Lists {
    made_up: MadeUp,
    financing: Published,
    participants: Published,
    /// The last number given to a version of today, so that two in one millisecond still differ.
    last_number: u32,
}

impl Publisher {
    /// The lists that belong to a seed, in their first version.
    pub(crate) fn seeded(seed: u64) -> Self {
        let made_up = MadeUp::seeded(seed);
        let version = format!("{FIRST_VERSION_DATE}.{seed}");
        let financing = Published::new(version.clone(), xml::financing(&made_up));
        let participants = Published::new(version, xml::participants(&made_up));
        Self { inner: Mutex::new(Lists { made_up, financing, participants, last_number: 0 }) }
    }

    /// Adds a person to category 1 and publishes; gives the new version.
    pub(crate) fn list(&self, person: NewPerson) -> String {
        let mut lists = locked(&self.inner);
        let now = ambient::now();
        let number = u32::try_from(lists.made_up.persons.len() + 1).unwrap_or(u32::MAX);
        lists.made_up.persons.push(ListedPerson {
            number,
            given_name: person.given_name,
            patronymic: person.patronymic.unwrap_or_default(),
            surname: person.surname,
            birth_date: person.birth_date,
            iin: person.iin.unwrap_or_default(),
            listed_on: now.date_naive(),
        });
        // Taken from the time of day: a sandbox started anew must not give an old version's name to other content.
        let of_day = now.num_seconds_from_midnight() * 1_000 + now.timestamp_subsec_millis();
        lists.last_number = of_day.max(lists.last_number.saturating_add(1));
        let version = format!("{}.{}", now.date_naive(), lists.last_number);
        lists.financing = Published::new(version.clone(), xml::financing(&lists.made_up));
        version
    }
}

#[derive(Deserialize)]
struct Parameters {
    status: Option<String>,
}

async fn category_1(State(sandbox): State<Shared>, Query(parameters): Query<Parameters>) -> Response {
    serve(sandbox, "xml_category_1", parameters, |lists| lists.financing.clone()).await
}

async fn category_2(State(sandbox): State<Shared>, Query(parameters): Query<Parameters>) -> Response {
    serve(sandbox, "xml_category_2", parameters, |lists| lists.participants.clone()).await
}

async fn serve(
    sandbox: Shared,
    category: &'static str,
    parameters: Parameters,
    choose: fn(&Lists) -> Published,
) -> Response {
    if parameters.status.as_deref() != Some("acting") {
        return malformed(&sandbox, Operation::AmlList, "status must be acting");
    }
    conduct(sandbox, Call::new(Operation::AmlList, category), async move |sandbox, _| {
        let Published { version, sha256, body } = choose(&locked(&sandbox.aml.inner));
        Answer::bytes("application/xml", body)
            .with_header("x-list-version", &version)
            .with_header("x-list-sha256", &sha256)
    })
    .await
}
