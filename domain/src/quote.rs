//! What a loan would cost by each method, for the client to compare (paragraph 8(3) and 8(4), R-082, R-083).
//! It never refuses terms that are too dear: it shows them with the reason.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    effective_rate::{AnnualEffectiveRate, effective_rate},
    limits::{LimitBreach, PolicySet, assess_terms},
    money::Money,
    rate::Rate,
    schedule::{RepaymentMethod, Schedule, ScheduleError},
    term::Term,
};

/// One method's draft with its price and what the caps say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The draft.
    pub schedule: Schedule,
    /// Its annual effective rate; nothing if it is beyond what can be quoted.
    pub effective_rate: Option<AnnualEffectiveRate>,
    /// The caps that it exceeds.
    pub breaches: Vec<LimitBreach>,
}

impl Quote {
    /// A schedule with its price and what the caps say of it.
    #[must_use]
    pub fn of(policies: &PolicySet, schedule: Schedule) -> Self {
        let effective_rate = effective_rate(&schedule).ok();
        let breaches = effective_rate
            .and_then(|effective| {
                assess_terms(policies, schedule.amount, schedule.term, schedule.rate, effective).err()
            })
            .unwrap_or_default();
        Self { schedule, effective_rate, breaches }
    }

    /// Whether it may be offered: a price that cannot be told is never within limits.
    #[must_use]
    pub fn within_limits(&self) -> bool {
        self.effective_rate.is_some() && self.breaches.is_empty()
    }
}

/// Drafts every method for the same terms, in the order of [`RepaymentMethod::ALL`].
pub fn quote(
    policies: &PolicySet,
    amount: Money,
    rate: Rate,
    term: Term,
    disbursed_on: NaiveDate,
) -> Result<Vec<Quote>, ScheduleError> {
    let draft = |method: &RepaymentMethod| Schedule::draft(*method, amount, rate, term, disbursed_on);
    RepaymentMethod::ALL.iter().map(|method| Ok(Quote::of(policies, draft(method)?))).collect()
}
