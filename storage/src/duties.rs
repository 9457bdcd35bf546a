//! Legal terms: opened, warned of, met, superseded, cancelled; never edited and never deleted (design invariant 9).
//! Whether one is overdue is computed from its due instant, never stored. Never counts days.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, DutyId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// The instant of a rung, as it was computed when the duty was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRung {
    /// Its name.
    pub rung: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A duty to be opened.
#[derive(Clone, Debug)]
pub struct NewDuty<'a> {
    /// Its id, derived from case, kind, subject and generation.
    pub id: DutyId,
    /// The case.
    pub case_id: CaseId,
    /// What is to be done.
    pub kind: DutyKind,
    /// What within the case: empty or an id, never personal data.
    pub subject: &'a str,
    /// 0, then one more each time that it is superseded.
    pub generation: i32,
    /// From when the term runs.
    pub anchor_at: DateTime<Utc>,
    /// The version of the calendar.
    pub calendar_version: &'a str,
    /// The day on which it falls due and that day's end; `None` where the calendar does not reach so far.
    pub due: Option<(NaiveDate, DateTime<Utc>)>,
    /// Whether a holiday inside is only estimated.
    pub estimated: bool,
    /// The day-by-day count.
    pub counted: &'a Value,
    /// When somebody is warned.
    pub ladder: &'a [PlannedRung],
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

/// How far a duty is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyState {
    /// Still to be done; past its due instant it is breached and stays open.
    Open,
    /// Done in time.
    Met,
    /// Done, but late.
    MetLate,
    /// Replaced by a duty with another due instant.
    Superseded,
    /// Ended together with its case.
    Cancelled,
}

impl DutyState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Met, Self::MetLate, Self::Superseded, Self::Cancelled];

    /// The stable name, as in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Met => "met",
            Self::MetLate => "met_late",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A duty as stored.
#[derive(Clone, Debug)]
pub struct Duty {
    /// Its id.
    pub id: DutyId,
    /// The case.
    pub case_id: CaseId,
    /// What is to be done.
    pub kind: DutyKind,
    /// What within the case.
    pub subject: String,
    /// How often it was superseded before.
    pub generation: i32,
    /// The paragraph.
    pub paragraph: String,
    /// R-numbers.
    pub requirements: Vec<String>,
    /// From when the term runs.
    pub anchor_at: DateTime<Utc>,
    /// How many; negative: before the anchor.
    pub working_days: i32,
    /// The version of the calendar.
    pub calendar_version: String,
    /// The day on which it falls due.
    pub due_on: Option<NaiveDate>,
    /// That day's end.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether a holiday inside is only estimated.
    pub estimated: bool,
    /// The day-by-day count.
    pub counted: Value,
    /// When somebody is warned.
    pub ladder: Vec<PlannedRung>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// How far it is.
    pub state: DutyState,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// What proves that it was met.
    pub evidence: Option<Value>,
    /// The duty that took its place.
    pub superseded_by: Option<DutyId>,
}

/// Opens a duty. The caller has recorded the fact in the same transaction, once.
///
/// # Errors
/// [`StorageError::Driver`], also where it is open.
pub async fn open(connection: &mut PgConnection, new: &NewDuty<'_>) -> Result<(), StorageError> {
    let (paragraph, requirements, working_days) = new.kind.legal_basis();
    let requirements: Vec<String> = requirements.iter().map(|&number| number.to_string()).collect();
    let ladder = serde_json::to_value(new.ladder).during("duties.open")?;
    let written = sqlx::query!(
        "INSERT INTO duties (id, case_id, kind, subject, generation, paragraph, requirements, anchor_at, working_days
            , calendar_version, due_on, due_at, estimated, counted, ladder, opened_at, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'open')",
        new.id.as_uuid(),
        new.case_id.as_uuid(),
        new.kind.as_str(),
        new.subject,
        new.generation,
        paragraph.as_str(),
        &requirements,
        new.anchor_at,
        working_days,
        new.calendar_version,
        new.due.map(|(on, _)| on),
        new.due.map(|(_, at)| at),
        new.estimated,
        new.counted,
        ladder,
        new.opened_at,
    )
    .execute(connection)
    .await
    .during("duties.open")?;
    ensure_rows("duties.open", &written, 1)
}

/// Ends an open duty as met, in time or late by its own due instant, which is the first one after the term (A23). Returns which, or `None` where it is not open.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn meet(
    connection: &mut PgConnection,
    id: DutyId,
    by: &str,
    evidence: &Value,
    at: DateTime<Utc>,
) -> Result<Option<DutyState>, StorageError> {
    let state = sqlx::query_scalar!(
        "UPDATE duties SET state = CASE WHEN due_at <= $4 THEN 'met_late' ELSE 'met' END
            , ended_at = $4, ended_by = $2, evidence = $3
         WHERE id = $1 AND state = 'open' RETURNING state",
        id.as_uuid(),
        by,
        evidence,
        at,
    )
    .fetch_optional(connection)
    .await
    .during("duties.meet")?;
    Ok(state.as_deref().and_then(DutyState::parse))
}

/// Ends an open duty because another takes its place; that one is opened by the caller in the same transaction, after
/// this, since only one of a kind and subject may be open.
///
/// # Errors
/// [`StorageError::RowsAffected`] when it is not open; [`StorageError::Driver`].
pub async fn supersede(
    connection: &mut PgConnection,
    id: DutyId,
    by: DutyId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE duties SET state = 'superseded', ended_at = $3, ended_by = 'system', superseded_by = $2
         WHERE id = $1 AND state = 'open'",
        id.as_uuid(),
        by.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("duties.supersede")?;
    ensure_rows("duties.supersede", &updated, 1)
}

/// Cancels the open duties of a case that ends. Returns them.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn cancel_of(
    connection: &mut PgConnection,
    case_id: CaseId,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Vec<DutyId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "UPDATE duties SET state = 'cancelled', ended_at = $3, ended_by = $2 WHERE case_id = $1 AND state = 'open' RETURNING id",
        case_id.as_uuid(),
        by,
        at,
    )
    .fetch_all(connection)
    .await
    .during("duties.cancel")?;
    Ok(ids.into_iter().map(DutyId::from_uuid).collect())
}

/// Claims a rung before anyone is told; `false` where it was claimed before.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn claim_rung(
    connection: &mut PgConnection,
    id: DutyId,
    planned: &PlannedRung,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO duty_rungs (duty_id, rung, planned_at, claimed_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        id.as_uuid(),
        planned.rung,
        planned.at,
        at,
    )
    .execute(connection)
    .await
    .during("duty_rungs.claim")?;
    Ok(written.rows_affected() == 1)
}

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

/// The open duty of a kind and subject, locked.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn find_open(
    connection: &mut PgConnection,
    case_id: CaseId,
    kind: DutyKind,
    subject: &str,
) -> Result<Option<DutyId>, StorageError> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM duties WHERE case_id = $1 AND kind = $2 AND subject = $3 AND state = 'open' FOR UPDATE",
        case_id.as_uuid(),
        kind.as_str(),
        subject,
    )
    .fetch_optional(connection)
    .await
    .during("duties.find_open")?;
    Ok(id.map(DutyId::from_uuid))
}
