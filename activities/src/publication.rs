//! A calendar version put in force in mid-term: inserted, open duties and running terms counted anew, their cases told
//! (domain.md §3.2).
//! Never edits a duty: one that moves is superseded; and never touches one that was met meanwhile.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use nesie_domain::calendar::{WorkingCalendar, local_date};
use nesie_domain::case::CasePolicy;
use nesie_domain::ids::CaseId;
use nesie_storage::calendar::NewVersion;
use nesie_storage::duties::{self, Duty};
use nesie_storage::publication::{self, Approved, Change, Moved, version_object};
use nesie_storage::{PgConnection, audit, calendar, cases, pool};
use nesie_workflows::contract::{Publication, PublicationStep, RecomputePage, RecomputedPage, WakeChanged};
use serde_json::json;

use crate::World;
use crate::channel::recount_terms;
use crate::duties::{current_calendar, supersede};
use crate::failure::Failure;
use crate::wake::{Woken, stir};

/// Puts an approved version in force. A repeat finds it in force; one that no longer fits is refused, and audited.
pub(crate) async fn publish_calendar_version(world: &World, input: PublicationStep) -> Result<Publication, Failure> {
    let approved = publication::approved(&world.pool, input.approval_id).await?;
    let Approved { proposed, maker, approver, reason } =
        approved.ok_or_else(|| Failure::park("approval.not_approved"))?;
    let version = proposed.version.clone();
    let object = version_object(&version);
    let in_force = current_calendar(world).await?;
    let mut transaction = pool::begin(&world.pool).await?;
    let taken = match publication::published_by_request(&mut transaction, &version).await? {
        Some(request) if request == Some(input.approval_id) => {
            return Ok(Publication::Published { version: version.to_string() });
        }
        found => found.is_some(),
    };
    let (first, last) = in_force.span();
    let new = NewVersion {
        version: version.clone(),
        first_day: proposed.first_day,
        last_day: proposed.last_day,
        source: proposed.source,
        published_at: input.at,
        days: proposed.days,
    };
    let makes_sense = WorkingCalendar::new(version.clone(), new.first_day, new.last_day, new.days.clone()).is_ok();
    // What was so when it was proposed may not be so any more: another version may have come between.
    let refusal = if taken {
        Some("calendar.version_taken")
    } else if !makes_sense {
        Some("calendar.makes_no_sense")
    } else if first < new.first_day || new.last_day < last {
        Some("calendar.span_shortened")
    } else if !calendar::insert(&mut transaction, &new, &maker, Some(input.approval_id)).await? {
        Some("calendar.version_taken")
    } else {
        None
    };
    let (action, details) = match refusal {
        Some(code) => ("calendar_not_published", json!({ "approval_id": input.approval_id, "code": code })),
        None => (
            "calendar_published",
            json!({
                "approval_id": input.approval_id, "maker": maker, "approver": approver,
                "first_day": new.first_day, "last_day": new.last_day, "days": new.days.len(),
                "replaces": in_force.version(),
            }),
        ),
    };
    let entry = audit::Entry {
        occurred_at: input.at,
        actor: &approver,
        roles: &[],
        action,
        object: &object,
        reason: &reason,
        request_id: None,
        details,
    };
    audit::record(&mut transaction, &entry).await?;
    pool::commit(transaction).await?;
    Ok(match refusal {
        Some(code) => Publication::Refused { code: code.to_owned() },
        None => Publication::Published { version: version.to_string() },
    })
}

/// Counts a page of open duties anew, in one transaction, and after the last page the terms of notices, which are few.
/// Where another version has come into force since, that one's own publication works through them, and this one is at its
/// end.
pub(crate) async fn recompute_duties(world: &World, input: RecomputePage) -> Result<RecomputedPage, Failure> {
    let calendar = current_calendar(world).await?;
    if calendar.version().as_str() != input.version {
        return Ok(RecomputedPage { next: None, changed: 0 });
    }
    let ids = duties::open_ids_of_other_versions(&world.pool, &input.version, input.after, input.limit.into()).await?;
    let next = ids.last().copied().filter(|_| ids.len() >= usize::try_from(input.limit).unwrap_or(usize::MAX));
    let mut transaction = pool::begin(&world.pool).await?;
    let mut policies: HashMap<CaseId, CasePolicy> = HashMap::new();
    let mut changed = 0;
    for duty in duties::lock_open(&mut transaction, &ids).await? {
        let due_at = calendar.count(local_date(duty.anchor_at), duty.working_days).ok().map(|counted| counted.due_at);
        if due_at == duty.due_at {
            continue;
        }
        let policy = match policies.remove(&duty.case_id) {
            Some(policy) => policy,
            None => {
                let case = cases::get(&mut *transaction, duty.case_id).await?;
                case.ok_or_else(|| Failure::park("case.missing"))?.policy
            }
        };
        move_duty(world, &mut transaction, &calendar, &policy, &duty, due_at, input.at).await?;
        policies.insert(duty.case_id, policy);
        changed += 1;
    }
    pool::commit(transaction).await?;
    if next.is_none() {
        changed += recount_terms(world, &calendar, input.at).await?;
    }
    Ok(RecomputedPage { next, changed })
}

/// Supersedes a duty by one with the due instant that the calendar gives now, and lists the change.
async fn move_duty(
    world: &World,
    connection: &mut PgConnection,
    calendar: &WorkingCalendar,
    policy: &CasePolicy,
    duty: &Duty,
    due_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let new_duty_id = supersede(world, connection, calendar, policy, duty, duty.anchor_at, at).await?;
    let earlier = match (duty.due_at, due_at) {
        (Some(old), Some(new)) => new < old,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let moved = Moved::Duty { duty_id: duty.id, new_duty_id, old_due_at: duty.due_at, new_due_at: due_at };
    let change = Change { case_id: duty.case_id, moved, earlier, recorded_at: at, woken_at: None };
    Ok(publication::record_change(connection, calendar.version().as_str(), &change).await?)
}

/// Tells cases whose terms moved, those with less time than before first. A case whose workflow is not there reads its
/// rows when it starts, or has ended.
pub(crate) async fn wake_changed_cases(world: &World, input: WakeChanged) -> Result<u32, Failure> {
    let cases = publication::to_wake(&world.pool, &input.version, input.limit.into()).await?;
    for case_id in &cases {
        if stir(world, *case_id).await? == Woken::NotThere {
            tracing::info!(case = %case_id, "a case whose term moved has no workflow to wake");
        }
        publication::mark_woken(&world.pool, &input.version, *case_id, input.at).await?;
    }
    Ok(u32::try_from(cases.len()).unwrap_or(u32::MAX))
}
