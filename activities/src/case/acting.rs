//! One act of a person on a case at work: its fact, its duties and its answer in one transaction, in his name.
//! Never a rule of one kind of case, and never an answer without a record.

use chrono::{DateTime, Utc};
use nesie_domain::approval::{ApprovalKind, ApprovalRule, ApprovalState};
use nesie_domain::case::CaseStage;
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::ApprovalId;
use nesie_storage::approvals::{self, Approval, NewApproval};
use nesie_storage::cases::{CaseRow, CaseSubmission};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::{PgConnection, Postgres, Transaction, audit, pool};
use nesie_workflows::contract::CaseAnswer;
use serde_json::{Value, json};

use super::{actor, answer};
use crate::World;
use crate::duties;
use crate::failure::Failure;
use crate::record::{CaseFact, derived_id};

/// An act that is being decided.
pub(crate) struct Acting<'a> {
    pub(crate) world: &'a World,
    pub(crate) submission: &'a CaseSubmission,
    pub(crate) at: DateTime<Utc>,
}

/// What an act that is done leaves behind.
pub(crate) struct Deed<'a> {
    pub(crate) kind: &'a str,
    /// Ids, hashes and verdicts; the submission's id is added.
    pub(crate) details: Value,
    /// Where the case is from now on.
    pub(crate) stage: Option<&'a CaseStage>,
    pub(crate) event: Option<&'a str>,
}

impl<'a> Deed<'a> {
    /// A deed that leaves the case where it is.
    pub(crate) fn new(kind: &'a str, details: Value) -> Self {
        Self { kind, details, stage: None, event: None }
    }
}

/// What a second person is asked for.
pub(crate) struct Proposal<'a> {
    pub(crate) kind: ApprovalKind,
    /// What is to happen: no personal data.
    pub(crate) proposal: &'a Value,
    /// Before and after.
    pub(crate) difference: &'a Value,
}

impl Acting<'_> {
    /// The answer of an earlier try of this step.
    pub(crate) fn answered_before(&self) -> Result<Option<CaseAnswer>, Failure> {
        let known = self.submission.answer.clone().map(serde_json::from_value).transpose();
        known.map_err(|_| Failure::park("submission.unreadable"))
    }

    /// Begins the transaction of the act with its fact and its answer; the fact's key is the submission.
    pub(crate) async fn begin(
        &self,
        deed: Deed<'_>,
        answered: &CaseAnswer,
    ) -> Result<Transaction<'static, Postgres>, Failure> {
        self.begin_as(&format!("act:{}", self.submission.id), deed, answered).await
    }

    /// As [`Self::begin`], for an act that a case sees once and that is found by a name of its own.
    pub(crate) async fn begin_as(
        &self,
        key: &str,
        Deed { kind, mut details, stage, event }: Deed<'_>,
        answered: &CaseAnswer,
    ) -> Result<Transaction<'static, Postgres>, Failure> {
        details["submission_id"] = json!(self.submission.id);
        let fact = CaseFact {
            case_id: self.submission.case_id,
            key,
            kind,
            details,
            at: self.at,
            actor: self.actor(),
            stage,
            event,
        };
        let begun = self.world.begin_case(fact).await?;
        // Recorded without an answer a moment ago: another attempt is just committing both.
        let mut transaction = begun.ok_or_else(|| Failure::retry("record.decided_by_another_attempt"))?;
        answer(&mut transaction, self.submission.id, answered, self.at).await?;
        Ok(transaction)
    }

    /// Records the act's fact in a transaction that is under way; its answer is still to be given.
    pub(crate) async fn tell(&self, connection: &mut PgConnection, deed: Deed<'_>) -> Result<(), Failure> {
        let Deed { kind, mut details, stage, event } = deed;
        details["submission_id"] = json!(self.submission.id);
        let fact = Fact {
            owner: self.submission.case_id.into(),
            fact_key: &format!("act:{}", self.submission.id),
            kind,
            details,
            at: self.at,
            actor: self.actor(),
            build: self.world.build,
            moves: stage.map_or(Move::Stays, |stage| Move::Case { stage }),
            event,
        };
        facts::record(connection, fact).await?;
        Ok(())
    }

    /// Does an act that has no more to it than its fact.
    pub(crate) async fn done(&self, deed: Deed<'_>) -> Result<CaseAnswer, Failure> {
        pool::commit(self.begin(deed, &CaseAnswer::DONE).await?).await?;
        Ok(CaseAnswer::DONE)
    }

    /// Refuses the act: nothing is written but the answer, and that it was denied.
    pub(crate) async fn refuse(&self, code: &str, detail: Option<String>) -> Result<CaseAnswer, Failure> {
        let submission = self.submission;
        let denial = audit::Entry {
            occurred_at: self.at,
            actor: &submission.submitted_by,
            roles: &submission.roles,
            action: &submission.act,
            object: &audit::object_of(submission.case_id.into()),
            reason: code,
            request_id: None,
            details: json!({ "submission_id": submission.id, "detail": detail }),
        };
        let refused = CaseAnswer::Refused { code: code.to_owned(), detail };
        let mut transaction = pool::begin(&self.world.pool).await?;
        audit::record_denial_of(&mut transaction, &denial, submission.id).await?;
        answer(&mut transaction, self.submission.id, &refused, self.at).await?;
        pool::commit(transaction).await?;
        Ok(refused)
    }

    /// Meets a duty in the actor's name; `false` where it is not open.
    pub(crate) async fn meet(
        &self,
        connection: &mut PgConnection,
        kind: DutyKind,
        subject: &str,
        evidence: &Value,
    ) -> Result<bool, Failure> {
        let (case_id, actor) = (self.submission.case_id, self.actor());
        let met = duties::meet(self.world, connection, case_id, kind, subject, actor, evidence, self.at).await?;
        Ok(met.is_some())
    }

    /// The request of the case that stands in the way of another of its kind: one that was approved, or that still waits.
    /// One whose time is over is as good as expired, though nobody has recorded it yet.
    pub(crate) async fn request_in_the_way(&self, kind: ApprovalKind) -> Result<Option<Approval>, Failure> {
        let requests = approvals::of_case(&self.world.pool, self.submission.case_id, kind).await?;
        let stands = |request: &Approval| match request.state {
            ApprovalState::Approved => true,
            ApprovalState::Pending => request.expires_at > self.at,
            ApprovalState::Rejected | ApprovalState::Expired => false,
        };
        Ok(requests.into_iter().find(stands))
    }

    /// Asks for a second person in the actor's name, by the rule of today and the validity of the case's policy. The act
    /// is answered with the request's id. `reason` is the submission's own.
    pub(crate) async fn ask_second_person(
        &self,
        case: &CaseRow,
        proposal: Proposal<'_>,
        deed: Deed<'_>,
    ) -> Result<CaseAnswer, Failure> {
        let id = ApprovalId::from_uuid(derived_id(case.id, &format!("approval|{}", self.submission.id)));
        let rule =
            ApprovalRule { valid_hours: case.policy.approval_valid_hours, ..ApprovalRule::current(proposal.kind) };
        let new = NewApproval {
            id,
            kind: proposal.kind,
            owner: Some(case.id.into()),
            object: &audit::object_of(case.id.into()),
            proposal: proposal.proposal,
            proposal_sealed: None,
            difference: proposal.difference,
            rule: &rule,
            maker: &self.submission.submitted_by,
            maker_reason: &self.submission.reason,
            at: self.at,
        };
        let answered = CaseAnswer::Done { made: Some(id.as_uuid()) };
        let mut transaction = self.begin(deed, &answered).await?;
        approvals::insert(&mut transaction, &new).await?;
        pool::commit(transaction).await?;
        Ok(answered)
    }

    /// Who acts, with the reason that he gave.
    pub(crate) fn actor(&self) -> Actor {
        actor(self.submission)
    }
}
