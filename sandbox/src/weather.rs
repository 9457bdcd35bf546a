//! Seeded background weather: latency and errors on every provider, off until somebody sets it.
//! What a call meets follows from the seed, the call and how often it came, so the order of concurrent calls does not
//! change it.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    faults::{EndAfter, EndBefore},
    operation::Call,
    random::Sequence,
    state::locked,
};

/// What the weather is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Climate {
    seed: u64,
    #[serde(default)]
    latency_ms: Range,
    /// The share of calls that fail.
    #[serde(default)]
    error_rate: f64,
}

/// Bounds of the latency, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    min: u64,
    max: u64,
}

impl Climate {
    /// Why there is no such weather.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(0.0..=1.0).contains(&self.error_rate) {
            return Some("error_rate must be between 0 and 1");
        }
        (self.latency_ms.min > self.latency_ms.max).then_some("latency_ms.min is above latency_ms.max")
    }

    fn is_calm(&self) -> bool {
        self.latency_ms.max == 0 && self.error_rate <= 0.0
    }
}

/// What one call meets.
#[derive(Debug, Default)]
pub(crate) struct Gust {
    /// How long the provider is slow.
    pub(crate) latency: Duration,
    /// An end without an effect.
    pub(crate) before: Option<EndBefore>,
    /// An end that hides the effect.
    pub(crate) after: Option<EndAfter>,
}

/// The weather now.
#[derive(Default)]
pub(crate) struct Weather {
    inner: Mutex<Sky>,
}

#[derive(Default)]
struct Sky {
    climate: Climate,
    seen: HashMap<String, u64>,
}

impl Weather {
    /// The climate in force.
    pub(crate) fn climate(&self) -> Climate {
        locked(&self.inner).climate
    }

    /// Puts a climate in force and begins its sequence anew.
    pub(crate) fn set(&self, climate: Climate) {
        *locked(&self.inner) = Sky { climate, seen: HashMap::new() };
    }

    /// What this call meets.
    pub(crate) fn blow(&self, call: &Call) -> Gust {
        let mut sky = locked(&self.inner);
        let climate = sky.climate;
        if climate.is_calm() {
            return Gust::default();
        }
        let name = format!("{}/{}/{}", call.operation.provider(), call.operation.name(), call.key);
        let times = sky.seen.entry(name.clone()).or_default();
        *times += 1;
        let mut draws = Sequence::of(climate.seed, &format!("{name}/{times}"));
        let spread = climate.latency_ms.max - climate.latency_ms.min;
        let latency = climate.latency_ms.min + draws.below(spread.saturating_add(1));
        let mut gust = Gust { latency: Duration::from_millis(latency), ..Gust::default() };
        if draws.fraction() < climate.error_rate {
            // Half of the failures hide an effect: a caller that takes every 5xx for "not done" is found out.
            if draws.chance(50) {
                gust.before = Some(EndBefore::Status(503));
            } else {
                gust.after = Some(EndAfter::Status(500));
            }
        }
        gust
    }
}
