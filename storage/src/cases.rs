//! Cases of the Rules beside applications: what was reported, what people sent, and how far each is.
//! Personal data comes in sealed and leaves sealed. Never decides anything.

mod documents;
mod person;
mod submissions;

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::case::{CaseKind, CasePolicy, CaseStage};
use nesie_domain::ids::CaseId;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

pub use documents::{CaseDocument, DocumentLine, document_place, documents, insert_document};
pub use person::CasePerson;
pub use submissions::{CaseSubmission, answer_submission, insert_submission, submissions};

use crate::error::{During, StorageError, ensure_rows};

/// The place that the details of a case are sealed for; the associated data of the seal.
#[must_use]
pub fn details_place(id: CaseId) -> String {
    format!("case|{id}")
}

/// A case as it is first stored.
#[derive(Clone, Debug)]
pub struct NewCase<'a> {
    /// Its id.
    pub id: CaseId,
    /// Its kind.
    pub kind: CaseKind,
    /// `issuer|subject` of the token that opened it.
    pub submitted_by: &'a str,
    /// Keyed hash of what makes two reports the same one.
    pub natural_key: &'a [u8],
    /// Keyed hash of what the report says.
    pub content_index: &'a [u8],
    /// The kind's own details as sealed JSON.
    pub details_sealed: &'a [u8],
    /// What lists and pages show: no personal data.
    pub summary: &'a Value,
    /// The readings that bind it.
    pub policy: &'a CasePolicy,
    /// The edition of the rules.
    pub ruleset: &'a str,
    /// The build that received it.
    pub build: &'a str,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// What a report turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The first one of its case.
    New,
    /// The same once more.
    Again,
    /// One under the same natural key that says something else; nothing of it is stored.
    Differently,
}

/// A case as stored.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// Its id.
    pub id: CaseId,
    /// Its kind.
    pub kind: CaseKind,
    /// `issuer|subject` of the token that opened it.
    pub submitted_by: String,
    /// The kind's own details as sealed JSON.
    pub details_sealed: Vec<u8>,
    /// What lists and pages show.
    pub summary: Value,
    /// The readings that bind it.
    pub policy: CasePolicy,
    /// The edition of the rules.
    pub ruleset: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// When the relay started its workflow.
    pub started_at: Option<DateTime<Utc>>,
    /// Where it stands.
    pub stage: CaseStage,
    /// Since when.
    pub stage_at: DateTime<Utc>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Stores a case, or finds the one that was stored before under the same kind and natural key. Returns its id and
/// whether it is new.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(connection: &mut PgConnection, new: &NewCase<'_>) -> Result<(CaseId, Reported), StorageError> {
    let policy = serde_json::to_value(new.policy).during("cases.insert")?;
    let stage = serde_json::to_value(CaseStage::Opening).during("cases.insert")?;
    let written = sqlx::query!(
        "INSERT INTO cases (id, kind, submitted_by, natural_key, details_sealed, summary, policy, ruleset, build
            , received_at, stage, stage_at, content_index)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10, $12) ON CONFLICT (kind, natural_key) DO NOTHING",
        new.id.as_uuid(),
        new.kind.as_str(),
        new.submitted_by,
        new.natural_key,
        new.details_sealed,
        new.summary,
        policy,
        new.ruleset,
        new.build,
        new.received_at,
        stage,
        new.content_index,
    )
    .execute(&mut *connection)
    .await
    .during("cases.insert")?;
    if written.rows_affected() == 1 {
        return Ok((new.id, Reported::New));
    }
    let first = sqlx::query!(
        r#"SELECT id, content_index IS NULL OR content_index = $3 AS "is_same!" FROM cases
           WHERE kind = $1 AND natural_key = $2"#,
        new.kind.as_str(),
        new.natural_key,
        new.content_index,
    )
    .fetch_one(connection)
    .await
    .during("cases.find")?;
    let reported = if first.is_same { Reported::Again } else { Reported::Differently };
    Ok((CaseId::from_uuid(first.id), reported))
}

/// Whether the case that was stored under a kind and natural key was withdrawn: the same report is another case then.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn is_withdrawn(
    executor: impl PgExecutor<'_>,
    kind: CaseKind,
    natural_key: &[u8],
) -> Result<bool, StorageError> {
    let found = sqlx::query_scalar!(
        r#"SELECT (stage ->> 'outcome' = 'withdrawn') AS "withdrawn" FROM cases WHERE kind = $1 AND natural_key = $2"#,
        kind.as_str(),
        natural_key,
    )
    .fetch_optional(executor)
    .await
    .during("cases.is_withdrawn")?;
    Ok(found.flatten() == Some(true))
}

struct Row {
    id: Uuid,
    kind: String,
    submitted_by: String,
    details_sealed: Vec<u8>,
    summary: Value,
    policy: Value,
    ruleset: String,
    received_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    stage: Value,
    stage_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<CaseRow, StorageError> {
        let row = self.id.to_string();
        let inconsistent = |column| StorageError::Inconsistent { table: "cases", column, row: row.clone() };
        Ok(CaseRow {
            id: CaseId::from_uuid(self.id),
            kind: CaseKind::parse(&self.kind).ok_or_else(|| inconsistent("kind"))?,
            submitted_by: self.submitted_by,
            details_sealed: self.details_sealed,
            summary: self.summary,
            policy: serde_json::from_value(self.policy).map_err(|_| inconsistent("policy"))?,
            ruleset: self.ruleset,
            received_at: self.received_at,
            started_at: self.started_at,
            stage: serde_json::from_value(self.stage).map_err(|_| inconsistent("stage"))?,
            stage_at: self.stage_at,
            closed_at: self.closed_at,
        })
    }
}

/// Reads one case.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`].
pub async fn get(executor: impl PgExecutor<'_>, id: CaseId) -> Result<Option<CaseRow>, StorageError> {
    sqlx::query_as!(
        Row,
        "SELECT id, kind, submitted_by, details_sealed, summary, policy, ruleset, received_at, started_at, stage, stage_at
              , closed_at
         FROM cases WHERE id = $1",
        id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("cases.get")?
    .map(Row::read)
    .transpose()
}

/// The stage of a case, which is locked until the end of the caller's transaction: of two steps that end at once the second
/// sees what the first did.
///
/// # Errors
/// [`StorageError::Driver`], also where there is no such case; [`StorageError::Inconsistent`].
pub async fn lock_stage(connection: &mut PgConnection, id: CaseId) -> Result<CaseStage, StorageError> {
    let stage = sqlx::query_scalar!("SELECT stage FROM cases WHERE id = $1 FOR NO KEY UPDATE", id.as_uuid())
        .fetch_one(connection)
        .await
        .during("cases.lock_stage")?;
    serde_json::from_value(stage).map_err(|_| StorageError::Inconsistent {
        table: "cases",
        column: "stage",
        row: id.to_string(),
    })
}

/// Cases of a kind, newest first, in a stage where one is named, from after the given position.
///
/// # Errors
/// As [`get`].
pub async fn page(
    pool: &PgPool,
    kind: CaseKind,
    stage: Option<&str>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<CaseRow>, StorageError> {
    let (after_at, after_id) = after.unzip();
    sqlx::query_as!(
        Row,
        "SELECT id, kind, submitted_by, details_sealed, summary, policy, ruleset, received_at, started_at, stage, stage_at
              , closed_at
         FROM cases
         WHERE kind = $1 AND ($2::text IS NULL OR stage_name = $2)
           AND ($3::timestamptz IS NULL OR (received_at, id) < ($3, $4::uuid))
         ORDER BY received_at DESC, id DESC LIMIT $5",
        kind.as_str(),
        stage,
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("cases.page")?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Cases whose workflow is to be started, locked for this transaction.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`].
pub async fn to_start(connection: &mut PgConnection, limit: i64) -> Result<Vec<(CaseId, CaseKind)>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, kind FROM cases WHERE started_at IS NULL ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )
    .fetch_all(connection)
    .await
    .during("cases.to_start")?;
    let read = |id: Uuid, kind: &str| {
        let kind = CaseKind::parse(kind).ok_or_else(|| StorageError::Inconsistent {
            table: "cases",
            column: "kind",
            row: id.to_string(),
        })?;
        Ok((CaseId::from_uuid(id), kind))
    };
    rows.into_iter().map(|row| read(row.id, &row.kind)).collect()
}

/// Marks a case as started.
///
/// # Errors
/// [`StorageError::RowsAffected`]; [`StorageError::Driver`].
pub async fn mark_started(connection: &mut PgConnection, id: CaseId, at: DateTime<Utc>) -> Result<(), StorageError> {
    let updated = sqlx::query!("UPDATE cases SET started_at = $2 WHERE id = $1", id.as_uuid(), at)
        .execute(connection)
        .await
        .during("cases.mark_started")?;
    ensure_rows("cases.mark_started", &updated, 1)
}

/// The readings that bind cases received on a day.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a row that this build can not read.
pub async fn policy_on(pool: &PgPool, on: NaiveDate) -> Result<CasePolicy, StorageError> {
    let value = sqlx::query_scalar!(
        "SELECT value FROM case_policies WHERE effective_from <= $1 ORDER BY effective_from DESC LIMIT 1",
        on,
    )
    .fetch_optional(pool)
    .await
    .during("case_policies.on")?;
    let Some(value) = value else { return Ok(CasePolicy::default()) };
    serde_json::from_value(value).map_err(|_| StorageError::Inconsistent {
        table: "case_policies",
        column: "value",
        row: on.to_string(),
    })
}
