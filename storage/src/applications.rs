//! Applications: what was asked and how far it is. Personal data comes in sealed and leaves sealed.

mod opening;

use chrono::{DateTime, Utc};
use nesie_domain::application::{Outcome, Stage};
use nesie_domain::ids::ApplicationId;
use nesie_domain::limits::PolicySet;
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub use self::opening::{FactKeys, Opening, get, open};
use crate::error::{During, StorageError, ensure_rows};

/// An application as it is first stored.
#[derive(Clone, Debug)]
pub struct NewApplication<'a> {
    /// Its id.
    pub id: ApplicationId,
    /// `issuer|subject` of the token that submitted it.
    pub submitted_by: &'a str,
    /// `individual` or `sole_proprietor`.
    pub client_kind: &'a str,
    /// `consumer` or `business`.
    pub purpose: &'a str,
    /// The channel's code.
    pub channel: &'a str,
    /// The amount in tiyn.
    pub amount_tiyn: i64,
    /// Percent a year.
    pub annual_rate: Decimal,
    /// The term in months, or `None` when it is in days.
    pub term_months: Option<i32>,
    /// The term in days, or `None` when it is in months.
    pub term_days: Option<i32>,
    /// The applicant as sealed JSON.
    pub applicant_sealed: &'a [u8],
    /// Keyed hash of the IIN.
    pub iin_index: &'a [u8],
    /// Keyed hash of the phone.
    pub phone_index: &'a [u8],
    /// The edition of the rules.
    pub ruleset: &'a str,
    /// The version of the limits.
    pub policy_version: &'a str,
    /// The limits that bind the application, as their rows (R-001).
    pub policy: &'a PolicySet,
    /// The build that received it.
    pub build: &'a str,
    /// How long the client has.
    pub valid_for_seconds: i64,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// The first stage.
    pub stage: &'a Stage,
}

/// An application as stored.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// `issuer|subject` of the token that submitted it.
    pub submitted_by: String,
    /// `individual` or `sole_proprietor`.
    pub client_kind: String,
    /// `consumer` or `business`.
    pub purpose: String,
    /// The channel's code.
    pub channel: String,
    /// The amount in tiyn.
    pub amount_tiyn: i64,
    /// Percent a year.
    pub annual_rate: Decimal,
    /// The term in months.
    pub term_months: Option<i32>,
    /// The term in days.
    pub term_days: Option<i32>,
    /// The applicant as sealed JSON.
    pub applicant_sealed: Vec<u8>,
    /// The edition of the rules.
    pub ruleset: String,
    /// The version of the limits.
    pub policy_version: String,
    /// The limits that bind the application (R-001).
    pub policy: PolicySet,
    /// The build that received it.
    pub build: String,
    /// How long the client has.
    pub valid_for_seconds: i64,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// When the start relay started its workflow.
    pub started_at: Option<DateTime<Utc>>,
    /// The stage.
    pub stage: Stage,
    /// Since when.
    pub stage_at: DateTime<Utc>,
    /// The outcome, once closed.
    pub outcome: Option<Outcome>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// Whether its contract is frozen.
    pub contract_frozen: bool,
}

/// One line of a list of applications.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its id.
    pub id: ApplicationId,
    /// The amount in tiyn.
    pub amount_tiyn: i64,
    /// The stage.
    pub stage: Stage,
    /// The outcome, once closed.
    pub outcome: Option<Outcome>,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Whether its contract is frozen.
    pub contract_frozen: bool,
}

/// Which applications to list; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only those of this submitter.
    pub submitted_by: Option<&'a str>,
    /// Only those in the stage of this name.
    pub stage: Option<&'a str>,
    /// Whether a wait for a decision on a likely match is taken for the stage that it looks like from outside, so that
    /// the filter tells nothing of it (AML law art. 11).
    pub neutral: bool,
    /// Only those with an outcome of this name.
    pub outcome: Option<&'a str>,
    /// Only those older than this position (keyset).
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// Stores a new application.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert(connection: &mut PgConnection, new: &NewApplication<'_>) -> Result<(), StorageError> {
    let stage = serde_json::to_value(new.stage).during("applications.insert")?;
    let policy = serde_json::to_value(new.policy).during("applications.insert")?;
    let written = sqlx::query!(
        "INSERT INTO applications (id, submitted_by, client_kind, purpose, channel, amount_tiyn, annual_rate, term_months
            , term_days, applicant_sealed, iin_index, phone_index, ruleset, policy_version, policy, build
            , valid_for_seconds, received_at, stage, stage_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $18)",
        new.id.as_uuid(),
        new.submitted_by,
        new.client_kind,
        new.purpose,
        new.channel,
        new.amount_tiyn,
        new.annual_rate,
        new.term_months,
        new.term_days,
        new.applicant_sealed,
        new.iin_index,
        new.phone_index,
        new.ruleset,
        new.policy_version,
        policy,
        new.build,
        new.valid_for_seconds,
        new.received_at,
        stage,
    )
    .execute(connection)
    .await
    .during("applications.insert")?;
    ensure_rows("applications.insert", &written, 1)
}

/// Lists applications, newest first, from after the given position.
///
/// # Errors
/// As [`get`].
pub async fn page(pool: &PgPool, filter: &Filter<'_>, limit: i64) -> Result<Vec<Line>, StorageError> {
    let (after_at, after_id) = filter.after.unzip();
    let rows = sqlx::query!(
        r#"SELECT id, amount_tiyn, stage, outcome, received_at, contract_frozen AS "contract_frozen!"
           FROM (SELECT *, EXISTS (SELECT FROM contracts c WHERE c.application_id = applications.id) AS contract_frozen
                 FROM applications) AS a
           WHERE ($1::text IS NULL OR submitted_by = $1)
             AND ($2::text IS NULL OR $2 = CASE
                   WHEN $3 AND stage_name = 'awaiting_screening_decision'
                   THEN CASE WHEN contract_frozen THEN 'processing' ELSE 'assessing' END
                   ELSE stage_name END)
             AND ($4::text IS NULL OR outcome_name = $4)
             AND ($5::timestamptz IS NULL OR (received_at, id) < ($5, $6::uuid))
           ORDER BY received_at DESC, id DESC LIMIT $7"#,
        filter.submitted_by,
        filter.stage,
        filter.neutral,
        filter.outcome,
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("applications.page")?;
    rows.into_iter()
        .map(|row| {
            Ok(Line {
                id: ApplicationId::from_uuid(row.id),
                amount_tiyn: row.amount_tiyn,
                stage: read_stage(row.id, row.stage)?,
                outcome: read_outcome(row.id, row.outcome)?,
                received_at: row.received_at,
                contract_frozen: row.contract_frozen,
            })
        })
        .collect()
}

/// An application of a client, from before another of his.
#[derive(Clone, Debug)]
pub struct Before {
    /// The amount, in tiyn.
    pub amount_tiyn: i64,
    /// Our reference of the loan, once there is one.
    pub loan_reference: Option<String>,
}

/// What the client of an application asked for before it and was not denied, oldest first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn of_client_before(pool: &PgPool, id: ApplicationId) -> Result<Vec<Before>, StorageError> {
    sqlx::query_as!(
        Before,
        r#"SELECT o.amount_tiyn, l.loan_reference AS "loan_reference?"
           FROM applications AS a
           JOIN applications AS o ON o.iin_index = a.iin_index AND (o.received_at, o.id) < (a.received_at, a.id)
           LEFT JOIN loans AS l ON l.application_id = o.id
           WHERE a.id = $1 AND (o.outcome IS NULL OR o.outcome_name = 'granted')
           ORDER BY o.received_at, o.id"#,
        id.as_uuid(),
    )
    .fetch_all(pool)
    .await
    .during("applications.of_client_before")
}

/// An application whose workflow is not yet marked as started.
#[derive(Clone, Debug)]
pub struct ToStart {
    /// Its id.
    pub id: ApplicationId,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// How long the client has.
    pub valid_for_seconds: i64,
    /// The limits that bind it.
    pub policy: PolicySet,
}

/// The oldest applications that are not marked started, locked for this transaction; those that another relay holds are
/// skipped.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn to_start(connection: &mut PgConnection, limit: i64) -> Result<Vec<ToStart>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, received_at, valid_for_seconds, policy FROM applications WHERE started_at IS NULL
         ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED",
        limit,
    )
    .fetch_all(connection)
    .await
    .during("applications.to_start")?;
    rows.into_iter()
        .map(|row| {
            Ok(ToStart {
                id: ApplicationId::from_uuid(row.id),
                received_at: row.received_at,
                valid_for_seconds: row.valid_for_seconds,
                policy: read_policy(row.id, row.policy)?,
            })
        })
        .collect()
}

/// Marks an application as started (delivery state of the start relay).
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was marked already; [`StorageError::Driver`].
pub async fn mark_started(
    connection: &mut PgConnection,
    id: ApplicationId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated =
        sqlx::query!("UPDATE applications SET started_at = $2 WHERE id = $1 AND started_at IS NULL", id.as_uuid(), at)
            .execute(connection)
            .await
            .during("applications.mark_started")?;
    ensure_rows("applications.mark_started", &updated, 1)
}

pub(crate) fn read_stage(id: Uuid, stage: Value) -> Result<Stage, StorageError> {
    serde_json::from_value(stage).map_err(|_| StorageError::Inconsistent {
        table: "applications",
        column: "stage",
        row: id.to_string(),
    })
}

fn read_policy(id: Uuid, policy: Value) -> Result<PolicySet, StorageError> {
    serde_json::from_value(policy).map_err(|_| StorageError::Inconsistent {
        table: "applications",
        column: "policy",
        row: id.to_string(),
    })
}

pub(crate) fn read_outcome(id: Uuid, outcome: Option<Value>) -> Result<Option<Outcome>, StorageError> {
    outcome.map(serde_json::from_value).transpose().map_err(|_| StorageError::Inconsistent {
        table: "applications",
        column: "outcome",
        row: id.to_string(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn policy() -> PolicySet {
        let today = chrono::NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
        PolicySet::new(nesie_domain::limits::default_rows(), today).expect("the limits of that day")
    }

    pub(crate) fn new_application<'a>(
        id: ApplicationId,
        submitted_by: &'a str,
        policy: &'a PolicySet,
    ) -> NewApplication<'a> {
        NewApplication {
            id,
            submitted_by,
            client_kind: "individual",
            purpose: "consumer",
            channel: "web",
            amount_tiyn: 30_000_000,
            annual_rate: Decimal::from(36),
            term_months: Some(12),
            term_days: None,
            applicant_sealed: b"sealed",
            iin_index: b"iin",
            phone_index: b"phone",
            ruleset: "2025-01-01",
            policy_version: "v",
            policy,
            build: "test",
            valid_for_seconds: 60,
            received_at: DateTime::UNIX_EPOCH,
            stage: &Stage::Assessing,
        }
    }

    pub(crate) async fn insert_one(pool: &PgPool) -> ApplicationId {
        let id = ApplicationId::from_uuid(Uuid::from_u128(7));
        let mut connection = pool.acquire().await.expect("a connection");
        insert(&mut connection, &new_application(id, "issuer|front", &policy())).await.expect("inserted");
        id
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn pages_neither_skip_nor_repeat_where_instants_are_equal(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        for number in 0..7u128 {
            let subject = if number == 3 { "issuer|other" } else { "issuer|front" };
            let policy = policy();
            let new = new_application(ApplicationId::from_uuid(Uuid::from_u128(number)), subject, &policy);
            insert(&mut connection, &new).await.expect("inserted");
        }
        let mut seen = Vec::new();
        let mut filter = Filter { submitted_by: Some("issuer|front"), ..Filter::default() };
        loop {
            let lines = page(&pool, &filter, 4).await.expect("a page");
            let Some(last) = lines.last() else { break };
            filter.after = Some((last.received_at, last.id.as_uuid()));
            seen.extend(lines.iter().map(|line| line.id.as_uuid().as_u128()));
        }
        assert_eq!(seen, [6, 5, 4, 2, 1, 0]);
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn two_relays_never_hold_the_same_application(pool: PgPool) {
        let id = insert_one(&pool).await;
        let mut first = pool.begin().await.expect("a transaction");
        let mut second = pool.begin().await.expect("a transaction");
        assert_eq!(to_start(&mut first, 10).await.expect("read").len(), 1);
        assert_eq!(to_start(&mut second, 10).await.expect("read").len(), 0);
        mark_started(&mut first, id, DateTime::UNIX_EPOCH).await.expect("marked");
        first.commit().await.expect("committed");
        assert_eq!(to_start(&mut second, 10).await.expect("read").len(), 0);
        assert!(matches!(
            mark_started(&mut second, id, DateTime::UNIX_EPOCH).await,
            Err(StorageError::RowsAffected { .. })
        ));
    }
}
