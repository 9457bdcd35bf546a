//! Whether Temporal's namespace has the search attributes that our workflows set.
//! Never registers one: that is for who runs the namespace. Without them a workflow would hang at its end, after the payout.

use anyhow::{Context as _, bail};
use nesie_workflows::origination::{OUTCOME, PARKED};
use temporalio_client::NamespacedClient as _;
use temporalio_client::tonic::{Code, IntoRequest as _};
use temporalio_common::protos::temporal::api::operatorservice::v1::ListSearchAttributesRequest;

use crate::Temporal;

/// Refuses a namespace that lacks one.
pub(crate) async fn check(client: &Temporal) -> anyhow::Result<()> {
    let namespace = client.namespace();
    let request = ListSearchAttributesRequest { namespace: namespace.clone() };
    let listed = match client.connection().operator_service().list_search_attributes(request.into_request()).await {
        Ok(answer) => answer.into_inner().custom_attributes,
        Err(status) if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => {
            tracing::warn!(code = ?status.code(), "Temporal does not tell its search attributes: they are not checked");
            return Ok(());
        }
        Err(status) => return Err(status).context("Temporal's search attributes can not be listed"),
    };
    let missing: Vec<&str> =
        [OUTCOME.name(), PARKED.name()].into_iter().filter(|name| !listed.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("Temporal's namespace {namespace} lacks the search attributes (Keyword) {}", missing.join(", "))
}
