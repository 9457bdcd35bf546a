//! A fact about an application or a case: timeline, audit, outbox and stage written in the caller's transaction, once per key
//! (R-207).
//! Never decides anything: what is a fact was decided by the workflow (design invariant 2).

use chrono::{DateTime, Utc};
use nesie_domain::application::{Outcome, Stage};
use nesie_domain::case::CaseStage;
use nesie_domain::ids::Owner;
use serde_json::Value;
use sqlx::PgConnection;

use crate::error::{During, StorageError, ensure_count};

/// Who brought a fact about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The system itself.
    System,
    /// A person, or a service in a client's name: issuer and subject of the token.
    Person {
        /// `issuer|subject` of the token.
        subject: String,
        /// Roles of the token.
        roles: Vec<String>,
        /// The reason that was given, or empty.
        reason: String,
    },
}

/// One fact. The same `fact_key` must always bring the same kind and details.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// What it is about.
    pub owner: Owner,
    /// Step and occasion, for example `credit_report:assessment`.
    pub fact_key: &'a str,
    /// What happened, a stable name.
    pub kind: &'a str,
    /// Ids, hashes and verdicts; never personal data, nor a ground that the client must not learn of.
    pub details: Value,
    /// When, by the workflow's clock.
    pub at: DateTime<Utc>,
    /// By whom.
    pub actor: Actor,
    /// The build that decided.
    pub build: &'a str,
    /// Where it is from now on.
    pub moves: Move<'a>,
    /// The event for the lender's own systems, if there is one.
    pub event: Option<&'a str>,
}

/// Where a fact brings what it is about.
#[derive(Clone, Copy, Debug)]
pub enum Move<'a> {
    /// It stays where it is.
    Stays,
    /// An application enters a stage; the outcome, if the fact ends it.
    Application {
        /// The stage.
        stage: &'a Stage,
        /// The outcome.
        outcome: Option<&'a Outcome>,
    },
    /// A case enters a stage; the last one closes it.
    Case {
        /// The stage.
        stage: &'a CaseStage,
    },
}

/// Whether a fact was written now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Written now.
    New,
    /// Written before with the same content; nothing was written now.
    Already,
}

/// Records a fact; the ruleset is the application's or the case's own.
///
/// # Errors
/// [`StorageError::Conflict`] when the key was used with other content or the application has another outcome;
/// [`StorageError::RowsAffected`] when there is no such application or case, or it is closed and to be moved; [`StorageError::Driver`].
pub async fn record(connection: &mut PgConnection, fact: Fact<'_>) -> Result<Recorded, StorageError> {
    let (stage, outcome, closes_case) = fact.moves.columns()?;
    let entered_from = fact.moves.entered_from();
    let none: &[String] = &[];
    let (actor, roles, reason) = match &fact.actor {
        Actor::System => ("system", none, ""),
        Actor::Person { subject, roles, reason } => (subject.as_str(), roles.as_slice(), reason.as_str()),
    };
    // One statement, since every step ends with it. What is closed never changes again, and no stage is entered from one that
    // does not lead to it: the guards stand in it.
    let written = sqlx::query!(
        r#"WITH owner AS (
               SELECT ruleset FROM applications WHERE id = $1 UNION ALL SELECT ruleset FROM cases WHERE id = $2
           ), fact AS (
               INSERT INTO timeline (application_id, case_id, fact_key, kind, details, occurred_at, ruleset, build)
               SELECT $1, $2, $3, $4, $5, $6, ruleset, $7 FROM owner ON CONFLICT DO NOTHING RETURNING sequence
           ), audited AS (
               INSERT INTO audit (occurred_at, actor, roles, action, object, allowed, reason, fact_key, details)
               SELECT $6, $8, $9, $4, $10, true, $11, $3, $5 FROM fact RETURNING sequence
           ), told AS (
               INSERT INTO outbox (application_id, case_id, fact_key, event, payload, occurred_at)
               SELECT $1, $2, $3, $12::text, $5, $6 FROM fact WHERE $12::text IS NOT NULL RETURNING sequence
           ), application AS (
               UPDATE applications SET stage = $13::jsonb, stage_at = $6, outcome = $14::jsonb,
                   closed_at = CASE WHEN $14::jsonb IS NOT NULL THEN $6 END
               FROM fact WHERE id = $1 AND outcome IS NULL AND stage_name = ANY($16::text[]) RETURNING id
           ), moved_case AS (
               UPDATE cases SET stage = $13::jsonb, stage_at = $6, closed_at = CASE WHEN $15::boolean THEN $6 END
               FROM fact WHERE id = $2 AND closed_at IS NULL AND $13::jsonb IS NOT NULL RETURNING id
           )
           SELECT (SELECT count(*) FROM fact) AS "facts!", (SELECT count(*) FROM audited) AS "audited!",
               (SELECT count(*) FROM told) AS "told!",
               (SELECT count(*) FROM application) + (SELECT count(*) FROM moved_case) AS "moved!""#,
        fact.owner.application(),
        fact.owner.case(),
        fact.fact_key,
        fact.kind,
        fact.details,
        fact.at,
        fact.build,
        actor,
        roles,
        crate::audit::object_of(fact.owner),
        reason,
        fact.event,
        stage,
        outcome,
        closes_case,
        entered_from as &[&str],
    )
    .fetch_one(&mut *connection)
    .await
    .during("facts.record")?;
    if written.facts == 0 {
        return compare(connection, &fact, outcome).await;
    }
    ensure_count("facts.audit", written.audited, 1)?;
    ensure_count("facts.outbox", written.told, fact.event.map_or(0, |_| 1))?;
    ensure_count("facts.stage", written.moved, stage.map_or(0, |_| 1))?;
    Ok(Recorded::New)
}

impl Move<'_> {
    /// The stages from which an application goes where this brings it.
    fn entered_from(&self) -> &'static [&'static str] {
        match self {
            Self::Application { stage, .. } => stage.entered_from(),
            Self::Stays | Self::Case { .. } => &[],
        }
    }

    /// Stage, outcome, and whether the case is closed with it.
    fn columns(self) -> Result<(Option<Value>, Option<Value>, bool), StorageError> {
        Ok(match self {
            Self::Stays => (None, None, false),
            Self::Application { stage, outcome } => {
                let outcome = outcome.map(serde_json::to_value).transpose().during("facts.outcome")?;
                (Some(serde_json::to_value(stage).during("facts.stage")?), outcome, false)
            }
            Self::Case { stage } => (Some(serde_json::to_value(stage).during("facts.stage")?), None, stage.is_closed()),
        })
    }
}

async fn compare(
    connection: &mut PgConnection,
    fact: &Fact<'_>,
    outcome: Option<Value>,
) -> Result<Recorded, StorageError> {
    let same = sqlx::query_scalar!(
        r#"SELECT (t.kind = $3 AND t.details = $4 AND ($5::jsonb IS NULL OR a.outcome = $5)) IS TRUE AS "same!"
           FROM timeline t LEFT JOIN applications a ON a.id = t.application_id
           WHERE t.owner_id = $1 AND t.fact_key = $2"#,
        fact.owner.as_uuid(),
        fact.fact_key,
        fact.kind,
        fact.details,
        outcome,
    )
    .fetch_optional(&mut *connection)
    .await
    .during("facts.compare")?;
    match same {
        Some(true) => Ok(Recorded::Already),
        Some(false) => Err(StorageError::Conflict { operation: "facts.record" }),
        None => Err(StorageError::RowsAffected { operation: "facts.record", expected: 1, actual: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use nesie_domain::application::RefusalGround;
    use nesie_domain::ids::ApplicationId;
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::applications::tests::insert_one;

    fn fact(id: ApplicationId) -> Fact<'static> {
        Fact {
            owner: id.into(),
            fact_key: "credit_report:assessment",
            kind: "credit_report_received",
            details: json!({"report_id": "r-1"}),
            at: DateTime::UNIX_EPOCH,
            actor: Actor::System,
            build: "test",
            moves: Move::Application { stage: &Stage::AwaitingAcknowledgement, outcome: None },
            event: Some("application.assessed"),
        }
    }

    async fn counts(pool: &PgPool) -> (i64, i64, i64) {
        sqlx::query_as("SELECT (SELECT count(*) FROM timeline), (SELECT count(*) FROM audit WHERE fact_key IS NOT NULL), (SELECT count(*) FROM outbox)")
            .fetch_one(pool)
            .await
            .expect("counted")
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_repeat_writes_nothing_and_other_content_is_a_conflict(pool: PgPool) {
        let id = insert_one(&pool).await;
        let mut connection = pool.acquire().await.expect("a connection");
        assert_eq!(record(&mut connection, fact(id)).await.expect("recorded"), Recorded::New);
        let before = counts(&pool).await;
        assert_eq!(record(&mut connection, fact(id)).await.expect("a repeat"), Recorded::Already);
        assert_eq!(counts(&pool).await, before);
        let other = Fact { details: json!({"report_id": "r-2"}), ..fact(id) };
        assert!(matches!(record(&mut connection, other).await, Err(StorageError::Conflict { .. })));
        let row = crate::applications::get(&pool, id).await.expect("read").expect("there");
        assert_eq!(row.stage, Stage::AwaitingAcknowledgement);
        assert_eq!(row.stage_at, DateTime::UNIX_EPOCH);
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn no_stage_is_entered_from_one_that_does_not_lead_to_it(pool: PgPool) {
        let id = insert_one(&pool).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let money = Move::Application { stage: &Stage::Disbursing, outcome: None };
        let jump = record(&mut connection, Fact { moves: money, ..fact(id) }).await;
        assert!(matches!(jump, Err(StorageError::RowsAffected { operation: "facts.stage", .. })), "{jump:?}");
        let row = crate::applications::get(&pool, id).await.expect("read").expect("there");
        assert_eq!(row.stage, Stage::Assessing);
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn a_closed_application_takes_no_other_outcome_nor_stage(pool: PgPool) {
        let id = insert_one(&pool).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let refused = Outcome::Refused { ground: RefusalGround::Overdue };
        let end = |outcome| Fact {
            fact_key: "end",
            kind: "closed",
            moves: Move::Application { stage: &Stage::Closed, outcome: Some(outcome) },
            ..fact(id)
        };
        assert_eq!(record(&mut connection, end(&refused)).await.expect("closed"), Recorded::New);
        assert_eq!(record(&mut connection, end(&refused)).await.expect("a repeat"), Recorded::Already);
        assert!(matches!(record(&mut connection, end(&Outcome::Granted)).await, Err(StorageError::Conflict { .. })));
        let row = crate::applications::get(&pool, id).await.expect("read").expect("there");
        assert_eq!(row.outcome.as_ref(), Some(&refused));
        let later = Fact { fact_key: "later", ..fact(id) };
        assert!(matches!(record(&mut connection, later).await, Err(StorageError::RowsAffected { .. })));
        let row = crate::applications::get(&pool, id).await.expect("read").expect("there");
        assert_eq!(row.outcome, Some(refused));
    }
}
