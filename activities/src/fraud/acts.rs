//! What compliance records of a fraud incident, one act a transaction, in the order in which they came.
//! Never an act that the case's duties contradict: it is refused with a code, and nothing is written but the answer.

use nesie_domain::calendar::WorkingCalendar;
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::duty::DutyKind;
use nesie_storage::bodies::cases::{DocumentReference, FraudAct, FraudReport};
use nesie_storage::incidents::{self, Measure};
use nesie_storage::{PgConnection, duties as rows, pool};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer};
use serde_json::json;

use super::{Establishing, establish};
use crate::World;
use crate::calls::{Answered, Call};
use crate::case::{Acting, CaseSubject, Deed, answer, submissions};
use crate::duties::current_calendar;
use crate::failure::Failure;
use crate::providers::regulator::{Letter, LetterKind, Receipt};
use crate::tried;
use crate::withdrawal;

/// Decides every act that came; each has its answer before the next is looked at. After the closure nothing is done.
pub(crate) async fn record_fraud_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let subject = CaseSubject::<FraudReport>::load(world, input.case_id).await?;
    let mut done = CaseActsDone { answers: Vec::new(), stage: CaseStage::Handling };
    for (submission, act) in submissions::<FraudAct>(world, input.case_id, &input.submission_ids).await? {
        let acting = Acting { world, submission: &submission, at: input.at };
        let closes = matches!(act, FraudAct::Close);
        let answer = match acting.answered_before()? {
            Some(answer) => answer,
            None if done.stage.is_closed() => acting.refuse("case.closed", None).await?,
            None => Recording { acting: &acting, subject: &subject }.decide(act).await?,
        };
        if closes && answer == CaseAnswer::DONE {
            done.stage = CaseStage::Closed { outcome: CaseOutcome::Completed };
        }
        done.answers.push(answer);
    }
    Ok(done)
}

/// One act on one incident.
struct Recording<'a> {
    acting: &'a Acting<'a>,
    subject: &'a CaseSubject<FraudReport>,
}

impl Recording<'_> {
    async fn decide(&self, act: FraudAct) -> Result<CaseAnswer, Failure> {
        match act {
            FraudAct::NotifyRegulator { text, documents } => self.notify_regulator(&text, &documents).await,
            FraudAct::Withdraw => withdrawal::propose(self.acting, &self.subject.case).await,
            other => {
                let acting = self.acting;
                let calendar = current_calendar(acting.world).await?;
                let mut transaction = pool::begin(&acting.world.pool).await?;
                let answered = self.record(&mut transaction, &calendar, other).await?;
                // A refusal leaves nothing behind but itself.
                let CaseAnswer::Refused { code, detail } = answered else {
                    answer(&mut transaction, acting.submission.id, &answered, acting.at).await?;
                    pool::commit(transaction).await?;
                    return Ok(answered);
                };
                drop(transaction);
                acting.refuse(&code, detail).await
            }
        }
    }

    async fn record(
        &self,
        connection: &mut PgConnection,
        calendar: &WorkingCalendar,
        act: FraudAct,
    ) -> Result<CaseAnswer, Failure> {
        let Acting { world, submission, at } = *self.acting;
        let case_id = submission.case_id;
        match act {
            FraudAct::AddClients { clients } => {
                let by = Establishing { case: &self.subject.case, calendar, otherwise: at, at };
                let added = establish(world, connection, &by, &clients).await?;
                self.acting
                    .tell(connection, Deed::new("clients_added", json!({ "given": clients.len(), "added": added })))
                    .await?;
            }
            FraudAct::RecordClientInformed { client_id, informed_at, means, documents } => {
                let evidence = json!({ "informed_at": informed_at, "means": means, "documents": documents });
                let subject = client_id.to_string();
                if !self.acting.meet(connection, DutyKind::InformClient, &subject, &evidence).await? {
                    return Ok(refused("duty.not_open"));
                }
            }
            FraudAct::RecordMeasure { description, done_at, documents } => {
                let measure = Measure {
                    id: submission.id.as_uuid(),
                    description,
                    done_at,
                    documents: json!(documents),
                    recorded_by: submission.submitted_by.clone(),
                    recorded_at: at,
                };
                incidents::add_measure(connection, case_id, &measure).await?;
                let details = json!({ "measure_id": measure.id, "done_at": done_at, "documents": documents });
                self.acting.tell(connection, Deed::new("measure_recorded", details)).await?;
            }
            FraudAct::CompleteMeasures => {
                let measures = incidents::measures(&mut *connection, case_id).await?;
                if measures.is_empty() {
                    return Ok(refused("measures.none_recorded"));
                }
                let ids: Vec<_> = measures.iter().map(|measure| measure.id).collect();
                if !self.acting.meet(connection, DutyKind::TakeMeasures, "", &json!({ "measures": ids })).await? {
                    return Ok(refused("duty.not_open"));
                }
            }
            FraudAct::Close => {
                let open = rows::open_of_case(connection, case_id).await?;
                if !open.is_empty() {
                    let detail = Some(format!("duties_open:{}", open.len()));
                    return Ok(CaseAnswer::Refused { code: "case.duties_open".to_owned(), detail });
                }
                self.acting.tell(connection, Deed::new("closure_decided", json!({}))).await?;
            }
            FraudAct::NotifyRegulator { .. } | FraudAct::Withdraw => return Ok(refused("act.unknown")),
        }
        Ok(CaseAnswer::DONE)
    }

    /// Sends the notice to the regulator, once, and keeps its receipt.
    async fn notify_regulator(&self, text: &str, documents: &[DocumentReference]) -> Result<CaseAnswer, Failure> {
        let Acting { world, submission, at } = *self.acting;
        let case_id = submission.case_id;
        let open = rows::of_case(&world.pool, case_id).await?;
        let open = open.iter().any(|duty| duty.kind == DutyKind::InformRegulator && duty.ended_at.is_none());
        if !open {
            return self.acting.refuse("duty.not_open", None).await;
        }
        let body = json!({
            "text": text,
            "incident_kind": self.subject.details.kind,
            "detected_at": self.subject.details.detected_at,
            "clients_known": self.subject.details.clients.len(),
            "documents": documents,
        });
        let letter = Letter { kind: LetterKind::FraudIncident, reference: case_id, body: &body, documents: &[] };
        // The submission is the intent: another notice is another submission, a repeat is the same.
        let intent = submission.id;
        let call = Call::new(case_id, "record_fraud_acts", ("regulator", "submit"), intent, at);
        let key = call.key.clone();
        let sent: Answered<Receipt> = call.make(world, world.providers.regulator.submit(&key, &letter)).await?;
        let mut transaction = pool::begin(&world.pool).await?;
        let evidence_id = sent.received.keep(world, &mut transaction).await?;
        let evidence = json!({
            "receipt_number": sent.value.receipt_number,
            "received_at": sent.value.received_at,
            "evidence_id": evidence_id,
            "documents": documents,
        });
        // The letter went when this try sent it, whenever the act came.
        let sending = Acting { world, submission, at: tried::at(at) };
        sending.meet(&mut transaction, DutyKind::InformRegulator, "", &evidence).await?;
        answer(&mut transaction, submission.id, &CaseAnswer::DONE, at).await?;
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }
}

fn refused(code: &str) -> CaseAnswer {
    CaseAnswer::Refused { code: code.to_owned(), detail: None }
}
