//! Due diligence, the credit report, and the offer that follows from them.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use super::{ActInput, StepInput, Verdict};
use nesie_domain::application::RefusalGround;
use nesie_domain::ids::ScreeningMatchId;
use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

pub use assessment::{DraftOffer, FetchCreditReport, RecordScreeningDecision, ScreenClient};

/// What due diligence found (para 8(1), R-080).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "screening", rename_all = "snake_case")]
pub enum Screening {
    /// Nothing stands against the client.
    Clear,
    /// A likely match with a list: compliance decides.
    Match {
        /// The stored match.
        match_id: ScreeningMatchId,
    },
    /// The microcredit must be refused.
    Refuse {
        /// Why.
        ground: RefusalGround,
    },
}

/// What the credit report says (para 8(8), R-088; limits of domain.md §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "credit", rename_all = "snake_case")]
pub enum CreditVerdict {
    /// No voluntary refusal, no long overdue, debt burden within the limit.
    Eligible,
    /// The microcredit must be refused.
    Refuse {
        /// Why.
        ground: RefusalGround,
    },
}

/// Marks of the activities.
pub struct Assessment;

#[activity_definitions]
impl Assessment {
    /// Channel open? Then due diligence: document, register of sole proprietors, lists with their versions.
    #[activity(name = "screen_client")]
    pub fn screen_client(input: StepInput) -> Result<Screening, ActivityError> {
        unimplemented!()
    }

    /// Stores a compliance officer's decision on a likely match.
    #[activity(name = "record_screening_decision")]
    pub fn record_screening_decision(input: ActInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }

    /// Voluntary refusal, overdue, debt burden. An UNKNOWN voluntary refusal is a failure, never a NONE.
    #[activity(name = "fetch_credit_report")]
    pub fn fetch_credit_report(input: StepInput) -> Result<CreditVerdict, ActivityError> {
        unimplemented!()
    }

    /// Disclosures and drafts by all methods, in one transaction (para 8(2)–8(5)).
    #[activity(name = "draft_offer")]
    pub fn draft_offer(input: StepInput) -> Result<Verdict, ActivityError> {
        unimplemented!()
    }
}
