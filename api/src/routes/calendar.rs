//! The working calendar: counting by it, and its versions, each published by two people.

mod changes;
mod publish;
#[cfg(test)]
mod tests;
mod versions;
mod working_days;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// Enough for a calendar of thirty years; each day takes some 250 bytes.
const VERSION_BYTES_MAX: usize = 512 * 1024;

/// The routes of the calendar.
pub(super) fn routes() -> OpenApiRouter<App> {
    let versions = OpenApiRouter::new()
        .routes(routes!(versions::list, publish::publish))
        .layer(DefaultBodyLimit::max(VERSION_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(working_days::working_days))
        .merge(versions)
        .routes(routes!(versions::get))
        .routes(routes!(changes::changes))
}
