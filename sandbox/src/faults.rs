//! Programmable faults: which of them meets a call, and what the call then has to go through.
//! This file never waits, pays or answers: it makes a `Plan`, and `exchange` alone carries it out, for every provider.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    operation::{Call, Operation},
    state::locked,
    weather::Gust,
};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// The provider is slow, then does as always.
    Latency { milliseconds: u64 },
    /// An HTTP status instead of the effect.
    Status { code: u16 },
    /// An HTTP status instead of the effect, with `retry-after` in seconds.
    AskToWait { code: u16, seconds: u32 },
    /// Neither an effect nor an answer.
    TimeoutBefore,
    /// The effect, but no answer.
    TimeoutAfter,
    /// The effect, then an HTTP status instead of the answer.
    StatusAfter { code: u16 },
    /// The effect, then a body that does not parse.
    Malformed,
    /// The callback comes this many times in all, under one event id.
    DuplicateCallback { copies: u32 },
    /// The callback comes before the transfer's answer.
    EarlyCallback,
    /// The transfer answers "processing" and is done later.
    Processing { milliseconds: u64 },
    /// The transfer is rejected.
    Reject,
    /// The status does not know the transfer for this long after the effect.
    Lag { milliseconds: u64 },
    /// The status does not know the reference.
    UnknownReference,
    /// Connections are accepted and closed, for this long from now.
    Down { seconds: u64 },
    /// The request waits at a named point until it is released.
    Hold { point: HoldPoint },
}

/// Where a request can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HoldPoint {
    /// Nothing has happened yet.
    BeforeEffect,
    /// The effect stands, the caller does not know it.
    AfterEffect,
}

/// What the admin endpoint is told about a fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultRule {
    provider: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    key_contains: Option<String>,
    #[serde(default)]
    iin: Option<String>,
    fault: Fault,
    /// How many calls it meets; null: every call.
    #[serde(default)]
    times: Option<u32>,
}

impl FaultRule {
    /// Why this rule could never meet a call, if it could not: a test must not pass because of a typing error.
    pub(crate) fn problem(&self) -> Option<String> {
        if !Operation::is_provider(&self.provider) {
            return Some(format!("provider {:?} is not known", self.provider));
        }
        if let Some(operation) = &self.operation
            && Operation::find(&self.provider, operation).is_none()
        {
            return Some(format!("provider {:?} has no operation {operation:?}", self.provider));
        }
        if let Fault::Status { code } | Fault::StatusAfter { code } | Fault::AskToWait { code, .. } = self.fault
            && !(400..=599).contains(&code)
        {
            return Some("code must be a status from 400 to 599".to_owned());
        }
        if self.times == Some(0) {
            return Some("times must be positive or null".to_owned());
        }
        let reachable = Operation::ALL.into_iter().any(|operation| self.concerns(operation));
        (!reachable).then(|| "this fault cannot happen in that operation".to_owned())
    }

    fn concerns(&self, operation: Operation) -> bool {
        let named = self.operation.as_deref();
        self.provider == operation.provider()
            && named.is_none_or(|name| name == operation.name())
            && match self.fault {
                Fault::DuplicateCallback { .. } | Fault::EarlyCallback | Fault::Processing { .. } | Fault::Reject => {
                    operation == Operation::PaymentsTransfer
                }
                Fault::UnknownReference => operation == Operation::PaymentsStatus,
                // Set on the transfer unless the status is named, so that `times` counts transfers.
                Fault::Lag { .. } => {
                    operation == Operation::PaymentsTransfer
                        || (operation == Operation::PaymentsStatus && named.is_some())
                }
                _ => true,
            }
    }

    fn meets(&self, call: &Call) -> bool {
        self.concerns(call.operation)
            && self.key_contains.as_ref().is_none_or(|part| call.key.contains(part))
            && self.iin.as_ref().is_none_or(|iin| call.iin.as_ref() == Some(iin))
    }
}

/// A rule in force.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActiveFault {
    fault_id: String,
    #[serde(flatten)]
    rule: FaultRule,
    #[serde(skip)]
    ends_at: Option<Instant>,
}

/// What a call goes through, in this order: latency, holds, an end before the effect, the effect under its
/// circumstances, holds, an end after the effect.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// How long the provider is slow.
    pub(crate) latency: Duration,
    /// Faults that hold before the effect.
    pub(crate) holds_before: Vec<String>,
    /// How the call ends without an effect.
    pub(crate) before: Option<EndBefore>,
    /// What changes the effect itself.
    pub(crate) circumstances: Circumstances,
    /// Faults that hold after the effect.
    pub(crate) holds_after: Vec<String>,
    /// How the call ends instead of its answer.
    pub(crate) after: Option<EndAfter>,
}

/// An end without an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum EndBefore {
    /// An HTTP status.
    Status(u16),
    /// An HTTP status, and so many seconds to wait.
    AskToWait(u16, u32),
    /// No answer.
    Silence,
    /// The connection is closed.
    Closed,
}

/// An end that hides the effect from the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum EndAfter {
    /// An HTTP status.
    Status(u16),
    /// No answer.
    Silence,
    /// A body that does not parse.
    Malformed,
}

/// What changes a payment's effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// The transfer is rejected.
    pub(crate) reject: bool,
    /// The transfer is done only after this long.
    pub(crate) processing: Option<Duration>,
    /// The status does not know the transfer for this long.
    pub(crate) lag: Option<Duration>,
    /// The status does not know the reference.
    pub(crate) unknown_reference: bool,
    /// How many callbacks come, where not one.
    pub(crate) callback_copies: Option<u32>,
    /// The callback comes before the answer.
    pub(crate) early_callback: bool,
}

/// The faults in force, oldest first.
#[derive(Default)]
pub(crate) struct Faults {
    inner: Mutex<Rules>,
}

#[derive(Default)]
struct Rules {
    active: Vec<ActiveFault>,
    given: u64,
}

impl Faults {
    /// Puts a rule in force and names it.
    pub(crate) fn add(&self, rule: FaultRule) -> String {
        let mut rules = locked(&self.inner);
        rules.given += 1;
        let fault_id = format!("fault-{}", rules.given);
        let ends_at = match rule.fault {
            Fault::Down { seconds } => Instant::now().checked_add(Duration::from_secs(seconds)),
            _ => None,
        };
        rules.active.push(ActiveFault { fault_id: fault_id.clone(), rule, ends_at });
        fault_id
    }

    /// The rules in force.
    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        let mut rules = locked(&self.inner);
        rules.forget_ended();
        rules.active.clone()
    }

    /// Ends one rule; false if there is none of that name.
    pub(crate) fn remove(&self, fault_id: &str) -> bool {
        let mut rules = locked(&self.inner);
        let before = rules.active.len();
        rules.active.retain(|active| active.fault_id != fault_id);
        rules.active.len() != before
    }

    /// Ends every rule.
    pub(crate) fn clear(&self) {
        locked(&self.inner).active.clear();
    }

    /// What this call goes through; counts down the rules that it meets.
    pub(crate) fn plan(&self, call: &Call, gust: &Gust) -> Plan {
        let mut rules = locked(&self.inner);
        rules.forget_ended();
        let mut plan = rules.take(call);
        plan.latency += gust.latency;
        if plan.before.is_none() && plan.after.is_none() {
            plan.before = gust.before;
            plan.after = gust.after;
        }
        plan
    }
}

impl Rules {
    fn forget_ended(&mut self) {
        let now = Instant::now();
        self.active.retain(|active| active.ends_at.is_none_or(|ends_at| now < ends_at));
    }

    /// A call meets one end at most, and only the faults that it gets as far as: the others keep their count.
    fn take(&mut self, call: &Call) -> Plan {
        let mut plan = Plan::default();
        let end = self.active.iter().position(|active| active.rule.meets(call) && active.rule.fault.is_end());
        let no_effect =
            end.and_then(|index| self.active.get(index)).is_some_and(|active| active.rule.fault.forestalls());
        for (index, active) in self.active.iter_mut().enumerate() {
            if !active.rule.meets(call) {
                continue;
            }
            let taken = if active.rule.fault.is_end() {
                Some(index) == end
            } else {
                !no_effect || active.rule.fault.comes_before_effect()
            };
            if taken {
                plan.add(&active.fault_id, &active.rule.fault);
                active.rule.times = active.rule.times.map(|times| times.saturating_sub(1));
            }
        }
        self.active.retain(|active| active.rule.times != Some(0));
        plan
    }
}

impl Fault {
    fn forestalls(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::AskToWait { .. } | Self::TimeoutBefore | Self::Down { .. })
    }

    fn is_end(&self) -> bool {
        self.forestalls() || matches!(self, Self::TimeoutAfter | Self::StatusAfter { .. } | Self::Malformed)
    }

    fn comes_before_effect(&self) -> bool {
        matches!(self, Self::Latency { .. } | Self::Hold { point: HoldPoint::BeforeEffect })
    }
}

impl Plan {
    fn add(&mut self, fault_id: &str, fault: &Fault) {
        match *fault {
            Fault::Latency { milliseconds } => self.latency += Duration::from_millis(milliseconds),
            Fault::Status { code } => self.before = Some(EndBefore::Status(code)),
            Fault::AskToWait { code, seconds } => self.before = Some(EndBefore::AskToWait(code, seconds)),
            Fault::TimeoutBefore => self.before = Some(EndBefore::Silence),
            Fault::Down { .. } => self.before = Some(EndBefore::Closed),
            Fault::TimeoutAfter => self.after = Some(EndAfter::Silence),
            Fault::StatusAfter { code } => self.after = Some(EndAfter::Status(code)),
            Fault::Malformed => self.after = Some(EndAfter::Malformed),
            Fault::DuplicateCallback { copies } => self.circumstances.callback_copies = Some(copies),
            Fault::EarlyCallback => self.circumstances.early_callback = true,
            Fault::Processing { milliseconds } => {
                self.circumstances.processing = Some(Duration::from_millis(milliseconds));
            }
            Fault::Reject => self.circumstances.reject = true,
            Fault::Lag { milliseconds } => self.circumstances.lag = Some(Duration::from_millis(milliseconds)),
            Fault::UnknownReference => self.circumstances.unknown_reference = true,
            Fault::Hold { point: HoldPoint::BeforeEffect } => self.holds_before.push(fault_id.to_owned()),
            Fault::Hold { point: HoldPoint::AfterEffect } => self.holds_after.push(fault_id.to_owned()),
        }
    }
}
