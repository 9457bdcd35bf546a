//! What a fraud incident asks of the world (para 13 ¶1).
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseStage;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{CaseActs, CaseActsDone, CaseStep};

pub use fraud::{InformClients, OpenIncident, RecordFraudActs};

/// How far the informing of affected clients is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Informed {
    /// How many were informed by this step.
    pub informed: u32,
    /// How many are still to be informed by the system.
    pub left: u32,
}

/// Marks of the activities.
pub struct Fraud;

#[activity_definitions]
impl Fraud {
    /// Takes up the affected clients that were reported and opens the duties: each client and the regulator informed
    /// within 1 working day, measures within 2.
    #[activity(name = "open_incident")]
    pub fn open_incident(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Sends notices to affected clients who were not informed yet, some at a time; each is its own act with evidence.
    #[activity(name = "inform_clients")]
    pub fn inform_clients(input: CaseStep) -> Result<Informed, ActivityError> {
        unimplemented!()
    }

    /// Works on what compliance sent: clients found later, the regulator's notice, measures with proof, a client
    /// informed by other means, the closure.
    #[activity(name = "record_fraud_acts")]
    pub fn record_fraud_acts(input: CaseActs) -> Result<CaseActsDone, ActivityError> {
        unimplemented!()
    }
}
