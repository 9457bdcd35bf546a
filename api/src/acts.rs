//! How an act of a person is done: seen, stored, sent to its workflow one at a time, and its answer kept.
//! One shared way for all acts; never a decision about one, the workflow's handler is the guard (design invariant 4).

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use nesie_storage::applications::{self, Application};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::submissions::{self, NewSubmission};
use nesie_storage::views::open_work;
use nesie_storage::{PgConnection, audit, bodies, locks, pool};
use nesie_workflows::origination::{Act, What};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::Instrument as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, give};
use crate::problem::{Problem, internal};
use crate::temporal::Sent;
use crate::view;

/// After which pauses it is asked once more what became of an act that no worker answered in time.
const ASKED_AGAIN_AFTER: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];

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

/// The keyed hash of a body: a plain one would tell bodies that can be guessed, such as a person's number.
pub(crate) fn body_hash(app: &App, body: &[u8]) -> [u8; 32] {
    app.protection.index("body", &nesie_domain::hash::sha256_hex(body))
}

/// Recognises an act of the client: the application must be the caller's own, whatever other roles the caller has.
/// Whether its key has an answer. Stores nothing.
pub(crate) async fn open<'a>(
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    id: ApplicationId,
    body: &[u8],
) -> Result<Opened<'a>, Problem> {
    recognise(app, caller, key, route, id, body, submitted).await
}

/// Recognises a decision of staff, on anybody's application. Stores nothing.
pub(crate) async fn open_for_staff<'a>(
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    id: ApplicationId,
    body: &[u8],
) -> Result<Opened<'a>, Problem> {
    recognise(app, caller, key, route, id, body, sees).await
}

async fn recognise<'a>(
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    id: ApplicationId,
    body: &[u8],
    may: fn(&Caller, &Application) -> bool,
) -> Result<Opened<'a>, Problem> {
    let body_sha256 = body_hash(app, body);
    let request = RequestKey { subject: &caller.actor, route: &route, key: &key.0 };
    let mut connection = pool::acquire(&app.pool).await?;
    let application = applications::get(&mut *connection, id).await?;
    let known = idempotency::find(&mut *connection, &request, &body_sha256).await?;
    drop(connection);
    let application = admitted(app, caller, &route, id, application, may).await?;
    match known {
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
    admitted(app, caller, action, id, applications::get(&app.pool, id).await?, sees).await
}

/// A role of staff lets read, never act in a client's name.
fn submitted(caller: &Caller, application: &Application) -> bool {
    application.submitted_by == caller.actor
}

fn sees(caller: &Caller, application: &Application) -> bool {
    caller.is_staff() || submitted(caller, application)
}

async fn admitted(
    app: &App,
    caller: &Caller,
    action: &str,
    id: ApplicationId,
    application: Option<Application>,
    may: fn(&Caller, &Application) -> bool,
) -> Result<Application, Problem> {
    let Some(application) = application else { return Err(Problem::NotFound) };
    if may(caller, &application) { Ok(application) } else { Err(not_the_submitter(app, caller, action, id).await?) }
}

/// One of somebody else's looks like none at all, and is audited.
pub(crate) async fn not_the_submitter(
    app: &App,
    caller: &Caller,
    action: &str,
    id: ApplicationId,
) -> Result<Problem, Problem> {
    let object = audit::application_object(id);
    audit::record_denial(
        &app.pool,
        &entry(caller, &caller.role_names(), action, &object, "not_the_submitter", json!({})),
    )
    .await?;
    Ok(Problem::NotFound)
}

impl Pending<'_> {
    /// The stage as it is stored; the workflow may be further on already.
    pub(crate) fn stage(&self) -> &Stage {
        &self.application.stage
    }

    /// Stores the act and sends it on; the answer is the workflow's.
    pub(crate) async fn send(self, what: What, submission: &impl Serialize, reason: &str) -> Result<Response, Problem> {
        self.send_as(what.kind(), what, submission, reason).await
    }

    /// The same for an act that is another thing to the person than to the workflow: a decision on a likely match that
    /// parked a step is one on the step there. It is stored and audited as what the person did.
    pub(crate) async fn send_as(
        self,
        kind: ActKind,
        what: What,
        submission: &impl Serialize,
        reason: &str,
    ) -> Result<Response, Problem> {
        let submission = serde_json::to_vec(submission).map_err(|error| internal(&error, "a submission is no JSON"))?;
        let (submission_id, is_new) = match self.store(kind, &submission, reason).await? {
            Stored::Answered(answer) => return Ok(give(answer)),
            Stored::Submission { id, is_new } => (id, is_new),
        };
        self.see_through(submission_id, kind, what, reason.to_owned(), is_new).await
    }

    /// Sends the act on, in a task of its own: a caller that goes away ends nothing, and what the workflow says is audited all the
    /// same. Where nothing is said in time it is asked again, on behalf of whoever may never ask again; once a request, since
    /// whoever repeats it asks by himself. Ends with this process.
    async fn see_through(
        self,
        submission_id: SubmissionId,
        kind: ActKind,
        what: What,
        reason: String,
        is_new: bool,
    ) -> Result<Response, Problem> {
        let (app, caller, key) = (self.app.clone(), self.caller.clone(), self.key.clone());
        let (route, body_sha256, application) = (self.route, self.body_sha256, self.application);
        let (say, said) = tokio::sync::oneshot::channel();
        let seen_through = async move {
            let pending = Pending { app: &app, caller: &caller, key: &key, route, body_sha256, application };
            let settled = pending.settle(submission_id, kind, what, &reason).await;
            let is_over = settled.is_ok() || !is_new;
            // Nobody may be there any more to hear it.
            drop(say.send(settled));
            if !is_over {
                pending.find_out(submission_id, kind, what, &reason).await;
            }
        };
        tokio::spawn(seen_through.instrument(tracing::Span::current()));
        said.await.map_err(|_| Problem::Internal)?.map(give)
    }

    async fn find_out(&self, submission_id: SubmissionId, kind: ActKind, what: What, reason: &str) {
        for pause in ASKED_AGAIN_AFTER {
            tokio::time::sleep(pause).await;
            if self.settle(submission_id, kind, what, reason).await.is_ok() {
                return;
            }
        }
        tracing::warn!(application.id = %self.application.id, submission.id = %submission_id, "what became of an act is not known");
    }

    /// Sends the act in its turn, and keeps what the workflow says of it with its audit. A repeat changes nothing.
    async fn settle(
        &self,
        submission_id: SubmissionId,
        kind: ActKind,
        what: What,
        reason: &str,
    ) -> Result<StoredAnswer, Problem> {
        let turn = self.app.turns.take(self.application.id, TURN_WITHIN).await;
        let _turn = turn.ok_or(Problem::NotKnownToBeDone)?;
        // Other processes of the API keep the turn by the same lock of the database, until this transaction's end.
        let mut transaction = pool::begin(&self.app.pool).await?;
        locks::application(&mut transaction, self.application.id).await?;
        // Whoever had the turn before may have been this request's repeat.
        let known = idempotency::find(&mut *transaction, &self.request(), &self.body_sha256).await?;
        if let Some(Claim::Finished(answer)) = known {
            return Ok(answer);
        }
        let sent = self.app.workflows.send(self.application.id, Act { submission_id, what }, self.update_id()).await;
        let answer = match sent {
            Sent::Accepted => self.accepted(&mut transaction, submission_id, kind, reason).await?,
            Sent::Refused(expected) => self.refused(&mut transaction, kind, what, expected.into()).await?,
            Sent::Gone => self.closed(&mut transaction, kind, what).await?,
            Sent::NotKnown => return Err(Problem::NotKnownToBeDone),
        };
        let answer = idempotency::finish(&mut transaction, &self.request(), &answer).await?;
        pool::commit(transaction).await?;
        Ok(answer)
    }

    /// Key, submission and audit together; a repeat goes on with the first one's submission.
    async fn store(&self, kind: ActKind, submission: &[u8], reason: &str) -> Result<Stored, Problem> {
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let received_at = crate::time::now();
        let new = NewSubmission {
            id,
            application_id: self.application.id,
            act: kind,
            body_sealed: &self.app.protection.seal(&bodies::submission_place(id), submission),
            body_sha256: &body_hash(self.app, submission),
            submitted_by: &self.caller.actor,
            received_at,
        };
        let object = audit::application_object(self.application.id);
        let roles = self.caller.role_names();
        let details = json!({ "submission_id": id });
        // That it came, no more: the guard has not been asked yet.
        let action = format!("received:{}", kind.as_str());
        let came =
            audit::Entry { occurred_at: received_at, ..entry(self.caller, &roles, &action, &object, reason, details) };
        match submissions::receive(&self.app.pool, &self.request(), &self.body_sha256, &new, &came).await? {
            Claim::New => Ok(Stored::Submission { id, is_new: true }),
            Claim::Unfinished { object_id } => {
                Ok(Stored::Submission { id: SubmissionId::from_uuid(object_id), is_new: false })
            }
            Claim::Finished(answer) => Ok(Stored::Answered(answer)),
            Claim::OtherBody => Err(Problem::IdempotencyKeyReused),
        }
    }

    /// The guard let the act pass: now it is audited as allowed, in one transaction with its answer.
    async fn accepted(
        &self,
        connection: &mut PgConnection,
        submission_id: SubmissionId,
        kind: ActKind,
        reason: &str,
    ) -> Result<StoredAnswer, Problem> {
        let object = audit::application_object(self.application.id);
        let roles = self.caller.role_names();
        let details = json!({ "submission_id": submission_id });
        audit::record(connection, &entry(self.caller, &roles, kind.as_str(), &object, reason, details)).await?;
        let links = view::links(self.application.id);
        let body = json!({ "status": "accepted", "submission_id": submission_id, "links": links });
        Ok(StoredAnswer { status: i32::from(StatusCode::OK.as_u16()), body })
    }

    /// A refusal is audited as a denial, with what was expected instead: the workflow's word, or, for staff, the decision
    /// on a parked step that it waits for.
    async fn refused(
        &self,
        connection: &mut PgConnection,
        kind: ActKind,
        what: What,
        expected: view::ExpectedNow,
    ) -> Result<StoredAnswer, Problem> {
        let open = open_work::parked_steps_of(&mut *connection, self.application.id).await?;
        let parked = view::parked::after_refusal(&open, what).filter(|_| self.caller.is_staff());
        let details = json!({ "expected": parked.map_or(expected.act, |_| Some(ActKind::DecideParkedStep)) });
        let expected = parked.map_or_else(
            || view::expected(self.application.id, expected, self.caller.sees_aml()),
            |step| view::parked::expected(step, self.caller.sees_aml()),
        );
        let object = audit::application_object(self.application.id);
        let roles = self.caller.role_names();
        let entry = entry(self.caller, &roles, kind.as_str(), &object, "act_not_expected", details);
        audit::record_denial_in(connection, &entry).await?;
        let problem = Problem::ActNotExpected(expected);
        Ok(StoredAnswer { status: i32::from(problem.status().as_u16()), body: problem.body() })
    }

    /// The workflow is closed, or not there yet: PostgreSQL says which.
    async fn closed(&self, connection: &mut PgConnection, kind: ActKind, what: What) -> Result<StoredAnswer, Problem> {
        let now = applications::get(&mut *connection, self.application.id).await?.ok_or(Problem::Internal)?;
        if now.outcome.is_none() {
            return Err(Problem::NotKnownToBeDone);
        }
        self.refused(connection, kind, what, now.stage.expected().into()).await
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
    Submission { id: SubmissionId, is_new: bool },
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
