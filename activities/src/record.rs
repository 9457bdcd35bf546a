//! How a step records what it decided: one fact under one key, with the step's rows, in one transaction.
//! Never decides; a repeat finds what was recorded and writes nothing.

use chrono::{DateTime, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::case::CaseStage;
use nesie_domain::ids::{ApplicationId, CaseId, Owner};
use nesie_storage::approvals::Approval;
use nesie_storage::facts::{self, Actor, Fact, Move, Recorded};
use nesie_storage::{PgConnection, Postgres, StorageError, Transaction, pool, recorded};
use nesie_workflows::contract::Verdict;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::failure::Failure;

/// The name space of ids that follow from an application or a case: made once at random, never changed.
const DERIVED_NAMESPACE: Uuid = Uuid::from_u128(0x5b1d_7c02_94e6_4f0a_8d3e_2a61_c7f5_9be4);

/// The same id for the same owner and thing, so that a repeat names the same row.
pub(crate) fn derived_id(owner: impl Into<Owner>, thing: &str) -> Uuid {
    Uuid::new_v5(&DERIVED_NAMESPACE, format!("{}|{thing}", owner.into()).as_bytes())
}

/// What a step decided, as one fact.
pub(crate) struct StepFact<'a> {
    pub(crate) application_id: ApplicationId,
    /// `<step>` or `<step>:<submission>`.
    pub(crate) key: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) details: Value,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Actor,
    pub(crate) stage: Option<&'a Stage>,
    pub(crate) event: Option<&'a str>,
}

/// What a step of a case decided, as one fact.
pub(crate) struct CaseFact<'a> {
    pub(crate) case_id: CaseId,
    /// `<step>` or `<step>:<what>`.
    pub(crate) key: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) details: Value,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Actor,
    pub(crate) stage: Option<&'a CaseStage>,
    pub(crate) event: Option<&'a str>,
}

impl World {
    /// Begins the transaction of a step with its fact. `None`: another attempt recorded the very same before.
    pub(crate) async fn begin(&self, fact: StepFact<'_>) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
        self.begin_with(self.fact(fact)).await
    }

    /// As [`Self::begin`], in the transaction that is under way where there is one.
    pub(crate) async fn begin_in(
        &self,
        under_way: Option<Transaction<'static, Postgres>>,
        fact: StepFact<'_>,
    ) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
        let transaction = match under_way {
            Some(transaction) => transaction,
            None => pool::begin(&self.pool).await?,
        };
        Self::go_on_with(transaction, self.fact(fact)).await
    }

    /// Records a step's fact in a transaction that is under way.
    pub(crate) async fn record_in(&self, connection: &mut PgConnection, fact: StepFact<'_>) -> Result<(), Failure> {
        facts::record(connection, self.fact(fact)).await?;
        Ok(())
    }

    fn fact<'a>(&self, fact: StepFact<'a>) -> Fact<'a> {
        Fact {
            owner: fact.application_id.into(),
            fact_key: fact.key,
            kind: fact.kind,
            details: fact.details,
            at: fact.at,
            actor: fact.actor,
            build: self.build,
            moves: fact.stage.map_or(Move::Stays, |stage| Move::Application { stage, outcome: None }),
            event: fact.event,
        }
    }

    /// Begins the transaction of a case's step with its fact. `None` as for an application.
    pub(crate) async fn begin_case(
        &self,
        fact: CaseFact<'_>,
    ) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
        self.begin_with(self.case_fact(fact)).await
    }

    fn case_fact<'a>(&self, fact: CaseFact<'a>) -> Fact<'a> {
        Fact {
            owner: fact.case_id.into(),
            fact_key: fact.key,
            kind: fact.kind,
            details: fact.details,
            at: fact.at,
            actor: fact.actor,
            build: self.build,
            moves: fact.stage.map_or(Move::Stays, |stage| Move::Case { stage }),
            event: fact.event,
        }
    }

    /// Records a fact of a case's step in a transaction that is under way.
    pub(crate) async fn record_case_in(
        &self,
        connection: &mut PgConnection,
        fact: CaseFact<'_>,
    ) -> Result<(), Failure> {
        facts::record(connection, self.case_fact(fact)).await?;
        Ok(())
    }

    /// Begins a transaction with a fact, whoever's it is.
    pub(crate) async fn begin_with(&self, fact: Fact<'_>) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
        Self::go_on_with(pool::begin(&self.pool).await?, fact).await
    }

    async fn go_on_with(
        mut transaction: Transaction<'static, Postgres>,
        fact: Fact<'_>,
    ) -> Result<Option<Transaction<'static, Postgres>>, Failure> {
        match facts::record(&mut transaction, fact).await {
            Ok(Recorded::New) => Ok(Some(transaction)),
            Ok(Recorded::Already) => Ok(None),
            // Another attempt of this step has just decided on other answers: the next try returns what it recorded.
            Err(StorageError::Conflict { .. }) => Err(Failure::retry("record.decided_by_another_attempt")),
            Err(error) => Err(error.into()),
        }
    }

    /// The verdict that a step recorded before, if it did.
    pub(crate) async fn recorded<V: DeserializeOwned>(
        &self,
        owner: impl Into<Owner>,
        key: &str,
    ) -> Result<Option<V>, Failure> {
        let Some(fact) = recorded::fact(&self.pool, owner, key).await? else { return Ok(None) };
        verdict(&fact.details).map(Some)
    }
}

/// The verdict in the details of a fact.
pub(crate) fn verdict<V: DeserializeOwned>(details: &Value) -> Result<V, Failure> {
    V::deserialize(&details["verdict"]).map_err(|_| Failure::park("record.unreadable"))
}

/// The second person of an approved request with the reason given: what was decided is done in that name.
pub(crate) fn decider(approval: &Approval) -> Result<Actor, Failure> {
    let undecided = || Failure::park("approval.undecided");
    let subject = approval.decided_by.clone().ok_or_else(undecided)?;
    let reason = approval.decision_reason.clone().ok_or_else(undecided)?;
    Ok(Actor::Person { subject, roles: Vec::new(), reason })
}

/// `details` with the verdict beside; what a repeat returns.
pub(crate) fn with_verdict(mut details: Value, verdict: &impl serde::Serialize) -> Result<Value, Failure> {
    let verdict = serde_json::to_value(verdict).map_err(|_| Failure::park("record.unwritable"))?;
    if let Value::Object(members) = &mut details {
        members.insert("verdict".to_owned(), verdict);
        return Ok(details);
    }
    Ok(json!({ "verdict": verdict }))
}

/// The stage that a verdict leads to, if the application goes on.
pub(crate) fn stage_of(verdict: &Verdict) -> Option<&Stage> {
    match verdict {
        Verdict::Next { stage } => Some(stage),
        Verdict::Refuse { .. } => None,
    }
}

pub(crate) fn next(stage: Stage) -> Verdict {
    Verdict::Next { stage }
}

pub(crate) fn refuse(ground: RefusalGround) -> Verdict {
    Verdict::Refuse { ground }
}

/// Lower hexadecimal, the form in which hashes are shown.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
