//! Every route of the API, put together: documented ones, the document itself, its page, fallbacks, limits.

mod accrual_suspensions;
mod applications;
mod approvals;
mod calendar;
mod callbacks;
mod cases;
mod channel_notices;
mod data_leaks;
mod duties;
mod fraud_incidents;
mod health;
mod page;
mod parked_steps;
mod quotes;
mod screening_matches;
#[cfg(test)]
mod tests;
mod webhooks;
mod write_offs;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::problem::Problem;
pub(crate) use applications::RULESET;

/// Enough for every body but an image and a signature, whose routes have limits of their own.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The API over a state; tests serve the very same.
pub fn router(app: App) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = crate::openapi::complete(document);
    let config = Config::new(["/openapi.json"]).validator_url("none").use_base_layout();
    let page: Router<App> = SwaggerUi::new("/docs").config(config).into();
    let json = document.to_pretty_json().unwrap_or_default();
    let headers = [(axum::http::header::CONTENT_TYPE, "application/json")];
    routes
        .route("/openapi.json", get(move || async move { (headers, json) }))
        .merge(page)
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(crate::context::wrap))
        .with_state(app)
}

/// The routes that the document describes.
pub(crate) fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(crate::openapi::base())
        .merge(applications::routes())
        .merge(approvals::routes())
        .merge(parked_steps::routes())
        .merge(screening_matches::routes())
        .merge(channel_notices::routes())
        .merge(fraud_incidents::routes())
        .merge(accrual_suspensions::routes())
        .merge(write_offs::routes())
        .merge(data_leaks::routes())
        .merge(webhooks::routes())
        .merge(calendar::routes())
        .merge(duties::routes())
        .routes(routes!(quotes::quote))
        .routes(routes!(callbacks::payment))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
}
