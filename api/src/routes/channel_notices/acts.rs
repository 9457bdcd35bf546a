//! What compliance does with a notice of a channel. The case's workflow decides; a refusal says why, and from which day
//! on an activation is possible.

use nesie_domain::channel::{NoticeAct, NoticeKind};
use nesie_storage::bodies::NoticeAmendment;
use serde_json::json;

use super::{KIND, read_contents};
use crate::cases;
use crate::routes::applications::read_reason;
use crate::routes::cases::act::{Said, act_route};

act_route! {
    /// Изменить проект уведомления до отправки
    ///
    /// Поля `name`, `operations`, `security_procedures`, `planned_on` или `effective_on`; без `documents` приложения остаются прежними.
    amend: put "/v1/channel-notices/{id}/draft" by ComplianceOnly, KIND, NoticeAct::Amend.as_str(), |fields, case| {
        let notice = case.summary["notice"].as_str().and_then(|name| NoticeKind::parse(name).ok());
        let contents = read_contents(fields, notice?, crate::time::day(crate::time::now()));
        let documents = cases::read_documents(fields, 0)?;
        let document_ids = documents.iter().map(|document| document.reference().id).collect();
        Some(Said::act(&NoticeAmendment { contents: contents?, document_ids }).with(documents))
    }
}

act_route! {
    /// Отправить уведомление уполномоченному органу
    send: post "/v1/channel-notices/{id}/sending" by ComplianceOnly, KIND, NoticeAct::Send.as_str(),
    |_, _| Some(Said::act(&json!({})))
}

act_route! {
    /// Открыть канал или ввести изменение в действие: не раньше истечения десяти рабочих дней
    ///
    /// При отказе `refusal.detail` называет самый ранний день.
    activate: post "/v1/channel-notices/{id}/activation" by ComplianceOnly, KIND, NoticeAct::Activate.as_str(),
    |_, _| Some(Said::act(&json!({})))
}

act_route! {
    /// Отозвать уведомление до вступления в действие
    withdraw: post "/v1/channel-notices/{id}/withdrawal" by ComplianceOnly, KIND, NoticeAct::Withdraw.as_str(),
    |fields, _| Some(Said::act(&json!({})).because(read_reason(fields)?))
}
