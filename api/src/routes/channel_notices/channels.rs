//! The channels that are open, each by its notice. Straight from PostgreSQL.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_storage::channels;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::problem::Problem;

/// The open channels.
#[derive(Serialize, ToSchema)]
pub(crate) struct Channels {
    /// By code.
    items: Vec<ChannelView>,
}

/// An open channel.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChannelView {
    /// Its code, which applications name.
    code: String,
    /// Its name, or a terminal's location.
    name: String,
    /// `web_resource`, `mobile_application` or `terminal`.
    kind: String,
    /// The operations that were notified.
    operations: Vec<String>,
    /// Since when it is open.
    active_from: DateTime<Utc>,
    /// When a notified change last took effect.
    changed_at: Option<DateTime<Utc>>,
    /// The notice that it stands as it is by.
    channel_notice_id: Option<Uuid>,
}

/// Открытые каналы
#[utoipa::path(get, path = "/v1/channels", tag = "cases", responses((status = 200, body = Channels)))]
pub(crate) async fn channels(_allowed: Allowed<Anybody>, State(app): State<App>) -> Result<Json<Channels>, Problem> {
    let items = channels::list(&app.pool).await?.into_iter().map(|channel| ChannelView {
        code: channel.code,
        name: channel.name,
        kind: channel.kind,
        operations: channel.operations,
        active_from: channel.active_from,
        changed_at: channel.changed_at,
        channel_notice_id: channel.case_id.map(|id| id.as_uuid()),
    });
    Ok(Json(Channels { items: items.collect() }))
}
