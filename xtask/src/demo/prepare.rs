//! From the book to the applications of one run: fresh numbers, accounts and merchants, and the body that is sent.
//! It arranges nothing yet: that is done when the story begins.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::book::{Book, IdentifiedBy, Method, Person, Planned, Term};
use super::identity::{Registry, iban};
use super::listed::{self, Listed};
use super::sandbox::Sandbox;

/// One application of this run.
pub(super) struct Story {
    pub(super) planned: Planned,
    /// Its place in this run, which its numbers are made of.
    pub(super) index: usize,
    pub(super) run: u32,
    pub(super) iin: String,
    /// Who applies, as the API takes it.
    client: Value,
}

/// The applications of a run.
pub(super) fn stories(book: &Book, run: u32, sandbox: &Sandbox) -> Result<Vec<Story>> {
    let any_listed = book.applications.iter().any(|planned| matches!(planned.person, Person::AmlList { .. }));
    let listed = if any_listed { listed::persons(&sandbox.published_list()?)? } else { Vec::new() };
    let mut registry = Registry::default();
    book.applications
        .iter()
        .enumerate()
        .map(|(index, planned)| {
            Story::new(planned, index, run, &mut registry, &listed)
                .with_context(|| format!("preparing `{}`", planned.name))
        })
        .collect()
}

struct Names {
    surname: String,
    given_name: String,
    patronymic: Option<String>,
    birth_date: String,
    iin: String,
}

impl Story {
    fn new(planned: &Planned, index: usize, run: u32, registry: &mut Registry, listed: &[Listed]) -> Result<Self> {
        let names = names(planned, run, registry, listed)?;
        let subscriber = (u64::from(run) * 100 + u64::try_from(index)?) % 10_000_000;
        let client = json!({
            "kind": planned.client_kind,
            "iin": names.iin,
            "surname": names.surname, "given_name": names.given_name, "patronymic": names.patronymic,
            "birth_date": names.birth_date,
            "identity_document": {
                "kind": "identity_card", "number": format!("{subscriber:09}"), "expires_on": "2044-01-01",
            },
            "phone": format!("+7701{subscriber:07}"),
            "politically_exposed": false,
        });
        Ok(Self { planned: planned.clone(), index, run, iin: names.iin, client })
    }

    /// The application as the API takes it.
    pub(super) fn application(&self) -> Value {
        let planned = &self.planned;
        let mut body = json!({
            "client": self.client, "channel": "web", "purpose": planned.purpose,
            "amount": planned.amount, "annual_rate": planned.annual_rate,
        });
        match planned.term {
            Term::Months(months) => body["term_months"] = months.into(),
            Term::Days(days) => body["term_days"] = days.into(),
        }
        if let Some(seconds) = planned.valid_for_seconds {
            body["valid_for_seconds"] = seconds.into();
        }
        body
    }

    /// Where the money is to go. The client gives other details with every try.
    pub(super) fn destination(&self, attempt: usize) -> String {
        match self.planned.disbursement.method {
            Method::Account => iban(&format!("D{:06}{:04}{attempt:02}", self.run, self.index)),
            Method::Card => format!("tok-demo-{}-{}-{attempt}", self.run, self.index),
            Method::Merchant => format!("M-{}-{}", self.run, self.index),
        }
    }

    /// Method and details as the API takes them.
    pub(super) fn disbursement(&self, destination: &str) -> Value {
        let planned = self.planned.disbursement;
        let field = match planned.method {
            Method::Account => "iban",
            Method::Card => "card_token",
            Method::Merchant => "merchant_id",
        };
        json!({ "method": planned.method.key(), field: destination, "payment_profile": planned.profile })
    }

    /// The idempotency key of one act.
    pub(super) fn key(&self, number: u32) -> String {
        format!("demo-{:06}-{}-{number}", self.run, self.planned.name)
    }
}

fn names(planned: &Planned, run: u32, registry: &mut Registry, listed: &[Listed]) -> Result<Names> {
    match &planned.person {
        Person::Book { surname, given_name, patronymic, birth_date, sex, seed } => Ok(Names {
            surname: surname.clone(),
            given_name: given_name.clone(),
            patronymic: patronymic.clone(),
            birth_date: birth_date.clone(),
            iin: registry.iin(birth_date, *sex, seed.wrapping_mul(37).wrapping_add(run) % 10_000)?,
        }),
        Person::AmlList { identified_by, sex, seed } => {
            let by_iin = *identified_by == IdentifiedBy::Iin;
            let fitting: Vec<&Listed> =
                listed.iter().filter(|entry| entry.iin.is_some() == by_iin && entry.birth_date.is_some()).collect();
            let chosen = usize::try_from(seed.wrapping_add(run))?.checked_rem(fitting.len());
            let entry = chosen.map(|index| fitting[index]).context("nobody on the list fits")?;
            let birth_date = entry.birth_date.clone().context("the entry has a birth date")?;
            let iin = match &entry.iin {
                Some(iin) => iin.clone(),
                None => registry.iin(&birth_date, *sex, seed.wrapping_mul(37).wrapping_add(run) % 10_000)?,
            };
            Ok(Names {
                surname: entry.surname.clone(),
                given_name: entry.given_name.clone(),
                patronymic: entry.patronymic.clone(),
                birth_date,
                iin,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn committed(run: u32) -> Vec<Story> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        let book = Book::read(&root.join(super::super::BOOK)).expect("the committed book");
        let listed = [("1970-05-06", Some("700506300011")), ("1980-07-08", None)].map(|(birth_date, iin)| Listed {
            surname: "Ким".to_owned(),
            given_name: "Вера".to_owned(),
            patronymic: None,
            birth_date: Some(birth_date.to_owned()),
            iin: iin.map(str::to_owned),
        });
        let mut registry = Registry::default();
        let each = book.applications.iter().enumerate();
        each.map(|(index, planned)| Story::new(planned, index, run, &mut registry, &listed).expect("prepared"))
            .collect()
    }

    #[test]
    fn persons_places_and_keys_of_a_run_are_its_own() {
        let (first, second) = (committed(7), committed(999_999));
        let count = first.len();
        let all = |value: fn(&Story) -> String| first.iter().chain(&second).map(value).collect::<BTreeSet<_>>().len();
        assert_eq!(all(|story| story.iin.clone()), 2 * count - 1, "only the listed person applies in both");
        assert_eq!(all(|story| story.destination(1)), 2 * count);
        assert_eq!(all(|story| story.key(1)), 2 * count);
    }

    #[test]
    fn what_is_sent_is_what_the_book_says() {
        let stories = committed(7);
        let listed = stories.iter().find(|story| story.iin == "700506300011").expect("the listed person");
        assert_eq!(listed.application()["client"]["birth_date"], "1970-05-06");
        for story in &stories {
            let body = story.application();
            assert_eq!(body["amount"], story.planned.amount);
            assert!(body["term_months"].is_null() != body["term_days"].is_null(), "one of the two terms");
            let place = story.disbursement(&story.destination(1));
            assert_eq!(place.as_object().expect("an object").len(), 3, "{place}");
        }
    }
}
