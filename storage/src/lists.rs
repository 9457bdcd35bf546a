//! The AML lists: versions with their checksums, and the entries of each. A published version never changes.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::screening::{ListCategory, ListedPerson};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A version of a list that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListVersion {
    /// Which list.
    pub category: ListCategory,
    /// The publisher's version.
    pub version: String,
    /// SHA-256 of the list as published.
    pub sha256: Vec<u8>,
    /// How many persons stand on it.
    pub persons: i32,
    /// When it was fetched.
    pub fetched_at: DateTime<Utc>,
    /// Whether the publisher has not been heard of it for [`HOURS_FRESH`].
    pub is_stale: bool,
}

/// How long lists are taken for those in force after the publisher last said so. They are asked for every hour: a day without an
/// answer is a breakdown, and whoever was listed meanwhile would be paid.
pub const HOURS_FRESH: i32 = 24;

/// What putting a version in use came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was in use already.
    Unchanged,
    /// It is in use from now on.
    Changed,
}

/// The versions in use, in the order of their categories.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a category that this build does not know.
pub async fn current(pool: &PgPool) -> Result<Vec<ListVersion>, StorageError> {
    let rows = sqlx::query!(
        r#"SELECT category, version, sha256, persons, fetched_at
                , checked_at < now() - make_interval(hours => $1) AS "is_stale!"
           FROM aml_list_versions WHERE current ORDER BY category"#,
        HOURS_FRESH,
    )
    .fetch_all(pool)
    .await
    .during("lists.current")?;
    rows.into_iter()
        .map(|row| {
            Ok(ListVersion {
                category: read_category(&row.category)?,
                version: row.version,
                sha256: row.sha256,
                persons: row.persons,
                fetched_at: row.fetched_at,
                is_stale: row.is_stale,
            })
        })
        .collect()
}

/// All entries of one version.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn entries(pool: &PgPool, category: ListCategory, version: &str) -> Result<Vec<ListedPerson>, StorageError> {
    let rows = sqlx::query!(
        "SELECT entry_id, iin, name, birth_date FROM aml_list_entries WHERE category = $1 AND version = $2 ORDER BY entry_id",
        category.as_str(),
        version,
    )
    .fetch_all(pool)
    .await
    .during("lists.entries")?;
    Ok(rows
        .into_iter()
        .map(|row| ListedPerson {
            entry_id: row.entry_id,
            iin: row.iin,
            name: row.name,
            birth_date: row.birth_date,
            list: category,
        })
        .collect())
}

/// Puts a version in use; entries are inserted in bulk where the version is new.
///
/// # Errors
/// [`StorageError::Conflict`] when the version is known with another checksum; [`StorageError::RowsAffected`];
/// [`StorageError::Driver`].
pub async fn put(
    connection: &mut PgConnection,
    list: &ListVersion,
    entries: &[ListedPerson],
) -> Result<Put, StorageError> {
    let category = list.category.as_str();
    // Two refreshes at once take turns: the partial unique index alone would let the second one fail.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('aml_list_versions'), hashtext($1))", category)
        .execute(&mut *connection)
        .await
        .during("lists.lock")?;
    let known = sqlx::query!(
        "SELECT sha256, current FROM aml_list_versions WHERE category = $1 AND version = $2",
        category,
        list.version,
    )
    .fetch_optional(&mut *connection)
    .await
    .during("lists.known")?;
    match &known {
        Some(row) if row.sha256 != list.sha256 => return Err(StorageError::Conflict { operation: "lists.put" }),
        Some(row) if row.current => {
            still_in_use(connection, category).await?;
            return Ok(Put::Unchanged);
        }
        _ => {}
    }
    sqlx::query!("UPDATE aml_list_versions SET current = false WHERE category = $1 AND current", category)
        .execute(&mut *connection)
        .await
        .during("lists.retire")?;
    let written = if known.is_some() {
        sqlx::query!(
            "UPDATE aml_list_versions SET current = true, checked_at = now() WHERE category = $1 AND version = $2",
            category,
            list.version
        )
        .execute(&mut *connection)
        .await
        .during("lists.use_again")?
    } else {
        sqlx::query!(
            "INSERT INTO aml_list_versions (category, version, sha256, fetched_at, persons, current)
             VALUES ($1, $2, $3, $4, $5, true)",
            category,
            list.version,
            list.sha256,
            list.fetched_at,
            list.persons,
        )
        .execute(&mut *connection)
        .await
        .during("lists.insert")?
    };
    ensure_rows("lists.put", &written, 1)?;
    if known.is_none() {
        insert_entries(connection, list, entries).await?;
    }
    Ok(Put::Changed)
}

/// Notes that the publisher has named the same version again; once a minute is enough.
async fn still_in_use(connection: &mut PgConnection, category: &str) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE aml_list_versions SET checked_at = now()
         WHERE category = $1 AND current AND checked_at < now() - interval '1 minute'",
        category,
    )
    .execute(connection)
    .await
    .during("lists.still_in_use")?;
    Ok(())
}

async fn insert_entries(
    connection: &mut PgConnection,
    list: &ListVersion,
    entries: &[ListedPerson],
) -> Result<(), StorageError> {
    let ids: Vec<String> = entries.iter().map(|entry| entry.entry_id.clone()).collect();
    let iins: Vec<Option<String>> = entries.iter().map(|entry| entry.iin.clone()).collect();
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let birth_dates: Vec<Option<NaiveDate>> = entries.iter().map(|entry| entry.birth_date).collect();
    let written = sqlx::query!(
        "INSERT INTO aml_list_entries (category, version, entry_id, iin, name, birth_date)
         SELECT $1, $2, entry_id, iin, name, birth_date
         FROM UNNEST($3::text[], $4::text[], $5::text[], $6::date[]) AS entry (entry_id, iin, name, birth_date)",
        list.category.as_str(),
        list.version,
        &ids,
        &iins as &[Option<String>],
        &names,
        &birth_dates as &[Option<NaiveDate>],
    )
    .execute(connection)
    .await
    .during("lists.insert_entries")?;
    let expected = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    ensure_rows("lists.insert_entries", &written, expected)
}

fn read_category(code: &str) -> Result<ListCategory, StorageError> {
    ListCategory::parse(code).map_err(|_| StorageError::Inconsistent {
        table: "aml_list_versions",
        column: "category",
        row: code.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: &str, sha256: u8, persons: &[ListedPerson]) -> ListVersion {
        ListVersion {
            category: ListCategory::Financing,
            version: version.to_owned(),
            sha256: vec![sha256; 32],
            persons: i32::try_from(persons.len()).expect("few"),
            fetched_at: DateTime::UNIX_EPOCH,
            is_stale: false,
        }
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn one_version_is_in_use_and_a_published_one_never_changes(pool: PgPool) {
        let person = ListedPerson {
            entry_id: "person-1".to_owned(),
            iin: None,
            name: "A".to_owned(),
            birth_date: NaiveDate::from_ymd_opt(1980, 2, 29),
            list: ListCategory::Financing,
        };
        let persons = [person];
        let (first, second) = (version("1", 1, &persons), version("2", 2, &[]));
        let mut connection = pool.begin().await.expect("a transaction");
        assert_eq!(put(&mut connection, &first, &persons).await.expect("new"), Put::Changed);
        assert_eq!(put(&mut connection, &first, &persons).await.expect("known"), Put::Unchanged);
        let changed = put(&mut connection, &version("1", 9, &persons), &persons).await;
        assert!(matches!(changed, Err(StorageError::Conflict { .. })));
        assert_eq!(put(&mut connection, &second, &[]).await.expect("new"), Put::Changed);
        assert_eq!(put(&mut connection, &first, &persons).await.expect("taken back"), Put::Changed);
        connection.commit().await.expect("committed");
        assert_eq!(current(&pool).await.expect("read"), [first]);
        assert_eq!(entries(&pool, ListCategory::Financing, "1").await.expect("read"), persons);
        assert_eq!(entries(&pool, ListCategory::Financing, "2").await.expect("read"), []);
    }
}
