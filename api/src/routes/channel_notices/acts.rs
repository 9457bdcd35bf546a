//! What compliance does with a notice of a channel. The case's workflow decides; a refusal says why, and from which day
//! on an activation is possible.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::channel::{NoticeAct, NoticeKind};
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::NoticeAmendment;
use nesie_storage::cases::CaseRow;
use serde_json::{Value, json};

use super::{KIND, read_contents};
use crate::app::App;
use crate::auth::{Allowed, Caller, ComplianceOnly};
use crate::cases::{self, ActOnCase, CaseActDone, Document, Opened};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;
use crate::routes::applications::read_reason;

/// Изменить проект уведомления до отправки
///
/// Поля `name`, `operations`, `security_procedures`, `planned_on` или `effective_on`; без `documents` приложения остаются прежними.
#[utoipa::path(
    put, path = "/v1/channel-notices/{id}/draft", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn amend(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, "PUT", ("draft", NoticeAct::Amend), id, &body, |fields, case| {
        let notice = case.summary["notice"].as_str().and_then(|name| NoticeKind::parse(name).ok());
        let contents = read_contents(fields, notice?, crate::time::day(crate::time::now()));
        let documents = cases::read_documents(fields, 0)?;
        let document_ids = documents.iter().map(|document| document.reference().id).collect();
        Some(Read {
            body: json!(NoticeAmendment { contents: contents?, document_ids }),
            reason: String::new(),
            documents,
        })
    })
    .await
}

/// Отправить уведомление уполномоченному органу
#[utoipa::path(
    post, path = "/v1/channel-notices/{id}/sending", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn send(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, "POST", ("sending", NoticeAct::Send), id, &body, |_, _| Some(Read::nothing()))
        .await
}

/// Открыть канал или ввести изменение в действие: не раньше истечения десяти рабочих дней
#[utoipa::path(
    post, path = "/v1/channel-notices/{id}/activation", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено; в refusal.detail самый ранний день", content_type = "application/problem+json"))
)]
pub(crate) async fn activate(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, "POST", ("activation", NoticeAct::Activate), id, &body, |_, _| {
        Some(Read::nothing())
    })
    .await
}

/// Отозвать уведомление до вступления в действие
#[utoipa::path(
    post, path = "/v1/channel-notices/{id}/withdrawal", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn withdraw(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, "POST", ("withdrawal", NoticeAct::Withdraw), id, &body, |fields, _| {
        Some(Read { reason: read_reason(fields)?, ..Read::nothing() })
    })
    .await
}

/// What an act's body says.
struct Read {
    body: Value,
    reason: String,
    documents: Vec<Document>,
}

impl Read {
    fn nothing() -> Self {
        Self { body: json!({}), reason: String::new(), documents: Vec::new() }
    }
}

/// The one way of every act: recognised, read, stored, decided by the case.
#[expect(clippy::too_many_arguments, reason = "each is a part of the request")]
async fn act(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    method: &str,
    (route, act): (&str, NoticeAct),
    id: CaseId,
    body: &[u8],
    read: impl FnOnce(&mut Fields, &CaseRow) -> Option<Read>,
) -> Result<Response, Problem> {
    let case = cases::find(app, KIND, id).await?;
    let route = format!("{method} /v1/channel-notices/{id}/{route}");
    let pending = match cases::open(app, caller, key, route, body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(pending) => pending,
    };
    let mut fields = Fields::read(body)?;
    let read = read(&mut fields, &case);
    let Read { body, reason, documents } = fields.finish(read)?;
    pending.act(&case, ActOnCase { act: act.as_str(), body, reason, documents }).await
}
