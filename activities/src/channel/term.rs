//! The term of a notice (paras 4, 5; ): counted once the regulator has it, counted anew where a calendar
//! that comes into force moves it, told of when it has passed.
//! Never edits a count: what moves is a generation of its own, as of duties; and never opens a channel.

use chrono::{DateTime, Utc};
use nesie_domain::calendar::{Counted, OutsideCalendar, WorkingCalendar, local_date};
use nesie_domain::case::CaseStage;
use nesie_domain::channel::{NOTICE_WORKING_DAYS, earliest_effect};
use nesie_domain::ids::CaseId;
use nesie_storage::channels::{self, NoticeVersion, Receipt, Term};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::publication::{self, Change, Moved};
use nesie_storage::{cases, pool, recorded};
use nesie_workflows::contract::CaseStep;
use serde_json::{Value, json};

use super::acts::WITHDRAWN;
use super::{case_of, version_of};
use crate::World;
use crate::duties::current_calendar;
use crate::failure::Failure;
use crate::record::CaseFact;

const COUNT: &str = "count_notice_term";
/// What every count is called in the case's story.
const COUNTED: &str = "channel_notice_term_counted";

/// Counts the term from the day on which the regulator had the notice, by the calendar that is in force now. Asked again it
/// says where the term stands, whatever has moved it since.
pub(crate) async fn count_notice_term(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    if let Some(term) = channels::term(&world.pool, input.case_id).await? {
        return Ok(CaseStage::AwaitingTerm { earliest_on: term.earliest_on });
    }
    let case = case_of(world, input.case_id).await?;
    let version = version_of(world, input.case_id).await?;
    let receipt = receipt_of(world, input.case_id).await?;
    let calendar = current_calendar(world).await?;
    // The notice is sent all the same; once the missing year is published, operations have the step tried again.
    let outside = |_| Failure::park("calendar.years_missing");
    let strict = case.policy.strict_clear_days;
    let (term, counted) = count(&calendar, &receipt, &version, strict, 0, input.at).map_err(outside)?;
    let stage = CaseStage::AwaitingTerm { earliest_on: term.earliest_on };
    let fact = CaseFact {
        case_id: input.case_id,
        key: COUNT,
        kind: COUNTED,
        details: details(&receipt, &term, &counted),
        at: input.at,
        actor: Actor::System,
        stage: Some(&stage),
        event: None,
    };
    let Some(mut transaction) = world.begin_case(fact).await? else { return Ok(stage) };
    channels::insert_term(&mut transaction, input.case_id, &term).await?;
    pool::commit(transaction).await?;
    Ok(stage)
}

async fn receipt_of(world: &World, case_id: CaseId) -> Result<Receipt, Failure> {
    let receipt = channels::receipt(&world.pool, case_id).await?;
    receipt.ok_or_else(|| Failure::park("channel_notice.receipt_missing"))
}

/// The term by a calendar, with the day-by-day count that it rests on.
fn count(
    calendar: &WorkingCalendar,
    receipt: &Receipt,
    version: &NoticeVersion,
    strict: bool,
    generation: i32,
    at: DateTime<Utc>,
) -> Result<(Term, Counted), OutsideCalendar> {
    let (first, last) = calendar.span();
    let days = i32::try_from(NOTICE_WORKING_DAYS).map_err(|_| OutsideCalendar { first, last })?;
    let counted = calendar.count(receipt.counted_from, days)?;
    let earliest_on = earliest_effect(calendar, receipt.counted_from, version.contents.planned_on, strict)?;
    let calendar_version = calendar.version().to_string();
    let term = Term { generation, strict, earliest_on, calendar_version, counted: json!(counted), recorded_at: at };
    Ok((term, counted))
}

fn details(receipt: &Receipt, term: &Term, counted: &Counted) -> Value {
    json!({
        "counted_from": receipt.counted_from, "earliest_on": term.earliest_on, "strict": term.strict,
        "calendar_version": term.calendar_version, "estimated": counted.crosses_estimated,
    })
}

/// Counts the terms of all notices that wait for theirs anew, each in its own transaction. Returns how many moved.
pub(crate) async fn recount_terms(
    world: &World,
    calendar: &WorkingCalendar,
    at: DateTime<Utc>,
) -> Result<u32, Failure> {
    let mut moved = 0;
    for case_id in channels::terms_of_other_versions(&world.pool, calendar.version().as_str()).await? {
        moved += u32::from(recount(world, calendar, case_id, at).await?);
    }
    Ok(moved)
}

/// `false` where the day stays, or the notice no longer waits for it.
async fn recount(
    world: &World,
    calendar: &WorkingCalendar,
    case_id: CaseId,
    at: DateTime<Utc>,
) -> Result<bool, Failure> {
    let version = version_of(world, case_id).await?;
    let receipt = receipt_of(world, case_id).await?;
    let withdrawn = recorded::fact(&world.pool, case_id, WITHDRAWN).await?.is_some();
    let mut transaction = pool::begin(&world.pool).await?;
    // Locked: an act that ends the wait does so before this, and is seen, or after it.
    let stage = cases::lock_stage(&mut transaction, case_id).await?;
    if withdrawn || !matches!(stage, CaseStage::AwaitingTerm { .. }) {
        return Ok(false);
    }
    let Some(old) = channels::term(&mut *transaction, case_id).await? else { return Ok(false) };
    let recounted = count(calendar, &receipt, &version, old.strict, old.generation + 1, at);
    // A version never knows less than the one before: one that ends before the term is none that moved it.
    let Ok((term, counted)) = recounted else { return Ok(false) };
    if term.earliest_on == old.earliest_on {
        return Ok(false);
    }
    let stage = CaseStage::AwaitingTerm { earliest_on: term.earliest_on };
    let mut details = details(&receipt, &term, &counted);
    details["instead_of"] = json!(old.earliest_on);
    let fact = Fact {
        owner: case_id.into(),
        fact_key: &format!("{COUNT}:{}", term.generation),
        kind: COUNTED,
        details,
        at,
        actor: Actor::System,
        build: world.build,
        moves: Move::Case { stage: &stage },
        event: Some("channel_notice.term_moved"),
    };
    facts::record(&mut transaction, fact).await?;
    channels::insert_term(&mut transaction, case_id, &term).await?;
    let moved = Moved::NoticeTerm { old_earliest_on: old.earliest_on, new_earliest_on: term.earliest_on };
    let earlier = term.earliest_on < old.earliest_on;
    let change = Change { case_id, moved, earlier, recorded_at: at, woken_at: None };
    publication::record_change(&mut transaction, calendar.version().as_str(), &change).await?;
    pool::commit(transaction).await?;
    Ok(true)
}

/// Tells that the channel may open, or the change take effect, where the case still waits for it and the day has come. A day
/// that a calendar moved, so that it lies ahead again, is told of again.
pub(crate) async fn tell_of_term(world: &World, input: CaseStep) -> Result<(), Failure> {
    let case = case_of(world, input.case_id).await?;
    let CaseStage::AwaitingTerm { earliest_on } = case.stage else { return Ok(()) };
    let Some(term) = channels::term(&world.pool, input.case_id).await? else { return Ok(()) };
    if local_date(input.at) < earliest_on {
        return Ok(());
    }
    let key = match term.generation {
        0 => "tell_of_term".to_owned(),
        generation => format!("tell_of_term:{generation}"),
    };
    let fact = CaseFact {
        case_id: input.case_id,
        key: &key,
        kind: "channel_notice_term_passed",
        details: json!({ "earliest_on": earliest_on }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: Some("channel_notice.term_passed"),
    };
    if let Some(transaction) = world.begin_case(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(())
}
