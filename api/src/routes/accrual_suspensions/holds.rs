//! The loans that a document holds, each with how far its hold is. Never what is owed on them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::CaseId;
use nesie_storage::holds as rows;
use serde::Serialize;
use utoipa::ToSchema;

use super::KIND;
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::cases::find;
use crate::parse::Id;
use crate::problem::Problem;

/// The holds of a document.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoanHolds {
    /// The holds, by loan.
    items: Vec<LoanHoldView>,
}

/// A hold on a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanHold)]
pub(crate) struct LoanHoldView {
    loan: String,
    /// The first day without interest that this document asks for.
    effective_from: NaiveDate,
    /// The first day without interest in the books: another document may have begun it earlier. Null until it is suspended.
    suspended_from: Option<NaiveDate>,
    placed_at: DateTime<Utc>,
    /// When this document ceased to hold the loan; another may hold it still.
    released_at: Option<DateTime<Utc>>,
    /// Whether collection and claims work were resumed with the release.
    collection_resumed: Option<bool>,
}

/// Микрокредиты, приостановленные по документу
#[utoipa::path(get, path = "/v1/accrual-suspensions/{id}/holds", tag = "cases", params(("id" = String, Path)), responses((status = 200, body = LoanHolds)))]
pub(crate) async fn holds(
    _allowed: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<CaseId>,
) -> Result<Json<LoanHolds>, Problem> {
    find(&app, KIND, id).await?;
    let items = rows::of_case(&app.pool, id).await?.into_iter().map(|hold| LoanHoldView {
        loan: hold.loan_reference,
        effective_from: hold.effective_from,
        suspended_from: hold.suspended_from,
        placed_at: hold.placed_at,
        released_at: hold.released_at,
        collection_resumed: hold.collection_resumed,
    });
    Ok(Json(LoanHolds { items: items.collect() }))
}
