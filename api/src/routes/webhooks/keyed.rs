//! An act of operations on an endpoint: under its idempotency key, in one transaction with its audit and its answer.
//! Never stores a secret in an answer: a repeat is answered without it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use nesie_domain::ids::WebhookEndpointId;
use nesie_storage::idempotency::{self, Claim, RequestKey, StoredAnswer};
use nesie_storage::webhooks::endpoints::{self, Endpoint};
use nesie_storage::{PgConnection, Postgres, Transaction, audit, pool};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::acts;
use crate::app::App;
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, give};
use crate::problem::Problem;

/// One request of a caller.
pub(super) struct Keyed<'a> {
    app: &'a App,
    caller: &'a Caller,
    key: &'a IdempotencyKey,
    route: String,
    body_sha256: [u8; 32],
    /// When it was received.
    pub(super) received_at: DateTime<Utc>,
}

/// Either the answer that this request got before, or the transaction to go on with.
pub(super) enum Begun {
    /// Give this answer again.
    Answered(Response),
    /// Go on, and [`Keyed::finish`].
    New(Transaction<'static, Postgres>),
}

impl<'a> Keyed<'a> {
    pub(super) fn new(app: &'a App, caller: &'a Caller, key: &'a IdempotencyKey, route: String, body: &[u8]) -> Self {
        Self { app, caller, key, route, body_sha256: acts::body_hash(app, body), received_at: crate::time::now() }
    }

    fn request(&self) -> RequestKey<'_> {
        RequestKey { subject: &self.caller.actor, route: &self.route, key: &self.key.0 }
    }

    /// The answer that this request got before, if it did: asked before anything is judged anew.
    pub(super) async fn answered(&self) -> Result<Option<Response>, Problem> {
        match idempotency::find(&self.app.pool, &self.request(), &self.body_sha256).await? {
            Some(Claim::Finished(answer)) => Ok(Some(give(answer))),
            Some(Claim::OtherBody) => Err(Problem::IdempotencyKeyReused),
            Some(Claim::New | Claim::Unfinished { .. }) | None => Ok(None),
        }
    }

    /// Claims the key; whoever comes second waits here and gets the first one's answer.
    pub(super) async fn begin(&self, object_id: Uuid) -> Result<Begun, Problem> {
        let mut transaction = pool::begin(&self.app.pool).await?;
        let claim =
            idempotency::claim(&mut transaction, &self.request(), &self.body_sha256, object_id, self.received_at)
                .await?;
        match claim {
            Claim::New => Ok(Begun::New(transaction)),
            Claim::Finished(answer) => Ok(Begun::Answered(give(answer))),
            Claim::OtherBody => Err(Problem::IdempotencyKeyReused),
            // Key and answer are written in one transaction.
            Claim::Unfinished { .. } => Err(Problem::Internal),
        }
    }

    /// Audits the act.
    pub(super) async fn audit(
        &self,
        connection: &mut PgConnection,
        action: &str,
        id: WebhookEndpointId,
        reason: &str,
        details: Value,
    ) -> Result<(), Problem> {
        let (object, roles) = (endpoints::object(id), self.caller.role_names());
        let entry = acts::entry(self.caller, &roles, action, &object, reason, details);
        Ok(audit::record(connection, &audit::Entry { occurred_at: self.received_at, ..entry }).await?)
    }

    /// Audits that the act was denied, which wrote nothing else.
    pub(super) async fn deny(
        &self,
        action: &str,
        id: Option<WebhookEndpointId>,
        code: &str,
        details: Value,
    ) -> Result<(), Problem> {
        let object = id.map_or_else(|| "webhook_endpoint".to_owned(), endpoints::object);
        let roles = self.caller.role_names();
        let entry = acts::entry(self.caller, &roles, action, &object, code, details);
        Ok(audit::record_denial(&self.app.pool, &entry).await?)
    }

    /// Stores the answer and commits. What is shown once is added to what is given now, and to nothing stored.
    pub(super) async fn finish(
        &self,
        mut transaction: Transaction<'static, Postgres>,
        status: StatusCode,
        mut body: Value,
        shown_once: Option<String>,
    ) -> Result<Response, Problem> {
        if shown_once.is_some() {
            body["secret"] = Value::Null;
        }
        let answer = StoredAnswer { status: i32::from(status.as_u16()), body };
        let mut answer = idempotency::finish(&mut transaction, &self.request(), &answer).await?;
        pool::commit(transaction).await?;
        if let Some(secret) = shown_once {
            answer.body["secret"] = json!(secret);
        }
        Ok((status, Json(answer.body)).into_response())
    }

    /// The endpoint, or that there is none.
    pub(super) async fn endpoint(&self, id: WebhookEndpointId) -> Result<Endpoint, Problem> {
        endpoints::get(&self.app.pool, id).await?.ok_or(Problem::NotFound)
    }
}
