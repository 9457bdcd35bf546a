//! Whether the process lives, and whether it can serve. Tells nothing of the inside; needs no token.

use axum::Json;
use axum::extract::State;
use nesie_storage::{migrate, pool};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// The state of the service.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` or `ready`.
    pub(crate) status: &'static str,
    /// The build that runs.
    pub(crate) build: &'static str,
}

/// Процесс работает
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn alive() -> Json<Health> {
    Json(Health { status: "alive", build: nesie_platform::build() })
}

/// База данных доступна и её схема соответствует сборке
#[utoipa::path(get, path = "/readyz", tag = "service", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    let checked = async {
        pool::ping(&app.pool).await?;
        migrate::check_schema(&app.pool).await
    };
    if let Err(error) = checked.await {
        tracing::error!(error = &error as &dyn std::error::Error, "not ready");
        return Err(Problem::Unavailable);
    }
    Ok(Json(Health { status: "ready", build: nesie_platform::build() }))
}
