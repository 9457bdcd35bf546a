//! Clients whom a leak of personal data names, the three measures of each (para 36), and the calls to them.
//! Measures are the client's, not the case's: one serves every flag on him. Never opens what is sealed.

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, CaseId, ChallengeId, EvidenceId, SubmissionId};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::cases::CasePerson;
use crate::error::{During, StorageError, ensure_rows};

/// The place that a flagged client is sealed for.
#[must_use]
pub fn flag_place(id: Uuid) -> String {
    format!("client_flag|{id}")
}

/// The place that the record of a call is sealed for.
#[must_use]
pub fn call_place(id: SubmissionId) -> String {
    format!("verification_call|{id}")
}

/// A client who is to be flagged.
#[derive(Clone, Debug)]
pub struct NewFlag {
    /// The client, sealed for [`flag_place`].
    pub person: CasePerson,
    /// When the lender learned of the leak.
    pub learned_at: DateTime<Utc>,
    /// When the client is flagged.
    pub flagged_at: DateTime<Utc>,
}

/// Flags a client; `false` where the case has the person already.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn flag(connection: &mut PgConnection, new: &NewFlag) -> Result<bool, StorageError> {
    let written = sqlx::query!(
        "INSERT INTO client_flags (id, case_id, iin_index, person_sealed, learned_at, flagged_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        new.person.id,
        new.person.case_id.as_uuid(),
        new.person.iin_index,
        new.person.person_sealed,
        new.learned_at,
        new.flagged_at,
    )
    .execute(connection)
    .await
    .during("client_flags.insert")?;
    Ok(written.rows_affected() == 1)
}

/// Whether a flag is in force on the client of an application: one look into an index.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn is_flagged(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<bool, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM applications a JOIN client_flags f ON f.iin_index = a.iin_index
                          WHERE a.id = $1 AND f.cleared_at IS NULL AND f.withdrawn_at IS NULL) AS "flagged!""#,
        id.as_uuid(),
    )
    .fetch_one(executor)
    .await
    .during("client_flags.is_flagged")
}

/// A flag in force, and which measures it still lacks for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Its id.
    pub id: Uuid,
    /// Its case.
    pub case_id: CaseId,
    /// Whether the client has repeated the identification.
    pub identified: bool,
    /// Whether the phone of this very application was checked.
    pub phone_checked: bool,
}

/// The flags in force on the client of an application, oldest first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn in_force(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Vec<InForce>, StorageError> {
    let rows = sqlx::query!(
        r#"SELECT f.id, f.case_id, identified_at IS NOT NULL AS "identified!"
                , (f.phone_index IS NOT DISTINCT FROM a.phone_index) AS "phone_checked!"
           FROM applications a JOIN client_flags f ON f.iin_index = a.iin_index
           WHERE a.id = $1 AND f.cleared_at IS NULL AND f.withdrawn_at IS NULL ORDER BY f.flagged_at, f.id"#,
        id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("client_flags.in_force")?;
    let flags = rows.into_iter().map(|row| InForce {
        id: row.id,
        case_id: CaseId::from_uuid(row.case_id),
        identified: row.identified,
        phone_checked: row.phone_checked,
    });
    Ok(flags.collect())
}

/// The client of an application repeated the identification: it serves every flag in force that has none.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn identified(
    connection: &mut PgConnection,
    id: ApplicationId,
    challenge_id: ChallengeId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE client_flags SET identified_at = $3, challenge_id = $2
         WHERE iin_index = (SELECT iin_index FROM applications WHERE id = $1)
           AND cleared_at IS NULL AND withdrawn_at IS NULL AND identified_at IS NULL",
        id.as_uuid(),
        challenge_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("client_flags.identified")?;
    Ok(())
}

/// A base confirmed that the phone of an application is the client's. Only a call to this very number counts from now on.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn phone_checked(
    connection: &mut PgConnection,
    id: ApplicationId,
    source: &str,
    evidence_id: EvidenceId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE client_flags f
         SET phone_checked_at = $4, phone_index = a.phone_index, phone_source = $2, phone_evidence_id = $3
           , call_id = (SELECT c.id FROM verification_calls c
                        WHERE c.iin_index = f.iin_index AND c.phone_index = a.phone_index AND c.satisfies
                          AND c.called_at >= f.learned_at
                        ORDER BY c.called_at, c.id LIMIT 1)
         FROM applications a
         WHERE a.id = $1 AND f.iin_index = a.iin_index AND f.cleared_at IS NULL AND f.withdrawn_at IS NULL
           AND f.phone_index IS DISTINCT FROM a.phone_index",
        id.as_uuid(),
        source,
        evidence_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("client_flags.phone_checked")?;
    Ok(())
}

/// Takes the flags off a client for whom all three measures are there. Returns those that were taken off now.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn clear(
    connection: &mut PgConnection,
    iin_index: &[u8],
    at: DateTime<Utc>,
) -> Result<Vec<(Uuid, CaseId)>, StorageError> {
    let rows = sqlx::query!(
        "UPDATE client_flags SET cleared_at = $2
         WHERE iin_index = $1 AND cleared_at IS NULL AND withdrawn_at IS NULL
           AND identified_at IS NOT NULL AND phone_checked_at IS NOT NULL AND call_id IS NOT NULL
         RETURNING id, case_id",
        iin_index,
        at,
    )
    .fetch_all(connection)
    .await
    .during("client_flags.clear")?;
    Ok(rows.into_iter().map(|row| (row.id, CaseId::from_uuid(row.case_id))).collect())
}

/// Takes the flags of a case off, since it was opened in error.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn withdraw(connection: &mut PgConnection, case_id: CaseId, at: DateTime<Utc>) -> Result<(), StorageError> {
    // As many as the case has: compliance may have named more meanwhile.
    sqlx::query!(
        "UPDATE client_flags SET withdrawn_at = $2 WHERE case_id = $1 AND cleared_at IS NULL AND withdrawn_at IS NULL",
        case_id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("client_flags.withdraw")?;
    Ok(())
}

/// Whose flags of a case were taken off so: the keyed hashes of their IINs.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn withdrawn(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<Vec<Vec<u8>>, StorageError> {
    sqlx::query_scalar!(
        "SELECT iin_index FROM client_flags WHERE case_id = $1 AND withdrawn_at IS NOT NULL",
        case_id.as_uuid(),
    )
    .fetch_all(executor)
    .await
    .during("client_flags.withdrawn")
}

/// Whether a measure was taken on a case that can not be undone: a client was told of the theft, or verified.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn is_told(executor: impl PgExecutor<'_>, case_id: CaseId) -> Result<bool, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM client_flags WHERE case_id = $1 AND cleared_at IS NOT NULL)
               OR EXISTS (SELECT FROM verification_calls WHERE case_id = $1 AND satisfies) AS "told!""#,
        case_id.as_uuid(),
    )
    .fetch_one(executor)
    .await
    .during("client_flags.is_told")
}

/// The keyed hash of an application's IIN.
///
/// # Errors
/// [`StorageError::Driver`], also where there is no such application.
pub async fn iin_index(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Vec<u8>, StorageError> {
    sqlx::query_scalar!("SELECT iin_index FROM applications WHERE id = $1", id.as_uuid())
        .fetch_one(executor)
        .await
        .during("applications.iin_index")
}

/// A flag of a case, as acts on it name it.
#[derive(Clone, Debug)]
pub struct Flagged {
    /// Keyed hash of the IIN.
    pub iin_index: Vec<u8>,
    /// When the lender learned of the leak.
    pub learned_at: DateTime<Utc>,
    /// Since when no measure is missing.
    pub cleared_at: Option<DateTime<Utc>>,
}

/// The flag of a case with this id.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn of_case(
    executor: impl PgExecutor<'_>,
    case_id: CaseId,
    id: Uuid,
) -> Result<Option<Flagged>, StorageError> {
    sqlx::query_as!(
        Flagged,
        "SELECT iin_index, learned_at, cleared_at FROM client_flags WHERE case_id = $1 AND id = $2",
        case_id.as_uuid(),
        id,
    )
    .fetch_optional(executor)
    .await
    .during("client_flags.get")
}

/// Whether a client has given a number in an application.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn phone_is_known(
    executor: impl PgExecutor<'_>,
    iin_index: &[u8],
    phone_index: &[u8],
) -> Result<bool, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM applications WHERE iin_index = $1 AND phone_index = $2) AS "known!""#,
        iin_index,
        phone_index,
    )
    .fetch_one(executor)
    .await
    .during("applications.phone_is_known")
}

/// A call to a client, as recorded.
#[derive(Clone, Debug)]
pub struct NewCall<'a> {
    /// Its id: the submission's.
    pub id: SubmissionId,
    /// The case it was recorded on.
    pub case_id: CaseId,
    /// Keyed hash of the client's IIN.
    pub iin_index: &'a [u8],
    /// Keyed hash of the number.
    pub phone_index: &'a [u8],
    /// The record as JSON, sealed for [`call_place`].
    pub record_sealed: &'a [u8],
    /// When it was made.
    pub called_at: DateTime<Utc>,
    /// Whether it is what paragraph 36(3) asks for.
    pub satisfies: bool,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Stores a call. One that satisfies serves every flag in force whose leak was known then, unless another number than
/// the called one was checked.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert_call(connection: &mut PgConnection, new: &NewCall<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO verification_calls (id, case_id, iin_index, phone_index, record_sealed, called_at, satisfies, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.id.as_uuid(),
        new.case_id.as_uuid(),
        new.iin_index,
        new.phone_index,
        new.record_sealed,
        new.called_at,
        new.satisfies,
        new.recorded_at,
    )
    .execute(&mut *connection)
    .await
    .during("verification_calls.insert")?;
    ensure_rows("verification_calls.insert", &written, 1)?;
    if new.satisfies {
        sqlx::query!(
            "UPDATE client_flags SET call_id = $1
             WHERE iin_index = $2 AND cleared_at IS NULL AND withdrawn_at IS NULL AND call_id IS NULL AND learned_at <= $4
               AND (phone_index IS NULL OR phone_index = $3)",
            new.id.as_uuid(),
            new.iin_index,
            new.phone_index,
            new.called_at,
        )
        .execute(connection)
        .await
        .during("client_flags.called")?;
    }
    Ok(())
}

/// The applications of a client that are not closed: whatever waits for a measure is among them.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn open_applications(pool: &PgPool, iin_index: &[u8]) -> Result<Vec<ApplicationId>, StorageError> {
    let ids = sqlx::query_scalar!("SELECT id FROM applications WHERE iin_index = $1 AND outcome IS NULL", iin_index)
        .fetch_all(pool)
        .await
        .during("applications.open_of_client")?;
    Ok(ids.into_iter().map(ApplicationId::from_uuid).collect())
}

/// What lists show of a flagged client.
#[derive(Clone, Debug)]
pub struct FlagLine {
    /// The row's id.
    pub id: Uuid,
    /// When the client was flagged.
    pub flagged_at: DateTime<Utc>,
    /// When the identification was repeated.
    pub identified_at: Option<DateTime<Utc>>,
    /// When the phone was found to be the client's.
    pub phone_checked_at: Option<DateTime<Utc>>,
    /// By which base.
    pub phone_source: Option<String>,
    /// When the client was called, where the call counts.
    pub called_at: Option<DateTime<Utc>>,
    /// Since when no measure is missing.
    pub cleared_at: Option<DateTime<Utc>>,
    /// When the flag was taken off because its case was opened in error.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// The clients of a case by the instant of their flag, from after the given position.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn page(
    pool: &PgPool,
    case_id: CaseId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<FlagLine>, StorageError> {
    let (after_at, after_id) = after.unzip();
    sqlx::query_as!(
        FlagLine,
        r#"SELECT f.id, flagged_at, identified_at, phone_checked_at, phone_source, c.called_at AS "called_at?", cleared_at
                , withdrawn_at
           FROM client_flags f LEFT JOIN verification_calls c ON c.id = f.call_id
           WHERE f.case_id = $1 AND ($2::timestamptz IS NULL OR (flagged_at, f.id) > ($2, $3::uuid))
           ORDER BY flagged_at, f.id LIMIT $4"#,
        case_id.as_uuid(),
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("client_flags.page")
}
