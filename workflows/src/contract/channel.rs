//! What a notice of a channel asks of the world (paras 4, 5).
#![expect(clippy::needless_pass_by_value, reason = "declarations without bodies: nothing is consumed")]
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseStage;
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{CaseActs, CaseActsDone, CaseStep};

pub use channels::{CountNoticeTerm, OpenChannelNotice, RecordChannelActs, SendNotice, TellOfTerm};

/// Marks of the activities.
pub struct Channels;

#[activity_definitions]
impl Channels {
    /// Takes up a notice as its first version, and opens the duty to send it in time where a day is planned. One that was
    /// sent before this system existed is recorded with its receipt.
    #[activity(name = "open_channel_notice")]
    pub fn open_channel_notice(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Works on what compliance sent: an amendment, the word to send, activation, withdrawal.
    #[activity(name = "record_channel_acts")]
    pub fn record_channel_acts(input: CaseActs) -> Result<CaseActsDone, ActivityError> {
        unimplemented!()
    }

    /// Sends the notice to the regulator, once, and keeps the receipt; the duty is met by it.
    #[activity(name = "send_notice")]
    pub fn send_notice(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Counts the ten working days from the day on which the regulator had the notice, once; asked again it says where the
    /// term stands, which a calendar may have moved since.
    #[activity(name = "count_notice_term")]
    pub fn count_notice_term(input: CaseStep) -> Result<CaseStage, ActivityError> {
        unimplemented!()
    }

    /// Re-reads the case, and tells that its term has passed where it still waits and it has.
    #[activity(name = "tell_of_term")]
    pub fn tell_of_term(input: CaseStep) -> Result<(), ActivityError> {
        unimplemented!()
    }
}
