//! What compliance does with a notice of a channel: amends the draft, says to send it, puts it in effect, withdraws it.
//! Each act is decided in one transaction with its answer; never opens a channel before its term has passed.

use chrono::NaiveDate;
use nesie_domain::calendar::{WorkingCalendar, local_date};
use nesie_domain::case::{CaseOutcome, CasePolicy, CaseStage};
use nesie_domain::channel::{NoticeAct, NoticeKind, NoticeRefusal, earliest_effect, permit};
use nesie_domain::ids::CaseId;
use nesie_storage::bodies::NoticeAmendment;
use nesie_storage::channels::{self, NoticeVersion};
use nesie_storage::duties::{self as rows, DutyState};
use nesie_storage::error::During as _;
use nesie_storage::{PgConnection, pool, recorded};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer};
use serde_json::{Value, json};

use super::{WORD_TO_SEND, anchor, case_of, duty_of, version_of};
use crate::World;
use crate::case::{Acting, Deed, submissions};
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;

/// The fact of a withdrawal; there is one a notice.
pub(super) const WITHDRAWN: &str = "withdraw_notice";

/// An act that is being decided.
struct Deciding<'a>(Acting<'a>);

/// Works on acts in their order; one that was decided before keeps its answer.
pub(crate) async fn record_channel_acts(world: &World, input: CaseActs) -> Result<CaseActsDone, Failure> {
    let mut answers = Vec::with_capacity(input.submission_ids.len());
    for (submission, body) in submissions::<Value>(world, input.case_id, &input.submission_ids).await? {
        let acting = Acting { world, submission: &submission, at: input.at };
        let answered = match acting.answered_before()? {
            Some(before) => before,
            None => Deciding(acting).decide(body).await?,
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
        let act: NoticeAct = self.0.submission.act.parse().map_err(|_| Failure::park("channel_notice.act_unknown"))?;
        let stage = stage_of(self.0.world, self.0.submission.case_id).await?;
        if let Err(refusal) = permit(&stage, act, local_date(self.0.at)) {
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
        self.0.refuse(refusal.code(), detail).await
    }

    async fn amend(&self, amendment: NoticeAmendment) -> Result<CaseAnswer, Failure> {
        let case_id = self.0.submission.case_id;
        let before = version_of(self.0.world, case_id).await?;
        if before.contents.planned_on.is_some() && amendment.contents.planned_on.is_none() {
            return self.0.refuse("channel_notice.planned_day_stays", None).await;
        }
        let documents = amendment.document_ids;
        let version = NoticeVersion {
            version: before.version + 1,
            contents: amendment.contents,
            document_ids: if documents.is_empty() { before.document_ids.clone() } else { documents },
            submission_id: Some(self.0.submission.id),
            recorded_at: self.0.at,
            ..before.clone()
        };
        let details = json!({
            "version": version.version, "operations": version.contents.operations,
            "planned_on": version.contents.planned_on, "document_ids": version.document_ids,
        });
        let case = case_of(self.0.world, case_id).await?;
        let calendar = current_calendar(self.0.world).await?;
        let mut transaction = self.0.begin(Deed::new("channel_notice_amended", details), &CaseAnswer::DONE).await?;
        channels::insert_version(&mut transaction, case_id, &version).await?;
        if let Some(planned_on) = version.contents.planned_on.filter(|day| before.contents.planned_on != Some(*day)) {
            self.plan(&mut transaction, &version, planned_on, (&calendar, &case.policy)).await?;
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
        (calendar, policy): (&WorkingCalendar, &CasePolicy),
    ) -> Result<(), Failure> {
        let case_id = self.0.submission.case_id;
        let (kind, world, at) = (duty_of(&version.subject), self.0.world, self.0.at);
        let anchor_at = anchor(planned_on)?;
        let known = rows::of_case(&mut *connection, case_id).await?;
        // A draft is amended only before it is sent: its duty, where it has one, is open.
        match known.iter().find(|duty| duty.kind == kind && duty.state == DutyState::Open) {
            Some(old) => duties::supersede(world, connection, calendar, policy, old, anchor_at, at).await?,
            None => {
                let opening = Opening { case_id, kind, subject: "", anchor_at, at };
                duties::open(world, connection, calendar, policy, opening).await?
            }
        };
        Ok(())
    }

    /// The word to send; the sending itself is a step of its own, which may have to wait for the regulator's channel.
    async fn send(&self) -> Result<CaseAnswer, Failure> {
        let version = version_of(self.0.world, self.0.submission.case_id).await?;
        let details = json!({ "version": version.version });
        let deed = Deed { stage: Some(&CaseStage::Handling), ..Deed::new("channel_notice_to_be_sent", details) };
        pool::commit(self.0.begin_as(WORD_TO_SEND, deed, &CaseAnswer::DONE).await?).await?;
        Ok(CaseAnswer::DONE)
    }

    async fn activate(&self) -> Result<CaseAnswer, Failure> {
        let case_id = self.0.submission.case_id;
        let version = version_of(self.0.world, case_id).await?;
        let earliest_on = self.earliest_now(&version).await?;
        if local_date(self.0.at) < earliest_on {
            return self.refuse(NoticeRefusal::TooEarly { earliest_on }).await;
        }
        let opening = version.subject.notice == NoticeKind::Opening;
        let (kind, event) =
            if opening { ("channel_opened", "channel.opened") } else { ("channel_changed", "channel.changed") };
        let details = json!({
            "code": version.subject.code, "kind": version.subject.kind, "operations": version.contents.operations,
            "earliest_on": earliest_on, "version": version.version,
        });
        let deed = Deed { kind, details, stage: Some(&CaseStage::InEffect), event: Some(event) };
        let mut transaction = self.0.begin(deed, &CaseAnswer::DONE).await?;
        let source = format!("channel notice {case_id} (paras 4, 5)");
        let done = if opening {
            channels::open(&mut transaction, case_id, &version, &source, self.0.at).await?
        } else {
            channels::change(&mut transaction, case_id, &version, &source, self.0.at).await?
        };
        if !done {
            transaction.rollback().await.during("channels.rollback")?;
            let code = if opening { "channel.already_open" } else { "channel.not_open" };
            return self.0.refuse(code, None).await;
        }
        pool::commit(transaction).await?;
        Ok(CaseAnswer::DONE)
    }

    /// The first day by the count that was stored and by the calendar that is in force now, whichever is later.
    async fn earliest_now(&self, version: &NoticeVersion) -> Result<NaiveDate, Failure> {
        let case_id = self.0.submission.case_id;
        let missing = || Failure::park("channel_notice.term_missing");
        let term = channels::term(&self.0.world.pool, case_id).await?.ok_or_else(missing)?;
        let receipt = channels::receipt(&self.0.world.pool, case_id).await?.ok_or_else(missing)?;
        let calendar = current_calendar(self.0.world).await?;
        let anew = earliest_effect(&calendar, receipt.counted_from, version.contents.planned_on, term.strict);
        Ok(anew.map_or(term.earliest_on, |anew| anew.max(term.earliest_on)))
    }

    async fn withdraw(&self) -> Result<CaseAnswer, Failure> {
        let deed = Deed::new("channel_notice_withdrawn", json!({}));
        pool::commit(self.0.begin_as(WITHDRAWN, deed, &CaseAnswer::DONE).await?).await?;
        Ok(CaseAnswer::DONE)
    }
}
