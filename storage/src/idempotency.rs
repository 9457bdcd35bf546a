//! Idempotency keys of the HTTP API: one row a request that changes something, told apart by subject, route and key.
//! Never stores a request's body, only its keyed hash: bodies are short enough to be guessed.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::error::{During, StorageError};

/// Which request: the same key of another subject, or on another route, is another request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey<'a> {
    /// `issuer|subject` of the token.
    pub subject: &'a str,
    /// Method and path, ids included.
    pub route: &'a str,
    /// The client's key.
    pub key: &'a str,
}

/// The answer that a request got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: i32,
    /// The body.
    pub body: Value,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was not known; the row was written now, with the caller's object.
    New,
    /// The first request with this body is under way, or its end is not known: go on with the same object.
    Unfinished {
        /// What the first request made.
        object_id: Uuid,
    },
    /// The first request with this body is finished: give the same answer.
    Finished(StoredAnswer),
    /// The key was used with another body.
    OtherBody,
}

/// Looks a key up without writing, over a pool or in the caller's transaction; `None` when it is not known.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a row with neither answer nor object.
pub async fn find(
    executor: impl PgExecutor<'_>,
    key: &RequestKey<'_>,
    body_sha256: &[u8],
) -> Result<Option<Claim>, StorageError> {
    let row = sqlx::query!(
        "SELECT body_sha256, object_id, status, response FROM idempotency_keys
         WHERE subject = $1 AND route = $2 AND key = $3",
        key.subject,
        key.route,
        key.key,
    )
    .fetch_optional(executor)
    .await
    .during("idempotency.read")?;
    let Some(row) = row else { return Ok(None) };
    if row.body_sha256 != body_sha256 {
        return Ok(Some(Claim::OtherBody));
    }
    match (row.status, row.response, row.object_id) {
        (Some(status), Some(body), _) => Ok(Some(Claim::Finished(StoredAnswer { status, body }))),
        (None, _, Some(object_id)) => Ok(Some(Claim::Unfinished { object_id })),
        (Some(_), None, _) | (None, _, None) => {
            Err(StorageError::Inconsistent { table: "idempotency_keys", column: "response", row: key.route.to_owned() })
        }
    }
}

/// Claims a key: whoever comes second waits for the first one's transaction and then sees its row.
///
/// # Errors
/// As [`find`].
pub async fn claim(
    connection: &mut PgConnection,
    key: &RequestKey<'_>,
    body_sha256: &[u8],
    object_id: Uuid,
    received_at: DateTime<Utc>,
) -> Result<Claim, StorageError> {
    let inserted = sqlx::query!(
        "INSERT INTO idempotency_keys (subject, route, key, body_sha256, object_id, received_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, route, key) DO NOTHING",
        key.subject,
        key.route,
        key.key,
        body_sha256,
        object_id,
        received_at,
    )
    .execute(&mut *connection)
    .await
    .during("idempotency.claim")?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    find(connection, key, body_sha256).await?.ok_or(StorageError::RowsAffected {
        operation: "idempotency.claim",
        expected: 1,
        actual: 0,
    })
}

/// Stores the answer of a request, once: when it has one, that one stays and is returned.
///
/// # Errors
/// [`StorageError::RowsAffected`] for a key that is not known; [`StorageError::Driver`].
pub async fn finish(
    connection: &mut PgConnection,
    key: &RequestKey<'_>,
    answer: &StoredAnswer,
) -> Result<StoredAnswer, StorageError> {
    let row = sqlx::query!(
        r#"UPDATE idempotency_keys SET status = COALESCE(status, $4), response = COALESCE(response, $5)
           WHERE subject = $1 AND route = $2 AND key = $3
           RETURNING status AS "status!", response AS "response!""#,
        key.subject,
        key.route,
        key.key,
        answer.status,
        answer.body,
    )
    .fetch_optional(connection)
    .await
    .during("idempotency.finish")?
    .ok_or(StorageError::RowsAffected { operation: "idempotency.finish", expected: 1, actual: 0 })?;
    Ok(StoredAnswer { status: row.status, body: row.response })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;

    const KEY: RequestKey<'static> = RequestKey { subject: "issuer|front", route: "POST /v1/applications", key: "k-1" };

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_key_goes_new_unfinished_finished_and_refuses_another_body(pool: PgPool) {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut connection = pool.acquire().await.expect("a connection");
        assert_eq!(find(&pool, &KEY, b"body").await.expect("read"), None);
        assert_eq!(
            claim(&mut connection, &KEY, b"body", first, DateTime::UNIX_EPOCH).await.expect("claimed"),
            Claim::New
        );
        let again = claim(&mut connection, &KEY, b"body", second, DateTime::UNIX_EPOCH).await.expect("claimed");
        assert_eq!(again, Claim::Unfinished { object_id: first }, "the repeat goes on with the first one's object");
        let other = claim(&mut connection, &KEY, b"other", second, DateTime::UNIX_EPOCH).await.expect("claimed");
        assert_eq!(other, Claim::OtherBody);

        let answer = StoredAnswer { status: 200, body: json!({"status": "accepted"}) };
        assert_eq!(finish(&mut connection, &KEY, &answer).await.expect("finished"), answer);
        let late = StoredAnswer { status: 409, body: json!({}) };
        assert_eq!(finish(&mut connection, &KEY, &late).await.expect("kept"), answer, "the first answer stays");
        assert_eq!(find(&pool, &KEY, b"body").await.expect("read"), Some(Claim::Finished(answer)));
        assert_eq!(find(&pool, &KEY, b"other").await.expect("read"), Some(Claim::OtherBody));
        let elsewhere = RequestKey { subject: "issuer|other", ..KEY };
        assert_eq!(find(&pool, &elsewhere, b"body").await.expect("read"), None, "keys belong to a subject");
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn of_two_at_once_the_second_waits_and_takes_the_first_ones_object(pool: PgPool) {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut one = pool.begin().await.expect("a transaction");
        assert_eq!(claim(&mut one, &KEY, b"body", first, DateTime::UNIX_EPOCH).await.expect("claimed"), Claim::New);
        let other = {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut two = pool.begin().await.expect("a transaction");
                claim(&mut two, &KEY, b"body", second, DateTime::UNIX_EPOCH).await.expect("claimed")
            })
        };
        // The second one is known to wait once the server says so; only then may the first one commit.
        loop {
            let waiting: i64 =
                sqlx::query_scalar("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
                    .fetch_one(&pool)
                    .await
                    .expect("read");
            if waiting > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        one.commit().await.expect("committed");
        assert_eq!(other.await.expect("joined"), Claim::Unfinished { object_id: first });
    }
}
