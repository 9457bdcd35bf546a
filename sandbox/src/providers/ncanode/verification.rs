//! The answer of `cms/verify`, with the weaknesses of the original that `domain.md` §6.1 lists.
//! A message without signers or without certificates stays `valid: true`; `data` is ignored beside attached content;
//! usage and role of a key are told, not judged.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::container::{Container, KeyUsage, Role, SignerInfo};
use crate::{ambient, persons::Persons};

/// What NCANode answers about a message.
pub(super) fn verified(
    persons: &Persons,
    container: &Container,
    data: Option<String>,
    revocation_check: &[String],
) -> Result<Value, String> {
    let content = container.content.clone().or(data).ok_or("the CMS has no content and no data was given")?;
    let content = BASE64_STANDARD.decode(content).map_err(|_| "data is not base64".to_owned())?;
    let mut valid = true;
    let mut signers = Vec::new();
    for signer in &container.signers {
        let certificates: Vec<Value> = signer
            .embed_certificate
            .then(|| certificate(signer, persons.get(&signer.iin).revoked_certificate, revocation_check))
            .into_iter()
            .collect();
        // Without a certificate the original has nothing to verify with, and says nothing against the message.
        if signer.embed_certificate {
            valid &=
                signer.signed(&content) && certificates.iter().all(|certificate| certificate["valid"] == json!(true));
        }
        signers.push(json!({ "certificates": certificates, "tsp": time_stamp(signer) }));
    }
    Ok(json!({ "status": 200, "message": "OK", "valid": valid, "signers": signers }))
}

fn certificate(signer: &SignerInfo, revoked_meanwhile: bool, revocation_check: &[String]) -> Value {
    let now = ambient::now();
    let revoked = signer.revoked || revoked_meanwhile;
    let revocations: Vec<Value> = revocation_check
        .iter()
        .filter_map(|by| match by.as_str() {
            "OCSP" => Some(ocsp(signer, revoked)),
            // The original's CRL check fails open: it says "not revoked" when it does not know.
            "CRL" => Some(revocation("CRL", false, None, None)),
            _ => None,
        })
        .collect();
    let told_against = revocations.iter().any(|entry| entry["revoked"] == json!(true) || !entry["reason"].is_null());
    let in_time = signer.not_before <= now && now <= signer.not_after;
    let (usage, users) = match (signer.key_usage, signer.role) {
        (KeyUsage::Sign, Role::Individual) => ("SIGN", json!(["INDIVIDUAL"])),
        (KeyUsage::Auth, Role::Individual) => ("AUTH", json!(["INDIVIDUAL"])),
        (KeyUsage::Sign, Role::Organization) => ("SIGN", json!(["ORGANIZATION", "CEO"])),
        (KeyUsage::Auth, Role::Organization) => ("AUTH", json!(["ORGANIZATION", "CEO"])),
    };
    json!({
        "valid": in_time && !told_against,
        "revocations": revocations,
        "notBefore": written(signer.not_before),
        "notAfter": written(signer.not_after),
        "keyUsage": usage,
        "serialNumber": signer.serial_number,
        "signAlg": "1.2.840.10045.4.3.2",
        "keyUser": users,
        "publicKey": signer.public_key,
        "signature": signer.signature,
        "subject": subject(signer),
        "issuer": issuer(),
    })
}

fn ocsp(signer: &SignerInfo, revoked: bool) -> Value {
    if signer.ocsp_unavailable {
        // Not "revoked": the original tells a failure to ask by a reason beside `revoked: false`.
        let reason = "java.net.SocketTimeoutException: connect timed out";
        return revocation("OCSP", false, None, Some(reason));
    }
    if revoked {
        return revocation("OCSP", true, Some(&written(signer.not_before)), Some("KEY_COMPROMISE"));
    }
    revocation("OCSP", false, None, None)
}

fn revocation(by: &str, revoked: bool, time: Option<&str>, reason: Option<&str>) -> Value {
    json!({ "revoked": revoked, "by": by, "revocationTime": time, "reason": reason })
}

fn subject(signer: &SignerInfo) -> Value {
    let organization = signer.bin.as_ref().map(|_| "ТОО «Тұрмыс Техника»");
    json!({
        "commonName": "ТЕСТОВ ТЕСТ",
        "lastName": null,
        "surName": "ТЕСТОВ",
        "email": null,
        "organization": organization,
        "gender": null,
        "iin": signer.iin,
        "bin": signer.bin,
        "country": "KZ",
        "locality": null,
        "state": null,
        "dn": format!("CN=ТЕСТОВ ТЕСТ,SURNAME=ТЕСТОВ,SERIALNUMBER=IIN{},C=KZ", signer.iin),
    })
}

fn issuer() -> Value {
    let name = "ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ (SANDBOX)";
    json!({
        "commonName": name, "lastName": null, "surName": null, "email": null, "organization": null, "gender": null,
        "iin": null, "bin": null, "country": "KZ", "locality": null, "state": null, "dn": format!("CN={name},C=KZ"),
    })
}

fn time_stamp(signer: &SignerInfo) -> Value {
    signer.stamped_at.map_or(Value::Null, |stamped_at| {
        json!({
            "serialNumber": signer.serial_number,
            "genTime": written(stamped_at),
            "policy": "1.2.398.3.3.2.6.4",
            "tsa": "CN=TIMESTAMPING AUTHORITY (SANDBOX)",
            "tspHashAlgorithm": "SHA-256",
            "hash": signer.stamped_hash,
        })
    })
}

/// An instant as the original writes it: `2022-05-02T08:38:13.000+00:00`.
fn written(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()
}
