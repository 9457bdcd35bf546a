//! What the law fixes: limits, channels and texts, by the date they take effect. Never written by the application role.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::limits::{LimitRule, PolicyRow, PolicySet};
use sqlx::PgPool;

use crate::error::{During, StorageError};

/// A channel of electronic lending (paras 3–5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its code.
    pub code: String,
    /// `web_resource`, `mobile_application` or `terminal`.
    pub kind: String,
    /// What it may be used for.
    pub operations: Vec<String>,
    /// Since when it may be used.
    pub active_from: DateTime<Utc>,
}

/// A text that a client must be shown (para 8(2), 8(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// `rules` or `rights`.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// The exact text.
    pub content: String,
}

/// The limits in force on a date; an application keeps the date it was received on.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a rule that this build does not know, or one that is missing.
pub async fn set_on(pool: &PgPool, on: NaiveDate) -> Result<PolicySet, StorageError> {
    let rows =
        sqlx::query!("SELECT rule, value, effective_from, source FROM policy_rows WHERE effective_from <= $1", on)
            .fetch_all(pool)
            .await
            .during("policy.set_on")?;
    let rows = rows
        .into_iter()
        .map(|row| {
            let rule = row.rule.parse::<LimitRule>().map_err(|_| StorageError::Inconsistent {
                table: "policy_rows",
                column: "rule",
                row: row.rule.clone(),
            })?;
            Ok(PolicyRow { rule, value: row.value, effective_from: row.effective_from, source: row.source })
        })
        .collect::<Result<Vec<_>, StorageError>>()?;
    PolicySet::new(rows, on).map_err(|_| StorageError::Inconsistent {
        table: "policy_rows",
        column: "rule",
        row: on.to_string(),
    })
}

/// A channel by its code.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn channel(pool: &PgPool, code: &str) -> Result<Option<Channel>, StorageError> {
    sqlx::query_as!(Channel, "SELECT code, kind, operations, active_from FROM channels WHERE code = $1", code)
        .fetch_optional(pool)
        .await
        .during("policy.channel")
}

/// The texts in force on a date, the newest of each kind.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn texts_on(pool: &PgPool, on: NaiveDate) -> Result<Vec<Text>, StorageError> {
    sqlx::query_as!(
        Text,
        "SELECT DISTINCT ON (kind) kind, version, content FROM disclosure_texts WHERE effective_from <= $1
         ORDER BY kind, effective_from DESC, version DESC",
        on,
    )
    .fetch_all(pool)
    .await
    .during("policy.texts_on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn the_seeded_limits_are_readable_and_a_new_row_leaves_the_old_date_alone(pool: PgPool) {
        crate::migrate::migrate_with(&pool).await.expect("rows inserted");
        let before = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
        let after = NaiveDate::from_ymd_opt(2027, 2, 1).expect("a date");
        let old = set_on(&pool, before).await.expect("read");
        let seeded = PolicySet::new(nesie_domain::limits::default_rows(), before).expect("the seed is complete");
        assert_eq!(old.version(), seeded.version());
        sqlx::query("INSERT INTO policy_rows VALUES ('effective_rate_maximum', 40, '2027-01-15', 'test')")
            .execute(&pool)
            .await
            .expect("a new row");
        assert_eq!(set_on(&pool, before).await.expect("read").version(), old.version());
        assert_eq!(
            set_on(&pool, after).await.expect("read").value(LimitRule::EffectiveRateMaximum),
            Some(rust_decimal::Decimal::from(40))
        );
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn no_channel_is_open_by_itself_and_texts_are_there(pool: PgPool) {
        assert_eq!(channel(&pool, "web").await.expect("read"), None);
        let on = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a date");
        let kinds: Vec<_> = texts_on(&pool, on).await.expect("read").into_iter().map(|text| text.kind).collect();
        assert_eq!(kinds, ["rights", "rules"]);
    }
}
