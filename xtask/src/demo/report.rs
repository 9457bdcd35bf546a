//! The end of the demonstration: table, addresses, reconciliation, and whatever was not as the book says.
//! It fails on the first kind of trouble as on the last: all of it is printed before.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::Run;
use super::book::{OutcomeName, tiyn};
use super::ledgers::{self, Marks};
use super::prepare::Story;
use super::reconcile::{Claim, Difference, Entry, Kind, differences};
use super::story::{Told, outcome};
use super::table::{Align, Column, amount, lines};
use crate::console::say;
use crate::service::Name;
use crate::settings::Settings;
use crate::stack::Stack;

/// How long a ledger may lag behind an outcome: the notice of an end is sent beside its record.
const SETTLED_WITHIN: Duration = Duration::from_secs(15);

/// The columns of the table.
const COLUMNS: [Column; 8] = [
    Column { title: "application", align: Align::Left },
    Column { title: "outcome", align: Align::Left },
    Column { title: "method", align: Align::Left },
    Column { title: "amount, ₸", align: Align::Right },
    Column { title: "AER, %", align: Align::Right },
    Column { title: "our payment reference", align: Align::Left },
    Column { title: "calls", align: Align::Right },
    Column { title: "seconds", align: Align::Right },
];

/// Prints everything, and fails on any unexpected outcome and any difference.
pub(super) fn give(
    stack: &Stack,
    run: &Run,
    stories: &[Story],
    mut told: Vec<Told>,
    marks: &Marks,
    never_met: &[String],
) -> Result<()> {
    let (claims, entries) = settle(run, stories, &mut told, marks)?;
    let keys = ledgers::call_keys(&run.sandbox, marks)?;
    let rows: Vec<Vec<String>> = stories.iter().zip(&told).map(|(story, told)| row(story, told, &keys)).collect();
    say("");
    lines(&COLUMNS, &rows).iter().for_each(say);
    say("");
    addresses(&stack.settings).iter().for_each(say);
    say("");
    let found = differences(&claims, &entries);
    ledger_lines(&claims, &entries).iter().for_each(say);
    let contradictions: u32 = told.iter().map(|told| told.contradictions).sum();
    if contradictions > 0 {
        say(format_args!(
            "asked again {contradictions} times: the API said it expects an act, and answered it with 409"
        ));
    }
    let mut troubles: Vec<String> =
        stories.iter().zip(&told).flat_map(|(story, told)| unexpected(story, told)).collect();
    troubles.extend(never_met.iter().map(|fault| format!("a fault never met a call: {fault}")));
    troubles.extend(found.iter().map(Difference::to_string));
    if troubles.is_empty() {
        say(format_args!("applications: {}, each as the book says; no difference", stories.len()));
        return Ok(());
    }
    troubles.iter().for_each(|trouble| say(format_args!("TROUBLE {trouble}")));
    bail!("the demonstration differs from its book in {} points", troubles.len())
}

/// Reads our answers and the ledgers until they agree, or until there is no more reason to wait.
fn settle(run: &Run, stories: &[Story], told: &mut [Told], marks: &Marks) -> Result<(Vec<Claim>, Vec<Entry>)> {
    let begun = Instant::now();
    loop {
        let mut claims = Vec::new();
        for (story, told) in stories.iter().zip(told.iter_mut()) {
            let Some(id) = &told.id else { continue };
            told.application = run.client.get(&format!("/v1/applications/{id}"))?;
            claims.push(claim(story, id.clone(), told)?);
        }
        let entries = ledgers::entries(&run.sandbox, marks)?;
        if differences(&claims, &entries).is_empty() || begun.elapsed() > SETTLED_WITHIN {
            return Ok((claims, entries));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn claim(story: &Story, id: String, told: &Told) -> Result<Claim> {
    let application = &told.application;
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let outcome = text("/outcome/outcome");
    Ok(Claim {
        name: story.planned.name.clone(),
        id,
        iin: story.iin.clone(),
        closed: outcome.is_some(),
        granted: outcome.as_deref() == Some("granted"),
        reference: text("/payment/our_reference"),
        amount: tiyn(&text("/amount").unwrap_or_default())?,
        method: text("/payment/method"),
        destination: told.destination.clone(),
        repayment: text("/method"),
    })
}

/// What went otherwise with an application than the book says, besides the ledgers.
fn unexpected(story: &Story, told: &Told) -> Vec<String> {
    let planned = &story.planned;
    let mut found: Vec<String> = told.unexpected.clone();
    let granted =
        planned.expected.outcome == OutcomeName::Granted && told.application["outcome"]["outcome"] == "granted";
    let mut same = |what: &str, shown: &Value, expected: &str| {
        if shown.as_str() != Some(expected) {
            found.push(format!("{what} is {shown}, not {expected}"));
        }
    };
    if granted {
        same("the amount", &told.application["amount"], &planned.amount);
        same("the method of repayment", &told.application["method"], planned.repayment.key());
        same("the method of disbursement", &told.application["payment"]["method"], planned.disbursement.method.key());
        same("the payment's state", &told.application["payment"]["state"], "confirmed");
        let rate = told.chosen_rate.as_deref().unwrap_or("none");
        same("the annual effective rate", &told.application["annual_effective_rate"], rate);
    }
    found.into_iter().map(|what| format!("{}: {what}", planned.name)).collect()
}

fn row(story: &Story, told: &Told, keys: &[String]) -> Vec<String> {
    let application = &told.application;
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let planned = &story.planned;
    vec![
        planned.name.clone(),
        outcome(application),
        format!("{} to {}", planned.repayment.key(), planned.disbursement.method.key()),
        planned.tiyn().map_or_else(|_| planned.amount.clone(), amount),
        text(&application["annual_effective_rate"]),
        text(&application["payment"]["our_reference"]),
        calls(story, told, keys).to_string(),
        format!("{:.1}", told.seconds),
    ]
}

/// How many requests to providers were for this application: each ledger knows it by something else.
fn calls(story: &Story, told: &Told, keys: &[String]) -> usize {
    let Some(id) = told.id.as_deref() else { return 0 };
    let reference = told.application["payment"]["our_reference"].as_str();
    let own = |key: &&String| {
        let key = key.as_str();
        key.contains(id)
            || reference == Some(key)
            || key == story.iin
            || told.destination.as_deref() == Some(key)
            || told.signature_keys.iter().any(|signature| signature == key)
    };
    keys.iter().filter(own).count()
}

fn addresses(settings: &Settings) -> Vec<String> {
    let api = settings.http_url(Name::Api);
    let temporal = settings.temporal_pages().map_or_else(
        || format!("Temporal           {} (given; its pages are wherever it has them)", settings.temporal_address()),
        |url| format!("Temporal UI        {url}"),
    );
    vec![
        format!("API documentation  {api}/docs"),
        format!("OpenAPI document   {api}/openapi.json"),
        temporal,
        "`cargo xtask up` leaves the stack running to look at them".to_owned(),
    ]
}

/// A line a ledger: what it holds of this run, and what our API claims.
fn ledger_lines(claims: &[Claim], entries: &[Entry]) -> Vec<String> {
    let granted: Vec<&Claim> = claims.iter().filter(|claim| claim.granted).collect();
    let of = |kind: Kind| entries.iter().filter(move |entry| entry.kind == kind);
    let sum = |kind: Kind| -> i64 { of(kind).filter_map(|entry| entry.facts.get("amount")?.parse::<i64>().ok()).sum() };
    let claimed: i64 = granted.iter().map(|claim| claim.amount).sum();
    let closed = claims.iter().filter(|claim| claim.closed).count();
    Kind::ALL
        .map(|kind| {
            let count = of(kind).count();
            if kind == Kind::Notice {
                return format!("ledger: {count:3} {kind:31} | our API: {closed:3} closed");
            }
            let (entered, granted, claimed) = (amount(sum(kind)), granted.len(), amount(claimed));
            format!("ledger: {count:3} {kind:15} {entered:>13} ₸ | our API: {granted:3} granted {claimed:>13} ₸")
        })
        .to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_ledgers_lines_show_both_sides() {
        let claim = Claim {
            name: "one".to_owned(),
            id: "id".to_owned(),
            iin: "iin".to_owned(),
            closed: true,
            granted: true,
            reference: Some("our".to_owned()),
            amount: 30_000_000,
            method: None,
            destination: None,
            repayment: None,
        };
        let payout = Entry {
            kind: Kind::Payout,
            owner: "our".to_owned(),
            facts: BTreeMap::from([("amount", "29000000".to_owned())]),
        };
        let lines = ledger_lines(&[claim], &[payout]);
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("290 000.00 ₸") && lines[0].contains("300 000.00 ₸"), "{}", lines[0]);
        assert!(lines[3].contains("0 notice") && lines[3].contains("1 closed"), "{}", lines[3]);
    }
}
