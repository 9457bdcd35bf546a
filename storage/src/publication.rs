//! Publication of a calendar version by two people: what was proposed, which terms it moved, whose cases were woken.
//! Never counts days, and never decides who may publish.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::approval::{ApprovalKind, ApprovalRule};
use nesie_domain::calendar::{CalendarDay, CalendarVersion};
use nesie_domain::ids::{ApprovalId, CaseId, DutyId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::approvals::{self, NewApproval};
use crate::error::{During, StorageError, ensure_rows};

/// What the request for the second person holds: the whole version, which is public data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedVersion {
    /// Its name.
    pub version: CalendarVersion,
    /// The first day that it knows.
    pub first_day: NaiveDate,
    /// The last.
    pub last_day: NaiveDate,
    /// The legal sources.
    pub source: String,
    /// The days that are not what the week says.
    pub days: Vec<CalendarDay>,
}

/// A request to publish a version.
#[derive(Clone, Debug)]
pub struct NewProposal<'a> {
    /// Its id.
    pub id: ApprovalId,
    /// The version.
    pub proposed: &'a ProposedVersion,
    /// Days added, removed and changed against the version in force.
    pub difference: &'a Value,
    /// Who may decide, and until when.
    pub rule: &'a ApprovalRule,
    /// `issuer|subject` of who asks.
    pub maker: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// The name of a version in the audit log.
#[must_use]
pub fn version_object(version: &CalendarVersion) -> String {
    format!("calendar/{version}")
}

/// Asks for the second person.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn propose(connection: &mut PgConnection, new: &NewProposal<'_>) -> Result<(), StorageError> {
    let proposal = serde_json::to_value(new.proposed).during("approvals.insert")?;
    let request = NewApproval {
        id: new.id,
        kind: ApprovalKind::PublishCalendar,
        owner: None,
        object: &version_object(&new.proposed.version),
        proposal: &proposal,
        proposal_sealed: None,
        difference: new.difference,
        rule: new.rule,
        maker: new.maker,
        maker_reason: new.reason,
        at: new.at,
    };
    let actual = u64::from(approvals::insert(connection, &request).await?);
    if actual == 1 {
        Ok(())
    } else {
        Err(StorageError::RowsAffected { operation: "approvals.insert", expected: 1, actual })
    }
}

/// A version that two people agreed on.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The version.
    pub proposed: ProposedVersion,
    /// Who proposed it.
    pub maker: String,
    /// Who approved it.
    pub approver: String,
    /// Why, in the approver's words.
    pub reason: String,
}

/// The version of an approved request; `None` where there is no such request or it is not approved.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a proposal that is no version.
pub async fn approved(pool: &PgPool, id: ApprovalId) -> Result<Option<Approved>, StorageError> {
    let row = sqlx::query!(
        r#"SELECT proposal, maker, decided_by AS "decided_by!", decision_reason AS "decision_reason!" FROM approvals
           WHERE id = $1 AND kind = 'publish_calendar' AND state = 'approved'"#,
        id.as_uuid(),
    )
    .fetch_optional(pool)
    .await
    .during("approvals.approved")?;
    let Some(row) = row else { return Ok(None) };
    let inconsistent = |_| StorageError::Inconsistent { table: "approvals", column: "proposal", row: id.to_string() };
    let proposed = serde_json::from_value(row.proposal).map_err(inconsistent)?;
    Ok(Some(Approved { proposed, maker: row.maker, approver: row.decided_by, reason: row.decision_reason }))
}

/// The request by which a version was published: `None` where there is no such version, `Some(None)` for a shipped one.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn published_by_request(
    connection: &mut PgConnection,
    version: &CalendarVersion,
) -> Result<Option<Option<ApprovalId>>, StorageError> {
    let found = sqlx::query_scalar!("SELECT approval_id FROM calendar_versions WHERE version = $1", version.as_str())
        .fetch_optional(connection)
        .await
        .during("calendar_versions.request")?;
    Ok(found.map(|id| id.map(ApprovalId::from_uuid)))
}

/// What a publication moved.
#[derive(Clone, Debug)]
pub enum Moved {
    /// A duty, by one in its place.
    Duty {
        /// The superseded duty.
        duty_id: DutyId,
        /// The duty in its place.
        new_duty_id: DutyId,
        /// When it fell due; `None` where that was undetermined.
        old_due_at: Option<DateTime<Utc>>,
        /// When it falls due now; `None` where that is undetermined.
        new_due_at: Option<DateTime<Utc>>,
    },
    /// The term of a channel notice, of which a case has one.
    NoticeTerm {
        /// The first day on which the channel could open.
        old_earliest_on: NaiveDate,
        /// The first day on which it can.
        new_earliest_on: NaiveDate,
    },
}

/// A term that a publication moved.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose it is.
    pub case_id: CaseId,
    /// Which, and from where to where.
    pub moved: Moved,
    /// Whether it ends sooner than before, or only now at all.
    pub earlier: bool,
    /// When it was moved.
    pub recorded_at: DateTime<Utc>,
    /// When its case was told to look again.
    pub woken_at: Option<DateTime<Utc>>,
}

/// Lists a change, in the transaction that makes it.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn record_change(connection: &mut PgConnection, version: &str, change: &Change) -> Result<(), StorageError> {
    let (duties, due_at, earliest_on) = match &change.moved {
        Moved::Duty { duty_id, new_duty_id, old_due_at, new_due_at } => {
            (Some((duty_id.as_uuid(), new_duty_id.as_uuid())), (*old_due_at, *new_due_at), None)
        }
        Moved::NoticeTerm { old_earliest_on, new_earliest_on } => {
            (None, (None, None), Some((*old_earliest_on, *new_earliest_on)))
        }
    };
    let ((duty_id, new_duty_id), (old_due_at, new_due_at)) = (duties.unzip(), due_at);
    let (old_earliest_on, new_earliest_on) = earliest_on.unzip();
    let written = sqlx::query!(
        "INSERT INTO calendar_changes (version, duty_id, case_id, new_duty_id, old_due_at, new_due_at, old_earliest_on
            , new_earliest_on, earlier, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        version,
        duty_id,
        change.case_id.as_uuid(),
        new_duty_id,
        old_due_at,
        new_due_at,
        old_earliest_on,
        new_earliest_on,
        change.earlier,
        change.recorded_at,
    )
    .execute(connection)
    .await
    .during("calendar_changes.insert")?;
    ensure_rows("calendar_changes.insert", &written, 1)
}

/// The changes of a version in the order in which they were made, from after the given position.
///
/// # Errors
/// [`StorageError::Driver`]; [`StorageError::Inconsistent`] for a change of nothing.
pub async fn changes(
    pool: &PgPool,
    version: &str,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Change>, StorageError> {
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        "SELECT duty_id, case_id, new_duty_id, old_due_at, new_due_at, old_earliest_on, new_earliest_on, earlier, recorded_at
              , woken_at
         FROM calendar_changes
         WHERE version = $1 AND ($2::timestamptz IS NULL OR (recorded_at, moved_id) > ($2, $3::uuid))
         ORDER BY recorded_at, moved_id LIMIT $4",
        version,
        after_at,
        after_id,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("calendar_changes.page")?;
    rows.into_iter()
        .map(|row| {
            let duties = row.duty_id.zip(row.new_duty_id);
            let moved = match (duties, row.old_earliest_on.zip(row.new_earliest_on)) {
                (Some((duty_id, new_duty_id)), None) => Moved::Duty {
                    duty_id: DutyId::from_uuid(duty_id),
                    new_duty_id: DutyId::from_uuid(new_duty_id),
                    old_due_at: row.old_due_at,
                    new_due_at: row.new_due_at,
                },
                (None, Some((old_earliest_on, new_earliest_on))) => {
                    Moved::NoticeTerm { old_earliest_on, new_earliest_on }
                }
                _ => {
                    let row = row.case_id.to_string();
                    return Err(StorageError::Inconsistent { table: "calendar_changes", column: "duty_id", row });
                }
            };
            Ok(Change {
                case_id: CaseId::from_uuid(row.case_id),
                moved,
                earlier: row.earlier,
                recorded_at: row.recorded_at,
                woken_at: row.woken_at,
            })
        })
        .collect()
}

impl Change {
    /// What tells it from the others of its version: the superseded duty, or the case of the notice.
    #[must_use]
    pub fn moved_id(&self) -> Uuid {
        match self.moved {
            Moved::Duty { duty_id, .. } => duty_id.as_uuid(),
            Moved::NoticeTerm { .. } => self.case_id.as_uuid(),
        }
    }
}

/// Cases whose terms were moved and that were not told yet, those whose term is shorter now first.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn to_wake(pool: &PgPool, version: &str, limit: i64) -> Result<Vec<CaseId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "SELECT case_id FROM calendar_changes WHERE version = $1 AND woken_at IS NULL
         GROUP BY case_id ORDER BY bool_or(earlier) DESC, case_id LIMIT $2",
        version,
        limit,
    )
    .fetch_all(pool)
    .await
    .during("calendar_changes.to_wake")?;
    Ok(ids.into_iter().map(CaseId::from_uuid).collect())
}

/// Marks the changes of a case that were recorded until an instant as told.
///
/// # Errors
/// [`StorageError::Driver`].
pub async fn mark_woken(pool: &PgPool, version: &str, case_id: CaseId, at: DateTime<Utc>) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE calendar_changes SET woken_at = $3 WHERE version = $1 AND case_id = $2 AND woken_at IS NULL AND recorded_at <= $3",
        version,
        case_id.as_uuid(),
        at,
    )
    .execute(pool)
    .await
    .during("calendar_changes.mark")?;
    Ok(())
}
