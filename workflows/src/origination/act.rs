//! Acts of people on an application: what travels, and the guard that accepts or refuses it.
//! Never what was sent: that is stored, and travels by id.

use nesie_domain::act::ActKind;
use nesie_domain::application::{Expected, Stage};
use nesie_domain::ids::{ParkedStepId, ScreeningMatchId, SubmissionId};
use serde::{Deserialize, Serialize};

use super::LoanOrigination;
use crate::contract::ParkedDecision;
use crate::parking;

/// An act, by the id of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// What was sent, stored before.
    pub submission_id: SubmissionId,
    /// What is being done.
    #[serde(flatten)]
    pub what: What,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum What {
    /// The client's own acts, in the order of the application's stages, and his withdrawal.
    Client {
        /// Which.
        kind: ActKind,
    },
    /// Compliance decided on a likely match; the decision stands in the submission.
    DecideScreeningMatch {
        /// Which match.
        match_id: ScreeningMatchId,
    },
    /// Operations decided on a parked step.
    DecideParkedStep {
        /// Which step.
        parked_step_id: ParkedStepId,
        /// What was decided.
        decision: ParkedDecision,
    },
}

/// The answer to an act. A refusal is an answer, not an error: its type must reach the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ActOutcome {
    /// Accepted: it is being worked on.
    Accepted,
    /// Refused: this was expected instead.
    Refused {
        /// What is expected now.
        expected: Expected,
    },
}

impl What {
    /// The kind of act.
    #[must_use]
    pub fn kind(self) -> ActKind {
        match self {
            Self::Client { kind } => kind,
            Self::DecideScreeningMatch { .. } => ActKind::DecideScreeningMatch,
            Self::DecideParkedStep { .. } => ActKind::DecideParkedStep,
        }
    }
}

impl LoanOrigination {
    /// Whether an act can be answered now: withdrawals and decisions on parked steps always, a decision on a match once
    /// the assessment is over, the others once no step is under way, or the step under way is parked and may take days.
    pub(super) fn can_answer(&self, act: &Act) -> bool {
        let under_way = matches!(self.stage, Stage::Assessing | Stage::Processing { .. });
        let is_parked = self.parked.iter().any(|step| !step.resolved);
        match act.what {
            _ if self.is_ending() => true,
            What::DecideParkedStep { .. } | What::Client { kind: ActKind::Withdraw } => true,
            What::DecideScreeningMatch { .. } => !under_way,
            What::Client { .. } => !under_way || is_parked,
        }
    }

    /// The guard of every act: synchronous, so nothing happens between the question and the claim.
    pub(super) fn claim(&mut self, act: Act) -> ActOutcome {
        let refused = ActOutcome::Refused { expected: self.stage.expected() };
        match act.what {
            What::DecideParkedStep { parked_step_id, decision } => {
                if !parking::decide(self, parked_step_id, decision, act.submission_id) {
                    return refused;
                }
            }
            What::Client { kind: ActKind::Withdraw } => {
                if !self.stage.may_withdraw() || self.withdrawal.is_some() {
                    return refused;
                }
                self.withdrawal = Some(act.submission_id);
            }
            What::DecideScreeningMatch { match_id } if !self.stage.waits_for_match(match_id) => return refused,
            What::DecideScreeningMatch { .. } | What::Client { .. } => {
                if self.is_ending() {
                    return refused;
                }
                let Ok(stage) = self.stage.clone().accept(act.what.kind()) else { return refused };
                self.stage = stage;
                self.claimed = Some(act);
            }
        }
        ActOutcome::Accepted
    }

    /// Withdrawn or expired: nothing more is accepted, the run is about to end.
    pub(super) fn is_ending(&self) -> bool {
        self.withdrawal.is_some() || self.expired
    }
}
