//! Fraud incidents (para 13 ¶1): reported, read, and what compliance records of them. One action a file.

mod acts;
mod clients;
mod report;

use axum::extract::DefaultBodyLimit;
use nesie_domain::case::CaseKind;
use nesie_domain::iin::Iin;
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::AffectedClient;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::parse::Fields;
use crate::routes::cases::{BODY_BYTES_MAX, CLIENTS_MAX, reading_routes};

/// Loans of one client that are concerned at most.
const LOANS_MAX: usize = 50;
const KIND: CaseKind = CaseKind::FraudIncident;

reading_routes!(super::fraud_incidents::KIND, "/v1/fraud-incidents", "cases");

/// The routes of fraud incidents.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report, list))
        .routes(routes!(get))
        .routes(routes!(story))
        .routes(routes!(acts::add_clients, clients::clients))
        .routes(routes!(acts::record_client_informed))
        .routes(routes!(acts::notify_regulator))
        .routes(routes!(acts::record_measure, clients::measures))
        .routes(routes!(acts::complete_measures))
        .routes(routes!(acts::close))
        .routes(routes!(acts::withdraw))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Reads the clients of a body's `clients`; none where the field is absent and may be.
fn read_clients(fields: &mut Fields, required: bool) -> Option<Vec<AffectedClient>> {
    if !required && !fields.has("/clients") {
        return Some(Vec::new());
    }
    let count = fields.list("/clients", CLIENTS_MAX);
    let clients: Vec<_> = (0..count).map(|at| read_client(fields, &format!("/clients/{at}"))).collect();
    clients.into_iter().collect()
}

fn read_client(fields: &mut Fields, at: &str) -> Option<AffectedClient> {
    let iin = fields.parsed(&format!("{at}/iin"), Iin::parse);
    let phone = fields.parsed(&format!("{at}/phone"), Phone::parse);
    let established_at = fields.optional_past_instant(&format!("{at}/established_at"));
    let loans = if fields.has(&format!("{at}/loans")) {
        let count = fields.list(&format!("{at}/loans"), LOANS_MAX);
        (0..count).map(|loan| fields.label(&format!("{at}/loans/{loan}"))).collect()
    } else {
        Some(Vec::new())
    };
    Some(AffectedClient { iin: iin?, phone: phone?, loans: loans?, established_at: established_at? })
}
