//! How an act of a person is done: seen, stored, sent to its workflow one at a time, and its answer kept.
//! One shared way for all acts; never a decision about one, the workflow's handler is the guard (design invariant 4).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use nesie_platform::protection::sha256;
use nesie_storage::applications::{self, Application};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::submissions::{self, NewSubmission};
use nesie_storage::{PgConnection, audit, bodies, locks, pool};
use nesie_workflows::origination::{Act, What};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, give};
use crate::problem::{Problem, internal};
use crate::temporal::Sent;
use crate::view;

/// How long an act waits for its turn behind others on the same application.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// The answer to an act that was accepted: it is being worked on.
#[derive(Serialize, ToSchema)]
#[schema(as = ActAccepted)]
pub(crate) struct ActAccepted {
    /// `accepted`
    pub(crate) status: String,
    /// What was sent, stored under this id.
    pub(crate) submission_id: Uuid,
    /// Where to look next.
    pub(crate) links: Value,
}

/// An act that has been recognised, but not stored yet.
pub(crate) struct Pending<'a> {
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    body_sha256: [u8; 32],
    /// The application that it is for.
    pub(crate) application: Application,
}

/// Either the answer that this request got before, or the act to go on with.
pub(crate) enum Opened<'a> {
    /// Give this answer again.
    Answered(Response),
    /// Go on.
    Pending(Box<Pending<'a>>),
}

/// Recognises an act: whose application, and whether its key has an answer. Stores nothing.
pub(crate) async fn open<'a>(
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    id: ApplicationId,
    body: &[u8],
) -> Result<Opened<'a>, Problem> {
    let application = visible(app, caller, &route, id).await?;
    let body_sha256 = sha256(body);
    let request = RequestKey { subject: &caller.actor, route: &route, key: &key.0 };
    match idempotency::find(&app.pool, &request, &body_sha256).await? {
        Some(Claim::Finished(answer)) => Ok(Opened::Answered(give(answer))),
        Some(Claim::OtherBody) => Err(Problem::IdempotencyKeyReused),
        Some(Claim::New | Claim::Unfinished { .. }) | None => {
            Ok(Opened::Pending(Box::new(Pending { app, caller, key, route, body_sha256, application })))
        }
    }
}

/// The application, if the caller may see it. One of somebody else's looks like none at all, and is audited.
pub(crate) async fn visible(
    app: &App,
    caller: &Caller,
    action: &str,
    id: ApplicationId,
) -> Result<Application, Problem> {
    let Some(application) = applications::get(&app.pool, id).await? else { return Err(Problem::NotFound) };
    if caller.is_staff() || application.submitted_by == caller.actor {
        return Ok(application);
    }
    let object = audit::application_object(id);
    audit::record_denial(
        &app.pool,
        &entry(caller, &caller.role_names(), action, &object, "not_the_submitter", json!({})),
    )
    .await?;
    Err(Problem::NotFound)
}

impl Pending<'_> {
    /// The stage as it is stored; the workflow may be further on already.
    pub(crate) fn stage(&self) -> &Stage {
        &self.application.stage
    }

    /// Stores the act and sends it on; the answer is the workflow's.
    pub(crate) async fn send(self, what: What, submission: &impl Serialize, reason: &str) -> Result<Response, Problem> {
        let submission = serde_json::to_vec(submission).map_err(|error| internal(&error, "a submission is no JSON"))?;
        let submission_id = match self.store(what, &submission, reason).await? {
            Stored::Answered(answer) => return Ok(give(answer)),
            Stored::Submission(id) => id,
        };
        let mutex = self.app.locks.of(self.application.id);
        let turn = tokio::time::timeout(TURN_WITHIN, mutex.lock()).await;
        let _turn = turn.map_err(|_elapsed| Problem::NotKnownToBeDone)?;
        // Other processes of the API keep the turn by the same lock of the database, until this transaction's end.
        let mut transaction = pool::begin(&self.app.pool).await?;
        locks::application(&mut transaction, self.application.id).await?;
        let sent = self.app.workflows.send(self.application.id, Act { submission_id, what }, self.update_id()).await;
        let answer = match sent {
            Sent::Accepted => self.accepted(submission_id),
            Sent::Refused(expected) => self.refused(&mut transaction, what, expected.into()).await?,
            Sent::Gone => self.closed(&mut transaction, what).await?,
            Sent::NotKnown => return Err(Problem::NotKnownToBeDone),
        };
        let answer = idempotency::finish(&mut transaction, &self.request(), &answer).await?;
        pool::commit(transaction).await?;
        Ok(give(answer))
    }

    /// Key, submission and audit in one transaction; a repeat goes on with the first one's submission.
    async fn store(&self, what: What, submission: &[u8], reason: &str) -> Result<Stored, Problem> {
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let received_at = crate::time::now();
        let mut transaction = pool::begin(&self.app.pool).await?;
        let claim =
            idempotency::claim(&mut transaction, &self.request(), &self.body_sha256, id.as_uuid(), received_at).await?;
        match claim {
            Claim::New => {}
            Claim::Unfinished { object_id } => return Ok(Stored::Submission(SubmissionId::from_uuid(object_id))),
            Claim::Finished(answer) => return Ok(Stored::Answered(answer)),
            Claim::OtherBody => return Err(Problem::IdempotencyKeyReused),
        }
        let act = Act { submission_id: id, what }.kind();
        let new = NewSubmission {
            id,
            application_id: self.application.id,
            act,
            body_sealed: &self.app.protection.seal(&bodies::submission_place(id), submission),
            body_sha256: &sha256(submission),
            submitted_by: &self.caller.actor,
            received_at,
        };
        submissions::insert(&mut transaction, &new).await?;
        let object = audit::application_object(self.application.id);
        let roles = self.caller.role_names();
        let details = json!({ "submission_id": id });
        let entry = audit::Entry {
            occurred_at: received_at,
            ..entry(self.caller, &roles, act.as_str(), &object, reason, details)
        };
        audit::record(&mut transaction, &entry).await?;
        pool::commit(transaction).await?;
        Ok(Stored::Submission(id))
    }

    fn accepted(&self, submission_id: SubmissionId) -> StoredAnswer {
        let links = view::links(self.application.id);
        let body = json!({ "status": "accepted", "submission_id": submission_id, "links": links });
        StoredAnswer { status: i32::from(StatusCode::OK.as_u16()), body }
    }

    /// A refusal is audited as a denial, with what was expected instead.
    async fn refused(
        &self,
        connection: &mut PgConnection,
        what: What,
        expected: view::ExpectedNow,
    ) -> Result<StoredAnswer, Problem> {
        let act = Act { submission_id: SubmissionId::from_uuid(Uuid::nil()), what }.kind();
        let details = json!({ "expected": expected.act });
        let object = audit::application_object(self.application.id);
        let roles = self.caller.role_names();
        let entry = entry(self.caller, &roles, act.as_str(), &object, "act_not_expected", details);
        audit::record_denial_in(connection, &entry).await?;
        let problem = Problem::ActNotExpected(view::expected(self.application.id, expected, self.caller.sees_aml()));
        Ok(StoredAnswer { status: i32::from(problem.status().as_u16()), body: problem.body() })
    }

    /// The workflow is closed, or not there yet: PostgreSQL says which.
    async fn closed(&self, connection: &mut PgConnection, what: What) -> Result<StoredAnswer, Problem> {
        let now = applications::get(&self.app.pool, self.application.id).await?.ok_or(Problem::Internal)?;
        if now.outcome.is_none() {
            return Err(Problem::NotKnownToBeDone);
        }
        self.refused(connection, what, now.stage.expected().into()).await
    }

    /// The same request always gets the same id, so a repeat is the same update.
    fn update_id(&self) -> String {
        // None of the three can hold a line feed: two requests never run together into one text.
        let request = format!("{}\n{}\n{}", self.caller.actor.replace('\n', " "), self.route, self.key.0);
        nesie_domain::hash::sha256_hex(request.as_bytes())
    }

    fn request(&self) -> RequestKey<'_> {
        RequestKey { subject: &self.caller.actor, route: &self.route, key: &self.key.0 }
    }
}

enum Stored {
    Submission(SubmissionId),
    Answered(StoredAnswer),
}

/// An entry of the audit log about this caller, now.
pub(crate) fn entry<'a>(
    caller: &'a Caller,
    roles: &'a [String],
    action: &'a str,
    object: &'a str,
    reason: &'a str,
    details: Value,
) -> audit::Entry<'a> {
    audit::Entry {
        occurred_at: crate::time::now(),
        actor: &caller.actor,
        roles,
        action,
        object,
        reason,
        request_id: Some(&caller.request_id),
        details,
    }
}

/// One lock an application within this process, so that waiting acts hold no connection.
#[derive(Default)]
pub(crate) struct ApplicationLocks(std::sync::Mutex<HashMap<ApplicationId, Weak<tokio::sync::Mutex<()>>>>);

impl ApplicationLocks {
    fn of(&self, id: ApplicationId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&id).and_then(Weak::upgrade) {
            return lock;
        }
        if locks.len() >= 1024 {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_application_has_one_lock_while_it_is_held_and_locks_do_not_pile_up() {
        let locks = ApplicationLocks::default();
        let id = ApplicationId::from_uuid(Uuid::from_u128(1));
        let first = locks.of(id);
        assert!(Arc::ptr_eq(&first, &locks.of(id)));
        for number in 2..5000 {
            drop(locks.of(ApplicationId::from_uuid(Uuid::from_u128(number))));
        }
        assert!(Arc::ptr_eq(&first, &locks.of(id)), "a held lock stays");
        assert!(locks.0.lock().expect("not poisoned").len() <= 1024);
    }
}
