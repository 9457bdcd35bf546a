//! The AML lists: refreshed from their publisher, and kept ready for screening (R-080; AML law art. 12).
//! Never a list that was not read to its end, and never a published version with other content.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use nesie_domain::screening::{ListCategory, ListedPerson, PreparedEntry};
use nesie_storage::lists::{self as rows, ListVersion, Put};
use nesie_storage::{PgPool, pool};
use nesie_workflows::contract::ListsRefreshed;
use tokio::sync::Mutex;

use crate::World;
use crate::failure::Failure;
use crate::providers::aml_lists::{AmlCategory, AmlList, ListEntryKind};

/// The lists that must be in use before anybody is screened.
const CATEGORIES: [ListCategory; 2] = [ListCategory::Financing, ListCategory::Participants];

/// The entries of the lists in use, folded once a version; thousands of applications compare with the same.
#[derive(Debug, Default)]
pub(crate) struct PreparedLists {
    prepared: Mutex<Option<Prepared>>,
}

#[derive(Debug)]
struct Prepared {
    versions: Vec<ListVersion>,
    entries: Arc<Vec<PreparedEntry>>,
}

impl PreparedLists {
    /// The lists in use, and all their entries.
    pub(crate) async fn current(&self, pool: &PgPool) -> Result<(Vec<ListVersion>, Arc<Vec<PreparedEntry>>), Failure> {
        let versions = rows::current(pool).await?;
        if CATEGORIES.iter().any(|category| !versions.iter().any(|list| list.category == *category)) {
            return Err(Failure::retry("aml.lists_missing").of("aml"));
        }
        if versions.iter().any(|list| list.is_stale) {
            return Err(Failure::retry("aml.lists_stale").of("aml"));
        }
        let mut prepared = self.prepared.lock().await;
        if let Some(ready) = prepared.as_ref().filter(|ready| ready.versions == versions) {
            return Ok((versions, Arc::clone(&ready.entries)));
        }
        let mut entries = Vec::new();
        for list in &versions {
            let listed = rows::entries(pool, list.category, &list.version).await?;
            entries.extend(listed.into_iter().map(PreparedEntry::from));
        }
        let entries = Arc::new(entries);
        *prepared = Some(Prepared { versions: versions.clone(), entries: Arc::clone(&entries) });
        Ok((versions, entries))
    }
}

/// Fetches both categories and puts a changed version in use.
pub(crate) async fn refresh_aml_lists(world: &World, at: DateTime<Utc>) -> Result<ListsRefreshed, Failure> {
    let mut fetched = Vec::new();
    for category in AmlCategory::ALL {
        fetched.push(read(world.providers.aml_lists.fetch(category).await?.value, at)?);
    }
    let mut transaction = pool::begin(&world.pool).await?;
    let mut changed = false;
    for (list, entries) in &fetched {
        changed |= rows::put(&mut transaction, list, entries).await? == Put::Changed;
    }
    pool::commit(transaction).await?;
    let entries = fetched.iter().map(|(_, entries)| entries.len()).sum::<usize>();
    Ok(ListsRefreshed {
        versions: fetched.into_iter().map(|(list, _)| list.version).collect(),
        entries: u32::try_from(entries).unwrap_or(u32::MAX),
        changed,
    })
}

/// The list as we keep it: its persons. Organisations are no clients as yet.
fn read(list: AmlList, at: DateTime<Utc>) -> Result<(ListVersion, Vec<ListedPerson>), Failure> {
    let category = match list.category {
        AmlCategory::Financing => ListCategory::Financing,
        AmlCategory::Participants => ListCategory::Participants,
    };
    let persons: Vec<ListedPerson> = list
        .entries
        .into_iter()
        .filter(|entry| entry.kind == ListEntryKind::Person)
        .map(|entry| ListedPerson {
            entry_id: entry.entry_id,
            iin: entry.iin,
            name: entry.name,
            birth_date: entry.birth_date,
            list: category,
        })
        .collect();
    let unreadable = || Failure::retry("provider.unreadable").of("aml");
    let version = ListVersion {
        category,
        version: list.version,
        sha256: unhex(&list.sha256).ok_or_else(unreadable)?,
        persons: i32::try_from(persons.len()).map_err(|_| unreadable())?,
        fetched_at: at,
        is_stale: false,
    };
    Ok((version, persons))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
