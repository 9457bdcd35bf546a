//! What compliance records of a leak. The case's workflow decides; a refusal says why.

use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::{LeakAct, VerificationCall};
use uuid::Uuid;

use super::{KIND, read_clients};
use crate::cases::{self, Document};
use crate::parse::Fields;
use crate::routes::applications::read_reason;
use crate::routes::cases::act::{Said, act_route};

act_route! {
    /// Добавить клиентов, чьи данные распространяются
    add_clients: post "/v1/data-leaks/{id}/clients" by ComplianceOnly, KIND, "add_leaked_clients", |fields, _| {
        let clients = read_clients(fields)?;
        Some(Said::act(&LeakAct::AddClients { clients }))
    }
}

act_route! {
    /// Записать верификационный звонок клиенту
    record_call: post "/v1/data-leaks/{id}/verification-calls" by ComplianceOnly, KIND, "record_verification_call",
    |fields, _| read_call(fields)
}

act_route! {
    /// Закрыть дело; отметки на клиентах остаются в силе
    close: post "/v1/data-leaks/{id}/closure" by ComplianceOnly, KIND, "close_data_leak",
    |fields, _| Some(Said::act(&LeakAct::Close).because(read_reason(fields)?))
}

act_route! {
    /// Предложить второму лицу отозвать дело, открытое по ошибке
    ///
    /// Возможно, пока ни один клиент не извещен о хищении. Отметки дела снимаются вместе с ним.
    withdraw: post "/v1/data-leaks/{id}/withdrawal" by ComplianceOnly, KIND, "withdraw_case",
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
