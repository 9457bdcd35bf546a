//! What a person sent with an act: stored sealed before it is sent on; workflows see only its id.
//! Kept for ever: the application role can neither change nor delete it (R-210).

use chrono::{DateTime, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use sqlx::{PgConnection, PgPool};

use crate::audit;
use crate::error::{During, StorageError, ensure_count, ensure_rows};
use crate::idempotency::{self, Claim, RequestKey};

/// A submission to be stored.
#[derive(Clone, Debug)]
pub struct NewSubmission<'a> {
    /// Its id.
    pub id: SubmissionId,
    /// The application that it is for.
    pub application_id: ApplicationId,
    /// The act.
    pub act: ActKind,
    /// The body as sealed JSON.
    pub body_sealed: &'a [u8],
    /// HMAC-SHA-256 under the index key of the body as it was before sealing.
    pub body_sha256: &'a [u8],
    /// `issuer|subject` of the token.
    pub submitted_by: &'a str,
    /// When it was received.
    pub received_at: DateTime<Utc>,
}

/// A submission as stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The body as sealed JSON.
    pub body_sealed: Vec<u8>,
    /// `issuer|subject` of the token.
    pub submitted_by: String,
}

/// Stores a submission.
///
/// # Errors
/// [`StorageError::Driver`], also for an id that exists.
pub async fn insert(connection: &mut PgConnection, new: &NewSubmission<'_>) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO submissions (id, application_id, act, body_sealed, body_sha256, submitted_by, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id.as_uuid(),
        new.application_id.as_uuid(),
        new.act.as_str(),
        new.body_sealed,
        new.body_sha256,
        new.submitted_by,
        new.received_at,
    )
    .execute(connection)
    .await
    .during("submissions.insert")?;
    ensure_rows("submissions.insert", &written, 1)
}

/// Claims a key, and where it is new stores the submission under it and audits that it came, as one statement: a
/// request that is cut off leaves all of it or nothing. The submission's id is the key's object.
///
/// # Errors
/// As [`idempotency::claim`].
pub async fn receive(
    pool: &PgPool,
    request: &RequestKey<'_>,
    fingerprint: &[u8],
    new: &NewSubmission<'_>,
    came: &audit::Entry<'_>,
) -> Result<Claim, StorageError> {
    let written = sqlx::query!(
        r#"WITH claimed AS (
               INSERT INTO idempotency_keys (subject, route, key, body_sha256, object_id, received_at)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, route, key) DO NOTHING RETURNING object_id
           ), stored AS (
               INSERT INTO submissions (id, application_id, act, body_sealed, body_sha256, submitted_by, received_at)
               SELECT object_id, $7, $8, $9, $10, $11, $6 FROM claimed RETURNING id
           ), audited AS (
               INSERT INTO audit (occurred_at, actor, roles, action, object, allowed, reason, request_id, details)
               SELECT $12, $13, $14, $15, $16, true, $17, $18, $19 FROM claimed RETURNING sequence
           )
           SELECT (SELECT count(*) FROM claimed) AS "claimed!", (SELECT count(*) FROM stored) AS "stored!",
               (SELECT count(*) FROM audited) AS "audited!""#,
        request.subject,
        request.route,
        request.key,
        fingerprint,
        new.id.as_uuid(),
        new.received_at,
        new.application_id.as_uuid(),
        new.act.as_str(),
        new.body_sealed,
        new.body_sha256,
        new.submitted_by,
        came.occurred_at,
        came.actor,
        came.roles,
        came.action,
        came.object,
        came.reason,
        came.request_id,
        came.details,
    )
    .fetch_one(pool)
    .await
    .during("submissions.receive")?;
    if written.claimed == 0 {
        let known = idempotency::find(pool, request, fingerprint).await?;
        return known.ok_or(StorageError::RowsAffected { operation: "submissions.receive", expected: 1, actual: 0 });
    }
    ensure_count("submissions.receive", written.stored, 1)?;
    ensure_count("audit.write", written.audited, 1)?;
    Ok(Claim::New)
}

/// Reads one submission; one of another application is not found.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn get(
    pool: &PgPool,
    application_id: ApplicationId,
    id: SubmissionId,
) -> Result<Option<Submission>, StorageError> {
    sqlx::query_as!(
        Submission,
        "SELECT body_sealed, submitted_by FROM submissions WHERE id = $1 AND application_id = $2",
        id.as_uuid(),
        application_id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("submissions.get")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::applications::tests::insert_one;

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_request_is_received_once_with_its_audit_and_a_repeat_finds_the_first_ones_submission(pool: PgPool) {
        let application_id = insert_one(&pool).await;
        let request = RequestKey { subject: "issuer|front", route: "POST /v1/applications/1/signature", key: "k-1" };
        let came = audit::Entry {
            occurred_at: DateTime::UNIX_EPOCH,
            actor: "issuer|front",
            roles: &["service".to_owned()],
            action: "received:sign",
            object: "application/1",
            reason: "",
            request_id: Some("r-1"),
            details: json!({}),
        };
        let first = SubmissionId::from_uuid(Uuid::from_u128(1));
        let new = |id| NewSubmission {
            id,
            application_id,
            act: ActKind::Sign,
            body_sealed: b"sealed",
            body_sha256: &[7; 32],
            submitted_by: "issuer|front",
            received_at: DateTime::UNIX_EPOCH,
        };
        let claim = receive(&pool, &request, &[1; 32], &new(first), &came).await.expect("received");
        assert_eq!(claim, Claim::New);
        let again = new(SubmissionId::from_uuid(Uuid::from_u128(2)));
        let claim = receive(&pool, &request, &[1; 32], &again, &came).await.expect("known");
        assert_eq!(claim, Claim::Unfinished { object_id: first.as_uuid() });
        let claim = receive(&pool, &request, &[2; 32], &again, &came).await.expect("known");
        assert_eq!(claim, Claim::OtherBody);

        let stored = get(&pool, application_id, first).await.expect("read").expect("there");
        assert_eq!(stored.body_sealed, b"sealed");
        assert!(get(&pool, application_id, again.id).await.expect("read").is_none(), "a repeat stores nothing");
        let other = ApplicationId::from_uuid(Uuid::from_u128(8));
        assert!(get(&pool, other, first).await.expect("read").is_none(), "one of another application");
        let audited: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'received:sign'")
            .fetch_one(&pool)
            .await
            .expect("counted");
        assert_eq!(audited, 1, "and audits nothing");
    }
}
