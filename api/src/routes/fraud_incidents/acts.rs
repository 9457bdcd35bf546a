//! What compliance records of a fraud incident. The case's workflow decides; a refusal says why.

use chrono::{DateTime, Utc};
use nesie_storage::bodies::cases::FraudAct;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::report::AffectedClientRequest;
use super::{KIND, read_clients};
use crate::cases::{self, Document};
use crate::reason::read_reason;
use crate::routes::cases::act::{DocumentRequest, ReasonRequest, Said, act_route};

/// More clients whom an incident affects.
#[derive(Deserialize, ToSchema)]
#[schema(as = MoreAffectedClients)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ClientsRequest {
    /// Who is affected, 1 to 2000.
    clients: Vec<AffectedClientRequest>,
}

/// A client who was informed by other means than the system's notice.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClientInformed)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct InformedRequest {
    /// The client, by the list of the incident.
    client_id: Uuid,
    /// When.
    informed_at: DateTime<Utc>,
    /// How, in your own words.
    means: String,
    /// What proves it, at least one.
    documents: Vec<DocumentRequest>,
}

/// The notice to the regulator.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegulatorNotice)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct NoticeRequest {
    /// Its text.
    text: String,
    /// What is attached.
    documents: Option<Vec<DocumentRequest>>,
}

/// A measure that was taken.
#[derive(Deserialize, ToSchema)]
#[schema(as = MeasureTaken)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct MeasureRequest {
    /// What was done.
    description: String,
    /// When.
    done_at: DateTime<Utc>,
    /// What proves it, at least one.
    documents: Vec<DocumentRequest>,
}

act_route! {
    /// Добавить затронутых клиентов
    add_clients: post "/v1/fraud-incidents/{id}/clients" by ComplianceOnly saying ClientsRequest, KIND,
    "add_clients", |fields, _| {
        let clients = read_clients(fields, true)?;
        Some(Said::act(&FraudAct::AddClients { clients }))
    }
}

act_route! {
    /// Отметить, что клиент уведомлен иным способом
    record_client_informed: post "/v1/fraud-incidents/{id}/informed-clients" by ComplianceOnly
    saying InformedRequest, KIND, "record_client_informed", |fields, _| {
        let client_id = fields.text("/client_id").and_then(|text| {
            let id = text.parse::<Uuid>();
            if id.is_err() {
                fields.refuse("/client_id", "id.format", "Нужен идентификатор затронутого клиента (UUID)");
            }
            id.ok()
        });
        let informed_at = fields.past_instant("/informed_at");
        let means = fields.words("/means");
        let documents = cases::read_documents(fields, 1)?;
        let act = FraudAct::RecordClientInformed {
            client_id: client_id?,
            informed_at: informed_at?,
            means: means?,
            documents: documents.iter().map(Document::reference).collect(),
        };
        Some(Said::act(&act).with(documents))
    }
}

act_route! {
    /// Уведомить уполномоченный орган
    notify_regulator: post "/v1/fraud-incidents/{id}/regulator-notice" by ComplianceOnly saying NoticeRequest, KIND,
    "notify_regulator", |fields, _| {
        let text = fields.words("/text");
        let documents = cases::read_documents(fields, 0)?;
        let references = documents.iter().map(Document::reference).collect();
        Some(Said::act(&FraudAct::NotifyRegulator { text: text?, documents: references }).with(documents))
    }
}

act_route! {
    /// Записать принятую меру с подтверждением
    record_measure: post "/v1/fraud-incidents/{id}/measures" by ComplianceOnly saying MeasureRequest, KIND,
    "record_measure", |fields, _| {
        let description = fields.words("/description");
        let done_at = fields.past_instant("/done_at");
        let documents = cases::read_documents(fields, 1)?;
        let references = documents.iter().map(Document::reference).collect();
        let act = FraudAct::RecordMeasure { description: description?, done_at: done_at?, documents: references };
        Some(Said::act(&act).with(documents))
    }
}

act_route! {
    /// Все меры приняты
    complete_measures: post "/v1/fraud-incidents/{id}/measures-completion" by ComplianceOnly saying ReasonRequest, KIND,
    "complete_measures", |fields, _| Some(Said::act(&FraudAct::CompleteMeasures).because(read_reason(fields)?))
}

act_route! {
    /// Закрыть дело: все обязанности исполнены
    close: post "/v1/fraud-incidents/{id}/closure" by ComplianceOnly saying ReasonRequest, KIND, "close_incident",
    |fields, _| Some(Said::act(&FraudAct::Close).because(read_reason(fields)?))
}

act_route! {
    /// Предложить второму лицу отозвать дело, открытое по ошибке
    ///
    /// Возможно, пока никто не извещен: ни клиент, ни уполномоченный орган.
    withdraw: post "/v1/fraud-incidents/{id}/withdrawal" by ComplianceOnly saying ReasonRequest, KIND, "withdraw_case",
    |fields, _| Some(Said::act(&FraudAct::Withdraw).because(read_reason(fields)?))
}
