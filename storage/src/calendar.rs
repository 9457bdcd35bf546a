//! Versions of the working calendar (domain.md §3): shipped with a build, or published by two people. Append-only.
//! Never counts days: that is `nesie_domain::calendar`.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::calendar::{CalendarDay, CalendarVersion, DayKind, WorkingCalendar};
use nesie_domain::ids::ApprovalId;
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError};

/// The calendars that are shipped, oldest first.
const SHIPPED: [&str; 1] = [include_str!("../calendars/kz-2026-11-22.json")];

/// A version as it is published.
#[derive(Clone, Debug, Deserialize)]
pub struct NewVersion {
    /// Its name.
    pub version: CalendarVersion,
    /// The first day that it knows.
    pub first_day: NaiveDate,
    /// The last.
    pub last_day: NaiveDate,
    /// The legal sources.
    pub source: String,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// The days that are not what the week says.
    pub days: Vec<CalendarDay>,
}

/// What lists show of a version.
#[derive(Clone, Debug)]
pub struct VersionLine {
    /// Its name.
    pub version: String,
    /// The first day that it knows.
    pub first_day: NaiveDate,
    /// The last.
    pub last_day: NaiveDate,
    /// The legal sources.
    pub source: String,
    /// Who proposed it, or `shipped`.
    pub published_by: String,
    /// The request by which two people published it; `None` for one that was shipped.
    pub approval_id: Option<uuid::Uuid>,
    /// When.
    pub published_at: DateTime<Utc>,
    /// Whether it is the one that is in force.
    pub current: bool,
}

/// Publishes a version: from now on it is the current one. `false` where it was published before.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(
    connection: &mut PgConnection,
    new: &NewVersion,
    published_by: &str,
    approval: Option<ApprovalId>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO calendar_versions (version, first_day, last_day, source, published_by, approval_id, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (version) DO NOTHING",
        new.version.as_str(),
        new.first_day,
        new.last_day,
        new.source,
        published_by,
        approval.map(|id| id.as_uuid()),
        new.published_at,
    )
    .execute(&mut *connection)
    .await
    .during("calendar_versions.insert")?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    for day in &new.days {
        sqlx::query!(
            "INSERT INTO calendar_days (version, on_day, kind, name, source, estimated) VALUES ($1, $2, $3, $4, $5, $6)",
            new.version.as_str(),
            day.on,
            day.kind.as_str(),
            day.name,
            day.source,
            day.estimated,
        )
        .execute(&mut *connection)
        .await
        .during("calendar_days.insert")?;
    }
    Ok(true)
}

/// Inserts the shipped versions that are not there yet.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a shipped file that can not be read.
pub(crate) async fn insert_shipped(connection: &mut PgConnection) -> Result<(), StorageError> {
    for text in SHIPPED {
        let new: NewVersion = serde_json::from_str(text).map_err(|_| StorageError::Inconsistent {
            table: "calendar_versions",
            column: "days",
            row: "shipped".to_owned(),
        })?;
        insert(connection, &new, "shipped", None).await?;
    }
    Ok(())
}

/// The calendar in force: the version that was published last.
///
/// # Errors
/// As [`by_version`]; [`StorageError::RowsAffected`] where none is published.
pub async fn current(pool: &PgPool) -> Result<WorkingCalendar, StorageError> {
    let version = sqlx::query_scalar!("SELECT version FROM calendar_versions ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(pool)
        .await
        .during("calendar_versions.current")?;
    let missing = || StorageError::RowsAffected { operation: "calendar_versions.current", expected: 1, actual: 0 };
    by_version(pool, &version.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A version of the calendar.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] where its rows make no calendar.
pub async fn by_version(pool: &PgPool, version: &str) -> Result<Option<WorkingCalendar>, StorageError> {
    let inconsistent = |column| StorageError::Inconsistent { table: "calendar_days", column, row: version.to_owned() };
    let span = sqlx::query!("SELECT first_day, last_day FROM calendar_versions WHERE version = $1", version)
        .fetch_optional(pool)
        .await
        .during("calendar_versions.get")?;
    let Some(span) = span else { return Ok(None) };
    let rows =
        sqlx::query!("SELECT on_day, kind, name, source, estimated FROM calendar_days WHERE version = $1", version)
            .fetch_all(pool)
            .await
            .during("calendar_days.get")?;
    let days = rows
        .into_iter()
        .map(|row| {
            let kind = DayKind::parse(&row.kind).ok_or_else(|| inconsistent("kind"))?;
            Ok(CalendarDay { on: row.on_day, kind, name: row.name, source: row.source, estimated: row.estimated })
        })
        .collect::<Result<Vec<_>, StorageError>>()?;
    let version = CalendarVersion::parse(version).map_err(|_| inconsistent("version"))?;
    WorkingCalendar::new(version, span.first_day, span.last_day, days).map(Some).map_err(|_| inconsistent("on_day"))
}

/// Every version, the newest first: there are a few a year.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn versions(pool: &PgPool) -> Result<Vec<VersionLine>, StorageError> {
    sqlx::query_as!(
        VersionLine,
        r#"SELECT version, first_day, last_day, source, published_by, approval_id, published_at
                , sequence = (SELECT max(sequence) FROM calendar_versions) AS "current!"
           FROM calendar_versions ORDER BY sequence DESC"#,
    )
    .fetch_all(pool)
    .await
    .during("calendar_versions.list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn the_shipped_calendar_is_current_until_another_is_published_and_stays_readable(pool: PgPool) {
        crate::migrate::migrate_with(&pool).await.expect("shipped");
        let shipped = current(&pool).await.expect("there is one");
        assert_eq!(shipped.version().as_str(), "kz-2026-11-22");
        let friday: NaiveDate = "2026-12-25".parse().expect("a date");
        assert_eq!(shipped.count(friday, 1).expect("counted").due_on.to_string(), "2026-12-28");

        let mut later: NewVersion = serde_json::from_str(SHIPPED[0]).expect("readable");
        later.version = CalendarVersion::parse("kz-test-2").expect("a version");
        later.days.push(CalendarDay {
            on: "2026-12-28".parse().expect("a date"),
            kind: DayKind::TransferredDayOff,
            name: "Выходной".to_owned(),
            source: "приказ".to_owned(),
            estimated: false,
        });
        let mut connection = pool.acquire().await.expect("a connection");
        assert!(insert(&mut connection, &later, "i|s", None).await.expect("published"));
        assert!(!insert(&mut connection, &later, "i|s", None).await.expect("a repeat"));
        let newer = current(&pool).await.expect("there is one");
        assert_eq!(newer.count(friday, 1).expect("counted").due_on.to_string(), "2026-12-29");
        assert_eq!(by_version(&pool, "kz-2026-11-22").await.expect("read"), Some(shipped));
        assert_eq!(by_version(&pool, "none").await.expect("read"), None);
        let versions: Vec<_> = versions(&pool).await.expect("listed").into_iter().map(|line| line.version).collect();
        assert_eq!(versions, ["kz-test-2", "kz-2026-11-22"]);
    }
}
