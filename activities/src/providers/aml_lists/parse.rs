//! Reads the XML of a list from beginning to end, strictly: whatever is not of the known form makes the list unreadable.
//! Never expands an entity of a document type: a list with one is refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::{AmlCategory, ListEntry, ListEntryKind};

/// Root, group, entry, field; a list has no deeper element.
const DEPTH_MAX: usize = 4;

/// Everybody on the list, or `None` where it can not be read to its end, or names no person at all: an empty list would
/// clear everybody.
pub(super) fn entries(category: AmlCategory, body: &[u8]) -> Option<Vec<ListEntry>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut list = List { category, open: Vec::new(), fields: BTreeMap::new(), entries: Vec::new(), closed: false };
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => list.open(start.name().as_ref())?,
            Event::Empty(start) => {
                list.open(start.name().as_ref())?;
                list.close()?;
            }
            Event::End(_) => list.close()?,
            Event::Text(text) => list.text(&text)?,
            Event::CData(text) => list.text(&text)?,
            Event::GeneralRef(reference) => list.text(&resolved(&reference)?)?,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return None,
            Event::Eof => return list.end(),
        }
    }
}

/// The character that a reference stands for: one of the five of XML, or a number. There are no others without a
/// document type.
fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(reference).map(str::to_owned)
}

struct List {
    category: AmlCategory,
    open: Vec<String>,
    fields: BTreeMap<String, String>,
    entries: Vec<ListEntry>,
    closed: bool,
}

impl List {
    fn open(&mut self, name: &str) -> Option<()> {
        let first = self.open.is_empty();
        if self.closed || self.open.len() == DEPTH_MAX || (first && name != "xml") {
            return None;
        }
        if self.open.len() + 1 == DEPTH_MAX && self.fields.insert(name.to_owned(), String::new()).is_some() {
            return None;
        }
        self.open.push(name.to_owned());
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        if self.open.len() == DEPTH_MAX {
            let field = self.fields.get_mut(self.open.last()?)?;
            field.push_str(text);
            return Some(());
        }
        // Between elements there is only white space.
        text.trim().is_empty().then_some(())
    }

    fn close(&mut self) -> Option<()> {
        if self.open.len() + 1 == DEPTH_MAX {
            let fields = std::mem::take(&mut self.fields);
            let entry = self.entry(&Fields(fields))?;
            self.entries.push(entry);
        }
        self.open.pop()?;
        self.closed = self.open.is_empty();
        Some(())
    }

    fn entry(&self, fields: &Fields) -> Option<ListEntry> {
        let place: Vec<&str> = self.open.iter().map(String::as_str).collect();
        match (self.category, place.as_slice()) {
            (AmlCategory::Financing, ["xml", "persons", "person"]) => fields.person(),
            (AmlCategory::Financing, ["xml", "orgs", "org"]) => fields.organisation(),
            (AmlCategory::Participants, ["xml", "orgs", "org"]) => fields.participant(),
            _ => None,
        }
    }

    fn end(self) -> Option<Vec<ListEntry>> {
        let persons = self.entries.iter().any(|entry| entry.kind == ListEntryKind::Person);
        let ids: BTreeSet<&str> = self.entries.iter().map(|entry| entry.entry_id.as_str()).collect();
        let readable = self.closed && persons && ids.len() == self.entries.len();
        readable.then_some(self.entries)
    }
}

struct Fields(BTreeMap<String, String>);

impl Fields {
    fn person(&self) -> Option<ListEntry> {
        let birth_date = match self.text("birthdate")? {
            "" => None,
            written => Some(NaiveDate::parse_from_str(written, "%d.%m.%Y").ok()?),
        };
        let parts = [self.text("lname")?, self.text("fname")?, self.text("mname")?];
        let name = parts.map(joined).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        self.made("person", ListEntryKind::Person, self.iin("iin")?, name, birth_date)
    }

    fn organisation(&self) -> Option<ListEntry> {
        self.made("org", ListEntryKind::Organisation, None, joined(self.text("org_name")?), None)
    }

    /// Category 2 puts persons where organisations stand. One of them without an IIN is taken for a person too: to
    /// compare with an organisation's name does no harm, to miss a person does.
    fn participant(&self) -> Option<ListEntry> {
        self.made("person", ListEntryKind::Person, self.iin("org_iin")?, joined(self.text("org_name")?), None)
    }

    fn made(
        &self,
        prefix: &str,
        kind: ListEntryKind,
        iin: Option<String>,
        name: String,
        birth_date: Option<NaiveDate>,
    ) -> Option<ListEntry> {
        let number = self.text("num")?;
        let numbered = (1..=20).contains(&number.len()) && number.chars().all(|character| character.is_ascii_digit());
        let entry = ListEntry { entry_id: format!("{prefix}-{number}"), kind, iin, name, birth_date };
        (numbered && !entry.name.is_empty()).then_some(entry)
    }

    /// The IIN if there is one; `None` inside where the field is empty.
    fn iin(&self, name: &str) -> Option<Option<String>> {
        let written = self.text(name)?;
        if written.is_empty() {
            return Some(None);
        }
        let digits = written.len() == 12 && written.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| Some(written.to_owned()))
    }

    /// The field's text, which may be empty, but must be there.
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim())
    }
}

/// With single spaces between words.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: &str = "<person><num>7</num><fname> Ерлан </fname><mname>Серікұлы</mname><lname>Ахметов</lname>\
        <birthdate>01.02.1980</birthdate><iin>871008401427</iin><note>а &amp; б &#1074; &lt;</note>\
        <correction>включен от 03.04.2019</correction><added_to_list/></person>";
    const NAMELESS: &str = "<person><num>8</num><fname/><mname/><lname/><birthdate/><iin/></person>";

    fn financing(inside: &str) -> Option<Vec<ListEntry>> {
        entries(AmlCategory::Financing, format!("<xml>{inside}</xml>").as_bytes())
    }

    #[test]
    fn reads_persons_and_organisations_of_category_1() {
        let xml = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n <persons>\n  {PERSON}\n  <person><num>8</num><fname/>\
             <mname></mname><lname><![CDATA[Ә. & сын]]></lname><birthdate/><iin> </iin></person></persons>\n <orgs><org>\
             <num>7</num><org_name>Некая  &quot;организация&quot;</org_name><org_name_en>A; B</org_name_en><note/></org>\
             </orgs>\n</xml>\n"
        );
        let read = entries(AmlCategory::Financing, xml.as_bytes()).expect("a list");
        let [first, second, third] = read.as_slice() else { panic!("three entries") };
        assert_eq!((first.entry_id.as_str(), first.name.as_str()), ("person-7", "Ахметов Ерлан Серікұлы"));
        assert_eq!(first.iin.as_deref(), Some("871008401427"));
        assert_eq!(first.birth_date, NaiveDate::from_ymd_opt(1980, 2, 1));
        assert_eq!((second.name.as_str(), &second.iin, second.birth_date), ("Ә. & сын", &None, None));
        assert_eq!((third.entry_id.as_str(), third.kind), ("org-7", ListEntryKind::Organisation));
        assert_eq!(third.name, "Некая \"организация\"");
    }

    #[test]
    fn reads_persons_inside_organisations_of_category_2() {
        let xml = "<xml><orgs><org><num>1</num><org_name>Ахметов Ерлан Серікұлы</org_name><org_iin>871008401427</org_iin>\
            <note/><correction>включен от 03.04.2019</correction></org></orgs></xml>";
        let read = entries(AmlCategory::Participants, xml.as_bytes()).expect("a list");
        let expected = ListEntry {
            entry_id: "person-1".to_owned(),
            kind: ListEntryKind::Person,
            iin: Some("871008401427".to_owned()),
            name: "Ахметов Ерлан Серікұлы".to_owned(),
            birth_date: None,
        };
        assert!(read == [expected], "{read:?}");
    }

    #[test]
    fn what_is_not_of_the_form_makes_the_list_unreadable() {
        let persons = |inside: &str| financing(&format!("<persons>{inside}</persons>"));
        assert!(persons(PERSON).is_some(), "the list that the rest breaks");
        for (name, broken) in [
            ("no person at all", persons("")),
            ("nobody's name", persons(NAMELESS)),
            ("number twice", persons(&[PERSON, PERSON].concat())),
            ("a field twice", persons(&PERSON.replace("<added_to_list/>", "<num>9</num>"))),
            ("no number", persons(&PERSON.replace("<num>7</num>", ""))),
            ("no IIN field", persons(&PERSON.replace("<iin>871008401427</iin>", ""))),
            ("a short IIN", persons(&PERSON.replace("871008401427", "87100840142"))),
            ("another date form", persons(&PERSON.replace("01.02.1980", "1980-02-01"))),
            ("no such date", persons(&PERSON.replace("01.02.1980", "31.02.1980"))),
            ("an unknown entity", persons(&PERSON.replace("&amp;", "&company;"))),
            ("text between elements", persons(&format!("x{PERSON}"))),
            ("a deeper element", persons(&PERSON.replace("Ахметов", "<b>Ахметов</b>"))),
            ("an unknown group", financing(&format!("<people>{PERSON}</people>"))),
            ("category 1 as category 2", entries(AmlCategory::Participants, b"<xml><persons></persons></xml>")),
            ("another root", entries(AmlCategory::Financing, b"<html><body/></html>")),
            (
                "two roots",
                entries(AmlCategory::Financing, format!("<xml><persons>{PERSON}</persons></xml><xml/>").as_bytes()),
            ),
            ("cut short", entries(AmlCategory::Financing, format!("<xml><persons>{PERSON}").as_bytes())),
            ("tags that do not match", financing(&format!("<persons>{PERSON}</orgs>"))),
            ("not UTF-8", entries(AmlCategory::Financing, b"<xml>\xff</xml>")),
            (
                "a document type",
                entries(
                    AmlCategory::Financing,
                    format!("<!DOCTYPE xml [<!ENTITY a \"b\">]><xml><persons>{PERSON}</persons></xml>").as_bytes(),
                ),
            ),
        ] {
            assert!(broken.is_none(), "{name}");
        }
    }
}
