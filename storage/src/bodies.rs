//! What is sealed: the JSON of an applicant and of each kind of submission, in one place for who writes and who reads it.
//! Never printed: what is personal here masks itself or has no `Debug` of its contents.

pub mod cases;
pub mod write_offs;

use std::fmt;

use chrono::NaiveDate;
use nesie_domain::card::CardToken;
use nesie_domain::channel::{NoticeContents, NoticeSubject, SentOutside};
use nesie_domain::iban::Iban;
use nesie_domain::ids::{ApplicationId, ApprovalId, ChallengeId, DocumentId, DraftId, ScreeningMatchId, SubmissionId};
use nesie_domain::iin::Iin;
use nesie_domain::person::{ClientKind, IdentityDocument, PersonName};
use nesie_domain::phone::Phone;
use serde::{Deserialize, Serialize};

/// The place that an applicant is sealed for; the associated data of the seal.
#[must_use]
pub fn applicant_place(id: ApplicationId) -> String {
    format!("applicant|{id}")
}

/// The place that a submission is sealed for.
#[must_use]
pub fn submission_place(id: SubmissionId) -> String {
    format!("submission|{id}")
}

/// The place that the text of a frozen contract is sealed for.
#[must_use]
pub fn contract_place(id: ApplicationId) -> String {
    format!("contract|{id}")
}

/// Who applies (para 6, R-040 to R-043). Sealed in `applications.applicant_sealed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applicant {
    /// Individual or sole proprietor.
    pub kind: ClientKind,
    /// The individual identification number.
    pub iin: Iin,
    /// Names as in the document.
    pub name: PersonName,
    /// Date of birth as the client gave it.
    pub birth_date: Option<NaiveDate>,
    /// The document.
    pub identity_document: IdentityDocument,
    /// The phone in E.164.
    pub phone: Phone,
    /// Whether the client says that he is a politically exposed person.
    pub politically_exposed: bool,
}

/// What the client acknowledges, each by the hash of what was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgements {
    /// One entry a text.
    pub acknowledged: Vec<Acknowledgement>,
}

/// One acknowledged text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// `rules`, `payments`, `rights`, or `renewed_consent` for the frozen contract.
    pub kind: String,
    /// SHA-256 of the text, lower hexadecimal.
    pub sha256: String,
}

/// The chosen draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleChoice {
    /// The draft.
    pub draft_id: DraftId,
}

/// How the money is to be paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisbursementChoice {
    /// Where to.
    #[serde(flatten)]
    pub destination: Destination,
    /// Which of the lender's contracted providers pays.
    pub payment_profile: PaymentProfile,
}

/// Where money goes. Sealed in `disbursement_methods.destination_sealed` too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Destination {
    /// The client's bank account.
    Account {
        /// Its number.
        iban: Iban,
    },
    /// The client's card.
    Card {
        /// The provider's token of it.
        card_token: CardToken,
    },
    /// A seller of goods, works or services under contract.
    Merchant {
        /// Its id in the registry of merchants.
        merchant_id: String,
    },
}

impl Destination {
    /// The method's stable name, as in SQL.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::Account { .. } => "account",
            Self::Card { .. } => "card",
            Self::Merchant { .. } => "merchant",
        }
    }
}

/// A payment provider under contract, by what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProfile {
    /// Deduplicates by our reference.
    Dedup,
    /// Does not: a second call pays again.
    Plain,
    /// Deduplicates; its status lags behind the effect.
    Lagging,
}

impl PaymentProfile {
    /// The stable name, as in SQL and in the provider's path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dedup => "dedup",
            Self::Plain => "plain",
            Self::Lagging => "lagging",
        }
    }
}

/// An image for biometric identification, with the challenge that it answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identification {
    /// The one-time challenge.
    pub challenge_id: ChallengeId,
    /// The image in base64.
    pub image: String,
    /// `image/png` or `image/jpeg`.
    pub image_type: String,
}

impl fmt::Debug for Identification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identification").field("challenge_id", &self.challenge_id).finish_non_exhaustive()
    }
}

/// An EDS over the exact text of the contract.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The CMS in base64.
    pub cms: String,
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signature(****)")
    }
}

/// Why the client withdraws, in his words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// The reason.
    pub reason: String,
}

impl fmt::Debug for Withdrawal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Withdrawal(****)")
    }
}

/// What staff decided on a parked step or a likely match, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// `retry`, `fail_and_compensate`, `false_positive` or `confirmed`.
    pub decision: String,
    /// The reason, in the person's words.
    pub reason: String,
    /// The likely match that it is on, where the match parked a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_id: Option<ScreeningMatchId>,
}

/// A notice of a channel as it was first given (paras 4, 5). Sealed in `cases.details_sealed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelNoticeDetails {
    /// Which channel it is about.
    pub subject: NoticeSubject,
    /// What it says.
    pub contents: NoticeContents,
    /// What is attached, stored beside.
    pub document_ids: Vec<DocumentId>,
    /// Where it was sent before this system existed.
    pub sent_outside: Option<SentOutside>,
}

/// An amendment of a notice that was not sent yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAmendment {
    /// What it says from now on.
    pub contents: NoticeContents,
    /// What is attached from now on; empty: what was.
    pub document_ids: Vec<DocumentId>,
}

/// What proves that a parked step's effect is there, or that no money moved (docs/decisions/0021).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Why, in the words of who asks.
    pub reason: String,
    /// The request for the second person that it belongs to.
    pub approval_id: ApprovalId,
    /// What is proved, and how it is known.
    pub description: String,
    /// For a transfer: whether the money moved.
    pub money_moved: Option<bool>,
    /// The provider's own reference.
    pub provider_reference: Option<String>,
    /// The credit bureau's receipt.
    pub bureau_receipt: Option<String>,
    /// A document.
    pub document: Option<ProofDocument>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proof").field("approval_id", &self.approval_id).finish_non_exhaustive()
    }
}

/// A document that proves something.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofDocument {
    /// Its bytes in base64.
    pub content: String,
    /// `application/pdf`, `image/png` or `image/jpeg`.
    pub content_type: String,
}

/// The input of a parked step as it should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Why, in the words of who asks.
    pub reason: String,
    /// The request for the second person that it belongs to.
    pub approval_id: ApprovalId,
    /// The client's phone.
    pub phone: Phone,
}
