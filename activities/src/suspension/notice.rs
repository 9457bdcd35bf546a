//! The written notice of suspension to the client: its exact text kept with its hash, sent by the provider of notices.
//! Never says more than that accrual, collection and claims work stand still, from when, and on which loans.

use std::fmt::Write as _;

use nesie_domain::duty::DutyKind;
use nesie_domain::ids::EvidenceId;
use nesie_platform::protection::sha256;
use nesie_storage::bodies::cases::SuspensionReport;
use nesie_storage::evidence::{self, NewEvidence};
use nesie_storage::facts::Actor;
use nesie_storage::holds::{self, Hold};
use nesie_storage::pool;
use nesie_workflows::contract::CaseStep;
use serde_json::json;

use super::{is_open, loans_of};
use crate::World;
use crate::calls::Call;
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::record::{derived_id, hex};
use crate::subject::Subject;

const STEP: &str = "notify_of_suspension";
/// What the provider words the message by that brings the notice.
const TEMPLATE: &str = "accrual_suspended";

/// Sends the notice to the phone of the newest of the loans, once.
pub(crate) async fn notify_of_suspension(world: &World, input: CaseStep) -> Result<(), Failure> {
    if !is_open(world, input.case_id, DutyKind::NotifyOfSuspension).await? {
        return Ok(());
    }
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let loans = loans_of(world, &subject.details).await?;
    // Ids of applications grow with time.
    let newest = loans.iter().map(|loan| loan.application_id).max().ok_or_else(|| Failure::park("loan.missing"))?;
    let borrower = Subject::load(world, newest).await?;
    let text = text(&holds::of_case(&world.pool, input.case_id).await?);
    let call = Call::new(input.case_id, STEP, ("notifications", "message"), "client", input.at);
    let key = call.key.clone();
    let phone = &borrower.applicant.phone;
    let exchange = world.providers.notifications.send(&key, TEMPLATE, phone, input.case_id.into());
    let answered = call.make(world, exchange).await?;
    let hash = sha256(text.as_bytes());
    let id = EvidenceId::from_uuid(derived_id(input.case_id, &format!("evidence|{STEP}|notice|{}", hex(&hash))));
    let notice = NewEvidence {
        id,
        owner: input.case_id.into(),
        step: STEP,
        kind: "notice_of_suspension",
        content_type: "text/plain; charset=utf-8",
        content_sealed: &world.protection.seal(&format!("evidence|{id}"), text.as_bytes()),
        sha256: &hash,
        recorded_at: input.at,
    };
    let mut transaction = super::acts::begin_meeting(world, input.case_id).await?;
    evidence::insert(&mut transaction, &notice).await?;
    let receipt_id = answered.received.keep(world, &mut transaction).await?;
    let evidence = json!({
        "notice_evidence_id": id, "notice_sha256": hex(&hash), "message_id": answered.value.message_id,
        "accepted_at": answered.value.accepted_at, "evidence_id": receipt_id,
    });
    let (kind, case_id) = (DutyKind::NotifyOfSuspension, input.case_id);
    duties::meet(world, &mut transaction, case_id, kind, "", Actor::System, &evidence, input.at).await?;
    super::acts::settle(world, &mut transaction, case_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}

/// The notice, in Russian; it names loans and days, no person.
fn text(holds: &[Hold]) -> String {
    let mut text = "Уведомление о приостановлении\n\nВ соответствии с частью второй пункта 13 Правил предоставления \
                    микрокредитов электронным способом приостановлены начисление вознаграждения, взыскание \
                    задолженности, претензионно-исковая работа и передача сведений в кредитные бюро:\n"
        .to_owned();
    for hold in holds {
        let day = hold.effective_from.format("%d.%m.%Y");
        // Writing to a string can not fail.
        let _ = writeln!(text, "— по микрокредиту {} с {day}", hold.loan_reference);
    }
    text
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::*;

    #[test]
    fn the_notice_names_each_loan_and_its_day() {
        let hold = |loan: &str| Hold {
            loan_reference: loan.to_owned(),
            effective_from: NaiveDate::from_ymd_opt(2026, 3, 6).expect("a day"),
            placed_at: DateTime::UNIX_EPOCH,
            released_at: None,
            collection_resumed: None,
        };
        let text = text(&[hold("L-1"), hold("L-2")]);
        assert!(text.contains("L-1 с 06.03.2026") && text.contains("L-2 с 06.03.2026"), "{text}");
    }
}
