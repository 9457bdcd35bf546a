//! A call to a provider: noted under its key before it is made, kept as evidence with what was decided on it.
//! Never a retry within a step: the workflow's budget does that, under the same key.

use std::fmt::Display;

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::{EvidenceId, Owner};
use nesie_platform::protection::sha256;
use nesie_storage::evidence::{self, NewEvidence, NotedCall, ProviderCall};
use nesie_storage::{PgConnection, pool};

use crate::World;
use crate::failure::Failure;
use crate::providers::{Answer, ProviderError};
use crate::record::{derived_id, hex};

/// Which call it is.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    owner: Owner,
    step: &'static str,
    provider: &'static str,
    operation: &'static str,
    /// The idempotency key or our own reference.
    pub(crate) key: String,
    at: DateTime<Utc>,
    /// Whether it is made anew where the provider could not tell.
    renews: bool,
}

impl Call {
    /// A call of a step, keyed by application or case, step and intent: a repeat has the same key.
    pub(crate) fn new(
        owner: impl Into<Owner>,
        step: &'static str,
        operation: (&'static str, &'static str),
        intent: impl Display,
        at: DateTime<Utc>,
    ) -> Self {
        let owner = owner.into();
        Self::under(format!("{owner}:{step}:{intent}"), owner, step, operation, at)
    }

    /// A call under a key that is not its step's: our own reference, or the same message whoever sends it.
    pub(crate) fn under(
        key: String,
        owner: impl Into<Owner>,
        step: &'static str,
        (provider, operation): (&'static str, &'static str),
        at: DateTime<Utc>,
    ) -> Self {
        Self { owner: owner.into(), step, provider, operation, key, at, renews: false }
    }

    /// The same call under a key of its own for every time that the provider could not tell: it answers the same key
    /// with the same words for ever, and these were no answer.
    pub(crate) fn after_undetermined(self) -> Self {
        Self { renews: true, ..self }
    }

    fn row(&self) -> ProviderCall<'_> {
        ProviderCall {
            owner: self.owner,
            step: self.step,
            provider: self.provider,
            operation: self.operation,
            key: &self.key,
            at: self.at,
        }
    }

    /// Makes the call.
    pub(crate) async fn make<T>(
        self,
        world: &World,
        exchange: impl Future<Output = Result<Answer<T>, ProviderError>>,
    ) -> Result<Answered<T>, Failure> {
        Ok(self.attempt(world, exchange).await??)
    }

    /// Makes the call; for a step that must do something itself where no answer came.
    pub(crate) async fn attempt<T>(
        self,
        world: &World,
        exchange: impl Future<Output = Result<Answer<T>, ProviderError>>,
    ) -> Result<Result<Answered<T>, ProviderError>, Failure> {
        self.begin(world).await?.end(world, exchange).await
    }

    /// Notes that the call is about to be made.
    pub(crate) async fn begin(self, world: &World) -> Result<Begun, Failure> {
        let NotedCall { key, attempt } = evidence::begin_call(&world.pool, &self.row(), self.renews).await?;
        Ok(Begun { call: Self { key, ..self }, attempt })
    }
}

/// The day for which this was asked before under a key that ends in it; it may have had no answer, and is then asked for again
/// as of that day and of no other. None where it was not.
pub(crate) async fn day_asked_for(
    world: &World,
    owner: impl Into<Owner>,
    key: &str,
) -> Result<Option<NaiveDate>, Failure> {
    let prefix = format!("{key}:");
    let asked = evidence::first_key(&world.pool, owner, &prefix).await?;
    Ok(asked.and_then(|asked| asked.strip_prefix(&prefix)?.parse().ok()))
}

/// A call that is noted and about to be made.
pub(crate) struct Begun {
    call: Call,
    attempt: i32,
}

impl Begun {
    /// The key under which it is made.
    pub(crate) fn key(&self) -> String {
        self.call.key.clone()
    }

    /// Makes the call, and notes how it ended where no answer came.
    pub(crate) async fn end<T>(
        self,
        world: &World,
        exchange: impl Future<Output = Result<Answer<T>, ProviderError>>,
    ) -> Result<Result<Answered<T>, ProviderError>, Failure> {
        let Self { call, attempt } = self;
        match exchange.await {
            Ok(Answer { value, raw, content_type }) => {
                Ok(Ok(Answered { value, received: Received { call, attempt, raw, content_type } }))
            }
            Err(error) => {
                evidence::end_call(&world.pool, &call.row(), attempt, error.kind.code()).await?;
                Ok(Err(error))
            }
        }
    }
}

/// An answer, with what is to be kept of it.
pub(crate) struct Answered<T> {
    pub(crate) value: T,
    pub(crate) received: Received,
}

/// An answer's bytes, to be kept in the transaction of what was decided on them.
pub(crate) struct Received {
    call: Call,
    attempt: i32,
    raw: Vec<u8>,
    content_type: String,
}

impl Received {
    /// Keeps the bytes, sealed, and that the call was answered.
    pub(crate) async fn keep(&self, world: &World, connection: &mut PgConnection) -> Result<EvidenceId, Failure> {
        self.keep_as(world, connection, "answered").await
    }

    /// Keeps an answer in which the provider says that it can not tell, by itself: nothing is decided on it.
    pub(crate) async fn keep_undetermined(&self, world: &World) -> Result<(), Failure> {
        let mut transaction = pool::begin(&world.pool).await?;
        self.keep_as(world, &mut transaction, evidence::UNDETERMINED).await?;
        Ok(pool::commit(transaction).await?)
    }

    async fn keep_as(&self, world: &World, connection: &mut PgConnection, result: &str) -> Result<EvidenceId, Failure> {
        let Call { owner, step, provider, operation, at, .. } = &self.call;
        let sha256 = sha256(&self.raw);
        let kind = format!("{provider}.{operation}");
        let id = derived_id(*owner, &format!("evidence|{step}|{kind}|{}", hex(&sha256)));
        let id = EvidenceId::from_uuid(id);
        let new = NewEvidence {
            id,
            owner: *owner,
            step,
            kind: &kind,
            content_type: &self.content_type,
            content_sealed: &world.protection.seal(&format!("evidence|{id}"), &self.raw),
            sha256: &sha256,
            recorded_at: *at,
        };
        evidence::keep_answer(connection, &new, &self.call.row(), self.attempt, result).await?;
        Ok(id)
    }
}
