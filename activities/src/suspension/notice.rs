//! The written notice of suspension to the client, and that of its withdrawal: the exact text kept with its hash, sent
//! by the provider of notices.
//! Never says more than that accrual, collection and claims work stand still, from when, and on which loans.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, EvidenceId};
use nesie_platform::protection::sha256;
use nesie_storage::bodies::cases::SuspensionReport;
use nesie_storage::evidence::{self, NewEvidence};
use nesie_storage::facts::Actor;
use nesie_storage::holds::{self, Hold};
use nesie_storage::{PgConnection, pool};
use nesie_workflows::contract::CaseStep;
use serde_json::{Value, json};

use super::{is_open, loans_of};
use crate::World;
use crate::calls::{Call, Received};
use crate::case::CaseSubject;
use crate::duties;
use crate::failure::Failure;
use crate::providers::notifications::AcceptedNotice;
use crate::record::{derived_id, hex};
use crate::subject::Subject;
use crate::tried;

/// What tells one notice from another.
struct Words {
    step: &'static str,
    /// What the provider words the message by that brings the notice.
    template: &'static str,
    /// The kind of evidence that its text is.
    kind: &'static str,
}

const SUSPENDED: Words =
    Words { step: "notify_of_suspension", template: "accrual_suspended", kind: "notice_of_suspension" };
const WITHDRAWN: Words =
    Words { step: "withdraw_case", template: "accrual_suspension_withdrawn", kind: "notice_of_withdrawal" };

/// Sends the notice to the phone of the newest of the loans, once.
pub(crate) async fn notify_of_suspension(world: &World, input: CaseStep) -> Result<(), Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    if !is_open(world, input.case_id, DutyKind::NotifyOfSuspension).await? {
        return Ok(());
    }
    let subject = CaseSubject::<SuspensionReport>::load(world, input.case_id).await?;
    let text = text(&holds::of_case(&world.pool, input.case_id).await?);
    let written = write(world, &subject, &SUSPENDED, text, input).await?;
    let mut transaction = super::acts::begin_meeting(world, input.case_id).await?;
    let evidence = written.keep(world, &mut transaction, input.at).await?;
    let (kind, case_id) = (DutyKind::NotifyOfSuspension, input.case_id);
    duties::meet(world, &mut transaction, case_id, kind, "", Actor::System, &evidence, input.at).await?;
    super::acts::settle(world, &mut transaction, case_id, input.at).await?;
    Ok(pool::commit(transaction).await?)
}

/// Tells the client that what the notice before said was said in error; nothing is met by it.
pub(super) async fn notify_of_withdrawal(
    world: &World,
    subject: &CaseSubject<SuspensionReport>,
    loans: &[(String, bool)],
    on: NaiveDate,
    input: CaseStep,
) -> Result<Written, Failure> {
    let text = withdrawn_text(loans, on);
    write(world, subject, &WITHDRAWN, text, input).await
}

/// A notice that the provider accepted; its text is still to be kept.
pub(crate) struct Written {
    case_id: CaseId,
    words: &'static Words,
    text: String,
    accepted: AcceptedNotice,
    received: Received,
}

async fn write(
    world: &World,
    subject: &CaseSubject<SuspensionReport>,
    words: &'static Words,
    text: String,
    input: CaseStep,
) -> Result<Written, Failure> {
    let loans = loans_of(world, &subject.details).await?;
    // Ids of applications grow with time.
    let newest = loans.iter().map(|loan| loan.application_id).max().ok_or_else(|| Failure::park("loan.missing"))?;
    let borrower = Subject::load(world, newest).await?;
    let call = Call::new(input.case_id, words.step, ("notifications", "message"), "client", input.at);
    let key = call.key.clone();
    let phone = &borrower.applicant.phone;
    let exchange = world.providers.notifications.send(&key, words.template, phone, input.case_id.into());
    let answered = call.make(world, exchange).await?;
    Ok(Written { case_id: input.case_id, words, text, accepted: answered.value, received: answered.received })
}

impl Written {
    /// The hash of its exact text.
    pub(crate) fn sha256(&self) -> String {
        hex(&sha256(self.text.as_bytes()))
    }

    /// Keeps the exact text and the provider's receipt; what proves it.
    pub(crate) async fn keep(
        &self,
        world: &World,
        connection: &mut PgConnection,
        at: DateTime<Utc>,
    ) -> Result<Value, Failure> {
        let Words { step, kind, .. } = self.words;
        let hash = sha256(self.text.as_bytes());
        let id = EvidenceId::from_uuid(derived_id(self.case_id, &format!("evidence|{step}|notice|{}", hex(&hash))));
        let notice = NewEvidence {
            id,
            owner: self.case_id.into(),
            step,
            kind,
            content_type: "text/plain; charset=utf-8",
            content_sealed: &world.protection.seal(&format!("evidence|{id}"), self.text.as_bytes()),
            sha256: &hash,
            recorded_at: at,
        };
        evidence::insert(connection, &notice).await?;
        let receipt_id = self.received.keep(world, connection).await?;
        Ok(json!({
            "notice_evidence_id": id, "notice_sha256": hex(&hash), "message_id": self.accepted.message_id,
            "accepted_at": self.accepted.accepted_at, "evidence_id": receipt_id,
        }))
    }
}

/// The notice of the withdrawal, in Russian; it names loans and a day, no person. A loan that another document holds stays
/// suspended.
fn withdrawn_text(loans: &[(String, bool)], on: NaiveDate) -> String {
    let day = on.format("%d.%m.%Y");
    let mut text = format!(
        "Уведомление об отзыве приостановления\n\nРанее направленное уведомление о приостановлении направлено \
         ошибочно. С {day} начисление вознаграждения, взыскание задолженности, претензионно-исковая работа и передача \
         сведений в кредитные бюро возобновляются; вознаграждение за дни приостановления не доначисляется:\n"
    );
    for (loan, goes_on) in loans {
        let how = if *goes_on { "" } else { ": не возобновляется по иным основаниям" };
        // Writing to a string can not fail.
        let _ = writeln!(text, "— по микрокредиту {loan}{how}");
    }
    text
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
    use super::*;

    #[test]
    fn the_notice_names_each_loan_and_its_day() {
        let hold = |loan: &str| Hold {
            loan_reference: loan.to_owned(),
            effective_from: NaiveDate::from_ymd_opt(2026, 3, 6).expect("a day"),
            suspended_from: None,
            placed_at: DateTime::UNIX_EPOCH,
            released_at: None,
            collection_resumed: None,
        };
        let text = text(&[hold("L-1"), hold("L-2")]);
        assert!(text.contains("L-1 с 06.03.2026") && text.contains("L-2 с 06.03.2026"), "{text}");
        let day = NaiveDate::from_ymd_opt(2026, 3, 9).expect("a day");
        let text = withdrawn_text(&[("L-1".to_owned(), true), ("L-2".to_owned(), false)], day);
        assert!(text.contains("С 09.03.2026") && text.contains("L-1\n") && text.contains("L-2: не"), "{text}");
    }
}
