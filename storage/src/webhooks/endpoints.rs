//! Endpoints of webhooks: registered, listed, disabled and enabled by operations. Never a secret; see `secrets`.

use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use nesie_domain::webhook::EventPattern;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::error::{During, StorageError, ensure_rows};

/// The name of an endpoint in the audit log.
#[must_use]
pub fn object(id: WebhookEndpointId) -> String {
    format!("webhook_endpoint/{id}")
}

/// An endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where events are sent.
    pub url: String,
    /// Which events.
    pub events: Vec<EventPattern>,
    /// What it is, in the words of operations.
    pub description: String,
    /// `issuer|subject` of the token that registered it.
    pub created_by: String,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Since when nothing is sent to it.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Endpoint {
    /// Whether it wants an event.
    #[must_use]
    pub fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(event))
    }
}

/// Stores a new endpoint.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn insert(connection: &mut PgConnection, new: &Endpoint) -> Result<(), StorageError> {
    let events: Vec<String> = new.events.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let written = sqlx::query!(
        "INSERT INTO webhook_endpoints (id, url, events, description, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        new.id.as_uuid(),
        new.url,
        &events,
        new.description,
        new.created_by,
        new.created_at,
    )
    .execute(connection)
    .await
    .during("webhooks.endpoints.insert")?;
    ensure_rows("webhooks.endpoints.insert", &written, 1)
}

struct Row {
    id: Uuid,
    url: String,
    events: Vec<String>,
    description: String,
    created_by: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<Endpoint, StorageError> {
        let patterns = self.events.iter().map(|text| EventPattern::parse(text)).collect::<Result<Vec<_>, _>>();
        let events = patterns.map_err(|_| StorageError::Inconsistent {
            table: "webhook_endpoints",
            column: "events",
            row: self.id.to_string(),
        })?;
        Ok(Endpoint {
            id: WebhookEndpointId::from_uuid(self.id),
            url: self.url,
            events,
            description: self.description,
            created_by: self.created_by,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
        })
    }
}

/// One endpoint.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a pattern that is none.
pub async fn get(executor: impl PgExecutor<'_>, id: WebhookEndpointId) -> Result<Option<Endpoint>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, url, events, description, created_by, created_at, disabled_at FROM webhook_endpoints WHERE id = $1",
        id.as_uuid(),
    )
    .fetch_optional(executor)
    .await
    .during("webhooks.endpoints.get")?;
    row.map(Row::read).transpose()
}

/// Endpoints, oldest first, from after the given position.
///
/// # Errors
/// As [`get`].
pub async fn list(
    pool: &PgPool,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Endpoint>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, url, events, description, created_by, created_at, disabled_at FROM webhook_endpoints
         WHERE $1::timestamptz IS NULL OR (created_at, id) > ($1, $2::uuid) ORDER BY created_at, id LIMIT $3",
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("webhooks.endpoints.list")?;
    rows.into_iter().map(Row::read).collect()
}

/// The endpoints that are sent to.
///
/// # Errors
/// As [`get`].
pub async fn enabled(executor: impl PgExecutor<'_>) -> Result<Vec<Endpoint>, StorageError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, url, events, description, created_by, created_at, disabled_at FROM webhook_endpoints
         WHERE disabled_at IS NULL ORDER BY created_at, id",
    )
    .fetch_all(executor)
    .await
    .during("webhooks.endpoints.enabled")?;
    rows.into_iter().map(Row::read).collect()
}

/// Stops sending to an endpoint; `false` when it is stopped already.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn disable(
    connection: &mut PgConnection,
    id: WebhookEndpointId,
    by: &str,
    at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = sqlx::query!(
        "UPDATE webhook_endpoints SET disabled_at = $2, disabled_by = $3 WHERE id = $1 AND disabled_at IS NULL",
        id.as_uuid(),
        at,
        by,
    )
    .execute(connection)
    .await
    .during("webhooks.endpoints.disable")?;
    Ok(updated.rows_affected() == 1)
}

/// Sends to an endpoint again; `false` when it is sent to already.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn enable(connection: &mut PgConnection, id: WebhookEndpointId) -> Result<bool, StorageError> {
    let updated = sqlx::query!(
        "UPDATE webhook_endpoints SET disabled_at = NULL, disabled_by = NULL WHERE id = $1 AND disabled_at IS NOT NULL",
        id.as_uuid(),
    )
    .execute(connection)
    .await
    .during("webhooks.endpoints.enable")?;
    Ok(updated.rows_affected() == 1)
}
