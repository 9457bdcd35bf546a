//! A failed step is visible: what is stored when a step is parked, and when a person decides on it.
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use nesie_domain::ids::{ApplicationId, ParkedStepId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use parking::{ParkStep, ResolveParkedStep};

/// A step that exhausted its budget, or that must not be tried again without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkInput {
    /// The application.
    pub application_id: ApplicationId,
    /// The row's id, derived from application, step and occasion.
    pub parked_step_id: ParkedStepId,
    /// The activity's name.
    pub step: String,
    /// How many times this step has been parked, this time included.
    pub occasion: u16,
    /// The provider, where one was asked.
    pub provider: Option<String>,
    /// The failure's stable code.
    pub failure_code: String,
    /// Whether a retry can do no harm.
    pub retry_is_safe: bool,
    /// Whether ending the application is possible: not once money may have moved.
    pub may_fail: bool,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// What operations decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedDecision {
    /// Try the step again, under the same keys.
    Retry,
    /// End the application; what was reserved is released.
    FailAndCompensate,
}

impl ParkedDecision {
    /// The decisions that are possible on a parked step. Once a transfer may have been sent, only the provider can say
    /// that no money moved, so such a step can not be given up (docs/decisions/0008).
    #[must_use]
    pub fn possible_on(step: &str) -> &'static [Self] {
        match step {
            "transfer_money" | "record_loan" => &[Self::Retry],
            _ => &[Self::Retry, Self::FailAndCompensate],
        }
    }
}

/// A person's decision on a parked step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveInput {
    /// The application.
    pub application_id: ApplicationId,
    /// The parked step.
    pub parked_step_id: ParkedStepId,
    /// Where the reason stands, and who gave it.
    pub submission_id: SubmissionId,
    /// What was decided.
    pub decision: ParkedDecision,
    /// The workflow's own time.
    pub at: DateTime<Utc>,
}

/// Marks of the activities.
pub struct Parking;

#[activity_definitions]
impl Parking {
    /// Makes the failed step visible.
    #[activity(name = "park_step")]
    pub fn park_step(input: ParkInput) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Stores what was decided.
    #[activity(name = "resolve_parked_step")]
    pub fn resolve_parked_step(input: ResolveInput) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::ActivityDefinition as _;

    use super::ParkedDecision;
    use crate::contract::{Agreement, Disbursement};

    #[test]
    fn a_step_whose_money_may_have_moved_can_only_be_retried() {
        // By the activities' own names: a renamed step must not slip out of the rule.
        for step in [Disbursement::transfer_money.name(), Disbursement::record_loan.name()] {
            assert_eq!(ParkedDecision::possible_on(step), [ParkedDecision::Retry], "{step}");
        }
        for step in [Disbursement::reserve_and_check.name(), Agreement::verify_signature.name()] {
            assert!(ParkedDecision::possible_on(step).contains(&ParkedDecision::FailAndCompensate), "{step}");
        }
    }
}
