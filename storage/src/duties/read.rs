//! Duties as they are read: one, those of a case, those that a publication works through, pages of them.
//! Never ends or opens one.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, DutyId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::{Duty, DutyState, PlannedRung};
use crate::error::{During, StorageError};

struct Row {
    id: Uuid,
    case_id: Uuid,
    kind: String,
    subject: String,
    generation: i32,
    paragraph: String,
    requirements: Vec<String>,
    anchor_at: DateTime<Utc>,
    working_days: i32,
    calendar_version: String,
    due_on: Option<NaiveDate>,
    due_at: Option<DateTime<Utc>>,
    estimated: bool,
    counted: Value,
    ladder: Value,
    opened_at: DateTime<Utc>,
    state: String,
    ended_at: Option<DateTime<Utc>>,
    ended_by: Option<String>,
    evidence: Option<Value>,
    superseded_by: Option<Uuid>,
}

impl Row {
    fn read(self) -> Result<Duty, StorageError> {
        let row = self.id.to_string();
        let inconsistent = |column| StorageError::Inconsistent { table: "duties", column, row: row.clone() };
        Ok(Duty {
            id: DutyId::from_uuid(self.id),
            case_id: CaseId::from_uuid(self.case_id),
            kind: DutyKind::parse(&self.kind).ok_or_else(|| inconsistent("kind"))?,
            subject: self.subject,
            generation: self.generation,
            paragraph: self.paragraph,
            requirements: self.requirements,
            anchor_at: self.anchor_at,
            working_days: self.working_days,
            calendar_version: self.calendar_version,
            due_on: self.due_on,
            due_at: self.due_at,
            estimated: self.estimated,
            counted: self.counted,
            ladder: serde_json::from_value(self.ladder).map_err(|_| inconsistent("ladder"))?,
            opened_at: self.opened_at,
            state: DutyState::parse(&self.state).ok_or_else(|| inconsistent("state"))?,
            ended_at: self.ended_at,
            ended_by: self.ended_by,
            evidence: self.evidence,
            superseded_by: self.superseded_by.map(DutyId::from_uuid),
        })
    }
}

/// One duty.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`].
pub async fn get(executor: impl PgExecutor<'_>, id: DutyId) -> Result<Option<Duty>, StorageError> {
    sqlx::query_as!(Row, "SELECT * FROM duties WHERE id = $1", id.as_uuid())
        .fetch_optional(executor)
        .await
        .during("duties.get")?
        .map(Row::read)
        .transpose()
}

/// Every duty of a case, by kind, subject and generation.
///
/// # Errors
/// As [`get`].
pub async fn of_case(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Vec<Duty>, StorageError> {
    sqlx::query_as!(
        Row,
        "SELECT * FROM duties WHERE case_id = $1 ORDER BY kind, subject, generation",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("duties.of_case")?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// The open duties of a case, locked, in the order in which they fall due; undetermined ones last.
///
/// # Errors
/// As [`get`].
pub async fn open_of_case(connection: &mut PgConnection, case_id: CaseId) -> Result<Vec<Duty>, StorageError> {
    // Whoever waits here for a calendar version that is being put in force does not see what took a duty's place: the next
    // statement does.
    sqlx::query!(
        "SELECT id FROM duties WHERE case_id = $1 AND state = 'open' ORDER BY id FOR UPDATE",
        case_id.as_uuid(),
    )
    .fetch_all(&mut *connection)
    .await
    .during("duties.lock_open_of_case")?;
    sqlx::query_as!(
        Row,
        "SELECT * FROM duties WHERE case_id = $1 AND state = 'open' ORDER BY due_at NULLS LAST, kind, subject FOR UPDATE",
        case_id.as_uuid(),
    )
    .fetch_all(connection)
    .await
    .during("duties.open_of_case")?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// The rungs of a case's duties that were claimed, in the order in which they were planned.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn rungs_of_case(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
) -> Result<Vec<(DutyId, PlannedRung, DateTime<Utc>)>, StorageError> {
    let rows = sqlx::query!(
        "SELECT r.duty_id, r.rung, r.planned_at, r.claimed_at FROM duty_rungs r JOIN duties d ON d.id = r.duty_id
         WHERE d.case_id = $1 ORDER BY r.planned_at, r.rung",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("duty_rungs.of_case")?;
    let read = rows.into_iter().map(|row| {
        (DutyId::from_uuid(row.duty_id), PlannedRung { rung: row.rung, at: row.planned_at }, row.claimed_at)
    });
    Ok(read.collect())
}

/// The rungs of one duty that were claimed, in the order in which they were planned, with the instant of each claim.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn rungs_of(
    executor: impl PgExecutor<'_>,
    id: DutyId,
) -> Result<Vec<(PlannedRung, DateTime<Utc>)>, StorageError> {
    let rows = sqlx::query!(
        "SELECT rung, planned_at, claimed_at FROM duty_rungs WHERE duty_id = $1 ORDER BY planned_at, rung",
        id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("duty_rungs.of")?;
    Ok(rows.into_iter().map(|row| (PlannedRung { rung: row.rung, at: row.planned_at }, row.claimed_at)).collect())
}

/// Every generation of the duty of a kind and subject, the first one first.
///
/// # Errors
/// As [`get`].
pub async fn generations(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
    kind: DutyKind,
    subject: &str,
) -> Result<Vec<Duty>, StorageError> {
    sqlx::query_as!(
        Row,
        "SELECT * FROM duties WHERE case_id = $1 AND kind = $2 AND subject = $3 ORDER BY generation",
        case_id.as_uuid(),
        kind.as_str(),
        subject,
    )
    .fetch_all(executor)
    .await
    .during("duties.generations")?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Open duties of every case that were not counted by this version of the calendar, by id: what a publication works
/// through.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn open_ids_of_other_versions(
    pool: &PgPool,
    version: &str,
    after: Option<DutyId>,
    limit: i64,
) -> Result<Vec<DutyId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM duties WHERE state = 'open' AND calendar_version <> $1 AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id LIMIT $3",
        version,
        after.map(|id| id.as_uuid()),
        limit,
    )
    .fetch_all(pool)
    .await
    .during("duties.open_ids_of_other_versions")?;
    Ok(ids.into_iter().map(DutyId::from_uuid).collect())
}

/// Those of these duties that are open, locked; one that was met meanwhile is not among them.
///
/// # Errors
/// As [`get`].
pub async fn lock_open(connection: &mut PgConnection, ids: &[DutyId]) -> Result<Vec<Duty>, StorageError> {
    let ids: Vec<Uuid> = ids.iter().map(DutyId::as_uuid).collect();
    sqlx::query_as!(Row, "SELECT * FROM duties WHERE id = ANY($1) AND state = 'open' ORDER BY id FOR UPDATE", &ids)
        .fetch_all(connection)
        .await
        .during("duties.lock_open")?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// Which duties to list; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only those of this case.
    pub case_id: Option<CaseId>,
    /// Only those of this kind.
    pub kind: Option<&'a str>,
    /// Only those of this paragraph.
    pub paragraph: Option<&'a str>,
    /// Only those in this state as of [`Filter::as_of`]; `breached` means open and past due.
    pub state: Option<&'a str>,
    /// Only those due on this day or later.
    pub due_from: Option<NaiveDate>,
    /// Only those due on this day or earlier.
    pub due_to: Option<NaiveDate>,
    /// Only those after this position (keyset over due instant and id).
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// Duties by due instant, undetermined ones last (at PostgreSQL's `infinity`, shown as the year 9999), as they stood at
/// `as_of`: what was opened later is left out, and what ended later counts as open.
///
/// # Errors
/// As [`get`].
pub async fn page(
    pool: &PgPool,
    filter: &Filter<'_>,
    as_of: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Duty>, StorageError> {
    let (after_at, after_id) = filter.after.unzip();
    sqlx::query_as!(
        Row,
        "SELECT d.* FROM duties d
         CROSS JOIN LATERAL (SELECT CASE WHEN d.ended_at IS NOT NULL AND d.ended_at <= $7 THEN d.state
                                         WHEN d.due_at <= $7 THEN 'breached' ELSE 'open' END AS name) AS then_state
         WHERE d.opened_at <= $7
           AND ($1::uuid IS NULL OR d.case_id = $1)
           AND ($2::text IS NULL OR d.kind = $2)
           AND ($3::text IS NULL OR d.paragraph = $3)
           AND ($4::text IS NULL OR then_state.name = $4 OR ($4 = 'open' AND then_state.name = 'breached'))
           AND ($5::date IS NULL OR d.due_on >= $5)
           AND ($6::date IS NULL OR d.due_on <= $6)
           AND ($8::timestamptz IS NULL
                OR (COALESCE(d.due_at, '9999-01-01T00:00:00Z'), d.id) > ($8, $9::uuid))
         ORDER BY COALESCE(d.due_at, '9999-01-01T00:00:00Z'), d.id LIMIT $10",
        filter.case_id.map(|id| id.as_uuid()),
        filter.kind,
        filter.paragraph,
        filter.state,
        filter.due_from,
        filter.due_to,
        as_of,
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("duties.page")?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// The open duty of a kind and subject, locked. One that is superseded while its lock is waited for gives way to the one that
/// took its place.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn find_open(
    connection: &mut PgConnection,
    case_id: CaseId,
    kind: DutyKind,
    subject: &str,
) -> Result<Option<DutyId>, StorageError> {
    // A statement that waited does not see what was written meanwhile: the one after it does.
    for _ in 0..2 {
        let id = sqlx::query_scalar!(
            "SELECT id FROM duties WHERE case_id = $1 AND kind = $2 AND subject = $3 AND state = 'open' FOR UPDATE",
            case_id.as_uuid(),
            kind.as_str(),
            subject,
        )
        .fetch_optional(&mut *connection)
        .await
        .during("duties.find_open")?;
        if id.is_some() {
            return Ok(id.map(DutyId::from_uuid));
        }
    }
    Ok(None)
}
