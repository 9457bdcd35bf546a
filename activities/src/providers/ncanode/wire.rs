//! The answers of NCANode v3 as far as we read them. Never judged here.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::providers::exchange::nullable;

/// The answer of `/cms/verify`.
#[derive(Debug, Deserialize)]
pub(super) struct VerifyAnswer {
    pub(super) status: u16,
    pub(super) valid: bool,
    pub(super) signers: Vec<Signer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signer {
    pub(super) certificates: Vec<Certificate>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tsp: Option<TimeStamp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimeStamp {
    pub(super) gen_time: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Certificate {
    pub(super) valid: bool,
    pub(super) revocations: Vec<Revocation>,
    pub(super) not_before: DateTime<Utc>,
    pub(super) not_after: DateTime<Utc>,
    pub(super) key_usage: KeyUsage,
    pub(super) serial_number: String,
    // As text: we ask for roles that we know to be there, and others do no harm.
    pub(super) key_user: Vec<String>,
    pub(super) subject: Subject,
}

#[derive(Debug, Deserialize)]
pub(super) struct Revocation {
    pub(super) revoked: bool,
    pub(super) by: RevocationSource,
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum RevocationSource {
    Ocsp,
    Crl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum KeyUsage {
    Sign,
    Auth,
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    #[serde(deserialize_with = "nullable")]
    pub(super) iin: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) bin: Option<String>,
}

/// The answer of `/cms/extract`.
#[derive(Debug, Deserialize)]
pub(super) struct ExtractAnswer {
    pub(super) status: u16,
    pub(super) data: String,
}

/// An error of NCANode, such as the 400 for a CMS that it can not read.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) status: u16,
    #[serde(rename = "message")]
    _message: String,
}
