//! Applications: submitting one, reading it, and the acts of its client. One action a file.

mod acknowledge;
mod choose_disbursement_method;
mod choose_schedule;
mod contract;
mod disclosures;
mod get;
mod identify;
mod list;
mod schedules;
mod sign;
mod submit;
mod timeline;
mod withdraw;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) use submit::RULESET;

/// An image of at most 2 MiB in base64, with the rest of its body.
const IDENTIFICATION_BYTES_MAX: usize = 3 * 1024 * 1024;
/// A CMS with its certificates, timestamp and the contract inside.
const SIGNATURE_BYTES_MAX: usize = 1024 * 1024;

/// The routes of applications.
pub(super) fn routes() -> OpenApiRouter<App> {
    let identification =
        OpenApiRouter::new().routes(routes!(identify::identify)).layer(DefaultBodyLimit::max(IDENTIFICATION_BYTES_MAX));
    let signature = OpenApiRouter::new().routes(routes!(sign::sign)).layer(DefaultBodyLimit::max(SIGNATURE_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(submit::submit, list::list))
        .routes(routes!(get::get))
        .routes(routes!(timeline::timeline))
        .routes(routes!(disclosures::disclosures))
        .routes(routes!(acknowledge::acknowledge))
        .routes(routes!(schedules::schedules))
        .routes(routes!(choose_schedule::choose_schedule))
        .routes(routes!(choose_disbursement_method::choose_disbursement_method))
        .routes(routes!(contract::contract))
        .merge(identification)
        .merge(signature)
        .routes(routes!(withdraw::withdraw))
}
