//! What the providers' own ledgers say of this run, as entries that can be compared with our claims.
//! Only what was entered since the run began: a stack may have been used before.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::reconcile::{Entry, Kind};
use super::sandbox::Sandbox;

/// How far each ledger had come when the run began.
pub(super) struct Marks {
    ledgers: BTreeMap<&'static str, u64>,
    calls: u64,
}

impl Marks {
    /// Where the ledgers stand now.
    pub(super) fn of(sandbox: &Sandbox) -> Result<Self> {
        let ledgers = Kind::ALL.map(|kind| {
            let (provider, _) = source(kind);
            sandbox.ledger(provider).map(|entries| (provider, last(&entries)))
        });
        Ok(Self { ledgers: ledgers.into_iter().collect::<Result<_>>()?, calls: last(&sandbox.calls()?) })
    }
}

/// Provider and operation that enter this kind.
fn source(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Payout => ("payments", "transfer"),
        Kind::Loan => ("accounting", "open_loan"),
        Kind::Contract => ("bureau", "contract"),
        Kind::Notice => ("notifications", "message"),
    }
}

fn last(entries: &[Value]) -> u64 {
    entries.iter().filter_map(|entry| entry["sequence"].as_u64()).max().unwrap_or(0)
}

fn is_after(entry: &Value, mark: u64) -> bool {
    entry["sequence"].as_u64().is_some_and(|sequence| sequence > mark)
}

/// The entries of this run in all ledgers.
pub(super) fn entries(sandbox: &Sandbox, marks: &Marks) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let (provider, operation) = source(kind);
        let mark = marks.ledgers.get(provider).copied().unwrap_or(0);
        for entry in sandbox.ledger(provider)? {
            // A notice about a case is no claim of an application.
            let ours = entry["operation"] == operation && entry["case_id"].is_null();
            if ours && is_after(&entry, mark) {
                found.push(read(kind, &entry).with_context(|| format!("the ledger of {provider}"))?);
            }
        }
    }
    Ok(found)
}

fn read(kind: Kind, entry: &Value) -> Result<Entry> {
    let owner = match kind {
        Kind::Payout => "order_id",
        Kind::Loan | Kind::Notice => "application_id",
        Kind::Contract => "iin",
    };
    let compared: &[(&str, &'static str)] = match kind {
        Kind::Payout => {
            &[("amount", "amount"), ("method", "method"), ("destination", "destination"), ("iin", "holder")]
        }
        Kind::Loan => &[("amount", "amount"), ("method", "repayment")],
        Kind::Contract => &[("amount", "amount")],
        Kind::Notice => &[],
    };
    let facts = compared.iter().map(|(field, name)| (*name, written(&entry[*field])));
    Ok(Entry {
        kind,
        owner: entry[owner].as_str().with_context(|| format!("an entry has no {owner}"))?.to_owned(),
        facts: facts.collect(),
    })
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The keys of every request that the providers received in this run.
pub(super) fn call_keys(sandbox: &Sandbox, marks: &Marks) -> Result<Vec<String>> {
    let calls = sandbox.calls()?;
    let new = calls.iter().filter(|call| is_after(call, marks.calls));
    Ok(new.filter_map(|call| call["key"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_read_with_its_owner_and_what_is_compared() {
        let written = json!({
            "sequence": 3, "operation": "transfer", "order_id": "our-1", "amount": 100, "method": "merchant",
            "destination": "M-1", "iin": null
        });
        let entry = read(Kind::Payout, &written).expect("read");
        assert_eq!(entry.owner, "our-1");
        assert_eq!(entry.facts["amount"], "100");
        assert_eq!(entry.facts["destination"], "M-1");
        assert_eq!(entry.facts["holder"], "null", "a merchant's payout has no holder");
        assert!(read(Kind::Loan, &json!({ "amount": 1 })).is_err(), "an entry that belongs to nobody");
    }

    #[test]
    fn entries_of_earlier_runs_are_left_out() {
        let entries = [json!({ "sequence": 1 }), json!({ "sequence": 2 })];
        assert_eq!(last(&entries), 2);
        assert_eq!(last(&[]), 0);
        assert!(!is_after(&entries[1], 2) && is_after(&entries[1], 1));
    }
}
