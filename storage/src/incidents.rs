//! Clients whom incidents affect, and measures that were taken. Append-only. Never opens what is sealed.

use chrono::{DateTime, Utc};
use nesie_domain::ids::CaseId;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::cases::CasePerson;
use crate::error::{During, StorageError, ensure_rows};

/// The place that an affected client is sealed for.
#[must_use]
pub fn client_place(id: Uuid) -> String {
    format!("case_client|{id}")
}

/// An affected client.
#[derive(Clone, Debug)]
pub struct CaseClient {
    /// The client, sealed for [`client_place`].
    pub person: CasePerson,
    /// The loans concerned.
    pub loans: Vec<String>,
    /// When it was established that the client is affected.
    pub established_at: DateTime<Utc>,
    /// When the row was written.
    pub added_at: DateTime<Utc>,
}

/// Adds a client; `false` where the case has the person already.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn add_client(connection: &mut PgConnection, client: &CaseClient) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO case_clients (id, case_id, iin_index, person_sealed, loans, established_at, added_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        client.person.id,
        client.person.case_id.as_uuid(),
        client.person.iin_index,
        client.person.person_sealed,
        &client.loans,
        client.established_at,
        client.added_at,
    )
    .execute(connection)
    .await
    .during("case_clients.add")?;
    Ok(written.rows_affected() == 1)
}

/// Clients whose duty to be informed is open, and how many there are in all: those first for whom it was tried least
/// often, then by the earliest anchor.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn to_inform(pool: &PgPool, case_id: CaseId, limit: i64) -> Result<(Vec<CaseClient>, i64), StorageError> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.iin_index, c.person_sealed, c.loans, c.established_at, c.added_at, count(*) OVER () AS "all!"
           FROM case_clients c
           JOIN duties d ON d.case_id = c.case_id AND d.kind = 'inform_client' AND d.subject = c.id::text AND d.state = 'open'
           WHERE c.case_id = $1
           ORDER BY (SELECT count(*) FROM provider_calls p
                     WHERE p.owner_id = c.case_id AND p.key = concat(c.case_id, ':inform_clients:', c.id))
                  , c.established_at, c.id LIMIT $2"#,
        case_id.as_uuid(),
        limit,
    )
    .fetch_all(pool)
    .await
    .during("case_clients.to_inform")?;
    let all = rows.first().map_or(0, |row| row.all);
    let clients = rows.into_iter().map(|row| CaseClient {
        person: CasePerson { id: row.id, case_id, iin_index: row.iin_index, person_sealed: row.person_sealed },
        loans: row.loans,
        established_at: row.established_at,
        added_at: row.added_at,
    });
    Ok((clients.collect(), all))
}

/// What lists show of an affected client.
#[derive(Clone, Debug)]
pub struct ClientLine {
    /// The row's id.
    pub id: Uuid,
    /// The loans concerned.
    pub loans: Vec<String>,
    /// When it was established that the client is affected.
    pub established_at: DateTime<Utc>,
    /// When the duty to inform the client falls due.
    pub due_at: Option<DateTime<Utc>>,
    /// The state of that duty.
    pub duty_state: String,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The clients of a case by establishment, from after the given position, each with its newest duty.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn clients_page(
    pool: &PgPool,
    case_id: CaseId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<ClientLine>, StorageError> {
    let (after_at, after_id) = after.unzip();
    sqlx::query_as!(
        ClientLine,
        "SELECT c.id, c.loans, c.established_at, d.due_at, d.state AS duty_state, d.ended_at
         FROM case_clients c
         JOIN LATERAL (SELECT due_at, state, ended_at FROM duties
                       WHERE case_id = c.case_id AND kind = 'inform_client' AND subject = c.id::text
                       ORDER BY generation DESC LIMIT 1) d ON true
         WHERE c.case_id = $1 AND ($2::timestamptz IS NULL OR (c.established_at, c.id) > ($2, $3::uuid))
         ORDER BY c.established_at, c.id LIMIT $4",
        case_id.as_uuid(),
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("case_clients.page")
}

/// A measure that was taken.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The row's id, that of the submission.
    pub id: Uuid,
    /// What was done.
    pub description: String,
    /// When.
    pub done_at: DateTime<Utc>,
    /// What proves it.
    pub documents: Value,
    /// `issuer|subject` of who recorded it.
    pub recorded_by: String,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a measure.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn add_measure(
    connection: &mut PgConnection,
    case_id: CaseId,
    measure: &Measure,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO case_measures (id, case_id, description, done_at, documents, recorded_by, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        measure.id,
        case_id.as_uuid(),
        measure.description,
        measure.done_at,
        measure.documents,
        measure.recorded_by,
        measure.recorded_at,
    )
    .execute(connection)
    .await
    .during("case_measures.add")?;
    ensure_rows("case_measures.add", &written, 1)
}

/// The measures of a case, oldest first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn measures(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Vec<Measure>, StorageError> {
    sqlx::query_as!(
        Measure,
        "SELECT id, description, done_at, documents, recorded_by, recorded_at FROM case_measures
         WHERE case_id = $1 ORDER BY recorded_at, id",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("case_measures.list")
}
