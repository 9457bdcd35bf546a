//! What compliance records of a suspension. The case's workflow decides; a refusal says why.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_storage::bodies::cases::{Resumption, Standstill, SuspensionAct};
use serde::Deserialize;
use utoipa::ToSchema;

use super::KIND;
use crate::cases::{self, Document};
use crate::parse::Fields;
use crate::reason::read_reason;
use crate::routes::cases::act::{DocumentRequest, ReasonRequest, Said, act_route};

/// Work that was made to stand still.
#[derive(Deserialize, ToSchema)]
#[schema(as = Standstill)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct StandstillRequest {
    /// When.
    done_at: DateTime<Utc>,
    /// What was done, and who was told.
    description: String,
    /// What proves it, at least one.
    documents: Vec<DocumentRequest>,
}

/// The cancellation of a document on which loans are suspended.
#[derive(Deserialize, ToSchema)]
#[schema(as = SuspensionCancellation)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct CancellationRequest {
    /// The number of the cancelling document.
    number: String,
    /// The day on which it was issued, no later than its receipt.
    issued_on: NaiveDate,
    /// The body that issued it.
    issuing_body: String,
    /// When the lender received it.
    received_at: DateTime<Utc>,
    /// The document itself, at least one file.
    documents: Vec<DocumentRequest>,
}

/// What is to follow a cancellation, for a second person to decide on.
#[derive(Deserialize, ToSchema)]
#[schema(as = Resumption)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ResumptionRequest {
    /// Whether the interest of the suspended days is charged after all.
    back_accrual: bool,
    /// Whether collection and claims work go on.
    resume_collection: bool,
    /// Why, in your own words.
    reason: String,
}

act_route! {
    /// Подтвердить приостановление взыскания
    confirm_collection: post "/v1/accrual-suspensions/{id}/collection-suspension" by ComplianceOnly
    saying StandstillRequest, KIND, "confirm_collection", |fields, _| {
        let (standstill, documents) = read_standstill(fields)?;
        Some(Said::act(&SuspensionAct::ConfirmCollection(standstill)).with(documents))
    }
}

act_route! {
    /// Подтвердить приостановление претензионно-исковой работы
    confirm_claims: post "/v1/accrual-suspensions/{id}/claims-suspension" by ComplianceOnly
    saying StandstillRequest, KIND, "confirm_claims", |fields, _| {
        let (standstill, documents) = read_standstill(fields)?;
        Some(Said::act(&SuspensionAct::ConfirmClaims(standstill)).with(documents))
    }
}

act_route! {
    /// Записать, что клиент уведомлен письменно иным способом
    ///
    /// Если уведомление системы клиенту не доходит: когда и как он уведомлен, и чем это подтверждается.
    confirm_notice: post "/v1/accrual-suspensions/{id}/client-notice" by ComplianceOnly
    saying StandstillRequest, KIND, "confirm_notice", |fields, _| {
        let (notice, documents) = read_standstill(fields)?;
        Some(Said::act(&SuspensionAct::ConfirmNotice(notice)).with(documents))
    }
}

act_route! {
    /// Записать отмену документа уполномоченным лицом или органом
    cancel: post "/v1/accrual-suspensions/{id}/cancellation" by ComplianceOnly saying CancellationRequest, KIND,
    "cancel_suspension", |fields, _| {
        let number = fields.label("/number");
        let issued_on = fields.past_date("/issued_on");
        let issuing_body = fields.label("/issuing_body");
        let received_at = fields.past_instant("/received_at");
        if let (Some(issued_on), Some(received_at)) = (issued_on, received_at)
            && issued_on > crate::time::day(received_at)
        {
            fields.refuse("/issued_on", "document.issued_after_receipt", "Документ не может быть выдан позже получения");
        }
        let documents = cases::read_documents(fields, 1)?;
        let act = SuspensionAct::Cancel {
            number: number?,
            issued_on: issued_on?,
            issuing_body: issuing_body?,
            received_at: received_at?,
            documents: documents.iter().map(Document::reference).collect(),
        };
        Some(Said::act(&act).with(documents))
    }
}

act_route! {
    /// Предложить второму лицу решение после отмены: доначислять ли вознаграждение, возобновлять ли взыскание
    propose_resumption: post "/v1/accrual-suspensions/{id}/resumption" by ComplianceOnly saying ResumptionRequest, KIND,
    "propose_resumption", |fields, _| {
        let back_accrual = fields.boolean("/back_accrual");
        let resume_collection = fields.boolean("/resume_collection");
        let reason = read_reason(fields)?;
        let resumption = Resumption { back_accrual: back_accrual?, resume_collection: resume_collection? };
        Some(Said::act(&SuspensionAct::ProposeResumption(resumption)).because(reason))
    }
}

act_route! {
    /// Предложить второму лицу отозвать дело, открытое по ошибке
    ///
    /// Возможно, когда система свое приостановила, и пока документ не отменен. Вознаграждение за дни приостановления не доначисляется; клиент извещается письменно.
    withdraw: post "/v1/accrual-suspensions/{id}/withdrawal" by ComplianceOnly saying ReasonRequest, KIND,
    "withdraw_case", |fields, _| Some(Said::act(&SuspensionAct::Withdraw).because(read_reason(fields)?))
}

fn read_standstill(fields: &mut Fields) -> Option<(Standstill, Vec<Document>)> {
    let done_at = fields.past_instant("/done_at");
    let description = fields.words("/description");
    let documents = cases::read_documents(fields, 1)?;
    let references = documents.iter().map(Document::reference).collect();
    Some((Standstill { done_at: done_at?, description: description?, documents: references }, documents))
}
