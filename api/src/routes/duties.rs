//! Legal terms: the list of duties as they stand or stood, and one of them day by day.

mod get;
mod list;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of duties.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(get::get))
}
