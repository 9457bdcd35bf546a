//! What is sealed of cases: what was reported, and each act on one, in one place for who writes and who reads it.
//! Never printed: what is personal here masks itself.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::ids::DocumentId;
use nesie_domain::iin::Iin;
use nesie_domain::incident::IncidentKind;
use nesie_domain::phone::Phone;
use nesie_domain::suspension::HoldingDocument;
use serde::{Deserialize, Serialize};

/// A document that came with a report or an act; its bytes are sealed in `case_documents`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentReference {
    /// Its id.
    pub id: DocumentId,
    /// SHA-256 of the bytes as received, lower hexadecimal.
    pub sha256: String,
}

/// A fraud incident as it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudReport {
    /// What happened.
    pub kind: IncidentKind,
    /// When it was detected: the anchor of its duties (A8).
    pub detected_at: DateTime<Utc>,
    /// In the reporter's words.
    pub description: String,
    /// Who is affected, as far as it is known.
    pub clients: Vec<AffectedClient>,
}

/// A client whom an incident affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedClient {
    /// The individual identification number.
    pub iin: Iin,
    /// Where notices go.
    pub phone: Phone,
    /// The loans concerned, by the lender's own references; may be none.
    pub loans: Vec<String>,
    /// When it was established that the client is affected; absent: the detection, or, for a client found later, when
    /// that is recorded.
    pub established_at: Option<DateTime<Utc>>,
}

/// An act of compliance on a fraud incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum FraudAct {
    /// Clients who were found later.
    AddClients {
        /// They.
        clients: Vec<AffectedClient>,
    },
    /// A client was informed by other means than the system's notice.
    RecordClientInformed {
        /// The client's row.
        client_id: uuid::Uuid,
        /// When.
        informed_at: DateTime<Utc>,
        /// How, in words.
        means: String,
        /// What proves it.
        documents: Vec<DocumentReference>,
    },
    /// The notice to the regulator.
    NotifyRegulator {
        /// Its text.
        text: String,
        /// What is attached.
        documents: Vec<DocumentReference>,
    },
    /// A measure that was taken, with its proof.
    RecordMeasure {
        /// What was done.
        description: String,
        /// When.
        done_at: DateTime<Utc>,
        /// What proves it.
        documents: Vec<DocumentReference>,
    },
    /// All measures are taken.
    CompleteMeasures,
    /// Nothing is left to be done.
    Close,
    /// It was opened in error: a second person is asked.
    Withdraw,
}

/// A document of the criminal process on which loans are suspended (R-140; domain.md §8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspensionReport {
    /// Which document it is.
    pub kind: HoldingDocument,
    /// Its number.
    pub number: String,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// By which body.
    pub issuing_body: String,
    /// By which officer.
    pub officer: String,
    /// The number of the criminal case.
    pub criminal_case: String,
    /// When the lender received it: the anchor of its duties (A9).
    pub received_at: DateTime<Utc>,
    /// The borrower.
    pub iin: Iin,
    /// The loans that it names.
    pub loans: Vec<String>,
}

/// An act of compliance on a suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum SuspensionAct {
    /// Collection stands still, and whoever collects was told.
    ConfirmCollection(Standstill),
    /// Claims and litigation stand still.
    ConfirmClaims(Standstill),
    /// The client was notified in writing by other means than the system's notice.
    ConfirmNotice(Standstill),
    /// The document was cancelled by whom it may be.
    Cancel {
        /// The cancelling document's number.
        number: String,
        /// When it was issued.
        issued_on: NaiveDate,
        /// By which body.
        issuing_body: String,
        /// When the lender received it.
        received_at: DateTime<Utc>,
        /// The document itself.
        documents: Vec<DocumentReference>,
    },
    /// A second person is asked to agree to what follows the cancellation.
    ProposeResumption(Resumption),
    /// It was opened in error: a second person is asked.
    Withdraw,
}

/// Work that was made to stand still, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// When.
    pub done_at: DateTime<Utc>,
    /// What was done, and who was told.
    pub description: String,
    /// What proves it.
    pub documents: Vec<DocumentReference>,
}

/// What follows a cancellation: the proposal that two people decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// Whether the interest of the suspended days is charged after all (A10).
    pub back_accrual: bool,
    /// Whether collection and claims work go on.
    pub resume_collection: bool,
}

/// A leak of personal data as it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakReport {
    /// Where the information came from.
    pub source: String,
    /// When the lender learned of it.
    pub learned_at: DateTime<Utc>,
    /// In the reporter's words.
    pub description: String,
    /// Whose data it is.
    pub clients: Vec<LeakedClient>,
}

/// A client whose data was leaked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakedClient {
    /// The individual identification number.
    pub iin: Iin,
}

/// An act of compliance on a leak of personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum LeakAct {
    /// Clients who were found later.
    AddClients {
        /// They.
        clients: Vec<LeakedClient>,
    },
    /// The client was called.
    RecordCall {
        /// The client's row.
        client_id: uuid::Uuid,
        /// The call.
        call: VerificationCall,
    },
    /// Nothing is left to be done on the case; its flags stay in force.
    Close,
    /// It was opened in error: a second person is asked, and its flags go with it.
    Withdraw,
}

/// A verification call (para 36(3)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationCall {
    /// The number that was called.
    pub phone: Phone,
    /// When.
    pub called_at: DateTime<Utc>,
    /// Who called: a name or a login.
    pub operator: String,
    /// Whether the client answered.
    pub reached: bool,
    /// Whether the client was told that the data was stolen.
    pub informed_of_theft: bool,
    /// Whether a voluntary refusal was recommended.
    pub recommended_voluntary_refusal: bool,
    /// The version of the script.
    pub script_version: String,
    /// What proves it, such as the recording.
    pub documents: Vec<DocumentReference>,
}

impl VerificationCall {
    /// Whether it is what paragraph 36(3) asks for.
    #[must_use]
    pub fn satisfies(&self) -> bool {
        self.reached && self.informed_of_theft && self.recommended_voluntary_refusal
    }
}
