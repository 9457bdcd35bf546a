//! Reading one application, for a page or for a step, which wants with it what it recorded before and what was submitted.
//! Never opens what is sealed.

use nesie_domain::ids::{ApplicationId, SubmissionId};
use serde_json::Value;
use sqlx::PgExecutor;

use super::{Application, read_outcome, read_policy, read_stage};
use crate::error::{During, StorageError};
use crate::submissions::Submission;

/// What a step starts from, read together.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The application.
    pub application: Application,
    /// What the fact says that the step recorded before, if it did.
    pub recorded: Option<Value>,
    /// The submission that the step works on.
    pub submission: Option<Submission>,
}

/// Under which keys a step may have recorded its fact: at most three, since the server would plan a statement with a list
/// of unknown length anew each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct FactKeys<'a>([Option<&'a str>; 3]);

impl<'a> From<&'a str> for FactKeys<'a> {
    fn from(key: &'a str) -> Self {
        Self([Some(key), None, None])
    }
}

impl<'a> From<&'a [String; 3]> for FactKeys<'a> {
    fn from(keys: &'a [String; 3]) -> Self {
        Self(keys.each_ref().map(|key| Some(key.as_str())))
    }
}

/// Reads one application, over a pool or within the caller's transaction.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] when stage or outcome cannot be read.
pub async fn get(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Option<Application>, StorageError> {
    let opening = open(executor, id, FactKeys::default(), None).await?;
    Ok(opening.map(|opening| opening.application))
}

/// Reads one application with the fact under one of these keys, and a submission, if that is this application's.
///
/// # Errors
/// As [`get`].
pub async fn open(
    executor: impl PgExecutor<'_>,
    id: ApplicationId,
    FactKeys([first, second, third]): FactKeys<'_>,
    submission_id: Option<SubmissionId>,
) -> Result<Option<Opening>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT a.id, a.submitted_by, a.client_kind, a.purpose, a.channel, a.amount_tiyn, a.annual_rate, a.term_months
                , a.term_days, a.applicant_sealed, a.ruleset, a.policy_version, a.policy, a.build, a.valid_for_seconds
                , a.received_at, a.started_at, a.stage, a.stage_at, a.outcome, a.closed_at
                , EXISTS (SELECT FROM contracts c WHERE c.application_id = a.id) AS "contract_frozen!"
                , (SELECT details FROM timeline t WHERE t.owner_id = a.id AND t.fact_key IN ($2, $3, $4) LIMIT 1) AS recorded
                , s.body_sealed AS "submission_sealed?", s.submitted_by AS "submission_by?"
           FROM applications a LEFT JOIN submissions s ON s.id = $5 AND s.application_id = a.id
           WHERE a.id = $1"#,
        id.as_uuid(),
        first,
        second,
        third,
        submission_id.as_ref().map(SubmissionId::as_uuid),
    )
    .fetch_optional(executor)
    .await
    .during("applications.open")?;
    row.map(|row| {
        let submission = row.submission_sealed.zip(row.submission_by);
        Ok(Opening {
            recorded: row.recorded,
            submission: submission.map(|(body_sealed, submitted_by)| Submission { body_sealed, submitted_by }),
            application: Application {
                id: ApplicationId::from_uuid(row.id),
                submitted_by: row.submitted_by,
                client_kind: row.client_kind,
                purpose: row.purpose,
                channel: row.channel,
                amount_tiyn: row.amount_tiyn,
                annual_rate: row.annual_rate,
                term_months: row.term_months,
                term_days: row.term_days,
                applicant_sealed: row.applicant_sealed,
                ruleset: row.ruleset,
                policy_version: row.policy_version,
                policy: read_policy(row.id, row.policy)?,
                build: row.build,
                valid_for_seconds: row.valid_for_seconds,
                received_at: row.received_at,
                started_at: row.started_at,
                stage: read_stage(row.id, row.stage)?,
                stage_at: row.stage_at,
                outcome: read_outcome(row.id, row.outcome)?,
                closed_at: row.closed_at,
                contract_frozen: row.contract_frozen,
            },
        })
    })
    .transpose()
}
