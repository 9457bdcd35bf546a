//! Legal terms: opened, warned of, met, superseded, cancelled; never edited and never deleted (design invariant 9).
//! Whether one is overdue is computed from its due instant, never stored. Never counts days.

mod read;

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, DutyId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

pub use read::{
    Filter, find_open, generations, get, lock_open, of_case, open_ids_of_other_versions, open_of_case, page, rungs_of,
    rungs_of_case,
};

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
