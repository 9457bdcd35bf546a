//! The frozen contract: the exact text that is shown and signed, with its hash.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::ids::ApplicationId;
use nesie_storage::views::agreement;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Id;
use crate::problem::Problem;
use crate::view;

/// A frozen contract.
#[derive(Serialize, ToSchema)]
#[schema(as = Contract)]
pub(crate) struct ContractView {
    contract_id: Uuid,
    number: String,
    /// The exact text; what is signed is its UTF-8.
    content: String,
    /// SHA-256 of the text, lower hexadecimal.
    sha256: String,
    frozen_at: DateTime<Utc>,
}

/// Договор
#[utoipa::path(
    get, path = "/v1/applications/{id}/contract", tag = "applications", params(("id" = String, Path)),
    responses((status = 200, body = ContractView), (status = 404, description = "Договор ещё не сформирован", content_type = "application/problem+json"))
)]
pub(crate) async fn contract(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
) -> Result<Json<ContractView>, Problem> {
    acts::visible(&app, &allowed.caller, "GET /v1/applications/{id}/contract", id).await?;
    let contract = agreement::contract(&app.pool, id, |place, sealed| app.protection.open(place, sealed).ok())
        .await?
        .ok_or(Problem::NotFound)?;
    Ok(Json(ContractView {
        contract_id: contract.id.as_uuid(),
        number: contract.number,
        content: contract.content,
        sha256: view::hex(&contract.sha256),
        frozen_at: contract.frozen_at,
    }))
}
