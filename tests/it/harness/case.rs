//! A case as compliance handles it over HTTP, and what only its rows can show.
//! Never a wait for a time: waits ask again until a bound.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use temporalio_client::UntypedWorkflow;
use uuid::Uuid;

use super::{Front, Stack, eventually};

/// A document as requests bring it.
pub(crate) fn document() -> Value {
    json!({"name": "акт.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjc="})
}

/// One case of a kind.
pub(crate) struct Case {
    pub(crate) id: String,
    path: String,
    compliance: Front,
}

impl Case {
    /// Reports a case at a kind's path; it must be taken.
    pub(crate) async fn report(compliance: &Front, kind: &str, body: Value) -> Self {
        let (status, answer) = compliance.send(Method::POST, &format!("/v1/{kind}"), Some(body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        let id = answer["id"].as_str().expect("an id").to_string();
        Self { path: format!("/v1/{kind}/{id}"), id, compliance: compliance.clone() }
    }

    /// The workflow's id.
    pub(crate) fn workflow(&self) -> String {
        format!("case/{}", self.id)
    }

    /// The case as it stands.
    pub(crate) async fn view(&self) -> Value {
        self.compliance.get(&self.path).await
    }

    /// Something below the case.
    pub(crate) async fn get(&self, below: &str) -> Value {
        self.compliance.get(&format!("{}/{below}", self.path)).await
    }

    /// An act, until the case has answered.
    pub(crate) async fn act(&self, act: &str, body: Value) -> (StatusCode, Value) {
        self.compliance.act(Method::POST, &format!("{}/{act}", self.path), body).await
    }

    /// An act that must be done.
    pub(crate) async fn done(&self, act: &str, body: Value) {
        let (status, answer) = self.act(act, body).await;
        assert_eq!(status, StatusCode::OK, "{act}: {answer}");
    }

    /// An act that the case must refuse, with this code.
    pub(crate) async fn refused(&self, act: &str, body: Value, code: &str) {
        let (status, answer) = self.act(act, body).await;
        assert_eq!((status, &answer["refusal"]["code"]), (StatusCode::CONFLICT, &json!(code)), "{act}: {answer}");
    }

    /// Waits until the case is in a stage.
    pub(crate) async fn at_stage(&self, stage: &str) -> Value {
        eventually("the case is in a stage", || async {
            let view = self.view().await;
            if view["stage"]["stage"] == stage { Ok(view) } else { Err(format!("{stage}: {}", view["stage"])) }
        })
        .await
    }

    /// Waits until so many duties are in a state, and returns the case.
    pub(crate) async fn with_duties(&self, state: &str, count: u64) -> Value {
        eventually("duties are in a state", || async {
            let view = self.view().await;
            if view["duty_counts"][state] == count { Ok(view) } else { Err(view["duty_counts"].to_string()) }
        })
        .await
    }

    /// Waits until so many duties were opened, whatever became of them.
    pub(crate) async fn with_duties_opened(&self, count: usize) -> Value {
        eventually("duties are opened", || async {
            let view = self.view().await;
            if view["duties"].as_array().map(Vec::len) == Some(count) { Ok(view) } else { Err(view.to_string()) }
        })
        .await
    }

    /// Compliance says that the case was opened in error; the request for a second person.
    pub(crate) async fn withdrawal_proposed(&self, reason: &str) -> String {
        let (status, answer) = self.act("withdrawal", json!({"reason": reason})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["made"].as_str().expect("the request for a second person").to_string()
    }

    /// Waits until the case is withdrawn, with so many duties cancelled and none open; its workflow ends.
    pub(crate) async fn withdrawn(&self, stack: &Stack, cancelled: u64) {
        let view = self.at_stage("closed").await;
        assert_eq!(view["stage"]["outcome"], "withdrawn", "{view}");
        let counts = &view["duty_counts"];
        assert_eq!((&counts["cancelled"], &counts["open"]), (&json!(cancelled), &json!(0)), "{counts}");
        let handle = stack.temporal().await.get_workflow_handle::<UntypedWorkflow>(self.workflow());
        let ended = tokio::time::timeout(Duration::from_secs(30), handle.get_result(Default::default())).await;
        ended.expect("the workflow of a withdrawn case ends at once").expect("it ends well");
        let audit = self.audit(&stack.database().await).await;
        let withdrawn = audit.iter().find(|(_, done, ..)| done == "case_withdrawn").expect("the withdrawal");
        assert!(withdrawn.0.ends_with("|aliya") && !withdrawn.3.is_empty(), "in the second person's name: {audit:?}");
        assert!(
            audit.iter().any(|(who, done, ..)| done == "withdrawal_proposed" && who.ends_with("|dana")),
            "{audit:?}"
        );
    }

    /// The one duty of a kind, as the case shows it.
    pub(crate) async fn duty(&self, kind: &str) -> Value {
        let view = self.view().await;
        let duties = view["duties"].as_array().expect("duties").clone();
        duties.into_iter().find(|duty| duty["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {view}"))
    }

    /// The rungs of the duties of a kind that were claimed, in the order in which they were told of.
    pub(crate) async fn rungs(&self, database: &PgPool, kind: &str) -> Vec<(String, DateTime<Utc>)> {
        sqlx::query_as(
            "SELECT o.payload ->> 'rung', (o.payload ->> 'planned_at')::timestamptz FROM outbox o
             JOIN duties d ON d.id = (o.payload ->> 'duty_id')::uuid
             WHERE o.case_id = $1 AND d.kind = $2 AND o.payload ? 'rung' ORDER BY o.sequence",
        )
        .bind(self.id.parse::<Uuid>().expect("a UUID"))
        .bind(kind)
        .fetch_all(database)
        .await
        .expect("rungs")
    }

    /// The audit log of the case: who did what, allowed or not.
    pub(crate) async fn audit(&self, database: &PgPool) -> Vec<(String, String, bool, String)> {
        sqlx::query_as("SELECT actor, action, allowed, reason FROM audit WHERE object = $1 ORDER BY sequence")
            .bind(format!("case/{}", self.id))
            .fetch_all(database)
            .await
            .expect("the audit log")
    }
}
