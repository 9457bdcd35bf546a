//! What compliance does with a notice of a channel. The case's workflow decides; a refusal says why, and from which day
//! on an activation is possible.

use nesie_domain::channel::{NoticeAct, NoticeKind};
use nesie_storage::bodies::NoticeAmendment;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{KIND, read_contents};
use crate::cases;
use crate::reason::read_reason;
use crate::routes::cases::act::{DocumentRequest, Nothing, ReasonRequest, Said, act_route};

/// What a draft says from now on.
#[derive(Deserialize, ToSchema)]
#[schema(as = ChannelNoticeAmendment)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct AmendmentRequest {
    /// The name of the web resource or application, or the terminal's location.
    name: String,
    /// `microcredit_account`, `microcredit_card`, `microcredit_merchant`, `microcredit_cash`.
    operations: Vec<String>,
    /// On the approved procedures of security and data protection.
    security_procedures: String,
    /// Opening: the day that is planned, if there is one.
    planned_on: Option<chrono::NaiveDate>,
    /// Change: the day on which it takes effect; it must be there.
    effective_on: Option<chrono::NaiveDate>,
    /// What is attached from now on; absent: what was.
    documents: Option<Vec<DocumentRequest>>,
}

act_route! {
    /// Изменить проект уведомления до отправки
    ///
    /// Без `documents` приложения остаются прежними.
    amend: put "/v1/channel-notices/{id}/draft" by ComplianceOnly saying AmendmentRequest, KIND,
    NoticeAct::Amend.as_str(), |fields, case| {
        let notice = case.summary["notice"].as_str().and_then(|name| NoticeKind::parse(name).ok());
        let contents = read_contents(fields, notice?, crate::time::day(crate::time::now()));
        let documents = cases::read_documents(fields, 0)?;
        let document_ids = documents.iter().map(|document| document.reference().id).collect();
        Some(Said::act(&NoticeAmendment { contents: contents?, document_ids }).with(documents))
    }
}

act_route! {
    /// Отправить уведомление уполномоченному органу
    send: post "/v1/channel-notices/{id}/sending" by ComplianceOnly saying Nothing, KIND,
    NoticeAct::Send.as_str(), |_, _| Some(Said::act(&Nothing {}))
}

act_route! {
    /// Открыть канал или ввести изменение в действие: не раньше истечения десяти рабочих дней
    ///
    /// При отказе `refusal.detail` называет самый ранний день.
    activate: post "/v1/channel-notices/{id}/activation" by ComplianceOnly saying Nothing, KIND,
    NoticeAct::Activate.as_str(), |_, _| Some(Said::act(&Nothing {}))
}

act_route! {
    /// Отозвать уведомление до вступления в действие
    withdraw: post "/v1/channel-notices/{id}/withdrawal" by ComplianceOnly saying ReasonRequest, KIND,
    NoticeAct::Withdraw.as_str(), |fields, _| Some(Said::act(&Nothing {}).because(read_reason(fields)?))
}
