//! Entries of the published list of persons, as far as the demonstration needs them to apply in somebody's name.
//! It is no general XML reader: it reads the publisher's own elements, and nothing it cannot find is guessed.

use anyhow::{Context, Result};

/// One listed person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) surname: String,
    pub(super) given_name: String,
    pub(super) patronymic: Option<String>,
    /// As the API writes dates; none if not published.
    pub(super) birth_date: Option<String>,
    /// None if not published.
    pub(super) iin: Option<String>,
}

/// The persons of category 1 with a given name and a surname.
pub(super) fn persons(xml: &str) -> Result<Vec<Listed>> {
    let persons = between(xml, "<persons>", "</persons>").context("the list has no persons")?;
    let entries = persons.split("<person>").skip(1);
    Ok(entries.filter_map(person).collect())
}

fn person(entry: &str) -> Option<Listed> {
    let text = |name: &str| {
        let text = between(entry, &format!("<{name}>"), &format!("</{name}>"))?;
        Some(unescaped(text.trim())).filter(|text| !text.is_empty())
    };
    Some(Listed {
        surname: text("lname")?,
        given_name: text("fname")?,
        patronymic: text("mname"),
        birth_date: text("birthdate").and_then(|date| iso_date(&date)),
        iin: text("iin"),
    })
}

/// `dd.mm.yyyy` as `yyyy-mm-dd`.
fn iso_date(text: &str) -> Option<String> {
    let (day, rest) = text.split_once('.')?;
    let (month, year) = rest.split_once('.')?;
    (year.len() == 4).then(|| format!("{year}-{month}-{day}"))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(start)?;
    after.split_once(end).map(|(inside, _)| inside)
}

fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_read_with_what_is_published_of_them() {
        let xml = "<?xml version=\"1.0\"?>\n<xml>\n<persons>\n\
            <person><num>1</num><fname>Д&apos;Артан</fname><mname>Ұлы</mname><lname>Ким</lname>\
            <birthdate>31.01.1990</birthdate><iin>900131300811</iin><note></note></person>\n\
            <person><num>2</num><fname>Вера</fname><mname></mname><lname>Цой</lname><birthdate></birthdate><iin></iin></person>\n\
            <person><num>3</num><fname></fname><mname></mname><lname>Без имени</lname><birthdate></birthdate><iin></iin></person>\n\
            </persons><orgs><org><num>1</num><org_name>Фонд</org_name></org></orgs></xml>";
        let persons = persons(xml).expect("a list");
        assert_eq!(persons.len(), 2, "one has no given name: {persons:?}");
        assert_eq!(persons[0].given_name, "Д'Артан");
        assert_eq!(persons[0].birth_date.as_deref(), Some("1990-01-31"));
        assert_eq!(persons[0].iin.as_deref(), Some("900131300811"));
        let unknown = Listed {
            surname: "Цой".to_owned(),
            given_name: "Вера".to_owned(),
            patronymic: None,
            birth_date: None,
            iin: None,
        };
        assert_eq!(persons[1], unknown);
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        assert!(persons("<html>busy</html>").is_err());
    }
}
