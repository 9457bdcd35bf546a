//! Parked steps: what failed its budget and waits for a person (design invariant 7).

mod decide;
mod list;
mod remedy;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// A document of at most 2 MiB in base64, with the rest of its body.
const PROOF_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The routes of parked steps.
pub(super) fn routes() -> OpenApiRouter<App> {
    let completion =
        OpenApiRouter::new().routes(routes!(remedy::complete)).layer(DefaultBodyLimit::max(PROOF_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(decide::decide))
        .routes(routes!(remedy::correct))
        .merge(completion)
}
