//! Notices that were sent to clients, one row a template. Never their text, never a phone.

use chrono::{DateTime, Utc};
use nesie_domain::ids::ApplicationId;
use sqlx::PgConnection;

use crate::error::{During, StorageError, ensure_rows};

/// Stores that a notice was accepted by the provider.
///
/// # Errors
/// [`StorageError::Driver`], also where the template was sent before.
pub async fn insert(
    connection: &mut PgConnection,
    id: ApplicationId,
    template: &str,
    message_id: &str,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let written = sqlx::query!(
        "INSERT INTO notices (application_id, template, message_id, sent_at) VALUES ($1, $2, $3, $4)",
        id.as_uuid(),
        template,
        message_id,
        at,
    )
    .execute(connection)
    .await
    .during("notices.insert")?;
    ensure_rows("notices.insert", &written, 1)
}
