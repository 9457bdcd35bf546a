//! Duties of cases: opened with their count, warned of rung by rung, met with evidence (design invariant 9).
//! Never edits one, and never tells of a rung that it has not claimed.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Asia::Almaty;
use nesie_domain::calendar::{Counted, WorkingCalendar, local_date};
use nesie_domain::case::CasePolicy;
use nesie_domain::duty::{DutyKind, Rung, RungTime};
use nesie_domain::ids::{CaseId, DutyId};
use nesie_storage::duties::{self, Duty, DutyState, NewDuty, PlannedRung};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::{PgConnection, calendar, pool};
use nesie_workflows::contract::{CaseStep, Wake};
use serde_json::{Value, json};

use crate::World;
use crate::failure::Failure;
use crate::record::derived_id;

/// The rung of a duty whose due instant has passed.
const BREACHED: &str = "breached";
/// The rung of a duty whose due instant the calendar does not reach.
const UNDETERMINED: &str = "undetermined";

/// Rungs that one look tells of at most.
const RUNGS_MAX: usize = 400;

/// A duty to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) case_id: CaseId,
    pub(crate) kind: DutyKind,
    /// What within the case: empty or an id.
    pub(crate) subject: &'a str,
    pub(crate) anchor_at: DateTime<Utc>,
    pub(crate) at: DateTime<Utc>,
}

/// The calendar in force, for the duties of one step.
pub(crate) async fn current_calendar(world: &World) -> Result<WorkingCalendar, Failure> {
    Ok(calendar::current(&world.pool).await?)
}

/// Opens a duty in the caller's transaction, with the day-by-day count by the calendar that is in force now. Where the
/// calendar does not reach so far it is opened all the same, as *due undetermined*, and escalated at once.
pub(crate) async fn open(
    world: &World,
    connection: &mut PgConnection,
    calendar: &WorkingCalendar,
    policy: &CasePolicy,
    opening: Opening<'_>,
) -> Result<DutyId, Failure> {
    open_after(world, connection, calendar, policy, opening, None).await
}

/// Supersedes an open duty by one from another anchor, or by another calendar, in the caller's transaction. A rung that was
/// told of, and has passed for the new one too, is not told of again; one that lies ahead once more is, in its time.
pub(crate) async fn supersede(
    world: &World,
    connection: &mut PgConnection,
    calendar: &WorkingCalendar,
    policy: &CasePolicy,
    old: &Duty,
    anchor_at: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<DutyId, Failure> {
    let Duty { case_id, kind, ref subject, .. } = *old;
    let by = duty_id(case_id, kind, subject, old.generation + 1);
    duties::supersede(connection, old.id, by, at).await?;
    let due_at = calendar.count(local_date(anchor_at), old.working_days).ok().map(|counted| counted.due_at);
    let details = json!({
        "kind": kind, "by": by, "calendar_version": calendar.version(), "old_due_at": old.due_at, "new_due_at": due_at,
    });
    tell(world, connection, case_id, old.id, "superseded", details, at).await?;
    open_after(world, connection, calendar, policy, Opening { case_id, kind, subject, anchor_at, at }, Some(old)).await
}

/// As [`open`], where it takes another's place after that one.
async fn open_after(
    world: &World,
    connection: &mut PgConnection,
    calendar: &WorkingCalendar,
    policy: &CasePolicy,
    opening: Opening<'_>,
    before: Option<&Duty>,
) -> Result<DutyId, Failure> {
    let Opening { case_id, kind, subject, anchor_at, at } = opening;
    let generation = before.map_or(0, |before| before.generation + 1);
    let id = duty_id(case_id, kind, subject, generation);
    let (_, _, days) = kind.legal_basis();
    let counted = calendar.count(local_date(anchor_at), days).ok();
    // It is the same obligation: what counts from its opening counts from the first one.
    let generations = match before {
        Some(_) => duties::generations(&mut *connection, case_id, kind, subject).await?,
        None => Vec::new(),
    };
    let opened_at = generations.first().map_or(at, |first| first.opened_at);
    let ladder = counted.as_ref().map(|counted| planned(policy, kind, counted, opened_at)).unwrap_or_default();
    let new = NewDuty {
        id,
        case_id,
        kind,
        subject,
        generation,
        anchor_at,
        calendar_version: calendar.version().as_str(),
        due: counted.as_ref().map(|counted| (counted.due_on, counted.due_at)),
        estimated: counted.as_ref().is_some_and(|counted| counted.crosses_estimated),
        counted: &json!(counted),
        ladder: &ladder,
        opened_at: at,
    };
    duties::open(connection, &new).await?;
    let undetermined = counted.is_none().then(|| PlannedRung { rung: UNDETERMINED.to_owned(), at });
    let mut details =
        json!({ "kind": kind, "subject": subject, "due_at": new.due.map(|(_, at)| at), "estimated": new.estimated });
    if let Some(before) = before {
        let rungs = every_rung(&ladder, new.due.map(|(_, at)| at)).into_iter().chain(undetermined.clone());
        details["told_before"] = json!(inherit(connection, before.id, id, rungs, at).await?);
    }
    tell(world, connection, case_id, id, "opened", details, at).await?;
    if let Some(rung) = undetermined {
        climb(world, connection, case_id, id, &rung, at).await?;
    }
    Ok(id)
}

/// Claims the rungs of a new duty that were told of for the one before it and have passed for both, as of when they were
/// told of. Returns their names.
async fn inherit(
    connection: &mut PgConnection,
    before: DutyId,
    id: DutyId,
    rungs: impl Iterator<Item = PlannedRung>,
    at: DateTime<Utc>,
) -> Result<Vec<String>, Failure> {
    let told = duties::rungs_of(&mut *connection, before).await?;
    let mut inherited = Vec::new();
    for rung in rungs {
        let claimed_at = told.iter().find(|(planned, _)| planned.rung == rung.rung).map(|(_, claimed_at)| *claimed_at);
        if let Some(claimed_at) = claimed_at.filter(|claimed_at| rung.at <= at.max(*claimed_at)) {
            duties::claim_rung(connection, id, &rung, claimed_at).await?;
            inherited.push(rung.rung);
        }
    }
    Ok(inherited)
}

/// The id of a duty: a repeat of the step that opens it names the same row.
fn duty_id(case_id: CaseId, kind: DutyKind, subject: &str, generation: i32) -> DutyId {
    DutyId::from_uuid(derived_id(case_id, &format!("duty|{}|{subject}|{generation}", kind.as_str())))
}

/// The instants of a duty's ladder. A rung that lies after the due instant is none.
fn planned(policy: &CasePolicy, kind: DutyKind, counted: &Counted, opened_at: DateTime<Utc>) -> Vec<PlannedRung> {
    let rungs = policy.ladders.get(&kind).map(Vec::as_slice).unwrap_or_default();
    let mut planned: Vec<PlannedRung> = rungs
        .iter()
        .filter_map(|Rung { rung, when }| {
            let at = match *when {
                RungTime::OnWorkingDay { day, at } => almaty(nth(counted, day)?.and_time(at))?,
                RungTime::AtEndOfWorkingDay { day } => {
                    almaty(nth(counted, day)?.succ_opt()?.and_time(chrono::NaiveTime::MIN))?
                }
                RungTime::AfterOpening { seconds } => opened_at + chrono::TimeDelta::seconds(i64::from(seconds)),
            };
            (at < counted.due_at).then(|| PlannedRung { rung: rung.clone(), at })
        })
        .collect();
    planned.sort_by_key(|rung| rung.at);
    planned
}

fn nth(counted: &Counted, day: u32) -> Option<NaiveDate> {
    counted.counted.get(usize::try_from(day).ok()?.checked_sub(1)?).copied()
}

fn almaty(local: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
    Almaty.from_local_datetime(&local).earliest().map(|at| at.with_timezone(&Utc))
}

/// Re-reads the open duties of a case, claims each rung that has passed, in order, and tells of it; says when to look
/// again. After down-time every passed rung is told of, once, in order.
pub(crate) async fn watch_duties(world: &World, input: CaseStep) -> Result<Wake, Failure> {
    let mut transaction = pool::begin(&world.pool).await?;
    let open = duties::open_of_case(&mut transaction, input.case_id).await?;
    let claimed: HashSet<(DutyId, String)> = duties::rungs_of_case(&mut *transaction, input.case_id)
        .await?
        .into_iter()
        .map(|(id, rung, _)| (id, rung.rung))
        .collect();
    let mut next_at: Option<DateTime<Utc>> = None;
    let mut passed: Vec<(DutyId, PlannedRung)> = Vec::new();
    for duty in &open {
        for rung in every_rung(&duty.ladder, duty.due_at) {
            if rung.at <= input.at {
                if !claimed.contains(&(duty.id, rung.rung.clone())) {
                    passed.push((duty.id, rung));
                }
            } else {
                next_at = Some(next_at.map_or(rung.at, |next| next.min(rung.at)));
            }
        }
    }
    passed.sort_by_key(|(_, rung)| rung.at);
    if passed.len() > RUNGS_MAX {
        // The others at once after this: a step must end within its time.
        passed.truncate(RUNGS_MAX);
        next_at = Some(input.at);
    }
    for (id, rung) in &passed {
        climb(world, &mut transaction, input.case_id, *id, rung, input.at).await?;
    }
    pool::commit(transaction).await?;
    Ok(Wake { next_at, open: u32::try_from(open.len()).unwrap_or(u32::MAX) })
}

/// Every rung of a duty, its due instant the last.
fn every_rung(ladder: &[PlannedRung], due_at: Option<DateTime<Utc>>) -> Vec<PlannedRung> {
    let due = due_at.map(|at| PlannedRung { rung: BREACHED.to_owned(), at });
    ladder.iter().cloned().chain(due).collect()
}

/// Claims a rung, and tells of it where it was not claimed before.
async fn climb(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    id: DutyId,
    rung: &PlannedRung,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    if duties::claim_rung(connection, id, rung, at).await? {
        let what = if rung.rung == BREACHED { BREACHED.to_owned() } else { format!("warned:{}", rung.rung) };
        let details = json!({ "rung": rung.rung, "planned_at": rung.at });
        tell(world, connection, case_id, id, &what, details, at).await?;
    }
    Ok(())
}

/// A fact about a duty: timeline, audit and the event `duty.<what>`.
pub(crate) async fn tell(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    id: DutyId,
    what: &str,
    details: Value,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    tell_of(world, connection, case_id, id, what, details, Actor::System, at).await
}

#[expect(clippy::too_many_arguments, reason = "each is a column of the fact")]
async fn tell_of(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    id: DutyId,
    what: &str,
    mut details: Value,
    actor: Actor,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    details["duty_id"] = json!(id);
    let name = what.split(':').next().unwrap_or(what);
    let fact = Fact {
        owner: case_id.into(),
        fact_key: &format!("duty:{id}:{what}"),
        kind: &format!("duty_{name}"),
        details,
        at,
        actor,
        build: world.build,
        moves: Move::Stays,
        event: Some(&format!("duty.{name}")),
    };
    facts::record(connection, fact).await?;
    Ok(())
}

/// Meets the open duty of a kind and subject with evidence, in the caller's transaction; late where its due instant has
/// passed, and recorded so (A23). `None` where no such duty is open.
#[expect(clippy::too_many_arguments, reason = "each is a column of the duty")]
pub(crate) async fn meet(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    kind: DutyKind,
    subject: &str,
    actor: Actor,
    evidence: &Value,
    at: DateTime<Utc>,
) -> Result<Option<DutyState>, Failure> {
    let open = duties::find_open(connection, case_id, kind, subject).await?;
    let Some(id) = open else { return Ok(None) };
    let by = match &actor {
        Actor::System => "system".to_owned(),
        Actor::Person { subject, .. } => subject.clone(),
    };
    let Some(state) = duties::meet(connection, id, &by, evidence, at).await? else { return Ok(None) };
    let details = json!({ "kind": kind, "subject": subject, "evidence": evidence });
    tell_of(world, connection, case_id, id, state.as_str(), details, actor, at).await?;
    Ok(Some(state))
}
