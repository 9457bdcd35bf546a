//! What compliance does on a write-off. The case's workflow decides; a refusal says why.

use chrono::NaiveDate;
use nesie_domain::iban::Iban;
use nesie_storage::bodies::PaymentProfile;
use nesie_storage::bodies::write_offs::WriteOffAct;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{KIND, read_established, read_verdict};
use crate::cases::{self, Document};
use crate::reason::read_reason;
use crate::routes::cases::act::{DocumentRequest, ReasonRequest, Said, act_route};

/// The client's account for refunds.
#[derive(Deserialize, ToSchema)]
#[schema(as = RefundAccount)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct AccountRequest {
    /// The account, confirmed to be the client's.
    iban: String,
    /// `dedup`, `plain` or `lagging`.
    payment_profile: String,
}

/// A court act that finds the client's own guilt.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClaimReopening)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ReopeningRequest {
    /// Which court.
    court: String,
    /// The number of the act.
    number: String,
    /// The day on which it was given.
    issued_on: NaiveDate,
    /// The day on which it entered into force, no earlier.
    in_force_on: NaiveDate,
    /// `true`: the act establishes the guilt of the client himself.
    own_guilt_established: bool,
    /// Why, in your own words.
    reason: String,
    /// The act, at least.
    documents: Vec<DocumentRequest>,
}

act_route! {
    /// Предложить списание долга: решает второе лицо
    ///
    /// `made` в ответе — запрос второму лицу; решение принимается по `/v1/approvals/{id}/decision`.
    decide: post "/v1/write-offs/{id}/decision" by ComplianceOnly saying ReasonRequest, KIND, "decide_write_off",
    |fields, _| Some(Said::act(&WriteOffAct::Decide).because(read_reason(fields)?))
}

act_route! {
    /// Указать счет клиента для возврата
    ///
    /// Принимается только счет, принадлежность которого клиенту подтверждена.
    give_refund_account: post "/v1/write-offs/{id}/refund-account" by ComplianceOnly saying AccountRequest, KIND,
    "give_refund_account", |fields, _| {
        let iban = fields.parsed("/iban", Iban::parse);
        let payment_profile = match fields.text("/payment_profile")?.as_str() {
            "dedup" => PaymentProfile::Dedup,
            "plain" => PaymentProfile::Plain,
            "lagging" => PaymentProfile::Lagging,
            _ => {
                let message = "Допустимые значения: dedup, plain, lagging";
                fields.refuse("/payment_profile", "payment_profile.unknown", message);
                return None;
            }
        };
        Some(Said::act(&WriteOffAct::GiveRefundAccount { iban: iban?, payment_profile }))
    }
}

act_route! {
    /// Возобновить требование: суд установил вину самого клиента
    reopen: post "/v1/write-offs/{id}/reopening" by ComplianceOnly saying ReopeningRequest, KIND, "reopen_claim",
    |fields, _| {
        let verdict = read_verdict(fields, "");
        let message = "Требование возобновляется, только если суд установил вину самого клиента";
        let guilt = read_established(fields, "/own_guilt_established", "verdict.own_guilt_not_established", message);
        let reason = read_reason(fields);
        let documents = cases::read_documents(fields, 1)?;
        guilt?;
        let references = documents.iter().map(Document::reference).collect();
        let act = WriteOffAct::Reopen { verdict: verdict?, documents: references };
        Some(Said::act(&act).with(documents).because(reason?))
    }
}

act_route! {
    /// Предложить второму лицу отозвать дело, открытое по ошибке
    ///
    /// Возможно, пока долг не списан и решение о списании не ждет второго лица.
    withdraw: post "/v1/write-offs/{id}/withdrawal" by ComplianceOnly saying ReasonRequest, KIND, "withdraw_case",
    |fields, _| Some(Said::act(&WriteOffAct::Withdraw).because(read_reason(fields)?))
}
