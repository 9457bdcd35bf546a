//! What a notice says now, with the regulator's receipt and the term that was counted from it. Straight from PostgreSQL.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::CaseId;
use nesie_storage::channels;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::KIND;
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::cases;
use crate::parse::Id;
use crate::problem::Problem;

/// A notice as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeView {
    /// 1, then one more each time that the draft was amended.
    version: i32,
    /// `opening` or `change`.
    notice: String,
    /// The channel's code.
    code: String,
    /// What the channel is.
    kind: String,
    /// Its name, or a terminal's location.
    name: String,
    /// What can be provided through it.
    operations: Vec<String>,
    /// On the approved procedures.
    security_procedures: String,
    /// The day that is planned.
    planned_on: Option<NaiveDate>,
    /// What is attached.
    document_ids: Vec<Uuid>,
    /// That the regulator has it; absent before.
    receipt: Option<ReceiptView>,
    /// The term, once it was counted.
    term: Option<TermView>,
}

/// The regulator's receipt.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptView {
    /// Its number.
    receipt_number: String,
    /// When the regulator received the notice.
    received_at: DateTime<Utc>,
    /// Whether it was sent before this system existed.
    sent_outside: bool,
    /// The day from which the term is counted.
    counted_from: NaiveDate,
}

/// The term of ten working days.
#[derive(Serialize, ToSchema)]
pub(crate) struct TermView {
    /// The first day on which the channel may open, or the change take effect.
    earliest_on: NaiveDate,
    /// Whether ten full working days lie between.
    strict: bool,
    /// The calendar.
    calendar_version: String,
    /// Day by day.
    counted: Value,
}

/// Содержание уведомления, квитанция и срок
#[utoipa::path(
    get, path = "/v1/channel-notices/{id}/draft", tag = "cases", params(("id" = String, Path)),
    responses((status = 200, body = NoticeView))
)]
pub(crate) async fn draft(
    _allowed: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<CaseId>,
) -> Result<Json<NoticeView>, Problem> {
    cases::find(&app, KIND, id).await?;
    // Reported, but not taken up yet: there is nothing to be seen for a moment.
    let version = channels::latest_version(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let receipt = channels::receipt(&app.pool, id).await?.map(|receipt| ReceiptView {
        receipt_number: receipt.receipt_number,
        received_at: receipt.received_at,
        sent_outside: receipt.sent_outside,
        counted_from: receipt.counted_from,
    });
    let term = channels::term(&app.pool, id).await?.map(|term| TermView {
        earliest_on: term.earliest_on,
        strict: term.strict,
        calendar_version: term.calendar_version,
        counted: term.counted,
    });
    Ok(Json(NoticeView {
        version: version.version,
        notice: version.subject.notice.to_string(),
        code: version.subject.code.to_string(),
        kind: version.subject.kind.to_string(),
        name: version.contents.name,
        operations: version.contents.operations.iter().map(ToString::to_string).collect(),
        security_procedures: version.contents.security_procedures,
        planned_on: version.contents.planned_on,
        document_ids: version.document_ids.iter().map(nesie_domain::ids::DocumentId::as_uuid).collect(),
        receipt,
        term,
    }))
}
