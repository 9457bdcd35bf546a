//! Cases of the Rules: reported once, acted on through their workflow, read from PostgreSQL.
//! One shared way for every kind; never a rule of one kind: those stand in its routes and its workflow.

mod documents;

use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use nesie_domain::case::CaseKind;
use nesie_domain::hash::sha256_hex;
use nesie_domain::ids::{CaseId, SubmissionId};
use nesie_storage::cases::{self, CaseDocument, CaseRow, CaseSubmission, NewCase, Reported};
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::{PgConnection, audit, bodies, pool};
use nesie_workflows::case::{CaseAct, CaseWhat};
use nesie_workflows::contract::CaseAnswer;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use documents::hashes;
pub(crate) use documents::{Document, read_documents};

use crate::acts::{body_hash, entry};
use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, give};
use crate::problem::{Problem, internal};
use crate::routes::RULESET;
use crate::temporal::SentToCase;

/// The refusal of a report under the reference of another one.
const REPORTED_DIFFERENTLY: &str = "case.reported_differently";

/// A case that was reported.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseReported {
    /// The case.
    pub(crate) id: Uuid,
    /// `received`, or `already_reported` where the same was reported before: then this is the first case.
    pub(crate) status: String,
    /// Where to look next.
    pub(crate) links: Value,
}

/// An act on a case that was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseActDone {
    /// `done`
    pub(crate) status: String,
    /// What was sent, stored under this id.
    pub(crate) submission_id: Uuid,
    /// What was made by it, such as a request for a second person.
    pub(crate) made: Option<Uuid>,
    /// Where to look next.
    pub(crate) links: Value,
}

/// What a report of a new case says.
pub(crate) struct Report {
    pub(crate) kind: CaseKind,
    /// What makes two reports the same one.
    pub(crate) natural_key: String,
    /// The kind's own details; they are sealed.
    pub(crate) details: Value,
    /// What pages show: no personal data.
    pub(crate) summary: Value,
    pub(crate) documents: Vec<Document>,
}

/// What an act says.
pub(crate) struct ActOnCase {
    /// Its stable name.
    pub(crate) act: &'static str,
    /// The body that its step reads; it is sealed.
    pub(crate) body: Value,
    /// Why, in the person's words, where the act asks for it.
    pub(crate) reason: String,
    pub(crate) documents: Vec<Document>,
}

/// A request that has been recognised as new; nothing is stored yet.
pub(crate) struct Pending<'a> {
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    body_sha256: [u8; 32],
    /// When it came.
    pub(crate) received_at: DateTime<Utc>,
}

/// Either the answer that this request got before, or the request to go on with.
pub(crate) enum Opened<'a> {
    /// Give this answer again.
    Answered(Response),
    /// Go on.
    Pending(Pending<'a>),
}

/// Recognises a request: whether its key has an answer. Stores nothing.
pub(crate) async fn open<'a>(
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    body: &[u8],
) -> Result<Opened<'a>, Problem> {
    let body_sha256 = body_hash(app, body);
    let request = RequestKey { subject: &caller.actor, route: &route, key: &key.0 };
    match idempotency::find(&app.pool, &request, &body_sha256).await? {
        Some(Claim::Finished(answer)) => Ok(Opened::Answered(give(answer))),
        Some(Claim::OtherBody) => Err(Problem::IdempotencyKeyReused),
        Some(Claim::New | Claim::Unfinished { .. }) | None => {
            Ok(Opened::Pending(Pending { app, caller, key, route, body_sha256, received_at: crate::time::now() }))
        }
    }
}

/// The case of a kind, if there is one: another kind's id names nothing here.
pub(crate) async fn find(app: &App, kind: CaseKind, id: CaseId) -> Result<CaseRow, Problem> {
    let case = cases::get(&app.pool, id).await?;
    case.filter(|case| case.kind == kind).ok_or(Problem::NotFound)
}

impl Pending<'_> {
    /// Stores a report with its documents, key, audit and answer in one transaction. The same report again is answered
    /// with the first case, and leaves nothing but an audit record; one of clients that says something else is refused, and
    /// audited so.
    pub(crate) async fn report(self, report: Report, body: &[u8]) -> Result<Response, Problem> {
        let id = CaseId::from_uuid(Uuid::now_v7());
        let policy = cases::policy_on(&self.app.pool, crate::time::day(self.received_at)).await?;
        let details = encode(&report.details)?;
        // Before the transaction: who holds a connection must not wait for another.
        let natural_key = self.natural_key(&report).await?;
        let content_index = self.content_index(body)?;
        let mut transaction = pool::begin(&self.app.pool).await?;
        match self.claim(&mut transaction, id.as_uuid()).await? {
            Claim::New => {}
            Claim::Finished(answer) => return Ok(give(answer)),
            Claim::OtherBody => return Err(Problem::IdempotencyKeyReused),
            // Key, case and answer are written together: a key without an answer is none of ours.
            Claim::Unfinished { .. } => return Err(Problem::Internal),
        }
        let new = NewCase {
            id,
            kind: report.kind,
            submitted_by: &self.caller.actor,
            natural_key: &natural_key,
            content_index: &content_index,
            details_sealed: &self.app.protection.seal(&cases::details_place(id), &details),
            summary: &report.summary,
            policy: &policy,
            ruleset: RULESET,
            build: nesie_platform::build(),
            received_at: self.received_at,
        };
        let action = format!("report:{}", report.kind.as_str());
        let (id, reported) = cases::insert(&mut transaction, &new).await?;
        let (status, name) = match reported {
            Reported::New => {
                self.keep_documents(&mut transaction, id, &report.documents).await?;
                (StatusCode::ACCEPTED, "received")
            }
            // Of a document or a channel the first report stands; one of clients would lose those whom it names besides.
            Reported::Differently if matches!(report.kind, CaseKind::FraudIncident | CaseKind::DataLeak) => {
                drop(transaction);
                return Err(self.reported_differently(&action, id).await?);
            }
            Reported::Again | Reported::Differently => (StatusCode::OK, "already_reported"),
        };
        let details = json!({ "status": name, "ruleset": RULESET, "documents": hashes(&report.documents) });
        self.audit(&mut transaction, &action, id, "", details).await?;
        let body = json!({ "id": id, "status": name, "links": links(report.kind, id) });
        let answer = StoredAnswer { status: i32::from(status.as_u16()), body };
        let answer = idempotency::finish(&mut transaction, &self.request(), &answer).await?;
        pool::commit(transaction).await?;
        Ok(give(answer))
    }

    async fn reported_differently(&self, action: &str, id: CaseId) -> Result<Problem, Problem> {
        let (object, roles) = (audit::object_of(id.into()), self.caller.role_names());
        let entry = entry(self.caller, &roles, action, &object, REPORTED_DIFFERENTLY, json!({}));
        audit::record_denial(&self.app.pool, &entry).await?;
        Ok(Problem::ActRefused { code: REPORTED_DIFFERENTLY.to_owned(), detail: Some(format!("case:{id}")) })
    }

    /// The keyed hash of what a report says, in whatever order and spacing.
    fn content_index(&self, body: &[u8]) -> Result<[u8; 32], Problem> {
        let said: Value = serde_json::from_slice(body).map_err(|_| Problem::MalformedJson)?;
        Ok(self.app.protection.index("report", &sha256_hex(said.to_string().as_bytes())))
    }

    /// What makes two reports the same one. What was withdrawn as opened in error may be reported anew.
    async fn natural_key(&self, report: &Report) -> Result<[u8; 32], Problem> {
        let first = format!("{}|{}", report.kind.as_str(), report.natural_key);
        let mut key = self.app.protection.index("case", &first);
        let mut withdrawn = 0;
        while cases::is_withdrawn(&self.app.pool, report.kind, &key).await? {
            withdrawn += 1;
            key = self.app.protection.index("case", &format!("{first}|after_withdrawals|{withdrawn}"));
        }
        Ok(key)
    }

    /// Stores an act with its documents and sends it to its workflow; the answer is the workflow's.
    pub(crate) async fn act(self, case: &CaseRow, act: ActOnCase) -> Result<Response, Problem> {
        self.act_as(case, act, CaseWhat::Record).await
    }

    /// As [`Self::act`], where it is not an act of the kind's own.
    pub(crate) async fn act_as(self, case: &CaseRow, act: ActOnCase, what: CaseWhat) -> Result<Response, Problem> {
        let submission_id = match self.keep_act(case, &act).await? {
            Claim::Finished(answer) => return Ok(give(answer)),
            Claim::Unfinished { object_id } => SubmissionId::from_uuid(object_id),
            Claim::New | Claim::OtherBody => return Err(Problem::IdempotencyKeyReused),
        };
        self.send(case.kind, case.id, act.act, CaseAct { submission_id, what }).await
    }

    /// Sends an act that is stored, and keeps its answer.
    pub(crate) async fn send(self, kind: CaseKind, id: CaseId, name: &str, act: CaseAct) -> Result<Response, Problem> {
        let answered = match self.app.workflows.send_to_case(kind, id, act, self.update_id()).await {
            SentToCase::Answered(answer) => answer,
            SentToCase::NotKnown => return Err(Problem::NotKnownToBeDone),
            SentToCase::Gone => match cases::get(&self.app.pool, id).await? {
                Some(case) if case.stage.is_closed() => {
                    CaseAnswer::Refused { code: "case.closed".to_owned(), detail: None }
                }
                _ => return Err(Problem::NotKnownToBeDone),
            },
        };
        let mut transaction = pool::begin(&self.app.pool).await?;
        let answer = match answered {
            CaseAnswer::Done { made } => {
                let submission_id = act.submission_id;
                let body =
                    json!({ "status": "done", "submission_id": submission_id, "made": made, "links": links(kind, id) });
                StoredAnswer { status: i32::from(StatusCode::OK.as_u16()), body }
            }
            CaseAnswer::Refused { code, detail } => {
                let object = audit::object_of(id.into());
                let roles = self.caller.role_names();
                let details = json!({ "submission_id": act.submission_id, "detail": detail });
                let entry = entry(self.caller, &roles, name, &object, &code, details);
                audit::record_denial_of(&mut transaction, &entry, act.submission_id).await?;
                let problem = Problem::ActRefused { code, detail };
                StoredAnswer { status: i32::from(problem.status().as_u16()), body: problem.body() }
            }
        };
        let answer = idempotency::finish(&mut transaction, &self.request(), &answer).await?;
        pool::commit(transaction).await?;
        Ok(give(answer))
    }

    /// Submission, documents, key and audit in one transaction; `Unfinished` names the submission to be sent.
    async fn keep_act(&self, case: &CaseRow, act: &ActOnCase) -> Result<Claim, Problem> {
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let body = encode(&act.body)?;
        let mut transaction = pool::begin(&self.app.pool).await?;
        match self.claim(&mut transaction, id.as_uuid()).await? {
            Claim::New => {}
            known => return Ok(known),
        }
        let new = CaseSubmission {
            id,
            case_id: case.id,
            act: act.act.to_owned(),
            body_sealed: self.app.protection.seal(&bodies::submission_place(id), &body),
            body_sha256: body_hash(self.app, &body).to_vec(),
            submitted_by: self.caller.actor.clone(),
            roles: self.caller.role_names(),
            reason: act.reason.clone(),
            received_at: self.received_at,
            answer: None,
        };
        cases::insert_submission(&mut transaction, &new).await?;
        self.keep_documents(&mut transaction, case.id, &act.documents).await?;
        let details = json!({ "submission_id": id, "documents": hashes(&act.documents) });
        // That it came, no more: the case has not been asked yet.
        self.audit(&mut transaction, &format!("received:{}", act.act), case.id, &act.reason, details).await?;
        pool::commit(transaction).await?;
        Ok(Claim::Unfinished { object_id: id.as_uuid() })
    }

    async fn keep_documents(
        &self,
        connection: &mut PgConnection,
        case_id: CaseId,
        documents: &[Document],
    ) -> Result<(), Problem> {
        for document in documents {
            let new = CaseDocument {
                id: document.id,
                case_id,
                name: &document.name,
                content_type: &document.content_type,
                content_sealed: &self.app.protection.seal(&cases::document_place(document.id), &document.content),
                sha256: &nesie_platform::protection::sha256(&document.content),
                received_at: self.received_at,
            };
            cases::insert_document(connection, &new).await?;
        }
        Ok(())
    }

    async fn audit(
        &self,
        connection: &mut PgConnection,
        action: &str,
        id: CaseId,
        reason: &str,
        details: Value,
    ) -> Result<(), Problem> {
        let object = audit::object_of(id.into());
        let roles = self.caller.role_names();
        let entry = audit::Entry {
            occurred_at: self.received_at,
            ..entry(self.caller, &roles, action, &object, reason, details)
        };
        Ok(audit::record(connection, &entry).await?)
    }

    async fn claim(&self, connection: &mut PgConnection, object: Uuid) -> Result<Claim, Problem> {
        Ok(idempotency::claim(connection, &self.request(), &self.body_sha256, object, self.received_at).await?)
    }

    /// The same request always gets the same id, so a repeat is the same update.
    fn update_id(&self) -> String {
        let request = format!("{}\n{}\n{}", self.caller.actor.replace('\n', " "), self.route, self.key.0);
        sha256_hex(request.as_bytes())
    }

    fn request(&self) -> RequestKey<'_> {
        RequestKey { subject: &self.caller.actor, route: &self.route, key: &self.key.0 }
    }
}

/// The first part of a kind's paths.
pub(crate) fn path(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::ChannelNotice => "/v1/channel-notices",
        CaseKind::FraudIncident => "/v1/fraud-incidents",
        CaseKind::AccrualSuspension => "/v1/accrual-suspensions",
        CaseKind::WriteOff => "/v1/write-offs",
        CaseKind::DataLeak => "/v1/data-leaks",
    }
}

/// Links of a case.
pub(crate) fn links(kind: CaseKind, id: CaseId) -> Value {
    let own = format!("{}/{id}", path(kind));
    json!({ "self": own, "timeline": format!("{own}/timeline"), "duties": format!("/v1/duties?case_id={id}") })
}

fn encode(value: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| internal(&error, "a body is no JSON"))
}
