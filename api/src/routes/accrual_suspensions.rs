//! Suspensions of accrual (para 13 ¶2–3): a document of the criminal process is reported, its acts are proved, its
//! cancellation is recorded, and what follows it is proposed to a second person. One action a file.

mod acts;
mod holds;
mod report;

use axum::extract::DefaultBodyLimit;
use nesie_domain::case::CaseKind;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::routes::cases::{BODY_BYTES_MAX, reading_routes};

const KIND: CaseKind = CaseKind::AccrualSuspension;

reading_routes!(super::accrual_suspensions::KIND, "/v1/accrual-suspensions", "cases");

/// The routes of suspensions.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report, list))
        .routes(routes!(get))
        .routes(routes!(story))
        .routes(routes!(holds::holds))
        .routes(routes!(acts::confirm_collection))
        .routes(routes!(acts::confirm_claims))
        .routes(routes!(acts::confirm_notice))
        .routes(routes!(acts::cancel))
        .routes(routes!(acts::propose_resumption))
        .routes(routes!(acts::withdraw))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
