//! Leaks of personal data (para 36): reported, read, and what compliance records of them. One action a file.

mod acts;
mod clients;
mod report;

use axum::extract::DefaultBodyLimit;
use nesie_domain::case::CaseKind;
use nesie_domain::iin::Iin;
use nesie_storage::bodies::cases::LeakedClient;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::parse::Fields;
use crate::routes::cases::{BODY_BYTES_MAX, CLIENTS_MAX, reading_routes};

const KIND: CaseKind = CaseKind::DataLeak;

reading_routes!(super::data_leaks::KIND, "/v1/data-leaks", "cases");

/// The routes of leaks.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report, list))
        .routes(routes!(get))
        .routes(routes!(story))
        .routes(routes!(acts::add_clients, clients::clients))
        .routes(routes!(acts::record_call))
        .routes(routes!(acts::close))
        .routes(routes!(acts::withdraw))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Reads the clients of a body's `clients`.
fn read_clients(fields: &mut Fields) -> Option<Vec<LeakedClient>> {
    let count = fields.list("/clients", CLIENTS_MAX);
    let clients: Vec<_> = (0..count)
        .map(|at| fields.parsed(&format!("/clients/{at}/iin"), Iin::parse).map(|iin| LeakedClient { iin }))
        .collect();
    clients.into_iter().collect()
}
