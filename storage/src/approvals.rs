//! Acts that need two people: asked for by one, decided by another, passed on once. Rows only go forward, none is deleted.
//! Never does what was approved: that is the workflow's.

use chrono::{DateTime, Utc};
use nesie_domain::approval::{ApprovalKind, ApprovalRule, ApprovalState};
use nesie_domain::ids::{ApplicationId, ApprovalId, CaseId, Owner};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::audit;
use crate::error::{During, StorageError, ensure_rows};

/// A request for a second person.
#[derive(Clone, Debug)]
pub struct NewApproval<'a> {
    /// Its id.
    pub id: ApprovalId,
    /// What is to be done.
    pub kind: ApprovalKind,
    /// The application or the case that it belongs to, if it belongs to one.
    pub owner: Option<Owner>,
    /// What it is about, as in the audit log.
    pub object: &'a str,
    /// What is to happen: ids, hashes and values, no personal data.
    pub proposal: &'a Value,
    /// What of it is personal, sealed for [`proposal_place`].
    pub proposal_sealed: Option<&'a [u8]>,
    /// What changes, before and after; personal values masked.
    pub difference: &'a Value,
    /// Who may decide, and until when.
    pub rule: &'a ApprovalRule,
    /// `issuer|subject` of the token of who asks.
    pub maker: &'a str,
    /// Why, in the maker's words; never blank.
    pub maker_reason: &'a str,
    /// When it is asked for.
    pub at: DateTime<Utc>,
}

/// A request as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What is to be done.
    pub kind: ApprovalKind,
    /// The application or the case that it belongs to, if it belongs to one.
    pub owner: Option<Owner>,
    /// What it is about, as in the audit log.
    pub object: String,
    /// What is to happen.
    pub proposal: Value,
    /// What of it is personal, sealed for [`proposal_place`].
    pub proposal_sealed: Option<Vec<u8>>,
    /// What changes, before and after.
    pub difference: Value,
    /// The rule at the time of the request.
    pub rule: ApprovalRule,
    /// Who asked.
    pub maker: String,
    /// Why.
    pub maker_reason: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it waits.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub state: ApprovalState,
    /// Who decided; nobody where it expired.
    pub decided_by: Option<String>,
    /// Why it was decided so.
    pub decision_reason: Option<String>,
    /// When it was decided, or expired.
    pub decided_at: Option<DateTime<Utc>>,
}

/// The place that the personal part of a proposal is sealed for.
#[must_use]
pub fn proposal_place(id: ApprovalId) -> String {
    format!("approval|{id}")
}

/// The name of a request in the audit log.
#[must_use]
pub fn approval_object(id: ApprovalId) -> String {
    format!("approval/{id}")
}

/// Asks for a second person. `false`: another request on the same parked step waits already, nothing was written.
///
/// # Errors
/// [`StorageError::Driver`], also for a blank reason or an id that exists.
pub async fn insert(connection: &mut PgConnection, new: &NewApproval<'_>) -> Result<bool, StorageError> {
    let rule = serde_json::to_value(new.rule).during("approvals.insert")?;
    let written = sqlx::query!(
        "INSERT INTO approvals (id, kind, case_id, application_id, object, proposal, proposal_sealed, difference, rule,
                                maker, maker_reason, created_at, expires_at, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'pending')
         ON CONFLICT (object) WHERE state = 'pending' AND kind IN ('complete_by_hand', 'retry_corrected') DO NOTHING",
        new.id.as_uuid(),
        new.kind.as_str(),
        new.owner.and_then(Owner::case),
        new.owner.and_then(Owner::application),
        new.object,
        new.proposal,
        new.proposal_sealed,
        new.difference,
        rule,
        new.maker,
        new.maker_reason.trim(),
        new.at,
        new.rule.expires_at(new.at),
    )
    .execute(connection)
    .await
    .during("approvals.insert")?;
    Ok(written.rows_affected() == 1)
}

struct Row {
    id: Uuid,
    kind: String,
    case_id: Option<Uuid>,
    application_id: Option<Uuid>,
    object: String,
    proposal: Value,
    proposal_sealed: Option<Vec<u8>>,
    difference: Value,
    rule: Value,
    maker: String,
    maker_reason: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    state: String,
    decided_by: Option<String>,
    decision_reason: Option<String>,
    decided_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Approval {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let inconsistent = |column| StorageError::Inconsistent { table: "approvals", column, row: row.id.to_string() };
        let owner = row
            .application_id
            .map(|id| ApplicationId::from_uuid(id).into())
            .or_else(|| row.case_id.map(|id| CaseId::from_uuid(id).into()));
        Ok(Self {
            id: ApprovalId::from_uuid(row.id),
            kind: ApprovalKind::parse(&row.kind).ok_or_else(|| inconsistent("kind"))?,
            owner,
            rule: serde_json::from_value(row.rule).map_err(|_| inconsistent("rule"))?,
            state: ApprovalState::parse(&row.state).ok_or_else(|| inconsistent("state"))?,
            object: row.object,
            proposal: row.proposal,
            proposal_sealed: row.proposal_sealed,
            difference: row.difference,
            maker: row.maker,
            maker_reason: row.maker_reason,
            created_at: row.created_at,
            expires_at: row.expires_at,
            decided_by: row.decided_by,
            decision_reason: row.decision_reason,
            decided_at: row.decided_at,
        })
    }
}

/// One request.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`].
pub async fn get(pool: &PgPool, id: ApprovalId) -> Result<Option<Approval>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, kind, case_id, application_id, object, proposal, proposal_sealed, difference, rule, maker,
                maker_reason, created_at, expires_at, state, decided_by, decision_reason, decided_at
         FROM approvals WHERE id = $1",
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("approvals.get")?;
    row.map(Approval::try_from).transpose()
}

/// The requests of a kind that belong to a case, the newest first.
///
/// # Errors
/// As [`get`].
pub async fn of_case(pool: &PgPool, case_id: CaseId, kind: ApprovalKind) -> Result<Vec<Approval>, StorageError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, kind, case_id, application_id, object, proposal, proposal_sealed, difference, rule, maker,
                maker_reason, created_at, expires_at, state, decided_by, decision_reason, decided_at
         FROM approvals WHERE case_id = $1 AND kind = $2 ORDER BY created_at DESC, id DESC",
        case_id.as_uuid(),
        kind.as_str(),
    )
    .fetch_all(pool)
    .await
    .during("approvals.of_case")?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// Which requests a page shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only those that stand so.
    pub state: Option<ApprovalState>,
    /// Only those of this kind.
    pub kind: Option<ApprovalKind>,
}

/// Requests, the newest first, from after the given position.
///
/// # Errors
/// As [`get`].
pub async fn page(
    pool: &PgPool,
    filter: Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Approval>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, kind, case_id, application_id, object, proposal, proposal_sealed, difference, rule, maker,
                maker_reason, created_at, expires_at, state, decided_by, decision_reason, decided_at
         FROM approvals
         WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
           AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
         ORDER BY created_at DESC, id DESC LIMIT $5",
        filter.state.map(ApprovalState::as_str),
        filter.kind.map(ApprovalKind::as_str),
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("approvals.page")?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecideOutcome {
    /// It is decided: approved or rejected.
    Decided(ApprovalState),
    /// There is no such request.
    Missing,
    /// It stands so already; it is decided once.
    NotPending(ApprovalState),
    /// Who asked must not decide, whatever his roles.
    SamePerson,
    /// None of the roles is one of the request's own rule.
    RoleMissing,
    /// It waited too long; that is recorded now.
    Expired,
}

/// Decides on a request, or says why not. The caller audits both; expiry is recorded here.
///
/// # Errors
/// [`StorageError::Driver`], also for a blank reason; [`StorageError::Inconsistent`].
pub async fn decide(
    connection: &mut PgConnection,
    id: ApprovalId,
    by: &str,
    roles: &[String],
    approve: bool,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<DecideOutcome, StorageError> {
    // Of two at once the second waits here, and then finds it decided.
    let row = sqlx::query!(
        "SELECT maker, rule, expires_at, state FROM approvals WHERE id = $1 FOR NO KEY UPDATE",
        id.as_uuid()
    )
    .fetch_optional(&mut *connection)
    .await
    .during("approvals.decide")?;
    let Some(row) = row else { return Ok(DecideOutcome::Missing) };
    let inconsistent = |column| StorageError::Inconsistent { table: "approvals", column, row: id.to_string() };
    let rule: ApprovalRule = serde_json::from_value(row.rule).map_err(|_| inconsistent("rule"))?;
    let state = ApprovalState::parse(&row.state).ok_or_else(|| inconsistent("state"))?;
    if row.maker == by {
        return Ok(DecideOutcome::SamePerson);
    }
    if !rule.allows(roles) {
        return Ok(DecideOutcome::RoleMissing);
    }
    if state != ApprovalState::Pending {
        return Ok(DecideOutcome::NotPending(state));
    }
    if at >= row.expires_at {
        expire(connection, Some(id), at).await?;
        return Ok(DecideOutcome::Expired);
    }
    let decided = if approve { ApprovalState::Approved } else { ApprovalState::Rejected };
    let updated = sqlx::query!(
        "UPDATE approvals SET state = $2, decided_by = $3, decision_reason = $4, decided_at = $5
         WHERE id = $1 AND state = 'pending'",
        id.as_uuid(),
        decided.as_str(),
        by,
        reason.trim(),
        at,
    )
    .execute(connection)
    .await
    .during("approvals.decide")?;
    ensure_rows("approvals.decide", &updated, 1)?;
    Ok(DecideOutcome::Decided(decided))
}

/// Records that requests which waited too long have expired, each with its audit entry. Returns how many.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn expire_due(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, StorageError> {
    expire(connection, None, now).await
}

async fn expire(
    connection: &mut PgConnection,
    only: Option<ApprovalId>,
    now: DateTime<Utc>,
) -> Result<usize, StorageError> {
    // The instant of the expiry, not of its discovery: whoever finds it records the same.
    let expired = sqlx::query!(
        "UPDATE approvals SET state = 'expired', decided_at = expires_at
         WHERE id IN (SELECT id FROM approvals
                      WHERE state = 'pending' AND expires_at <= $1 AND ($2::uuid IS NULL OR id = $2)
                      ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, object, expires_at",
        now,
        only.map(|id| id.as_uuid()),
    )
    .fetch_all(&mut *connection)
    .await
    .during("approvals.expire")?;
    for row in &expired {
        let entry = audit::Entry {
            occurred_at: row.expires_at,
            actor: "system",
            roles: &[],
            action: "expire_approval",
            object: &approval_object(ApprovalId::from_uuid(row.id)),
            reason: "approval_expired",
            request_id: None,
            details: json!({ "kind": row.kind, "object": row.object }),
        };
        audit::record(connection, &entry).await?;
    }
    Ok(expired.len())
}

/// Decided and expired requests that no workflow was told of, oldest first, locked for this transaction; those that
/// another relay holds are skipped.
///
/// # Errors
/// As [`get`].
pub async fn to_pass_on(connection: &mut PgConnection, limit: i64) -> Result<Vec<Approval>, StorageError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, kind, case_id, application_id, object, proposal, proposal_sealed, difference, rule, maker,
                maker_reason, created_at, expires_at, state, decided_by, decision_reason, decided_at
         FROM approvals WHERE decided_at IS NOT NULL AND passed_on_at IS NULL
         ORDER BY decided_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        limit,
    )
    .fetch_all(connection)
    .await
    .during("approvals.to_pass_on")?;
    rows.into_iter().map(Approval::try_from).collect()
}

/// Marks a request as passed on (delivery state of the relay).
///
/// # Errors
/// [`StorageError::RowsAffected`] when it was marked already or is not decided; [`StorageError::Driver`].
pub async fn mark_passed_on(
    connection: &mut PgConnection,
    id: ApprovalId,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let updated = sqlx::query!(
        "UPDATE approvals SET passed_on_at = $2 WHERE id = $1 AND decided_at IS NOT NULL AND passed_on_at IS NULL",
        id.as_uuid(),
        at,
    )
    .execute(connection)
    .await
    .during("approvals.mark_passed_on")?;
    ensure_rows("approvals.mark_passed_on", &updated, 1)
}

#[cfg(test)]
mod tests;
