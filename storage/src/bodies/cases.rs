//! What is sealed of cases: what was reported, and each act on one, in one place for who writes and who reads it.
//! Never printed: what is personal here masks itself.

use chrono::{DateTime, Utc};
use nesie_domain::ids::DocumentId;
use nesie_domain::iin::Iin;
use nesie_domain::incident::IncidentKind;
use nesie_domain::phone::Phone;
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
}
