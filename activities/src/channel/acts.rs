//! What compliance does with a notice of a channel: amends the draft, says to send it, puts it in effect, withdraws it.
//! Each act is decided in one transaction with its answer; never opens a channel before its term has passed.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::calendar::local_date;
use nesie_domain::case::{CaseOutcome, CaseStage};
use nesie_domain::channel::{NoticeAct, NoticeKind, NoticeRefusal, earliest_effect, permit};
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::NoticeAmendment;
use nesie_storage::cases::CaseSubmission;
use nesie_storage::channels::{self, NoticeVersion};
use nesie_storage::duties::{self as rows, DutyState};
use nesie_storage::error::During as _;
use nesie_storage::{PgConnection, Postgres, Transaction, pool, recorded};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer};
use serde_json::{Value, json};

use super::{WORD_TO_SEND, anchor, case_of, duty_of, version_of};
use crate::World;
use crate::case::{actor, answer, submissions};
use crate::duties::{self, Opening, current_calendar, duty_id};
use crate::failure::Failure;
use crate::record::CaseFact;

/// The fact of a withdrawal; there is one a notice.
const WITHDRAWN: &str = "withdraw_notice";

/// An act that is being decided.
struct Deciding<'a> {
    world: &'a World,
    submission: &'a CaseSubmission,
    at: DateTime<Utc>,
}

/// Works on acts in their order; one that was decided before keeps its answer.
pub(crate) async fn record_channel_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let mut answers = Vec::with_capacity(input.submission_ids.len());
    for (submission, body) in submissions::<Value>(world, input.case_id, &input.submission_ids).await? {
        let answered = match submission.answer.clone() {
            Some(before) => serde_json::from_value(before).map_err(|_| Failure::park("record.unreadable"))?,
            None => Deciding { world, submission: &submission, at: input.at }.decide(body).await?,
        };
        answers.push(answered);
    }
    Ok(CaseActsDone { answers, stage: stage_of(world, input.case_id).await? })
}

/// Where the case stands: a withdrawn one is still to be closed, but nothing more may happen to it.
async fn stage_of(world: &World, case_id: CaseId) -> Result<CaseStage, Failure> {
    if recorded::fact(&world.pool, case_id, WITHDRAWN).await?.is_some() {
        return Ok(CaseStage::Closed { outcome: CaseOutcome::Withdrawn });
    }
    Ok(case_of(world, case_id).await?.stage)
}

impl Deciding<'_> {
    async fn decide(&self, body: Value) -> Result<CaseAnswer, Failure> {
        let act: NoticeAct = self.submission.act.parse().map_err(|_| Failure::park("channel_notice.act_unknown"))?;
        let stage = stage_of(self.world, self.submission.case_id).await?;
        if let Err(refusal) = permit(&stage, act, local_date(self.at)) {
            return self.refuse(refusal).await;
        }
        match act {
            NoticeAct::Amend => {
                let amendment = serde_json::from_value(body).map_err(|_| Failure::park("protection.unreadable"))?;
                self.amend(amendment).await
            }
            NoticeAct::Send => self.send().await,
            NoticeAct::Activate => self.activate().await,
            NoticeAct::Withdraw => self.withdraw().await,
        }
    }

    async fn refuse(&self, refusal: NoticeRefusal) -> Result<CaseAnswer, Failure> {
        let detail = match refusal {
            NoticeRefusal::TooEarly { earliest_on } => Some(earliest_on.to_string()),
            _ => None,
        };
        self.refuse_with(refusal.code(), detail).await
    }

    async fn refuse_with(&self, code: &str, detail: Option<String>) -> Result<CaseAnswer, Failure> {
        let refused = CaseAnswer::Refused { code: code.to_owned(), detail };
        let mut transaction = pool::begin(&self.world.pool).await?;
        answer(&mut transaction, self.submission.id, &refused, self.at).await?;
        pool::commit(transaction).await?;
        Ok(refused)
    }

    /// The transaction of an act, with its fact and its answer.
    async fn begin(
        &self,
        key: &str,
        kind: &str,
        mut details: Value,
        stage: Option<&CaseStage>,
        event: Option<&str>,
    ) -> Result<Transaction<'static, Postgres>, Failure> {
        details["submission_id"] = json!(self.submission.id);
        let fact = CaseFact {
            case_id: self.submission.case_id,
            key,
            kind,
            details,
            at: self.at,
            actor: actor(self.submission),
            stage,
            event,
        };
        let begun = self.world.begin_case(fact).await?;
        // Recorded without an answer a moment ago: another attempt is just committing both.
        let mut transaction = begun.ok_or_else(|| Failure::retry("record.decided_by_another_attempt"))?;
        answer(&mut transaction, self.submission.id, &CaseAnswer::DONE, self.at).await?;
        Ok(transaction)
    }

    async fn amend(&self, amendment: NoticeAmendment) -> Result<CaseAnswer, Failure> {
        let case_id = self.submission.case_id;
        let before = version_of(self.world, case_id).await?;
        if before.contents.planned_on.is_some() && amendment.contents.planned_on.is_none() {
            return self.refuse_with("channel_notice.planned_day_stays", None).await;
        }
        let documents = amendment.document_ids;
        let version = NoticeVersion {
            version: before.version + 1,
            contents: amendment.contents,
            document_ids: if documents.is_empty() { before.document_ids.clone() } else { documents },
            submission_id: Some(self.submission.id),
            recorded_at: self.at,
            ..before.clone()
        };
        let key = format!("act:{}", self.submission.id);
        let details = json!({
            "version": version.version, "operations": version.contents.operations,
            "planned_on": version.contents.planned_on, "document_ids": version.document_ids,
        });
        let mut transaction = self.begin(&key, "channel_notice_amended", details, None, None).await?;
        channels::insert_version(&mut transaction, case_id, &version).await?;
        if let Some(planned_on) = version.contents.planned_on.filter(|day| before.contents.planned_on != Some(*day)) {
            self.plan(&mut transaction, &version, planned_on).await?;
        }
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }

    /// The duty for a newly planned day; it takes the place of the one for the day that was planned before.
    async fn plan(
        &self,
        connection: &mut PgConnection,
        version: &NoticeVersion,
        planned_on: NaiveDate,
    ) -> Result<(), Failure> {
        let case_id = self.submission.case_id;
        let kind = duty_of(&version.subject);
        let known = rows::of_case(&mut *connection, case_id).await?;
        let generation = known.iter().filter(|duty| duty.kind == kind).map(|duty| duty.generation + 1).max();
        let generation = generation.unwrap_or(0);
        let open = known.iter().find(|duty| duty.kind == kind && duty.state == DutyState::Open);
        if let Some(old) = open {
            let by = duty_id(case_id, kind, "", generation);
            rows::supersede(connection, old.id, by, self.at).await?;
            let details = json!({ "kind": kind, "superseded_by": by });
            duties::tell(self.world, connection, case_id, old.id, "superseded", details, self.at).await?;
        }
        let case = case_of(self.world, case_id).await?;
        let calendar = current_calendar(self.world).await?;
        let opening = Opening { case_id, kind, subject: "", anchor_at: anchor(planned_on)?, at: self.at };
        duties::open_generation(self.world, connection, &calendar, &case.policy, opening, generation).await?;
        Ok(())
    }

    /// The word to send; the sending itself is a step of its own, which may have to wait for the regulator's channel.
    async fn send(&self) -> Result<CaseAnswer, Failure> {
        let version = version_of(self.world, self.submission.case_id).await?;
        let details = json!({ "version": version.version });
        let stage = CaseStage::Handling;
        let transaction = self.begin(WORD_TO_SEND, "channel_notice_to_be_sent", details, Some(&stage), None).await?;
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }

    async fn activate(&self) -> Result<CaseAnswer, Failure> {
        let case_id = self.submission.case_id;
        let version = version_of(self.world, case_id).await?;
        let earliest_on = self.earliest_now(&version).await?;
        if local_date(self.at) < earliest_on {
            return self.refuse(NoticeRefusal::TooEarly { earliest_on }).await;
        }
        let opening = version.subject.notice == NoticeKind::Opening;
        let (kind, event) =
            if opening { ("channel_opened", "channel.opened") } else { ("channel_changed", "channel.changed") };
        let details = json!({
            "code": version.subject.code, "kind": version.subject.kind, "operations": version.contents.operations,
            "earliest_on": earliest_on, "version": version.version,
        });
        let key = format!("act:{}", self.submission.id);
        let mut transaction = self.begin(&key, kind, details, Some(&CaseStage::InEffect), Some(event)).await?;
        let source = format!("channel notice {case_id} (paras 4, 5)");
        let done = if opening {
            channels::open(&mut transaction, case_id, &version, &source, self.at).await?
        } else {
            channels::change(&mut transaction, case_id, &version, &source, self.at).await?
        };
        if !done {
            transaction.rollback().await.during("channels.rollback")?;
            let code = if opening { "channel.already_open" } else { "channel.not_open" };
            return self.refuse_with(code, None).await;
        }
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }

    /// The first day by the count that was stored and by the calendar that is in force now, whichever is later.
    async fn earliest_now(&self, version: &NoticeVersion) -> Result<NaiveDate, Failure> {
        let case_id = self.submission.case_id;
        let missing = || Failure::park("channel_notice.term_missing");
        let term = channels::term(&self.world.pool, case_id).await?.ok_or_else(missing)?;
        let receipt = channels::receipt(&self.world.pool, case_id).await?.ok_or_else(missing)?;
        let calendar = current_calendar(self.world).await?;
        let anew = earliest_effect(&calendar, receipt.counted_from, version.contents.planned_on, term.strict);
        Ok(anew.map_or(term.earliest_on, |anew| anew.max(term.earliest_on)))
    }

    async fn withdraw(&self) -> Result<CaseAnswer, Failure> {
        let details = json!({});
        let transaction = self.begin(WITHDRAWN, "channel_notice_withdrawn", details, None, None).await?;
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }
}
