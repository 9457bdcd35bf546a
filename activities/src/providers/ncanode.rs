//! NCANode v3: verification of an EDS (R-090; `domain.md` §6.1).
//! Never takes its `valid: true` for an acceptance: what we accept is stricter, and stands in `ncanode/judgement.rs`.

mod judgement;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use nesie_domain::bin::Bin;
use nesie_domain::hash::sha256_hex;
use nesie_domain::iin::Iin;
use reqwest::Method;
use serde::Serialize;

use super::error::{ProviderError, ProviderErrorKind};
use super::exchange::{Answer, Connection, Reply, send_json};
use judgement::Judgement;
use wire::{ErrorAnswer, ExtractAnswer, VerifyAnswer};

/// Client of NCANode.
#[derive(Clone, Debug)]
pub struct NcaNode {
    connection: Connection,
}

/// Who must have signed what, and when.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedSignature<'a> {
    /// The signer.
    pub iin: &'a Iin,
    /// For whom he signs.
    pub role: SignerRole<'a>,
    /// The SHA-256 of the frozen contract's bytes, in lower hexadecimal.
    pub content_sha256: &'a str,
    /// When the signing session opened: no signature can be older.
    pub session_from: DateTime<Utc>,
    /// When it ended, or the present of the workflow: no signature can be younger.
    pub session_until: DateTime<Utc>,
}

/// For whom a signer signs.
#[derive(Clone, Copy, Debug)]
pub enum SignerRole<'a> {
    /// For himself.
    Individual,
    /// For an organisation, as its head or with the right to sign.
    Organization {
        /// The organisation.
        bin: &'a Bin,
    },
}

/// What we think of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// It is the expected one.
    Accepted {
        /// The serial number of the signer's certificate, in lower hexadecimal.
        certificate_serial: String,
        /// When it was signed, by the time stamp.
        tsp_time: DateTime<Utc>,
    },
    /// It is not, for good: the same CMS can never be accepted.
    Rejected {
        /// Why.
        code: SignatureRejection,
    },
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRejection {
    /// NCANode can not read the CMS.
    #[error("signature.malformed")]
    Malformed,
    /// Not exactly one signer.
    #[error("signature.signer_count")]
    SignerCount,
    /// The signer's certificate is not in the CMS.
    #[error("signature.certificate_missing")]
    CertificateMissing,
    /// The certificate is revoked.
    #[error("signature.certificate_revoked")]
    CertificateRevoked,
    /// The certificate is not of the national certification authority.
    #[error("signature.issuer_untrusted")]
    IssuerUntrusted,
    /// The certificate was not valid in the session, or when it was signed.
    #[error("signature.certificate_out_of_date")]
    CertificateOutOfDate,
    /// The certificate is not valid, though in date and not revoked: its own signature does not hold.
    #[error("signature.certificate_invalid")]
    CertificateInvalid,
    /// The signature is not over what is in the CMS.
    #[error("signature.tampered")]
    Tampered,
    /// The certificate is not for signing.
    #[error("signature.key_usage")]
    KeyUsage,
    /// The certificate does not give the role.
    #[error("signature.role")]
    Role,
    /// The certificate is of another organisation.
    #[error("signature.other_organization")]
    OtherOrganization,
    /// The certificate is of another person.
    #[error("signature.other_person")]
    OtherPerson,
    /// There is no time stamp.
    #[error("signature.timestamp_missing")]
    TimestampMissing,
    /// It was signed outside the session.
    #[error("signature.outside_session")]
    OutsideSession,
    /// The CMS holds no document.
    #[error("signature.content_missing")]
    ContentMissing,
    /// The CMS holds another document.
    #[error("signature.other_document")]
    OtherDocument,
}

impl SignatureRejection {
    /// The stable code, such as `signature.tampered`.
    #[must_use]
    pub fn code(self) -> String {
        self.to_string()
    }
}

/// A verdict and the answers it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// What we think of the signature.
    pub verdict: SignatureVerdict,
    /// What NCANode said of the CMS.
    pub verification: Answer<()>,
    /// What it found in the CMS; `None` where it was rejected before that was asked.
    pub extraction: Option<Answer<()>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyRequest<'a> {
    cms: &'a str,
    revocation_check: [&'static str; 2],
}

#[derive(Serialize)]
struct ExtractRequest<'a> {
    cms: &'a str,
}

impl NcaNode {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Verifies a CMS, base64 with the document inside, against what is expected. A read: repeating it is harmless.
    ///
    /// # Errors
    /// When NCANode gave no readable answer, or can not tell whether the certificate is revoked: neither says anything
    /// of the signature.
    pub async fn verify(&self, cms: &str, expected: &ExpectedSignature<'_>) -> Result<SignatureCheck, ProviderError> {
        let operation = self.connection.operation("verify");
        let body = VerifyRequest { cms, revocation_check: ["OCSP", "CRL"] };
        let reply = send_json(operation, self.connection.request(Method::POST, &["cms", "verify"]).json(&body)).await?;
        if refused(&reply) {
            let verdict = rejected(SignatureRejection::Malformed);
            return Ok(SignatureCheck { verdict, verification: reply.into_answer(()), extraction: None });
        }
        let answer = reply.ok::<VerifyAnswer>()?;
        operation.ensure(answer.value.status == 200)?;
        let judgement = judgement::judge(&answer.value, expected);
        let verification = answer.map(drop);
        match judgement {
            Judgement::Rejected(code) => Ok(SignatureCheck { verdict: rejected(code), verification, extraction: None }),
            Judgement::Undetermined => Err(operation.error(ProviderErrorKind::Undetermined)),
            Judgement::GoodSoFar { certificate_serial, tsp_time } => {
                let (other, extraction) = self.compare_content(cms, expected.content_sha256).await?;
                let accepted = SignatureVerdict::Accepted { certificate_serial, tsp_time };
                let verdict = other.map_or(accepted, rejected);
                Ok(SignatureCheck { verdict, verification, extraction: Some(extraction) })
            }
        }
    }

    /// Whether the CMS holds the very document: NCANode ignores the content it is given beside a CMS that has its own,
    /// so the content is taken out and compared (gotcha 2).
    async fn compare_content(
        &self,
        cms: &str,
        content_sha256: &str,
    ) -> Result<(Option<SignatureRejection>, Answer<()>), ProviderError> {
        let operation = self.connection.operation("extract");
        let request = self.connection.request(Method::POST, &["cms", "extract"]).json(&ExtractRequest { cms });
        let reply = send_json(operation, request).await?;
        if refused(&reply) {
            return Ok((Some(SignatureRejection::ContentMissing), reply.into_answer(())));
        }
        let answer = reply.ok::<ExtractAnswer>()?;
        operation.ensure(answer.value.status == 200)?;
        let content = STANDARD.decode(&answer.value.data).map_err(|_| operation.unreadable())?;
        let same = sha256_hex(&content) == content_sha256;
        let other = (!same).then_some(SignatureRejection::OtherDocument);
        Ok((other, answer.map(drop)))
    }
}

/// Whether NCANode itself says that it can not read the CMS: the same 400 from something on the way says nothing of it.
fn refused(reply: &Reply) -> bool {
    reply.status == 400 && reply.parse::<ErrorAnswer>().is_ok_and(|error| error.status == 400)
}

fn rejected(code: SignatureRejection) -> SignatureVerdict {
    SignatureVerdict::Rejected { code }
}

#[cfg(test)]
mod tests;
