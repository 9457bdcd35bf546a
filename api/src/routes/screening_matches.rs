//! Likely matches of applicants with AML lists, which wait for compliance (para 8(1), 10).

mod decide;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes of likely matches.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(decide::decide))
}
