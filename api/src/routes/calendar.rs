//! The working calendar: counting by it, and its versions, each published by two people.

#[cfg(test)]
mod tests;
mod versions;
mod working_days;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of the calendar.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(working_days::working_days))
        .routes(routes!(versions::list))
        .routes(routes!(versions::get))
}
