//! One request for a second person, with what would change. Straight from PostgreSQL; never what is sealed.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use nesie_domain::approval::ApprovalKind;
use nesie_domain::ids::{ApprovalId, Owner};
use nesie_storage::approvals::{self, Approval};
use nesie_storage::bodies::{Proof, submission_place};
use nesie_storage::{cases, submissions};
use nesie_workflows::contract::Remedy;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Allowed, ApprovalReaders};
use crate::parse::Id;
use crate::problem::{Problem, internal};

/// A request for a second person.
#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
pub(crate) struct ApprovalView {
    id: Uuid,
    /// What is to be done.
    kind: String,
    /// `pending`, `approved`, `rejected` or `expired`.
    state: String,
    /// The application that it belongs to, where it belongs to one.
    application_id: Option<Uuid>,
    /// The case that it belongs to, where it belongs to one.
    case_id: Option<Uuid>,
    /// What it is about, as in the audit log.
    object: String,
    /// What is to happen.
    #[schema(value_type = Object)]
    proposal: Value,
    /// What changes, before and after; personal values are masked.
    #[schema(value_type = Object)]
    difference: Value,
    /// The proof as it was given, for a completion by hand; only where one request is read.
    #[schema(value_type = Option<Object>)]
    proof: Option<Value>,
    /// Roles of which the second person needs one: the rule of the day on which it was asked for.
    roles: Vec<String>,
    /// Who asked: issuer and subject of the token.
    maker: String,
    /// Why.
    maker_reason: String,
    created_at: DateTime<Utc>,
    /// Until when it waits.
    expires_at: DateTime<Utc>,
    /// Who decided; nobody where it expired.
    decided_by: Option<String>,
    /// Why it was decided so.
    decision_reason: Option<String>,
    /// When it was decided, or expired.
    decided_at: Option<DateTime<Utc>>,
}

impl From<Approval> for ApprovalView {
    fn from(row: Approval) -> Self {
        Self {
            id: row.id.as_uuid(),
            kind: row.kind.as_str().to_owned(),
            state: row.state.as_str().to_owned(),
            application_id: row.owner.and_then(Owner::application),
            case_id: row.owner.and_then(Owner::case),
            object: row.object,
            proposal: row.proposal,
            difference: row.difference,
            proof: None,
            roles: row.rule.roles,
            maker: row.maker,
            maker_reason: row.maker_reason,
            created_at: row.created_at,
            expires_at: row.expires_at,
            decided_by: row.decided_by,
            decision_reason: row.decision_reason,
            decided_at: row.decided_at,
        }
    }
}

/// Запрос на решение вторым лицом
#[utoipa::path(
    get, path = "/v1/approvals/{id}", tag = "governance", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalView), (status = 404, description = "Нет такого запроса", content_type = "application/problem+json"))
)]
pub(crate) async fn get(
    _: Allowed<ApprovalReaders>,
    State(app): State<App>,
    Id(id): Id<ApprovalId>,
) -> Result<Json<ApprovalView>, Problem> {
    let row = approvals::get(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let proof = proof(&app, &row).await?;
    Ok(Json(ApprovalView { proof, ..row.into() }))
}

/// The proof that the second person has to judge, opened. A correction stays sealed: its difference is shown masked.
async fn proof(app: &App, row: &Approval) -> Result<Option<Value>, Problem> {
    if row.kind != ApprovalKind::CompleteByHand {
        return Ok(None);
    }
    let remedy: Remedy =
        serde_json::from_value(row.proposal.clone()).map_err(|error| internal(&error, "a proposal can not be read"))?;
    let id = remedy.submission_id;
    let sealed = match remedy.owner {
        Owner::Application(application_id) => {
            submissions::get(&app.pool, application_id, id).await?.map(|submission| submission.body_sealed)
        }
        Owner::Case(case_id) => {
            cases::submissions(&app.pool, case_id, &[id]).await?.pop().map(|submission| submission.body_sealed)
        }
    };
    let plain = app.protection.open(&submission_place(id), &sealed.ok_or(Problem::Internal)?);
    let plain = plain.map_err(|error| internal(&error, "a proof can not be opened"))?;
    let proof: Proof = serde_json::from_slice(&plain).map_err(|error| internal(&error, "a proof can not be read"))?;
    Ok(Some(json!({
        "description": proof.description,
        "money_moved": proof.money_moved,
        "provider_reference": proof.provider_reference,
        "bureau_receipt": proof.bureau_receipt,
        "document": proof.document.as_ref().map(|document| &document.content),
        "document_type": proof.document.as_ref().map(|document| &document.content_type),
    })))
}
