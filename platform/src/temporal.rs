//! The connection to Temporal.
//! Never a choice of its own: address, namespace, mTLS and API key come from Temporal's own environment variables
//! (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`) or its configuration file.

use temporalio_client::envconfig::LoadClientConfigProfileOptions;
use temporalio_client::{Client, ClientOptions, GrpcCompression};

/// Connects as the environment says.
///
/// # Errors
/// When the configuration contradicts itself, or the server can not be reached.
pub async fn connect(identity: &str) -> anyhow::Result<Client> {
    crate::http::install_tls_provider();
    let (mut connection, options) = ClientOptions::load_from_config(LoadClientConfigProfileOptions::default())
        .map_err(|error| anyhow::anyhow!("Temporal's settings can not be used: {error}"))?;
    identity.clone_into(&mut connection.identity);
    // Without TLS it is a server of the same network, where packing every small message costs both sides more than it saves.
    if connection.tls_options.is_none() && connection.api_key.is_none() {
        connection.grpc_compression = GrpcCompression::None;
    }
    let target = connection.target.clone();
    Client::connect(connection, options)
        .await
        .map_err(|error| anyhow::anyhow!("Temporal at {target} can not be reached: {error}"))
}
