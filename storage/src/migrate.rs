//! Migrations, by command and under the owner role; and the check that API and worker make at start. Never run by a
//! process that serves requests (R: design invariant 10).

use nesie_domain::limits;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};

use crate::error::{During, StorageError};

/// The migrations that this build was made for. Public so that tests elsewhere can make databases of their own.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Applies what is missing, under the migrator's advisory lock, and inserts what the law fixes: limits, the calendar.
///
/// # Errors
/// [`StorageError::Migrate`] when a migration fails or an applied one was changed since; [`StorageError::Driver`].
pub async fn migrate(owner_url: &str) -> Result<(), StorageError> {
    let pool = PgPoolOptions::new().max_connections(1).connect(owner_url).await.during("migrate.connect")?;
    let migrated = migrate_with(&pool).await;
    pool.close().await;
    migrated
}

/// As [`migrate`], over a pool that the caller has as the owner.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_with(pool: &PgPool) -> Result<(), StorageError> {
    MIGRATOR.run(pool).await.map_err(|source| StorageError::Migrate { source })?;
    let mut connection = pool.acquire().await.during("migrate.acquire")?;
    insert_policy(&mut connection).await?;
    crate::calendar::insert_shipped(&mut connection).await
}

/// Inserts the limits' rows of the domain that are not there yet; rows once in force are never changed.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert_policy(connection: &mut PgConnection) -> Result<(), StorageError> {
    for row in limits::default_rows() {
        sqlx::query!(
            "INSERT INTO policy_rows (rule, value, effective_from, source) VALUES ($1, $2, $3, $4)
             ON CONFLICT (rule, effective_from) DO NOTHING",
            row.rule.as_str(),
            row.value,
            row.effective_from,
            row.source,
        )
        .execute(&mut *connection)
        .await
        .during("policy.insert")?;
    }
    Ok(())
}

/// Refuses a schema that is older or newer than this build, or that has a changed or failed migration.
///
/// # Errors
/// [`StorageError::Schema`], or [`StorageError::Driver`] when the database cannot be asked.
pub async fn check_schema(pool: &PgPool) -> Result<(), StorageError> {
    let expected: Vec<(i64, &[u8])> = MIGRATOR.iter().map(|m| (m.version, m.checksum.as_ref())).collect();
    let newest = expected.last().map_or(0, |(version, _)| *version);
    // Not a checked query: the table is the migrator's own and stands in no migration.
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .during("schema.exists")?;
    if !exists {
        return Err(StorageError::Schema { expected: newest, found: None });
    }
    let applied: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(pool)
            .await
            .during("schema.read")?;
    let same = applied.len() == expected.len()
        && applied.iter().zip(&expected).all(|((version, checksum, success), (wanted, sum))| {
            *success && version == wanted && checksum.as_slice() == *sum
        });
    if same {
        Ok(())
    } else {
        Err(StorageError::Schema { expected: newest, found: applied.last().map(|(version, ..)| *version) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test(migrations = false)]
    async fn an_empty_database_is_refused_and_a_migrated_one_accepted(pool: PgPool) {
        assert!(matches!(check_schema(&pool).await, Err(StorageError::Schema { found: None, .. })));
        migrate_with(&pool).await.expect("migrations apply");
        migrate_with(&pool).await.expect("a repeat changes nothing");
        check_schema(&pool).await.expect("the schema is this build's");
    }

    #[sqlx::test(migrator = "MIGRATOR")]
    async fn an_older_and_a_newer_schema_are_refused(pool: PgPool) {
        let newest = MIGRATOR.iter().last().expect("there are migrations").version;
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ($1, 'later', true, '\\x00', 0)")
            .bind(newest + 1)
            .execute(&pool)
            .await
            .expect("a newer migration is noted");
        assert!(
            matches!(check_schema(&pool).await, Err(StorageError::Schema { found: Some(found), .. }) if found == newest + 1)
        );
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version >= $1")
            .bind(newest)
            .execute(&pool)
            .await
            .expect("removed");
        assert!(matches!(check_schema(&pool).await, Err(StorageError::Schema { .. })));
    }

    #[sqlx::test(migrator = "MIGRATOR")]
    async fn the_application_role_has_no_ddl_and_cannot_rewrite_facts(pool: PgPool) {
        for refused in [
            "CREATE TABLE extra (id int)",
            "CREATE TEMPORARY TABLE extra (id int)",
            "SELECT nextval('audit_sequence_seq')",
            "UPDATE idempotency_keys SET object_id = NULL",
            "UPDATE timeline SET kind = 'other'",
            "DELETE FROM audit",
            "INSERT INTO policy_rows VALUES ('x', 1, '2026-01-01', '')",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (1, '', true, '', 0)",
            "UPDATE applications SET amount_tiyn = 1",
        ] {
            let mut transaction = pool.begin().await.expect("a transaction");
            sqlx::query("SET LOCAL ROLE nesie_app").execute(&mut *transaction).await.expect("the role exists");
            let error = sqlx::query(refused).execute(&mut *transaction).await.expect_err("must be refused");
            let code =
                error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
            assert_eq!(code.as_deref(), Some("42501"), "{refused}");
        }
        let mut transaction = pool.begin().await.expect("a transaction");
        sqlx::query("SET LOCAL ROLE nesie_app").execute(&mut *transaction).await.expect("the role exists");
        let entry = crate::audit::Entry {
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            actor: "issuer|front",
            roles: &[],
            action: "withdraw",
            object: "application/x",
            reason: "",
            request_id: None,
            details: serde_json::json!({}),
        };
        crate::audit::record(&mut transaction, &entry).await.expect("an identity needs no grant on its sequence");
    }
}
