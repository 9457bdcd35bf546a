//! Every EDS that was given, accepted or not, and the exemption from it (R-090, R-092).

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, EvidenceId, SubmissionId};
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError, ensure_rows};

/// A signature that was verified.
#[derive(Clone, Copy, Debug)]
pub struct NewSignature<'a> {
    /// What the client sent.
    pub submission_id: SubmissionId,
    /// The stable code of the rejection; nothing when it was accepted.
    pub rejection: Option<&'a str>,
    /// The hash of the contract that had to be signed.
    pub contract_sha256: &'a [u8],
    /// The certificate's serial number, where there is one.
    pub certificate_serial: Option<&'a str>,
    /// The time of the time-stamp, where there is one.
    pub tsp_time: Option<DateTime<Utc>>,
    /// The verifier's answer.
    pub evidence_id: Option<EvidenceId>,
    /// When.
    pub verified_at: DateTime<Utc>,
}

/// Stores a signature under the next number.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(
    connection: &mut PgConnection,
    id: ApplicationId,
    new: &NewSignature<'_>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO signatures (application_id, try, submission_id, accepted, rejection, contract_sha256, certificate_serial
            , tsp_time, evidence_id, verified_at)
         SELECT $1, COALESCE(max(try), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM signatures WHERE application_id = $1",
        id.as_uuid(),
        new.submission_id.as_uuid(),
        new.rejection.is_none(),
        new.rejection,
        new.contract_sha256,
        new.certificate_serial,
        new.tsp_time,
        new.evidence_id.map(|evidence| evidence.as_uuid()),
        new.verified_at,
    )
    .execute(connection)
    .await
    .during("signatures.insert")?;
    ensure_rows("signatures.insert", &written, 1)
}

/// Stores that no EDS is needed, and by which record of the register (R-092, reading A4).
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_exemption(
    connection: &mut PgConnection,
    id: ApplicationId,
    paragraph: &str,
    record_id: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO signature_exemptions (application_id, paragraph, record_id, exempted_at) VALUES ($1, $2, $3, $4)",
        id.as_uuid(),
        paragraph,
        record_id,
        at,
    )
    .execute(connection)
    .await
    .during("signature_exemptions.insert")?;
    ensure_rows("signature_exemptions.insert", &written, 1)
}

/// Whether the contract with this hash carries an accepted EDS, or needs none.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn is_signed_or_exempt(
    pool: &PgPool,
    id: ApplicationId,
    contract_sha256: &[u8],
) -> Result<bool, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT (EXISTS (SELECT FROM signatures WHERE application_id = $1 AND accepted AND contract_sha256 = $2)
                OR EXISTS (SELECT FROM signature_exemptions WHERE application_id = $1)) AS "signed!""#,
        id.as_uuid(),
        contract_sha256,
    )
    .fetch_one(pool)
    .await
    .during("signatures.is_signed_or_exempt")
}

/// What the same client signed besides this application between two instants, in tiyn: consumer loans, paid to himself, that were
/// not given up since. One that is being signed at this very moment is seen by whoever holds [`crate::locks::client_of`].
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn signed_besides(
    connection: &mut PgConnection,
    id: ApplicationId,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<i64, StorageError> {
    sqlx::query_scalar!(
        r#"SELECT COALESCE(SUM(o.amount_tiyn), 0)::bigint AS "signed!"
           FROM applications AS a JOIN applications AS o ON o.iin_index = a.iin_index AND o.id <> a.id
           WHERE a.id = $1 AND o.purpose = 'consumer' AND (o.outcome IS NULL OR o.outcome_name = 'granted')
             AND EXISTS (SELECT FROM signatures AS s WHERE s.application_id = o.id AND s.accepted
                         AND s.verified_at >= $2 AND s.verified_at < $3)
             AND NOT EXISTS (SELECT FROM disbursement_methods AS m WHERE m.application_id = o.id
                             AND m.method = 'merchant' AND m.ownership = 'confirmed')"#,
        id.as_uuid(),
        from,
        until,
    )
    .fetch_one(connection)
    .await
    .during("signatures.signed_besides")
}
