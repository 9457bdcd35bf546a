//! How a second person is asked for: one shared way for every act that needs two people.
//! Never decides who may be the second: the rule is copied into the request, and storage holds to it.

use axum::http::StatusCode;
use axum::response::Response;
use nesie_domain::approval::{ApprovalKind, ApprovalRule, ApprovalState};
use nesie_domain::ids::{ApprovalId, Owner};
use nesie_storage::approvals::{self, NewApproval, approval_object};
use nesie_storage::cases::{self, CaseSubmission};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::submissions::{self, NewSubmission};
use nesie_storage::{audit, pool};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts::{body_hash, entry};
use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, give};
use crate::problem::Problem;

/// The answer to a request for a second person: it waits.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalAsked {
    /// The request's id.
    pub(crate) id: Uuid,
    /// `pending`
    pub(crate) state: String,
    /// Until when it waits.
    pub(crate) expires_at: chrono::DateTime<chrono::Utc>,
    /// Where to look next.
    pub(crate) links: Value,
}

/// What is asked for.
pub(crate) struct Proposal<'a> {
    /// Its id, which what is sealed with it may name.
    pub(crate) id: ApprovalId,
    pub(crate) kind: ApprovalKind,
    pub(crate) owner: Option<Owner>,
    /// What it is about, as in the audit log.
    pub(crate) object: &'a str,
    /// What is to happen: no personal data.
    pub(crate) proposal: Value,
    /// What of it is personal, sealed for `approvals::proposal_place`.
    pub(crate) sealed: Option<&'a [u8]>,
    /// Before and after; personal values masked.
    pub(crate) difference: Value,
    /// Why, in the maker's words.
    pub(crate) reason: &'a str,
}

/// What a proposal rests on, of an application or of a case.
pub(crate) enum Submission<'a> {
    OfApplication(NewSubmission<'a>),
    OfCase(CaseSubmission),
}

/// One request of the API under its idempotency key.
pub(crate) struct Request<'a> {
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    body_sha256: [u8; 32],
}

impl<'a> Request<'a> {
    /// Recognises a request; the answer that it got before comes instead, where it got one.
    pub(crate) async fn open(
        app: &'a App,
        caller: &'a Caller,
        key: &'a IdempotencyKey,
        route: String,
        body: &[u8],
    ) -> Result<Result<Self, Response>, Problem> {
        let request = Self { app, caller, key, route, body_sha256: body_hash(app, body) };
        match idempotency::find(&app.pool, &request.key(), &request.body_sha256).await? {
            Some(Claim::Finished(answer)) => Ok(Err(give(answer))),
            Some(Claim::OtherBody) => Err(Problem::IdempotencyKeyReused),
            Some(Claim::New | Claim::Unfinished { .. }) | None => Ok(Ok(request)),
        }
    }

    fn key(&self) -> RequestKey<'_> {
        RequestKey { subject: &self.caller.actor, route: &self.route, key: &self.key.0 }
    }

    /// Stores a proposal, with the submission that it rests on, and its audit, all in one transaction with the answer.
    pub(crate) async fn propose(
        self,
        new: Proposal<'_>,
        submission: Option<Submission<'_>>,
    ) -> Result<Response, Problem> {
        let at = crate::time::now();
        let mut transaction = pool::begin(&self.app.pool).await?;
        let claim = idempotency::claim(&mut transaction, &self.key(), &self.body_sha256, new.id.as_uuid(), at).await?;
        if let Some(answer) = answered(claim)? {
            return Ok(give(answer));
        }
        let rule = ApprovalRule::current(new.kind);
        let approval = NewApproval {
            id: new.id,
            kind: new.kind,
            owner: new.owner,
            object: new.object,
            proposal: &new.proposal,
            proposal_sealed: new.sealed,
            difference: &new.difference,
            rule: &rule,
            maker: &self.caller.actor,
            maker_reason: new.reason,
            at,
        };
        let action = format!("propose:{}", new.kind.as_str());
        let roles = self.caller.role_names();
        let answer = if approvals::insert(&mut transaction, &approval).await? {
            match submission {
                Some(Submission::OfApplication(new)) => submissions::insert(&mut transaction, &new).await?,
                Some(Submission::OfCase(new)) => cases::insert_submission(&mut transaction, &new).await?,
                None => {}
            }
            let details = json!({ "approval_id": new.id, "difference": new.difference });
            audit::record(&mut transaction, &entry(self.caller, &roles, &action, new.object, new.reason, details))
                .await?;
            let body = json!({
                "id": new.id,
                "state": ApprovalState::Pending,
                "expires_at": rule.expires_at(at),
                "links": { "self": format!("/v1/approvals/{}", new.id) },
            });
            StoredAnswer { status: i32::from(StatusCode::ACCEPTED.as_u16()), body }
        } else {
            let denial = entry(self.caller, &roles, &action, new.object, "approval_waits", json!({}));
            audit::record_denial_in(&mut transaction, &denial).await?;
            refusal(&Problem::ApprovalWaits)
        };
        let answer = idempotency::finish(&mut transaction, &self.key(), &answer).await?;
        pool::commit(transaction).await?;
        Ok(give(answer))
    }

    /// Audits that the proposal is not possible and answers so; nothing else is stored.
    pub(crate) async fn refuse(
        self,
        kind: ApprovalKind,
        object: &str,
        reason: &str,
        problem: Problem,
    ) -> Result<Response, Problem> {
        let action = format!("propose:{}", kind.as_str());
        let roles = self.caller.role_names();
        audit::record_denial(&self.app.pool, &entry(self.caller, &roles, &action, object, reason, json!({}))).await?;
        Err(problem)
    }

    /// Decides on a request as the second person. A denial is audited in the same transaction as its answer.
    pub(crate) async fn decide(self, id: ApprovalId, approve: bool, reason: &str) -> Result<Response, Problem> {
        use approvals::DecideOutcome as Outcome;
        let at = crate::time::now();
        let roles = self.caller.role_names();
        let mut transaction = pool::begin(&self.app.pool).await?;
        let claim = idempotency::claim(&mut transaction, &self.key(), &self.body_sha256, id.as_uuid(), at).await?;
        if let Some(answer) = answered(claim)? {
            return Ok(give(answer));
        }
        let outcome = approvals::decide(&mut transaction, id, &self.caller.actor, &roles, approve, reason, at).await?;
        let action = if approve { "approve" } else { "reject" };
        let object = approval_object(id);
        let (code, problem) = match outcome {
            Outcome::Missing => return Err(Problem::NotFound),
            Outcome::Decided(state) => {
                let details = json!({ "state": state });
                audit::record(&mut transaction, &entry(self.caller, &roles, action, &object, reason, details)).await?;
                let body = json!({ "id": id, "state": state, "links": { "self": format!("/v1/approvals/{id}") } });
                let answer = StoredAnswer { status: i32::from(StatusCode::OK.as_u16()), body };
                let answer = idempotency::finish(&mut transaction, &self.key(), &answer).await?;
                pool::commit(transaction).await?;
                return Ok(give(answer));
            }
            Outcome::SamePerson => ("same_person", Problem::SamePerson),
            Outcome::RoleMissing => ("role_missing", Problem::Forbidden),
            Outcome::NotPending(_) => ("approval_not_pending", Problem::ApprovalNotPending),
            Outcome::Expired => ("approval_expired", Problem::ApprovalExpired),
        };
        let denial = entry(self.caller, &roles, action, &object, code, json!({}));
        audit::record_denial_in(&mut transaction, &denial).await?;
        let answer = idempotency::finish(&mut transaction, &self.key(), &refusal(&problem)).await?;
        pool::commit(transaction).await?;
        Ok(give(answer))
    }
}

fn refusal(problem: &Problem) -> StoredAnswer {
    StoredAnswer { status: i32::from(problem.status().as_u16()), body: problem.body() }
}

/// The answer that another one with the same key has got, which has just been waited for.
fn answered(claim: Claim) -> Result<Option<StoredAnswer>, Problem> {
    match claim {
        Claim::New => Ok(None),
        Claim::Finished(answer) => Ok(Some(answer)),
        Claim::OtherBody => Err(Problem::IdempotencyKeyReused),
        // Key and answer are written in one transaction.
        Claim::Unfinished { .. } => Err(Problem::NotKnownToBeDone),
    }
}
