//! What the providers did and what they were asked: the oracle of the demo and of the tests.
//! Nothing here is ever changed or removed except by a reset.

use std::{collections::HashMap, sync::Mutex};

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{ambient, exchange::Answer, operation::Operation, state::locked};

/// The effects of every provider, and the answers that belong to keys.
#[derive(Default)]
pub(crate) struct Ledgers {
    inner: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    entries: HashMap<&'static str, Vec<Map<String, Value>>>,
    remembered: HashMap<(Operation, String), Remembered>,
}

struct Remembered {
    request: Value,
    answer: Value,
}

/// An effect: what the ledger keeps and what the caller is told.
pub(crate) struct Effect {
    /// The entry without its number and instant.
    pub(crate) entry: Value,
    /// The answer's body.
    pub(crate) answer: Value,
}

impl Ledgers {
    /// Enters one effect.
    pub(crate) fn enter(&self, operation: Operation, entry: Value) {
        locked(&self.inner).enter(operation, entry);
    }

    /// Carries out an effect unless its key has had one, and answers the same both times.
    ///
    /// The lock is held across question and effect: of two concurrent requests under one key, one has the effect.
    pub(crate) fn once(
        &self,
        operation: Operation,
        key: &str,
        request: Value,
        effect: impl FnOnce() -> Effect,
    ) -> Answer {
        self.once_unless_refused(operation, key, request, || Ok(effect()))
    }

    /// The same for an effect that may be refused: then nothing has happened, and the key is still unused.
    pub(crate) fn once_unless_refused(
        &self,
        operation: Operation,
        key: &str,
        request: Value,
        effect: impl FnOnce() -> Result<Effect, Answer>,
    ) -> Answer {
        let mut books = locked(&self.inner);
        let name = (operation, key.to_owned());
        if let Some(remembered) = books.remembered.get(&name) {
            return if remembered.request == request {
                Answer::ok(&remembered.answer)
            } else {
                Answer::error(StatusCode::CONFLICT, "the key was used for another request")
            };
        }
        let Effect { entry, answer } = match effect() {
            Ok(effect) => effect,
            Err(refusal) => return refusal,
        };
        books.enter(operation, entry);
        books.remembered.insert(name, Remembered { request, answer: answer.clone() });
        Answer::ok(&answer)
    }

    /// A provider's entries, oldest first, where every filter that is given matches.
    pub(crate) fn entries(&self, provider: &str, filters: &[(&str, Option<&str>)]) -> Vec<Value> {
        let books = locked(&self.inner);
        let all = books.entries.get(provider).map(Vec::as_slice).unwrap_or_default();
        let matches = |entry: &Map<String, Value>| {
            filters.iter().all(|(field, wanted)| {
                wanted.is_none_or(|wanted| entry.get(*field).and_then(Value::as_str) == Some(wanted))
            })
        };
        all.iter().filter(|entry| matches(entry)).cloned().map(Value::Object).collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *locked(&self.inner) = Books::default();
    }
}

impl Books {
    fn enter(&mut self, operation: Operation, entry: Value) {
        let entries = self.entries.entry(operation.provider()).or_default();
        let mut written = match entry {
            Value::Object(fields) => fields,
            other => Map::from_iter([("entry".to_owned(), other)]),
        };
        written.insert("sequence".to_owned(), json!(entries.len() + 1));
        written.insert("operation".to_owned(), json!(operation.name()));
        written.insert("effected_at".to_owned(), json!(ambient::written(ambient::now())));
        entries.push(written);
    }
}

/// A request that a provider received.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReceivedCall {
    sequence: usize,
    provider: &'static str,
    operation: &'static str,
    key: Option<String>,
    /// Null while, or because, nothing was answered.
    status: Option<u16>,
    at: String,
}

/// Every request received, oldest first.
#[derive(Default)]
pub(crate) struct Calls {
    inner: Mutex<CallLog>,
}

#[derive(Default)]
struct CallLog {
    /// How many calls resets have taken away: a number never comes twice, so a late answer finds only its own call.
    forgotten: usize,
    calls: Vec<ReceivedCall>,
}

impl Calls {
    /// Puts a request on record and gives its number.
    pub(crate) fn received(&self, operation: Operation, key: Option<&str>) -> usize {
        let mut log = locked(&self.inner);
        let sequence = log.forgotten + log.calls.len() + 1;
        log.calls.push(ReceivedCall {
            sequence,
            provider: operation.provider(),
            operation: operation.name(),
            key: key.map(str::to_owned),
            status: None,
            at: ambient::written(ambient::now()),
        });
        sequence
    }

    /// Puts its answer on record.
    pub(crate) fn answered(&self, sequence: usize, status: StatusCode) {
        let mut log = locked(&self.inner);
        let index = sequence.checked_sub(log.forgotten + 1);
        if let Some(call) = index.and_then(|index| log.calls.get_mut(index)) {
            call.status = Some(status.as_u16());
        }
    }

    /// The requests to a provider under a key, each where given.
    pub(crate) fn list(&self, provider: Option<&str>, key: Option<&str>) -> Vec<ReceivedCall> {
        let matches = |call: &&ReceivedCall| {
            provider.is_none_or(|provider| call.provider == provider)
                && key.is_none_or(|key| call.key.as_deref() == Some(key))
        };
        locked(&self.inner).calls.iter().filter(matches).cloned().collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut log = locked(&self.inner);
        log.forgotten += log.calls.len();
        log.calls.clear();
    }
}
