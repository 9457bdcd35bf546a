//! What compliance records of a fraud incident. The case's workflow decides; a refusal says why.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::cases::FraudAct;
use uuid::Uuid;

use super::{KIND, read_clients};
use crate::app::App;
use crate::auth::{Allowed, Caller, ComplianceOnly};
use crate::cases::{self, ActOnCase, CaseActDone, Document, Opened};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{Problem, internal};
use crate::routes::applications::read_reason;

/// What an act's body says: the act itself, a reason where one is asked for, and its documents.
type Read = (FraudAct, String, Vec<Document>);

/// Добавить затронутых клиентов
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/clients", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn add_clients(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("clients", "add_clients"), id, &body, |fields| {
        let clients = read_clients(fields, true)?;
        Some((FraudAct::AddClients { clients }, String::new(), Vec::new()))
    })
    .await
}

/// Отметить, что клиент уведомлен иным способом
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/informed-clients", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn record_client_informed(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("informed-clients", "record_client_informed"), id, &body, |fields| {
        let client_id = fields.text("/client_id").and_then(|text| {
            let id = text.parse::<Uuid>();
            if id.is_err() {
                fields.refuse("/client_id", "id.format", "Нужен идентификатор затронутого клиента (UUID)");
            }
            id.ok()
        });
        let informed_at = fields.past_instant("/informed_at");
        let means = fields.words("/means");
        let documents = cases::read_documents(fields, 1);
        let documents = documents?;
        let references = documents.iter().map(Document::reference).collect();
        let act = FraudAct::RecordClientInformed {
            client_id: client_id?,
            informed_at: informed_at?,
            means: means?,
            documents: references,
        };
        Some((act, String::new(), documents))
    })
    .await
}

/// Уведомить уполномоченный орган
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/regulator-notice", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn notify_regulator(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("regulator-notice", "notify_regulator"), id, &body, |fields| {
        let text = fields.words("/text");
        let documents = cases::read_documents(fields, 0)?;
        let references = documents.iter().map(Document::reference).collect();
        Some((FraudAct::NotifyRegulator { text: text?, documents: references }, String::new(), documents))
    })
    .await
}

/// Записать принятую меру с подтверждением
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/measures", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn record_measure(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("measures", "record_measure"), id, &body, |fields| {
        let description = fields.words("/description");
        let done_at = fields.past_instant("/done_at");
        let documents = cases::read_documents(fields, 1);
        let documents = documents?;
        let references = documents.iter().map(Document::reference).collect();
        let act = FraudAct::RecordMeasure { description: description?, done_at: done_at?, documents: references };
        Some((act, String::new(), documents))
    })
    .await
}

/// Все меры приняты
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/measures-completion", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn complete_measures(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("measures-completion", "complete_measures"), id, &body, |fields| {
        Some((FraudAct::CompleteMeasures, read_reason(fields)?, Vec::new()))
    })
    .await
}

/// Закрыть дело: все обязанности исполнены
#[utoipa::path(
    post, path = "/v1/fraud-incidents/{id}/closure", tag = "cases", request_body = Value,
    params(("id" = String, Path), ("idempotency-key" = String, Header)),
    responses((status = 200, body = CaseActDone), (status = 409, description = "Действие отклонено", content_type = "application/problem+json"))
)]
pub(crate) async fn close(
    allowed: Allowed<ComplianceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<CaseId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    act(&app, &allowed.caller, &key, ("closure", "close_incident"), id, &body, |fields| {
        Some((FraudAct::Close, read_reason(fields)?, Vec::new()))
    })
    .await
}

/// The one way of every act: recognised, read, stored, decided by the case.
async fn act(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    (route, name): (&str, &'static str),
    id: CaseId,
    body: &[u8],
    read: impl FnOnce(&mut Fields) -> Option<Read>,
) -> Result<Response, Problem> {
    let case = cases::find(app, KIND, id).await?;
    let route = format!("POST /v1/fraud-incidents/{id}/{route}");
    let pending = match cases::open(app, caller, key, route, body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(pending) => pending,
    };
    let mut fields = Fields::read(body)?;
    let read = read(&mut fields);
    let (act, reason, documents) = fields.finish(read)?;
    let body = serde_json::to_value(&act).map_err(|error| internal(&error, "an act is no JSON"))?;
    pending.act(&case, ActOnCase { act: name, body, reason, documents }).await
}
