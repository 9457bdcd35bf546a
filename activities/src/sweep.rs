//! The sweep over duties: each open row has a live timer, and each timer an open row (design invariant 9).
//! Never claims a rung: a case that does not agree with its rows is woken, and looks itself.

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::calendar::local_date;
use nesie_storage::sweeps::{self, Expected, Sweep};
use nesie_storage::{audit, pool};
use nesie_workflows::contract::{DutySweepDone, SweepFinding, SweepPage, SweptPage};
use serde_json::json;

use crate::World;
use crate::duties::current_calendar;
use crate::failure::Failure;
use crate::wake::{Watch, stir, watched};

/// How long a case may wait for its workflow, and a rung that has passed for being claimed, before that is a finding.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);
/// Days before the calendar's end at which somebody is told.
const THRESHOLDS: [i32; 3] = [90, 30, 7];

/// Compares a page of cases with their workflows. What does not agree is looked at twice, since a case may have moved
/// between the two looks; then it is a finding, and the case is woken.
pub(crate) async fn sweep_duties(world: &World, input: SweepPage) -> Result<SweptPage, Failure> {
    let rows = sweeps::expected(&world.pool, input.after, None, input.limit.into()).await?;
    let full = rows.len() >= usize::try_from(input.limit).unwrap_or(usize::MAX);
    let mut page = SweptPage { next: None, cases: 0, duties: 0, findings: Vec::new() };
    for row in rows {
        page.next = Some(row.case_id).filter(|_| full);
        page.cases += 1;
        page.duties += u32::try_from(row.open).unwrap_or(u32::MAX);
        if judge(&row, watched(world, row.case_id).await?, input.at).is_none() {
            continue;
        }
        let Some(again) = sweeps::expected(&world.pool, None, Some(row.case_id), 1).await?.pop() else { continue };
        if let Some(finding) = judge(&again, watched(world, row.case_id).await?, input.at) {
            page.findings.push(SweepFinding { case_id: row.case_id, finding: finding.to_owned() });
            stir(world, row.case_id).await?;
        }
    }
    Ok(page)
}

/// What is wrong with a case, if anything. Both sides name the first rung that is still to come, whatever the clock of
/// either says.
fn judge(row: &Expected, watch: Watch, now: DateTime<Utc>) -> Option<&'static str> {
    if row.closed {
        return Some("case.closed_with_open_duty");
    }
    match watch {
        Watch::NotThere | Watch::Silent if !row.started && now - row.received_at < PATIENCE => None,
        Watch::NotThere => Some("workflow.missing"),
        Watch::Silent => Some("workflow.silent"),
        Watch::Until(until) => match (row.next_at, until) {
            (Some(next_at), _) if now - next_at > PATIENCE => Some("rung.not_claimed"),
            (Some(_), None) => Some("timer.missing"),
            (Some(next_at), Some(until)) if until > next_at => Some("timer.late"),
            (Some(next_at), Some(until)) if until < next_at => Some("timer.without_rung"),
            (None, Some(_)) => Some("timer.without_duty"),
            (Some(_), Some(_)) | (None, None) => None,
        },
    }
}

/// Keeps what a sweep found; findings are audited and said aloud. Tells of the calendar's end, once a threshold.
pub(crate) async fn record_duty_sweep(world: &World, done: DutySweepDone) -> Result<(), Failure> {
    let calendar = current_calendar(world).await?;
    let mut transaction = pool::begin(&world.pool).await?;
    let findings = json!(done.findings);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let sweep =
        Sweep { id: done.id, at: done.at, cases: count(done.cases), duties: count(done.duties), findings: &findings };
    if sweeps::insert(&mut transaction, &sweep).await? && !done.findings.is_empty() {
        tracing::error!(findings = done.findings.len(), sweep = %done.id, "duties and timers do not agree");
        let object = format!("duty-sweep/{}", done.id);
        let details = json!({ "findings": findings });
        audit::record(&mut transaction, &alert("duty_sweep_findings", &object, details, done.at)).await?;
    }
    let last = calendar.span().1;
    let left = last.signed_duration_since(local_date(done.at)).num_days();
    for threshold in THRESHOLDS.into_iter().filter(|threshold| left <= i64::from(*threshold)) {
        let version = calendar.version();
        if sweeps::claim_alert(&mut transaction, version.as_str(), threshold, last, done.at).await? {
            tracing::warn!(%version, days = left, "the working calendar ends soon: publish the next one");
            let object = nesie_storage::publication::version_object(version);
            let details = json!({ "threshold_days": threshold, "last_day": last, "days_left": left });
            audit::record(&mut transaction, &alert("calendar_ends_soon", &object, details, done.at)).await?;
        }
    }
    Ok(pool::commit(transaction).await?)
}

/// What the system itself notes in the audit log for people to see.
fn alert<'a>(action: &'a str, object: &'a str, details: serde_json::Value, at: DateTime<Utc>) -> audit::Entry<'a> {
    audit::Entry { occurred_at: at, actor: "system", roles: &[], action, object, reason: "", request_id: None, details }
}

#[cfg(test)]
mod tests {
    use nesie_domain::ids::CaseId;

    use super::*;

    #[test]
    fn rows_and_timers_agree_or_are_found() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let later = |minutes| Some(now + TimeDelta::minutes(minutes));
        let row = |next_at, open| Expected {
            case_id: CaseId::from_uuid(uuid::Uuid::nil()),
            received_at: now - TimeDelta::hours(1),
            started: true,
            closed: false,
            open,
            next_at,
        };
        for (next_at, watch, expected) in [
            (later(60), Watch::Until(later(60)), None),
            (None, Watch::Until(None), None),
            (later(60), Watch::Until(None), Some("timer.missing")),
            (later(60), Watch::Until(later(61)), Some("timer.late")),
            (later(60), Watch::Until(later(59)), Some("timer.without_rung")),
            (None, Watch::Until(later(60)), Some("timer.without_duty")),
            (later(-6), Watch::Until(later(-6)), Some("rung.not_claimed")),
            (later(-4), Watch::Until(later(-4)), None),
            (later(60), Watch::NotThere, Some("workflow.missing")),
            (later(60), Watch::Silent, Some("workflow.silent")),
        ] {
            assert_eq!(judge(&row(next_at, 1), watch, now), expected, "{next_at:?} {watch:?}");
        }
        let fresh = Expected { received_at: now, started: false, ..row(None, 0) };
        assert_eq!(judge(&fresh, Watch::NotThere, now), None, "the relay has yet to start it");
        let closed = Expected { closed: true, ..row(later(60), 1) };
        assert_eq!(judge(&closed, Watch::NotThere, now), Some("case.closed_with_open_duty"));
    }
}
