//! The lists as the publisher writes them: XML of both categories.
//! It reads nothing; every text is escaped, since some names carry apostrophes and quotation marks.

use chrono::NaiveDate;

use super::made_up::{ListedPerson, MadeUp, Organisation, Participant};

/// Category 1: persons and organisations connected with financing.
pub(super) fn financing(lists: &MadeUp) -> String {
    let persons: String = lists.persons.iter().map(person).collect();
    let organisations: String = lists.organisations.iter().map(organisation).collect();
    format!("{HEAD}<xml>\n<persons>\n{persons}</persons>\n<orgs>\n{organisations}</orgs>\n</xml>\n")
}

/// Category 2: participants; persons stand inside `org`.
pub(super) fn participants(lists: &MadeUp) -> String {
    let participants: String = lists.participants.iter().map(participant).collect();
    format!("{HEAD}<xml>\n<orgs>\n{participants}</orgs>\n</xml>\n")
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn person(person: &ListedPerson) -> String {
    let listed_on = written_date(Some(person.listed_on));
    format!(
        "<person><num>{}</num><fname>{}</fname><mname>{}</mname><lname>{}</lname><birthdate>{}</birthdate>\
         <iin>{}</iin><note></note><correction>включен от {listed_on}</correction>\
         <added_to_list>{listed_on}</added_to_list></person>\n",
        person.number,
        escaped(&person.given_name),
        escaped(&person.patronymic),
        escaped(&person.surname),
        written_date(person.birth_date),
        escaped(&person.iin),
    )
}

fn organisation(organisation: &Organisation) -> String {
    format!(
        "<org><num>{}</num><org_name>{}</org_name><org_name_en>{}</org_name_en><note></note></org>\n",
        organisation.number,
        escaped(&organisation.name),
        escaped(&organisation.english_names.join("; ")),
    )
}

fn participant(participant: &Participant) -> String {
    format!(
        "<org><num>{}</num><org_name>{}</org_name><org_iin>{}</org_iin><note></note>\
         <correction>включен от {}</correction></org>\n",
        participant.number,
        escaped(&participant.name),
        participant.iin,
        written_date(Some(participant.listed_on)),
    )
}

fn written_date(date: Option<NaiveDate>) -> String {
    date.map(|date| date.format("%d.%m.%Y").to_string()).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}
