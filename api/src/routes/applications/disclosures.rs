//! The texts that the client is shown before he chooses (para 8(2), 8(3), 8(5); ), with the
//! hashes that he acknowledges.

use axum::Json;
use axum::extract::State;
use nesie_domain::ids::ApplicationId;
use nesie_storage::views::agreement;
use serde::Serialize;
use utoipa::ToSchema;

use crate::acts;
use crate::app::App;
use crate::auth::{Allowed, Anybody};
use crate::parse::Id;
use crate::problem::Problem;
use crate::view;

/// A text that was shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Disclosure)]
pub(crate) struct DisclosureView {
    /// `rules`, `payments` or `rights`.
    kind: String,
    /// The text's version.
    version: String,
    /// SHA-256 of the content, lower hexadecimal.
    sha256: String,
    /// The exact text.
    content: String,
}

/// Тексты для ознакомления
#[utoipa::path(get, path = "/v1/applications/{id}/disclosures", tag = "applications", params(("id" = String, Path)), responses((status = 200, body = Vec<DisclosureView>)))]
pub(crate) async fn disclosures(
    allowed: Allowed<Anybody>,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
) -> Result<Json<Vec<DisclosureView>>, Problem> {
    acts::visible(&app, &allowed.caller, "GET /v1/applications/{id}/disclosures", id).await?;
    let texts = agreement::disclosures(&app.pool, id).await?;
    let texts = texts.into_iter().map(|text| DisclosureView {
        kind: text.kind,
        version: text.version,
        sha256: view::hex(&text.sha256),
        content: text.content,
    });
    Ok(Json(texts.collect()))
}
