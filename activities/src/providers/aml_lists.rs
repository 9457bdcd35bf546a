//! The publisher of the AML/CFT lists, both categories (`domain.md` §6.4; R-080).
//! Never screens anybody, and never takes half a list: a list that can not be read to its end is no list.

mod parse;

use std::time::Duration;

use chrono::NaiveDate;
use nesie_domain::hash::sha256_hex;
use reqwest::Method;

use super::error::ProviderError;
use super::exchange::{Answer, Connection, send};

/// The most bytes that a list may have: several times what the lists have now.
pub const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Client of the publisher.
#[derive(Clone, Debug)]
pub struct AmlLists {
    connection: Connection,
    timeout: Duration,
}

/// The two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AmlCategory {
    /// Connected to the financing of terrorism and extremism.
    Financing,
    /// Participants of terrorist and extremist activity.
    Participants,
}

impl AmlCategory {
    /// Both, financing first.
    pub const ALL: [Self; 2] = [Self::Financing, Self::Participants];

    /// The code under which the list is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Financing => "financing",
            Self::Participants => "participants",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Financing => "xml_category_1",
            Self::Participants => "xml_category_2",
        }
    }
}

/// One version of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmlList {
    /// Which list.
    pub category: AmlCategory,
    /// The publisher's version; a published one never changes.
    pub version: String,
    /// The SHA-256 of the list's bytes in lower hexadecimal, ours and the publisher's alike.
    pub sha256: String,
    /// Everybody on it.
    pub entries: Vec<ListEntry>,
}

/// One entry of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Its id, which no other entry of the list has: the kind and the publisher's number, as `person-12`.
    pub entry_id: String,
    /// A person, or an organisation, which no client can be as yet.
    pub kind: ListEntryKind,
    /// The IIN, where the list gives one; it need not hold as ours do, so it is compared as text.
    pub iin: Option<String>,
    /// Surname, given name and patronymic as far as they are given, or the organisation's name.
    pub name: String,
    /// The birth date, where the list gives one.
    pub birth_date: Option<NaiveDate>,
}

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListEntryKind {
    /// A person.
    Person,
    /// An organisation.
    Organisation,
}

impl std::fmt::Debug for ListEntry {
    /// The id only: the rest is personal data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ListEntry({})", self.entry_id)
    }
}

impl AmlLists {
    pub(super) fn new(connection: Connection, timeout: Duration) -> Self {
        Self { connection, timeout }
    }

    /// The list in force, checked against the publisher's checksum. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When the publisher gave no list that is whole, of its checksum, and readable to its end.
    pub async fn fetch(&self, category: AmlCategory) -> Result<Answer<AmlList>, ProviderError> {
        let operation = self.connection.operation("list");
        let request = self.connection.request(Method::GET, &[category.path(), ""]);
        let request = request.query(&[("status", "acting")]).timeout(self.timeout);
        let reply = send(operation, request, LIST_BYTES_MAX).await?;
        reply.expect_ok()?;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let version = header("x-list-version").filter(|version| (1..=64).contains(&version.len()));
        let (Some(version), Some(promised)) = (version, header("x-list-sha256")) else {
            return Err(operation.unreadable());
        };
        let sha256 = sha256_hex(&reply.body);
        operation.ensure(sha256 == promised)?;
        let entries = parse::entries(category, &reply.body).ok_or_else(|| operation.unreadable())?;
        Ok(reply.into_answer(AmlList { category, version, sha256, entries }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderErrorKind;
    use crate::providers::testing::{Script, assert_hostile_bodies_are_errors, providers};

    const LIST: &str = "<xml><persons><person><num>1</num><fname>Ерлан</fname><mname/><lname>Ахметов</lname>\
        <birthdate>01.02.1980</birthdate><iin>871008401427</iin></person></persons></xml>";

    fn list(body: &[u8], sha256: &str) -> Script {
        let headers =
            [("content-type", "application/xml"), ("x-list-version", "2026-11-20.1"), ("x-list-sha256", sha256)];
        Script::body(200, &headers, body)
    }

    #[tokio::test]
    async fn fetches_a_list_with_its_version_and_hash() {
        let sha256 = sha256_hex(LIST.as_bytes());
        let (server, providers) = providers(list(LIST.as_bytes(), &sha256)).await;
        let answer = providers.aml_lists.fetch(AmlCategory::Financing).await.expect("a list");
        assert_eq!((answer.value.version.as_str(), answer.value.sha256), ("2026-11-20.1", sha256));
        assert_eq!(answer.value.entries.len(), 1);
        assert_eq!(answer.raw, LIST.as_bytes());
        assert_eq!(answer.content_type, "application/xml");
        assert_eq!(server.requests()[0].line, "GET /xml_category_1/?status=acting HTTP/1.1");
        assert_eq!(format!("{:?}", answer.value.entries), "[ListEntry(person-1)]", "nobody is named in a log");
    }

    #[tokio::test]
    async fn a_list_of_another_checksum_is_no_list() {
        let sha256 = sha256_hex(LIST.as_bytes());
        let cut = &LIST.as_bytes()[..LIST.len() - 6];
        let xml = [("content-type", "application/xml")];
        let (server, providers) = providers(Script::HangUp).await;
        for (name, script) in [
            ("another body", list(b"<xml/>", &sha256)),
            ("cut short", list(cut, &sha256)),
            ("cut short, of its own checksum", list(cut, &sha256_hex(cut))),
            ("no headers", Script::body(200, &xml, LIST.as_bytes())),
            ("checksum in upper case", list(LIST.as_bytes(), &sha256.to_uppercase())),
        ] {
            server.answer(script);
            let error = providers.aml_lists.fetch(AmlCategory::Financing).await.expect_err(name);
            assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{name}");
        }
        assert_hostile_bodies_are_errors(&server, &async || {
            providers.aml_lists.fetch(AmlCategory::Participants).await.map(drop)
        })
        .await;
    }

    #[tokio::test]
    async fn a_list_beyond_the_limit_is_not_read() {
        let big = vec![b' '; LIST_BYTES_MAX + 1];
        let (_server, providers) = providers(list(&big, &sha256_hex(&big))).await;
        let error = providers.aml_lists.fetch(AmlCategory::Financing).await.expect_err("too large");
        assert_eq!(error.kind, ProviderErrorKind::TooLarge);
    }
}
