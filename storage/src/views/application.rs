//! Reading one application as its page shows it: one statement, since a front end looks often.
//! Never the applicant: nothing sealed is read here.

use chrono::{DateTime, Utc};
use nesie_domain::application::{Outcome, Stage};
use nesie_domain::ids::{ApplicationId, ChallengeId, ParkedStepId, PaymentReference};
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

use super::agreement::{Challenge, Choice};
use super::money::Payment;
use super::open_work::ParkedStep;
use crate::applications::{read_outcome, read_stage};
use crate::error::{During, StorageError};

/// An application with what stands around it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its id.
    pub id: ApplicationId,
    /// Changes with whatever the page shows; it means nothing else, and is told to nobody.
    pub version: String,
    /// Who submitted it.
    pub submitted_by: String,
    /// What the money is for.
    pub purpose: String,
    /// Where the client came from.
    pub channel: String,
    /// The amount in tiyn.
    pub amount_tiyn: i64,
    /// Percent a year.
    pub annual_rate: Decimal,
    /// The term, if in months.
    pub term_months: Option<i32>,
    /// The term, if in days.
    pub term_days: Option<i32>,
    /// The edition of the Rules.
    pub ruleset: String,
    /// The version of the limits.
    pub policy_version: String,
    /// The build that received it.
    pub build: String,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// How far it is.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whether there is a contract.
    pub contract_frozen: bool,
    /// The chosen draft.
    pub choice: Option<Choice>,
    /// The payment.
    pub payment: Option<Payment>,
    /// The oldest parked step that waits.
    pub parked: Option<ParkedStep>,
    /// The challenge that the stage names.
    pub challenge: Option<Challenge>,
}

/// An application with what its page shows.
///
/// # Errors
/// [`StorageError::Inconsistent`] for a stage that cannot be read; [`StorageError::Driver`].
pub async fn page(pool: &PgPool, id: ApplicationId) -> Result<Option<Page>, StorageError> {
    let row = sqlx::query!(
        // The version is that of `versions` below. A parked step waits as in `open_work`. What can be absent is said here:
        // left to the driver, it would follow the server's plan.
        r#"SELECT concat_ws(' ', a.xmin::text, p.xmin::text, s.id::text) AS "version!"
                , a.submitted_by AS "submitted_by!", a.purpose AS "purpose!", a.channel AS "channel!"
                , a.amount_tiyn AS "amount_tiyn!", a.annual_rate AS "annual_rate!", a.term_months AS "term_months?"
                , a.term_days AS "term_days?", a.ruleset AS "ruleset!", a.policy_version AS "policy_version!"
                , a.build AS "build!", a.received_at AS "received_at!", a.stage AS "stage!", a.outcome AS "outcome?"
                , k.id IS NOT NULL AS "contract_frozen!"
                , d.method AS "choice_method?", COALESCE(l.annual_effective_rate, k.annual_effective_rate, d.annual_effective_rate)
                      AS "annual_effective_rate?"
                , p.our_reference AS "our_reference?", p.state AS "payment_state?", p.method AS "payment_method?"
                , s.id AS "parked_id?", s.step AS "step?", s.provider AS "provider?", s.failure_code AS "failure_code?"
                , s.retry_is_safe AS "retry_is_safe?", s.nothing_sent AS "nothing_sent?", s.explanation AS "explanation?", s.parked_at AS "parked_at?"
                , h.id AS "challenge_id?", h.purpose AS "challenge_purpose?", h.movements AS "movements?"
                , h.expires_at AS "expires_at?"
           FROM applications AS a
           LEFT JOIN schedule_choices AS c ON c.application_id = a.id
           LEFT JOIN schedule_drafts AS d ON d.id = c.draft_id
           LEFT JOIN contracts AS k ON k.application_id = a.id
           LEFT JOIN loans AS l ON l.application_id = a.id
           LEFT JOIN payments AS p ON p.application_id = a.id
           LEFT JOIN challenges AS h ON h.id = (a.stage ->> 'challenge_id')::uuid AND h.application_id = a.id
           LEFT JOIN LATERAL (
               SELECT * FROM parked_steps AS w
               WHERE w.owner_id = a.id AND w.decision IS NULL AND (a.outcome IS NULL OR w.step = 'notify_client')
               ORDER BY w.parked_at, w.id LIMIT 1
           ) AS s ON true
           WHERE a.id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("views.application")?;
    let Some(row) = row else { return Ok(None) };
    let safe = row.retry_is_safe.zip(row.nothing_sent);
    let parked = match (row.parked_id, row.step, row.failure_code, safe, row.explanation, row.parked_at) {
        (Some(parked), Some(step), Some(failure_code), Some(safe), Some(explanation), Some(parked_at)) => {
            Some(ParkedStep {
                id: ParkedStepId::from_uuid(parked),
                owner: id.into(),
                step,
                provider: row.provider,
                failure_code,
                retry_is_safe: safe.0,
                nothing_sent: safe.1,
                explanation,
                parked_at,
                decided: false,
            })
        }
        _ => None,
    };
    let payment = match (row.our_reference, row.payment_state, row.payment_method) {
        (Some(reference), Some(state), Some(method)) => {
            Some(Payment { our_reference: PaymentReference::from_uuid(reference), state, method })
        }
        _ => None,
    };
    let challenge = match (row.challenge_id, row.challenge_purpose, row.movements, row.expires_at) {
        (Some(challenge), Some(purpose), Some(movements), Some(expires_at)) => {
            Some(Challenge { id: ChallengeId::from_uuid(challenge), purpose, movements, expires_at })
        }
        _ => None,
    };
    let annual_effective_rate = row.annual_effective_rate;
    Ok(Some(Page {
        id,
        version: row.version,
        submitted_by: row.submitted_by,
        purpose: row.purpose,
        channel: row.channel,
        amount_tiyn: row.amount_tiyn,
        annual_rate: row.annual_rate,
        term_months: row.term_months,
        term_days: row.term_days,
        ruleset: row.ruleset,
        policy_version: row.policy_version,
        build: row.build,
        received_at: row.received_at,
        stage: read_stage(id.as_uuid(), row.stage)?,
        outcome: read_outcome(id.as_uuid(), row.outcome)?,
        contract_frozen: row.contract_frozen,
        choice: row.choice_method.map(|method| Choice { method, annual_effective_rate }),
        payment,
        parked,
        challenge,
    }))
}

/// The versions of some applications, as [`page`] gives them: cheap, to be asked again and again.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn versions(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<(ApplicationId, String)>, StorageError> {
    let rows = sqlx::query!(
        r#"SELECT a.id AS "id!", concat_ws(' ', a.xmin::text, p.xmin::text, s.id::text) AS "version!"
           FROM applications AS a
           LEFT JOIN payments AS p ON p.application_id = a.id
           LEFT JOIN LATERAL (
               SELECT * FROM parked_steps AS w
               WHERE w.owner_id = a.id AND w.decision IS NULL AND (a.outcome IS NULL OR w.step = 'notify_client')
               ORDER BY w.parked_at, w.id LIMIT 1
           ) AS s ON true
           WHERE a.id = ANY($1)"#,
        ids,
    )
    .fetch_all(pool)
    .await
    .during("views.application_versions")?;
    Ok(rows.into_iter().map(|row| (ApplicationId::from_uuid(row.id), row.version)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::applications::tests::insert_one;
    use crate::facts::{self, Actor, Fact, Move};
    use crate::parked::{self, NewParkedStep};

    async fn both(pool: &PgPool, id: ApplicationId) -> (Page, String) {
        let page = page(pool, id).await.expect("read").expect("there");
        let versions = versions(pool, &[id.as_uuid()]).await.expect("read");
        assert_eq!(versions, [(id, page.version.clone())], "page and poll agree");
        let version = page.version.clone();
        (page, version)
    }

    #[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
    async fn the_version_changes_with_the_stage_and_with_a_parked_step(pool: PgPool) {
        let id = insert_one(&pool).await;
        let (page, first) = both(&pool, id).await;
        assert_eq!((page.stage, page.outcome, page.parked.is_some()), (Stage::Assessing, None, false));
        assert!(page.choice.is_none() && page.payment.is_none() && page.challenge.is_none() && !page.contract_frozen);
        assert_eq!(both(&pool, id).await.1, first, "nothing happened");

        let fact = Fact {
            owner: id.into(),
            fact_key: "assessed",
            kind: "assessed",
            details: serde_json::json!({}),
            at: DateTime::UNIX_EPOCH,
            actor: Actor::System,
            build: "test",
            moves: Move::Application { stage: &Stage::AwaitingAcknowledgement, outcome: None },
            event: None,
        };
        let mut connection = pool.acquire().await.expect("a connection");
        facts::record(&mut connection, fact).await.expect("recorded");
        let (page, second) = both(&pool, id).await;
        assert_eq!(page.stage, Stage::AwaitingAcknowledgement);
        assert_ne!(first, second);

        let new = NewParkedStep {
            id: ParkedStepId::from_uuid(Uuid::from_u128(9)),
            owner: id.into(),
            step: "draft_offer",
            occasion: 1,
            provider: None,
            failure_code: "provider.unreachable",
            retry_is_safe: true,
            nothing_sent: false,
            explanation: "no answer",
            parked_at: DateTime::UNIX_EPOCH,
        };
        parked::insert(&mut connection, &new).await.expect("parked");
        let (page, third) = both(&pool, id).await;
        assert_eq!(page.parked.map(|step| step.id), Some(new.id));
        assert_ne!(second, third);
    }
}
