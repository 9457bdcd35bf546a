//! The clients whom an incident affects, each with the state of its own duty, and the measures taken.
//! Never a number or a phone: whoever needs them has them.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::CaseId;
use nesie_storage::incidents;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::KIND;
use crate::app::App;
use crate::auth::{Allowed, CaseReaders};
use crate::cases::find;
use crate::parse::{Id, Parameters};
use crate::problem::Problem;
use crate::routes::page::PageQuery;

/// A page of affected clients.
#[derive(Serialize, ToSchema)]
pub(crate) struct AffectedClients {
    /// The clients, by the instant of their establishment.
    items: Vec<AffectedClientView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// An affected client.
#[derive(Serialize, ToSchema)]
#[schema(as = AffectedClientLine)]
pub(crate) struct AffectedClientView {
    client_id: Uuid,
    loans: Vec<String>,
    established_at: DateTime<Utc>,
    /// When the client is to be informed at the latest.
    due_at: Option<DateTime<Utc>>,
    /// `open`, `met`, `met_late`, `superseded` or `cancelled`.
    duty: String,
    informed_at: Option<DateTime<Utc>>,
}

/// The measures of an incident.
#[derive(Serialize, ToSchema)]
pub(crate) struct Measures {
    /// The measures, oldest first.
    items: Vec<MeasureView>,
}

/// A measure.
#[derive(Serialize, ToSchema)]
#[schema(as = Measure)]
pub(crate) struct MeasureView {
    id: Uuid,
    description: String,
    done_at: DateTime<Utc>,
    documents: Value,
    recorded_by: String,
    recorded_at: DateTime<Utc>,
}

/// Затронутые клиенты
#[utoipa::path(get, path = "/v1/fraud-incidents/{id}/clients", tag = "cases", params(("id" = String, Path), PageQuery), responses((status = 200, body = AffectedClients)))]
pub(crate) async fn clients(
    _allowed: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<AffectedClients>, Problem> {
    let page = query.read()?;
    find(&app, KIND, id).await?;
    let mut rows = incidents::clients_page(&app.pool, id, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.established_at, row.id));
    let items = rows.into_iter().map(|row| AffectedClientView {
        client_id: row.id,
        loans: row.loans,
        established_at: row.established_at,
        due_at: row.due_at,
        informed_at: row.ended_at.filter(|_| row.duty_state.starts_with("met")),
        duty: row.duty_state,
    });
    Ok(Json(AffectedClients { items: items.collect(), next }))
}

/// Принятые меры
#[utoipa::path(get, path = "/v1/fraud-incidents/{id}/measures", tag = "cases", params(("id" = String, Path)), responses((status = 200, body = Measures)))]
pub(crate) async fn measures(
    _allowed: Allowed<CaseReaders>,
    State(app): State<App>,
    Id(id): Id<CaseId>,
) -> Result<Json<Measures>, Problem> {
    find(&app, KIND, id).await?;
    let items = incidents::measures(&app.pool, id).await?.into_iter().map(|measure| MeasureView {
        id: measure.id,
        description: measure.description,
        done_at: measure.done_at,
        documents: measure.documents,
        recorded_by: measure.recorded_by,
        recorded_at: measure.recorded_at,
    });
    Ok(Json(Measures { items: items.collect() }))
}
