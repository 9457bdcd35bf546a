//! Processes that could not do their work say why, and do not look ready: another schema, a namespace that lacks what
//! workflows set.

use reqwest::{Method, StatusCode};
use temporalio_client::tonic::IntoRequest as _;
use temporalio_common::protos::temporal::api::workflowservice::v1::RegisterNamespaceRequest;
use uuid::Uuid;

use crate::harness::{Stack, eventually};

#[tokio::test]
async fn neither_worker_nor_api_works_on_a_schema_of_another_build() {
    let mut stack = Stack::start().await;
    let site = stack.site().await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 SELECT max(version) + 1, 'later', true, '\\x00', 0 FROM _sqlx_migrations";
    sqlx::query(later).execute(&stack.owner().await).await.expect("a later migration is noted");
    let (status, answer) = site.send(Method::GET, "/readyz", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(!stack.worker_is_ready().await, "traffic and steps go to nobody who might misread a row");
    stack.kill_worker();
    for (program, arguments) in [("nesie-worker", &[][..]), ("nesie-api", &["serve"][..])] {
        let said = stack.refused_start(program, arguments, &[]);
        assert!(said.contains("needs the schema"), "{said}");
    }
}

#[tokio::test]
async fn a_worker_does_not_start_where_its_workflows_would_hang_at_their_end() {
    let stack = Stack::start().await;
    let namespace = format!("bare-{}", Uuid::new_v4().simple());
    let request = RegisterNamespaceRequest {
        namespace: namespace.clone(),
        workflow_execution_retention_period: Some(prost_wkt_types::Duration { seconds: 86_400, nanos: 0 }),
        ..Default::default()
    };
    let client = stack.temporal().await;
    client.connection().workflow_service().register_namespace(request.into_request()).await.expect("registered");
    // The server's own cache of namespaces learns of it a little later.
    eventually("the worker refuses the namespace by name", async || {
        let said = stack.refused_start("nesie-worker", &[], &[("TEMPORAL_NAMESPACE", &namespace)]);
        let expected = format!("{namespace} lacks the search attributes (Keyword) NesieOutcome, NesieParked");
        if said.contains(&expected) { Ok(()) } else { Err(said) }
    })
    .await;
}
