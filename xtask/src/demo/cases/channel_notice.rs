//! A channel is notified: drafted, sent, an activation that comes too early is refused, ten full working days pass, the
//! channel opens (paras 4, 5; ).

use anyhow::{Context as _, Result, ensure};
use chrono::{NaiveDate, TimeDelta};
use serde_json::json;

use super::scene::{Case, Scene, document};
use super::{Told, duties, required};
use crate::console::say;

/// The first working day before which ten full ones have passed.
const PLANNED_WORKING_DAYS: u32 = 11;
/// What the first day must be passed by: Almaty is five hours ahead of UTC.
const ALMATY_AHEAD: TimeDelta = TimeDelta::hours(5);

/// Tells it.
pub(super) fn tell(scene: &Scene) -> Result<Told> {
    let code = scene.name("terminal");
    let term = format!("/v1/calendar/working-days?from={}&days={PLANNED_WORKING_DAYS}", scene.today()?);
    let planned_on = required(&scene.run.compliance.get(&term)?, "due_on")?.to_owned();
    let notice = json!({
        "notice": "opening", "code": code, "kind": "terminal", "name": "г. Алматы, пр. Абая, 1",
        "operations": ["microcredit_account", "microcredit_card"],
        "security_procedures": "Политика информационной безопасности и процедуры защиты от несанкционированного доступа, утверждены приказом № 1",
        "planned_on": planned_on,
        "documents": [document("политика.pdf")],
    });
    let case = scene.report("channel-notices", &notice)?;
    scene.at_stage(&case, "draft")?;
    scene.refused("POST", &case.at("activation"), &json!({}), "channel_notice.not_sent")?;
    scene.done("POST", &case.at("sending"), &json!({}))?;
    let waiting = scene.at_stage(&case, "awaiting_term")?;
    let refusal = scene.refused("POST", &case.at("activation"), &json!({}), "channel_notice.too_early")?;
    let earliest = required(&waiting["stage"], "earliest_on")?.to_owned();
    ensure!(earliest == planned_on, "ten full working days lead to {planned_on}, not to {earliest}");
    ensure!(refusal["detail"] == earliest.as_str(), "the refusal names {}, not {earliest}", refusal["detail"]);
    ensure!(!is_open(scene, &code)?, "the channel is open before its term");
    print_term(scene, &case)?;

    pass(scene, &case, &earliest)?;
    scene.done("POST", &case.at("activation"), &json!({}))?;
    let closed = scene.at_stage(&case, "closed")?;
    ensure!(closed["stage"]["outcome"] == "completed", "the case ended as {}", closed["stage"]);
    ensure!(is_open(scene, &code)?, "the channel is not open");
    Ok(Told { case, duties: vec![("notify_of_opening", "met")] })
}

/// Lets the workflow's own clock run to the first day on which the channel may open.
fn pass(scene: &Scene, case: &Case, earliest: &str) -> Result<()> {
    let day: NaiveDate = earliest.parse().context("a day")?;
    let midnight = day.and_hms_opt(0, 0, 0).context("a day begins")?.and_utc() - ALMATY_AHEAD;
    let now = scene.clock.now(&case.workflow())?.map_or_else(|| scene.now(), Ok)?;
    scene.clock.advance(&case.workflow(), midnight + TimeDelta::minutes(1) - now)?;
    scene.until("the term is told of", || {
        let story = scene.run.compliance.get(&case.at("timeline"))?;
        let facts = story["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(facts.iter().any(|fact| fact["kind"] == "channel_notice_term_passed").then_some(()))
    })?;
    scene.tell(format_args!("the workflow's clock was moved to {earliest}"));
    Ok(())
}

fn print_term(scene: &Scene, case: &Case) -> Result<()> {
    let notice = scene.run.compliance.get(&case.at("draft"))?;
    let (receipt, term) = (&notice["receipt"], &notice["term"]);
    ensure!(term["counted"]["counted"].as_array().map(Vec::len) == Some(10), "not ten working days: {term}");
    say("  term of the notice — paras 4, 5: ten full working days between");
    say(format_args!("    receipt    {} at {}", required(receipt, "receipt_number")?, receipt["received_at"]));
    say(format_args!(
        "    trigger    {}, first day {}, calendar {}",
        required(receipt, "counted_from")?,
        required(term, "earliest_on")?,
        required(term, "calendar_version")?
    ));
    duties::counted(&term["counted"]).iter().for_each(say);
    Ok(())
}

fn is_open(scene: &Scene, code: &str) -> Result<bool> {
    let channels = scene.run.compliance.get("/v1/channels")?;
    Ok(channels["items"].as_array().into_iter().flatten().any(|channel| channel["code"] == code))
}
