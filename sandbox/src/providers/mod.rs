//! Every provider, a file each: what it reads, what it does, what it answers.
//! None of them looks at faults: `crate::exchange` stands between them and the caller.

pub(crate) mod accounting;
pub(crate) mod aml;
pub(crate) mod bureau;
pub(crate) mod coid;
pub(crate) mod merchants;
pub(crate) mod ncanode;
pub(crate) mod notifications;
pub(crate) mod oidc;
pub(crate) mod payments;
pub(crate) mod phones;
pub(crate) mod proprietors;
pub(crate) mod regulator;
pub(crate) mod webhooks;

use std::sync::Arc;

use axum::Router;

use crate::state::Sandbox;

/// What every handler is given.
pub(crate) type Shared = Arc<Sandbox>;

/// The paths of every provider.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .nest("/accounting", accounting::routes())
        .nest("/aml", aml::routes())
        .nest("/bureau", bureau::routes())
        .nest("/coid", coid::routes())
        .nest("/egov-mobile", phones::of_egov())
        .nest("/merchants", merchants::routes())
        .nest("/mobile-operators", phones::of_operators())
        .nest("/ncanode", ncanode::routes())
        .nest("/notifications", notifications::routes())
        .nest("/oidc", oidc::routes())
        .nest("/payments", payments::routes())
        .nest("/proprietors", proprietors::routes())
        .nest("/regulator", regulator::routes())
        .nest("/second-bureau", bureau::of_second())
        .nest("/webhooks", webhooks::routes())
}
