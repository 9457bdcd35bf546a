//! What the sweep over duties needs and leaves: when each case has to wake next, what was found, alerts that were raised.
//! Never judges: that is the sweep's.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::CaseId;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// What the rows say of a case that is not over, or has an open duty all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The case.
    pub case_id: CaseId,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Whether the relay has started its workflow.
    pub started: bool,
    /// Whether it is closed.
    pub closed: bool,
    /// How many duties are open.
    pub open: i64,
    /// The first rung or due instant of an open duty that nobody has claimed.
    pub next_at: Option<DateTime<Utc>>,
}

/// Cases by id, from after the given one; with `only`, that one alone.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn expected(
    pool: &PgPool,
    after: Option<CaseId>,
    only: Option<CaseId>,
    limit: i64,
) -> Result<Vec<Expected>, StorageError> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.received_at, c.started_at IS NOT NULL AS "started!", c.closed_at IS NOT NULL AS "closed!"
                , due.open AS "open!", due.next_at
           FROM cases c CROSS JOIN LATERAL (
               SELECT count(*) AS open, min(planned.next_at) AS next_at
               FROM duties d CROSS JOIN LATERAL (
                   SELECT min(rung.at) AS next_at FROM (
                       SELECT r ->> 'rung' AS name, (r ->> 'at')::timestamptz AS at FROM jsonb_array_elements(d.ladder) r
                       UNION ALL SELECT 'breached', d.due_at WHERE d.due_at IS NOT NULL) AS rung
                   WHERE NOT EXISTS (SELECT 1 FROM duty_rungs claimed WHERE claimed.duty_id = d.id AND claimed.rung = rung.name)
               ) AS planned
               WHERE d.case_id = c.id AND d.state = 'open'
           ) AS due
           WHERE (c.closed_at IS NULL OR due.open > 0)
             AND ($1::uuid IS NULL OR c.id > $1) AND ($2::uuid IS NULL OR c.id = $2)
           ORDER BY c.id LIMIT $3"#,
        after.map(|id| id.as_uuid()),
        only.map(|id| id.as_uuid()),
        limit,
    )
    .fetch_all(pool)
    .await
    .during("duty_sweeps.expected")?;
    Ok(rows
        .into_iter()
        .map(|row| Expected {
            case_id: CaseId::from_uuid(row.id),
            received_at: row.received_at,
            started: row.started,
            closed: row.closed,
            open: row.open,
            next_at: row.next_at,
        })
        .collect())
}

/// A sweep as it ended.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// Its id: that of its run.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// How many cases were looked at.
    pub cases: i32,
    /// How many open duties they have.
    pub duties: i32,
    /// What was found, a list; empty when all is well.
    pub findings: &'a Value,
}

/// Keeps a sweep, once. `false` where it was kept before.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(connection: &mut PgConnection, sweep: &Sweep<'_>) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO duty_sweeps (id, swept_at, cases, duties, findings) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        sweep.id,
        sweep.at,
        sweep.cases,
        sweep.duties,
        sweep.findings,
    )
    .execute(connection)
    .await
    .during("duty_sweeps.insert")?;
    Ok(written.rows_affected() == 1)
}

/// Claims the alert that the calendar ends soon, before anyone is told; `false` where it was raised before.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn claim_alert(
    connection: &mut PgConnection,
    version: &str,
    threshold_days: i32,
    last_day: NaiveDate,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO calendar_alerts (version, threshold_days, last_day, raised_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        version,
        threshold_days,
        last_day,
        at,
    )
    .execute(connection)
    .await
    .during("calendar_alerts.claim")?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    ensure_rows("calendar_alerts.claim", &written, 1)?;
    Ok(true)
}
