//! Each duty as it was kept: paragraph, trigger, term, the count day by day, when it was done, by whom, the evidence.
//! All of it is what `GET /v1/duties/{id}` says; nothing is counted here.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::required;
use super::scene::{Case, Scene, almaty};
use crate::console::say;

/// The duties of a case in full, the first to fall due first.
pub(super) fn of_case(scene: &Scene, case: &Case) -> Result<Vec<Value>> {
    let compliance = &scene.run.compliance;
    let lines = compliance.list(&format!("/v1/duties?case_id={}", case.id))?;
    lines.iter().map(|line| compliance.get(&format!("/v1/duties/{}", required(line, "id")?))).collect()
}

/// Prints one.
pub(super) fn print(duty: &Value) {
    lines(duty).iter().for_each(say);
}

fn lines(duty: &Value) -> Vec<String> {
    let text = |field: &str| duty[field].as_str().unwrap_or("-");
    let requirements: Vec<&str> = strings(&duty["requirements"]).collect();
    let estimated = if duty["estimated"] == true { ", crosses an estimated day" } else { "" };
    let mut lines = vec![
        format!("  {} — para {}, {}: {}", text("kind"), text("paragraph"), requirements.join(", "), text("state")),
        format!("    trigger    {} (Almaty)", text("anchor_at_almaty")),
        format!(
            "    term       {} working days, due {} (Almaty), calendar {}{estimated}",
            duty["working_days"],
            text("due_at_almaty"),
            text("calendar_version")
        ),
    ];
    lines.extend(counted(&duty["count"]));
    let done_at = duty["ended_at"].as_str().map_or_else(|| "-".to_owned(), by_almaty);
    lines.push(format!("    done       {done_at} by {}", text("ended_by")));
    lines.push(format!("    evidence   {}", duty["evidence"]));
    let generations = duty["generations"].as_array().map_or(0, Vec::len);
    if generations > 1 {
        lines.push(format!("    generation {} of {generations}", duty["generation"]));
    }
    lines
}

/// The count day by day.
pub(super) fn counted(count: &Value) -> Vec<String> {
    let mut days: BTreeMap<&str, String> = BTreeMap::new();
    for (at, on) in strings(&count["counted"]).enumerate() {
        days.insert(on, format!("{}", at + 1));
    }
    for skipped in count["skipped"].as_array().into_iter().flatten() {
        let reason = skipped["reason"].as_str().unwrap_or_default();
        days.insert(skipped["on"].as_str().unwrap_or_default(), format!("skipped: {reason}"));
    }
    days.into_iter().map(|(on, what)| format!("    {} {what}", weekday(on))).collect()
}

/// What differs from the duties that there must be.
pub(super) fn differences(found: &[Value], expected: &[(&str, &str)]) -> Vec<String> {
    let mut counts: BTreeMap<(String, String), i32> = BTreeMap::new();
    for duty in found {
        let text = |field: &str| duty[field].as_str().unwrap_or_default().to_owned();
        *counts.entry((text("kind"), text("state"))).or_default() += 1;
        if text("state") == "met" && duty["evidence"].as_object().is_none_or(serde_json::Map::is_empty) {
            *counts.entry((text("kind"), "met without evidence".to_owned())).or_default() += 1;
        }
    }
    for (kind, state) in expected {
        *counts.entry(((*kind).to_owned(), (*state).to_owned())).or_default() -= 1;
    }
    let differing = counts.into_iter().filter(|(_, count)| *count != 0);
    differing
        .map(|((kind, state), count)| {
            let how = if count > 0 { "more than expected" } else { "missing" };
            format!("duty {kind} {state}: {} {how}", count.abs())
        })
        .collect()
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn weekday(on: &str) -> String {
    on.parse::<NaiveDate>().map_or_else(|_| on.to_owned(), |day| day.format("%a %Y-%m-%d").to_string())
}

fn by_almaty(at: &str) -> String {
    at.parse::<DateTime<Utc>>()
        .map_or_else(|_| at.to_owned(), |at| almaty(at).format("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn duty() -> Value {
        json!({
            "kind": "inform_client", "paragraph": "13(1)", "requirements": ["R-130"], "state": "met", "working_days": 1,
            "anchor_at_almaty": "2027-03-19T23:30:00+05:00", "due_at_almaty": "2027-03-26T00:00:00+05:00",
            "calendar_version": "KZ-1", "ended_at": "2027-03-25T10:00:00Z", "ended_by": "somebody",
            "evidence": {"receipt_id": "r"},
            "count": {"counted": ["2027-03-25"], "skipped": [{"on": "2027-03-20", "reason": "weekend"}]},
        })
    }

    #[test]
    fn a_duty_is_shown_with_every_day_in_order() {
        let lines = lines(&duty()).join("\n");
        let (skipped, counted) = (lines.find("Sat 2027-03-20 skipped: weekend"), lines.find("Thu 2027-03-25 1"));
        assert!(skipped.is_some() && skipped < counted, "{lines}");
        assert!(lines.contains("2027-03-25T15:00:00+05:00 by somebody"), "{lines}");
        assert!(lines.contains("para 13(1), R-130: met") && lines.contains("receipt_id"), "{lines}");
    }

    #[test]
    fn a_missing_an_unexpected_and_an_unproved_duty_differ() {
        assert!(differences(&[duty()], &[("inform_client", "met")]).is_empty());
        assert_eq!(differences(&[duty()], &[]), ["duty inform_client met: 1 more than expected"]);
        assert_eq!(differences(&[], &[("a", "met")]), ["duty a met: 1 missing"]);
        let mut unproved = duty();
        unproved["evidence"] = Value::Null;
        let found = differences(&[unproved], &[("inform_client", "met")]);
        assert_eq!(found, ["duty inform_client met without evidence: 1 more than expected"]);
    }
}
