//! What compliance records of a leak. The case's workflow decides; a refusal says why.

use chrono::{DateTime, Utc};
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::{LeakAct, VerificationCall};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::report::LeakedClientRequest;
use super::{KIND, read_clients};
use crate::cases::{self, Document};
use crate::parse::Fields;
use crate::reason::read_reason;
use crate::routes::cases::act::{DocumentRequest, ReasonRequest, Said, act_route};

/// More clients whose data was leaked.
#[derive(Deserialize, ToSchema)]
#[schema(as = MoreLeakedClients)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ClientsRequest {
    /// Whose data it is, 1 to 2000.
    clients: Vec<LeakedClientRequest>,
}

/// A verification call (para 36(3)).
#[derive(Deserialize, ToSchema)]
#[schema(as = VerificationCall)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct CallRequest {
    /// The client, by the list of the case.
    client_id: Uuid,
    /// The number that was called.
    #[schema(example = "+77011234567")]
    phone: String,
    /// When.
    called_at: DateTime<Utc>,
    /// Who called: a name or a login.
    operator: String,
    /// `reached` or `not_reached`.
    outcome: String,
    /// Whether the client was told that the data was stolen.
    informed_of_theft: bool,
    /// Whether a voluntary refusal was recommended.
    recommended_voluntary_refusal: bool,
    /// The version of the script.
    script_version: String,
    /// What proves it, such as the recording.
    documents: Option<Vec<DocumentRequest>>,
}

act_route! {
    /// Добавить клиентов, чьи данные распространяются
    add_clients: post "/v1/data-leaks/{id}/clients" by ComplianceOnly saying ClientsRequest, KIND,
    "add_leaked_clients", |fields, _| {
        let clients = read_clients(fields)?;
        Some(Said::act(&LeakAct::AddClients { clients }))
    }
}

act_route! {
    /// Записать верификационный звонок клиенту
    record_call: post "/v1/data-leaks/{id}/verification-calls" by ComplianceOnly saying CallRequest, KIND,
    "record_verification_call", |fields, _| read_call(fields)
}

act_route! {
    /// Закрыть дело; отметки на клиентах остаются в силе
    close: post "/v1/data-leaks/{id}/closure" by ComplianceOnly saying ReasonRequest, KIND, "close_data_leak",
    |fields, _| Some(Said::act(&LeakAct::Close).because(read_reason(fields)?))
}

act_route! {
    /// Предложить второму лицу отозвать дело, открытое по ошибке
    ///
    /// Возможно, пока ни один клиент не извещен о хищении. Отметки дела снимаются вместе с ним.
    withdraw: post "/v1/data-leaks/{id}/withdrawal" by ComplianceOnly saying ReasonRequest, KIND, "withdraw_case",
    |fields, _| Some(Said::act(&LeakAct::Withdraw).because(read_reason(fields)?))
}

fn read_call(fields: &mut Fields) -> Option<Said> {
    let client_id = fields.text("/client_id").and_then(|text| {
        let id = text.parse::<Uuid>();
        if id.is_err() {
            fields.refuse("/client_id", "id.format", "Нужен идентификатор клиента из списка дела (UUID)");
        }
        id.ok()
    });
    let phone = fields.parsed("/phone", Phone::parse);
    let called_at = fields.past_instant("/called_at");
    let operator = fields.label("/operator");
    let reached = fields.text("/outcome").and_then(|outcome| match outcome.as_str() {
        "reached" => Some(true),
        "not_reached" => Some(false),
        _ => {
            fields.refuse("/outcome", "call.outcome_unknown", "Допустимые значения: reached, not_reached");
            None
        }
    });
    let informed_of_theft = fields.boolean("/informed_of_theft");
    let recommended_voluntary_refusal = fields.boolean("/recommended_voluntary_refusal");
    let script_version = fields.label("/script_version");
    let documents = cases::read_documents(fields, 0)?;
    let call = VerificationCall {
        phone: phone?,
        called_at: called_at?,
        operator: operator?,
        reached: reached?,
        informed_of_theft: informed_of_theft?,
        recommended_voluntary_refusal: recommended_voluntary_refusal?,
        script_version: script_version?,
        documents: documents.iter().map(Document::reference).collect(),
    };
    Some(Said::act(&LeakAct::RecordCall { client_id: client_id?, call }).with(documents))
}
