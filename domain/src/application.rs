//! The stages of an application, its outcomes, and which act may happen when.
//! Never I/O and never a clock: an instant that a stage carries was given to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::act::{ActKind, Party};
use crate::ids::{ChallengeId, ScreeningMatchId};

/// Where an application stands, with the data that only this stage has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Due diligence and the credit report are under way (para 8(1), 8(8)).
    Assessing,
    /// A likely match with an AML list waits for compliance.
    AwaitingScreeningDecision {
        /// The match to decide on.
        match_id: ScreeningMatchId,
    },
    /// Disclosures are shown and wait to be acknowledged (para 8(2), 8(3), 8(5)).
    AwaitingAcknowledgement,
    /// Drafts by all methods are shown and wait for a choice (para 8(4)).
    AwaitingScheduleChoice,
    /// Method and details of disbursement are asked for (para 8(6), 8(7)).
    AwaitingDisbursementMethod {
        /// How often the client may still give details before the application ends.
        tries_left: u8,
    },
    /// The contract is frozen; biometric identification is awaited (para 9).
    AwaitingIdentification {
        /// The one-time challenge (para 35).
        challenge_id: ChallengeId,
        /// Tries left, this one included.
        tries_left: u8,
    },
    /// Identified; the EDS over the frozen contract is awaited (para 9).
    AwaitingSignature {
        /// Tries left, this one included.
        tries_left: u8,
    },
    /// Signed; the cooling-off period runs (policy, off by default).
    CoolingOff {
        /// The first instant at which consent may be renewed.
        until: DateTime<Utc>,
    },
    /// The cooling-off period is over; renewed consent is awaited.
    AwaitingRenewedConsent,
    /// A payment to a merchant waits for the identification that is bound to it (para 9).
    AwaitingPaymentIdentification {
        /// The one-time challenge.
        challenge_id: ChallengeId,
        /// Tries left, this one included.
        tries_left: u8,
    },
    /// The client's data was leaked: he repeats the identification before anything else (para 36(1)).
    AwaitingLeakVerification {
        /// The one-time challenge.
        challenge_id: ChallengeId,
        /// Tries left, this one included.
        tries_left: u8,
    },
    /// The verification call to the client whose data was leaked is awaited (para 36(3)).
    AwaitingVerificationCall,
    /// An act was accepted, or a step is under way; nothing is expected of anybody.
    Processing {
        /// The act that is being worked on; absent where the system goes on by itself.
        act: Option<ActKind>,
    },
    /// Money is reserved: from here on there is no withdrawal.
    Disbursing,
    /// The money is with the client; accounting, bureau and notices follow.
    Recording,
    /// The end.
    Closed,
}

/// How an application ended. Refusal, withdrawal and expiry are ordinary ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The microcredit was granted and paid out.
    Granted,
    /// The lender refused.
    Refused {
        /// Why.
        ground: RefusalGround,
    },
    /// The client withdrew.
    Withdrawn,
    /// The client did not act in time.
    Expired,
    /// A step could not be completed and operations ended the application; what was reserved is released.
    Failed {
        /// The step's stable name.
        step: String,
    },
}

impl Outcome {
    /// The stable name, as in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused { .. } => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Why a microcredit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalGround {
    /// The channel is not open for this operation (paras 3, 4).
    ChannelClosed,
    /// Due diligence could not be carried out (para 10; AML law art. 13).
    DueDiligenceImpossible,
    /// The client is on a list of persons connected with financing of terrorism (para 10).
    TerrorismFinancingList,
    /// The client is on the list of participants of terrorist organisations (para 10).
    TerrorismParticipantsList,
    /// Compliance confirmed a likely match (para 10).
    ConfirmedListMatch,
    /// The client has set a voluntary refusal (para 10).
    VoluntaryRefusal,
    /// The debt burden would be above the limit.
    DebtBurden,
    /// Overdue for longer than the limit.
    Overdue,
    /// The bureau knows no income, so the debt burden can not be computed.
    IncomeUnknown,
    /// No method's terms are within the limits.
    TermsOutsideLimits,
    /// Not entered as a sole proprietor, or no longer.
    NotSoleProprietor,
    /// Ownership of the account or card could not be confirmed (para 9, R-096).
    OwnershipNotConfirmed,
    /// Just before the payment the account or card was found not to be the client's any more.
    OwnershipLost,
    /// Biometric identification failed as often as policy allows (para 9).
    IdentificationFailed,
    /// After a leak of the client's data the phone was found not to be his (para 36(2)).
    PhoneNotConfirmed,
    /// No acceptable EDS was given within the tries that policy allows (para 9).
    SignatureNotAccepted,
    /// The payment provider rejected the transfer for good; no money moved.
    PaymentRejected,
}

impl RefusalGround {
    /// Grounds that the client is told as one neutral word, since the true one would tip him off (AML law art. 11).
    /// An ordinary ground of each moment is among them, at the assessment and just before the payment, so that the neutral word
    /// gives nothing away either.
    #[must_use]
    pub fn is_confidential(self) -> bool {
        matches!(
            self,
            Self::IncomeUnknown
                | Self::OwnershipLost
                | Self::DueDiligenceImpossible
                | Self::TerrorismFinancingList
                | Self::TerrorismParticipantsList
                | Self::ConfirmedListMatch
        )
    }
}

/// What comes next, and of whom. The one answer for the client's page, the refusal of an act, and the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The act that would be accepted now; `None` where the system works by itself, where compliance is waited for with what
    /// is no act on the application (the verification call, recorded on the case of the leak), or where all is over.
    pub act: Option<ActKind>,
    /// Of whom.
    pub of: Party,
}

/// The act may not happen at this stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the act {act:?} is not expected at this stage")]
pub struct NotExpected {
    /// The act that was refused.
    pub act: ActKind,
    /// What is expected instead.
    pub expected: Expected,
}

impl Stage {
    /// The stable names of all stages, the last one last.
    pub const NAMES: [&'static str; 16] = [
        "assessing",
        "awaiting_screening_decision",
        "awaiting_acknowledgement",
        "awaiting_schedule_choice",
        "awaiting_disbursement_method",
        "awaiting_identification",
        "awaiting_signature",
        "cooling_off",
        "awaiting_renewed_consent",
        "awaiting_payment_identification",
        "awaiting_leak_verification",
        "awaiting_verification_call",
        "processing",
        "disbursing",
        "recording",
        "closed",
    ];

    /// What is expected next, of whom.
    #[must_use]
    pub fn expected(&self) -> Expected {
        let (act, of) = match self {
            Self::AwaitingScreeningDecision { .. } => (Some(ActKind::DecideScreeningMatch), Party::Compliance),
            Self::AwaitingAcknowledgement => (Some(ActKind::Acknowledge), Party::Client),
            Self::AwaitingScheduleChoice => (Some(ActKind::ChooseSchedule), Party::Client),
            Self::AwaitingDisbursementMethod { .. } => (Some(ActKind::ChooseDisbursementMethod), Party::Client),
            Self::AwaitingIdentification { .. } => (Some(ActKind::Identify), Party::Client),
            Self::AwaitingSignature { .. } => (Some(ActKind::Sign), Party::Client),
            Self::AwaitingRenewedConsent => (Some(ActKind::RenewConsent), Party::Client),
            Self::AwaitingPaymentIdentification { .. } => (Some(ActKind::IdentifyForPayment), Party::Client),
            Self::AwaitingLeakVerification { .. } => (Some(ActKind::IdentifyAfterLeak), Party::Client),
            Self::AwaitingVerificationCall => (None, Party::Compliance),
            Self::Assessing
            | Self::CoolingOff { .. }
            | Self::Processing { .. }
            | Self::Disbursing
            | Self::Recording
            | Self::Closed => (None, Party::System),
        };
        Expected { act, of }
    }

    /// Claims the stage for an act: the application is then being processed and no second act passes.
    ///
    /// # Errors
    /// [`NotExpected`] with what is expected instead. Withdrawal and decisions on parked steps do not claim
    /// the stage; ask [`Stage::may_withdraw`] and the list of parked steps.
    pub fn accept(self, act: ActKind) -> Result<Self, NotExpected> {
        let expected = self.expected();
        if expected.act == Some(act) {
            Ok(Self::Processing { act: Some(act) })
        } else {
            Err(NotExpected { act, expected })
        }
    }

    /// The stages, by name, from which an application enters this one. While a step is under way, what is stored is the stage
    /// before it: an act that was accepted is not stored as a stage. `processing` stands between many stages; that money comes
    /// only after a signature is seen to where it is reserved.
    #[must_use]
    pub fn entered_from(&self) -> &'static [&'static str] {
        match self {
            Self::Assessing => &[],
            Self::AwaitingScreeningDecision { .. } => &["assessing"],
            Self::AwaitingAcknowledgement => &["assessing", "processing", "awaiting_acknowledgement"],
            Self::AwaitingScheduleChoice => &["awaiting_acknowledgement", "awaiting_schedule_choice"],
            Self::AwaitingDisbursementMethod { .. } => &["awaiting_schedule_choice", "awaiting_disbursement_method"],
            Self::AwaitingIdentification { .. } => &["processing", "awaiting_identification"],
            Self::AwaitingSignature { .. } | Self::CoolingOff { .. } => {
                &["awaiting_identification", "awaiting_signature"]
            }
            Self::AwaitingRenewedConsent => &["cooling_off", "awaiting_renewed_consent"],
            Self::AwaitingPaymentIdentification { .. } => &[
                "awaiting_identification",
                "awaiting_signature",
                "awaiting_renewed_consent",
                "awaiting_payment_identification",
            ],
            Self::AwaitingLeakVerification { .. } | Self::AwaitingVerificationCall => {
                &["assessing", "processing", "awaiting_leak_verification", "awaiting_verification_call"]
            }
            Self::Processing { .. } => &[
                "assessing",
                "awaiting_screening_decision",
                "awaiting_disbursement_method",
                "awaiting_identification",
                "awaiting_signature",
                "awaiting_renewed_consent",
                "awaiting_payment_identification",
                "awaiting_leak_verification",
                "awaiting_verification_call",
                "processing",
                "disbursing",
            ],
            Self::Disbursing => &["processing", "disbursing"],
            Self::Recording => &["disbursing"],
            Self::Closed => Self::NAMES.split_last().map_or(&[], |(_closed, before)| before),
        }
    }

    /// Whether the client may still withdraw: until money is reserved (design invariant 6).
    #[must_use]
    pub fn may_withdraw(&self) -> bool {
        !matches!(self, Self::Disbursing | Self::Recording | Self::Closed)
    }

    /// Whether compliance is awaited on just this match.
    #[must_use]
    pub fn waits_for_match(&self, match_id: ScreeningMatchId) -> bool {
        *self == Self::AwaitingScreeningDecision { match_id }
    }

    /// The stable name, as in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Assessing => "assessing",
            Self::AwaitingScreeningDecision { .. } => "awaiting_screening_decision",
            Self::AwaitingAcknowledgement => "awaiting_acknowledgement",
            Self::AwaitingScheduleChoice => "awaiting_schedule_choice",
            Self::AwaitingDisbursementMethod { .. } => "awaiting_disbursement_method",
            Self::AwaitingIdentification { .. } => "awaiting_identification",
            Self::AwaitingSignature { .. } => "awaiting_signature",
            Self::CoolingOff { .. } => "cooling_off",
            Self::AwaitingRenewedConsent => "awaiting_renewed_consent",
            Self::AwaitingPaymentIdentification { .. } => "awaiting_payment_identification",
            Self::AwaitingLeakVerification { .. } => "awaiting_leak_verification",
            Self::AwaitingVerificationCall => "awaiting_verification_call",
            Self::Processing { .. } => "processing",
            Self::Disbursing => "disbursing",
            Self::Recording => "recording",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn all_stages() -> Vec<Stage> {
        let challenge_id = ChallengeId::from_uuid(Uuid::nil());
        vec![
            Stage::Assessing,
            Stage::AwaitingScreeningDecision { match_id: ScreeningMatchId::from_uuid(Uuid::nil()) },
            Stage::AwaitingAcknowledgement,
            Stage::AwaitingScheduleChoice,
            Stage::AwaitingDisbursementMethod { tries_left: 3 },
            Stage::AwaitingIdentification { challenge_id, tries_left: 3 },
            Stage::AwaitingSignature { tries_left: 3 },
            Stage::CoolingOff { until: DateTime::UNIX_EPOCH },
            Stage::AwaitingRenewedConsent,
            Stage::AwaitingPaymentIdentification { challenge_id, tries_left: 1 },
            Stage::AwaitingLeakVerification { challenge_id, tries_left: 3 },
            Stage::AwaitingVerificationCall,
            Stage::Processing { act: None },
            Stage::Disbursing,
            Stage::Recording,
            Stage::Closed,
        ]
    }

    const ACTS: [ActKind; 11] = [
        ActKind::DecideScreeningMatch,
        ActKind::Acknowledge,
        ActKind::ChooseSchedule,
        ActKind::ChooseDisbursementMethod,
        ActKind::Identify,
        ActKind::Sign,
        ActKind::RenewConsent,
        ActKind::IdentifyForPayment,
        ActKind::IdentifyAfterLeak,
        ActKind::Withdraw,
        ActKind::DecideParkedStep,
    ];

    #[test]
    fn each_stage_accepts_exactly_the_act_that_it_expects() {
        for stage in all_stages() {
            for act in ACTS {
                let expected = stage.expected();
                match stage.clone().accept(act) {
                    Ok(next) => {
                        assert_eq!(expected.act, Some(act));
                        assert_eq!(next, Stage::Processing { act: Some(act) });
                        assert!(next.accept(act).is_err(), "a claimed stage accepts nothing");
                    }
                    Err(refused) => {
                        assert_ne!(expected.act, Some(act));
                        assert_eq!(refused, NotExpected { act, expected });
                    }
                }
            }
        }
    }

    #[test]
    fn stages_are_entered_in_their_order_and_none_after_the_end() {
        let stages = all_stages();
        let named: Vec<&str> = stages.iter().map(Stage::as_str).collect();
        assert_eq!(named, Stage::NAMES);
        assert_eq!(Stage::Closed.entered_from(), &Stage::NAMES[..15], "every stage has an end");
        for stage in &stages {
            assert!(stage.entered_from().iter().all(|name| named.contains(name)), "{stage:?}");
            assert!(!stage.entered_from().contains(&"closed"), "{stage:?}");
        }
        // Without the stages named, the last cannot be reached from the first.
        let reached = |without: &[&str], last: &str| {
            let mut reached = vec!["assessing"];
            while let Some(next) = stages.iter().find(|stage| {
                let name = stage.as_str();
                !reached.contains(&name)
                    && !without.contains(&name)
                    && stage.entered_from().iter().any(|from| reached.contains(from))
            }) {
                reached.push(next.as_str());
            }
            reached.contains(&last)
        };
        assert!(reached(&[], "recording"));
        assert!(!reached(&["disbursing"], "recording"), "money is reserved first");
        assert!(!reached(&["awaiting_acknowledgement"], "awaiting_disbursement_method"));
        assert!(!reached(&["awaiting_schedule_choice"], "awaiting_disbursement_method"));
        assert!(!reached(&["awaiting_identification"], "awaiting_signature"), "identified before he signs");
        assert!(!reached(&["cooling_off"], "awaiting_renewed_consent"));
    }

    #[test]
    fn withdrawal_ends_where_money_is_reserved() {
        for stage in all_stages() {
            let too_late = matches!(stage, Stage::Disbursing | Stage::Recording | Stage::Closed);
            assert_eq!(stage.may_withdraw(), !too_late, "{stage:?}");
        }
    }

    #[test]
    fn names_in_json_are_the_stable_names() {
        for stage in all_stages() {
            let json = serde_json::to_value(&stage).expect("a stage is JSON");
            assert_eq!(json["stage"], stage.as_str());
            assert_eq!(serde_json::from_value::<Stage>(json).expect("and back"), stage);
        }
        for act in ACTS {
            assert_eq!(serde_json::to_value(act).expect("an act is JSON"), act.as_str());
        }
    }

    #[test]
    fn aml_grounds_are_confidential_and_the_voluntary_refusal_is_not() {
        assert!(RefusalGround::TerrorismFinancingList.is_confidential());
        assert!(!RefusalGround::VoluntaryRefusal.is_confidential());
    }
}
