//! Write-offs on a court's verdict (para 13 ¶4–5): reported, read, and what compliance does of them. One action a file.

mod acts;
mod report;

use axum::extract::DefaultBodyLimit;
use nesie_domain::case::CaseKind;
use nesie_storage::bodies::write_offs::Verdict;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::parse::Fields;
use crate::routes::cases::{BODY_BYTES_MAX, reading_routes};

const KIND: CaseKind = CaseKind::WriteOff;

reading_routes!(super::write_offs::KIND, "/v1/write-offs", "cases");

/// The routes of write-offs.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report, list))
        .routes(routes!(get))
        .routes(routes!(story))
        .routes(routes!(acts::decide))
        .routes(routes!(acts::give_refund_account))
        .routes(routes!(acts::reopen))
        .routes(routes!(acts::withdraw))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Reads a court act in force below a pointer: given on a day that has been, in force no earlier.
fn read_verdict(fields: &mut Fields, at: &str) -> Option<Verdict> {
    let court = fields.label(&format!("{at}/court"));
    let number = fields.label(&format!("{at}/number"));
    let issued_on = fields.past_date(&format!("{at}/issued_on"));
    let in_force = format!("{at}/in_force_on");
    let in_force_on = fields.past_date(&in_force);
    if issued_on.zip(in_force_on).is_some_and(|(issued_on, in_force_on)| in_force_on < issued_on) {
        fields.refuse(&in_force, "verdict.in_force_before_issue", "Акт не вступает в силу раньше, чем вынесен");
        return None;
    }
    Some(Verdict { court: court?, number: number?, issued_on: issued_on?, in_force_on: in_force_on? })
}

/// Reads a finding that the law's consequence hangs on: it must be there, and it must be `true`.
fn read_established(fields: &mut Fields, pointer: &str, code: &str, message: &str) -> Option<()> {
    if fields.boolean(pointer)? {
        return Some(());
    }
    fields.refuse(pointer, code, message);
    None
}
