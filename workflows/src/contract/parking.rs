//! A failed step is visible: what is stored when a step is parked, and when a person decides on it.
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use chrono::{DateTime, Utc};
use nesie_domain::ids::{Owner, ParkedStepId, SubmissionId};
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use parking::{ParkStep, ResolveParkedStep};

/// A step that exhausted its budget, or that must not be tried again without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkInput {
    /// Whose step it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// The row's id, derived from owner, step and occasion.
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
    /// Whether it is known that no money was sent, of a step that sends some.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_sent: bool,
    /// Whether giving the step up is possible: not once money may have moved.
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
    /// The step's effect was proved by two people: it is recorded, and not tried again.
    CompleteByHand,
    /// Try the step again with input that two people corrected.
    RetryCorrected,
}

impl ParkedDecision {
    /// The decisions that are possible on a parked step. Once a transfer may have been sent, only the provider can say
    /// that no money moved, so such a step can not be given up (docs/decisions/0008), but what he says can be brought in
    /// by two people (docs/decisions/0021), of a refund as well. A payout of which it is known that nothing was sent is given
    /// up as what comes before it. Another step of a case can only be retried, since the law's
    /// duties stay whatever fails.
    #[must_use]
    pub fn possible_on(step: &str, nothing_sent: bool) -> &'static [Self] {
        match step {
            "transfer_money" if nothing_sent => &[Self::Retry, Self::FailAndCompensate],
            "transfer_money" | "record_loan" | "refund_collected" | "refund_paid" => {
                &[Self::Retry, Self::CompleteByHand]
            }
            "notify_client" => &[Self::Retry, Self::FailAndCompensate, Self::CompleteByHand, Self::RetryCorrected],
            step if STEPS_TO_GIVE_UP.contains(&step) => &[Self::Retry, Self::FailAndCompensate],
            _ => &[Self::Retry],
        }
    }

    /// Whether the decision is one that one person may not take alone.
    #[must_use]
    pub fn needs_two_people(self) -> bool {
        matches!(self, Self::CompleteByHand | Self::RetryCorrected)
    }

    /// The stable name, as in JSON and in SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::FailAndCompensate => "fail_and_compensate",
            Self::CompleteByHand => "complete_by_hand",
            Self::RetryCorrected => "retry_corrected",
        }
    }
}

/// What two people are asked to decide on a parked step: the proposal of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// Whose step it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// The parked step.
    pub parked_step_id: ParkedStepId,
    /// Where proof or correction stand, and who gave them.
    pub submission_id: SubmissionId,
    /// What is to be decided.
    pub decision: ParkedDecision,
}

/// The steps of an application that operations may give up.
const STEPS_TO_GIVE_UP: [&str; 15] = [
    "screen_client",
    "record_screening_decision",
    "fetch_credit_report",
    "draft_offer",
    "record_acknowledgement",
    "record_schedule_choice",
    "check_disbursement_method",
    "freeze_contract",
    "identify_client",
    "verify_signature",
    "ask_renewed_consent",
    "record_renewed_consent",
    "reserve_and_check",
    "verify_after_leak",
    "notify_client",
];

/// A person's decision on a parked step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveInput {
    /// Whose step it is.
    #[serde(flatten)]
    pub owner: Owner,
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

    use super::{ParkedDecision, STEPS_TO_GIVE_UP};
    use crate::contract::{Agreement, Assessment, Cases, Closing, Disbursement, Leak, WriteOffs};

    #[test]
    fn a_step_whose_money_may_have_moved_can_not_be_given_up() {
        use ParkedDecision::{CompleteByHand, FailAndCompensate, Retry, RetryCorrected};
        // By the activities' own names: a renamed step must not slip out of the rule.
        for step in [Cases::watch_duties.name(), "a step that nobody thought of"] {
            assert_eq!(ParkedDecision::possible_on(step, false), [Retry], "{step}");
        }
        let money = [Disbursement::transfer_money.name(), Disbursement::record_loan.name()];
        for step in money.into_iter().chain([WriteOffs::refund_collected.name(), WriteOffs::refund_paid.name()]) {
            assert_eq!(ParkedDecision::possible_on(step, false), [Retry, CompleteByHand], "{step}");
        }
        let before_money = ParkedDecision::possible_on(Disbursement::transfer_money.name(), true);
        assert_eq!(before_money, [Retry, FailAndCompensate], "nothing was sent: there is nothing to prove either");
        let refund = ParkedDecision::possible_on(WriteOffs::refund_paid.name(), true);
        assert_eq!(refund, [Retry, CompleteByHand], "the law's duties stay");
        let notice = ParkedDecision::possible_on(Closing::notify_client.name(), false);
        assert_eq!(notice, [Retry, FailAndCompensate, CompleteByHand, RetryCorrected]);
        let to_give_up = [
            Assessment::screen_client.name(),
            Assessment::record_screening_decision.name(),
            Assessment::fetch_credit_report.name(),
            Assessment::draft_offer.name(),
            Agreement::record_acknowledgement.name(),
            Agreement::record_schedule_choice.name(),
            Agreement::check_disbursement_method.name(),
            Agreement::freeze_contract.name(),
            Agreement::identify_client.name(),
            Agreement::verify_signature.name(),
            Agreement::ask_renewed_consent.name(),
            Agreement::record_renewed_consent.name(),
            Disbursement::reserve_and_check.name(),
            Leak::verify_after_leak.name(),
            Closing::notify_client.name(),
        ];
        assert_eq!(to_give_up, STEPS_TO_GIVE_UP);
    }
}
