//! Every rule of acceptance that can be read off NCANode's verification (`domain.md` §6.1), in the order that tells what
//! is wrong with the signature from what is not to be had at the moment.
//! Never asks NCANode anything, and never blames a signature for what NCANode could not find out.

use chrono::{DateTime, Utc};

use super::wire::{Certificate, KeyUsage, RevocationSource, VerifyAnswer};
use super::{ExpectedSignature, SignatureRejection, SignerRole};

/// How NCANode says that it does not know the issuer; it says so in the place of a revocation status.
const ISSUER_UNKNOWN: &str = "Cannot find root certificate in NCANode";

/// What the verification alone says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It can never be accepted.
    Rejected(SignatureRejection),
    /// The status of the certificate is not to be had: try again.
    Undetermined,
    /// Everything but the content is as expected.
    GoodSoFar { certificate_serial: String, tsp_time: DateTime<Utc> },
}

/// Judges the verification.
pub(super) fn judge(answer: &VerifyAnswer, expected: &ExpectedSignature<'_>) -> Judgement {
    // NCANode says `valid` of no signer at all, and of a signer without a certificate (gotcha 1).
    let [signer] = answer.signers.as_slice() else {
        return Judgement::Rejected(SignatureRejection::SignerCount);
    };
    let Some(certificate) = signer.certificates.first() else {
        return Judgement::Rejected(SignatureRejection::CertificateMissing);
    };
    for certificate in &signer.certificates {
        if let Some(judgement) = fault_of(certificate, expected) {
            return judgement;
        }
    }
    // Every certificate is good, so what is not valid is the signature over the content.
    if !answer.valid {
        return Judgement::Rejected(SignatureRejection::Tampered);
    }
    if let Some(rejection) = signer.certificates.iter().find_map(|certificate| mismatch(certificate, expected)) {
        return Judgement::Rejected(rejection);
    }
    // Only after what is certain. An OCSP answer must be there: the check of the CRL passes when its cache is empty or
    // stale, and the whole check passes when NCANode is configured without an OCSP address (gotchas 10 and 11).
    if !signer.certificates.iter().all(confirmed_by_ocsp) {
        return Judgement::Undetermined;
    }
    let Some(time_stamp) = &signer.tsp else {
        return Judgement::Rejected(SignatureRejection::TimestampMissing);
    };
    let tsp_time = time_stamp.gen_time;
    if !(expected.session_from..=expected.session_until).contains(&tsp_time) {
        return Judgement::Rejected(SignatureRejection::OutsideSession);
    }
    // NCANode judges validity by its own clock, not by when it was signed (gotcha 4).
    if !signer.certificates.iter().all(|certificate| in_date(certificate, tsp_time)) {
        return Judgement::Rejected(SignatureRejection::CertificateOutOfDate);
    }
    Judgement::GoodSoFar { certificate_serial: certificate.serial_number.to_lowercase(), tsp_time }
}

/// What is wrong with the certificate itself, or with finding out.
fn fault_of(certificate: &Certificate, expected: &ExpectedSignature<'_>) -> Option<Judgement> {
    if certificate.revocations.iter().any(|revocation| revocation.revoked) {
        return Some(Judgement::Rejected(SignatureRejection::CertificateRevoked));
    }
    if certificate.valid {
        return None;
    }
    let reasons =
        || certificate.revocations.iter().filter_map(|revocation| Some((revocation.by, revocation.reason.as_ref()?)));
    if reasons().any(|(_, reason)| reason.starts_with(ISSUER_UNKNOWN)) {
        return Some(Judgement::Rejected(SignatureRejection::IssuerUntrusted));
    }
    if !in_date(certificate, expected.session_until) {
        return Some(Judgement::Rejected(SignatureRejection::CertificateOutOfDate));
    }
    // An unreachable OCSP makes a certificate invalid in NCANode's eyes, with the exception's text (gotcha 12).
    if reasons().any(|(by, reason)| by == RevocationSource::Ocsp && !reason.is_empty()) {
        return Some(Judgement::Undetermined);
    }
    Some(Judgement::Rejected(SignatureRejection::CertificateInvalid))
}

/// In what the certificate is not the expected signer's; NCANode checks none of it (gotcha 3).
fn mismatch(certificate: &Certificate, expected: &ExpectedSignature<'_>) -> Option<SignatureRejection> {
    if certificate.key_usage != KeyUsage::Sign {
        return Some(SignatureRejection::KeyUsage);
    }
    let has = |role: &str| certificate.key_user.iter().any(|held| held == role);
    match expected.role {
        SignerRole::Individual if !has("INDIVIDUAL") => return Some(SignatureRejection::Role),
        SignerRole::Individual => {}
        SignerRole::Organization { .. } if !(has("ORGANIZATION") && (has("CEO") || has("CAN_SIGN"))) => {
            return Some(SignatureRejection::Role);
        }
        SignerRole::Organization { bin } if certificate.subject.bin.as_deref() != Some(bin.as_str()) => {
            return Some(SignatureRejection::OtherOrganization);
        }
        SignerRole::Organization { .. } => {}
    }
    (certificate.subject.iin.as_deref() != Some(expected.iin.as_str())).then_some(SignatureRejection::OtherPerson)
}

fn confirmed_by_ocsp(certificate: &Certificate) -> bool {
    certificate.revocations.iter().any(|revocation| revocation.by == RevocationSource::Ocsp && !revocation.revoked)
}

fn in_date(certificate: &Certificate, instant: DateTime<Utc>) -> bool {
    (certificate.not_before..=certificate.not_after).contains(&instant)
}
