//! Every rule of acceptance by table: one good answer of NCANode, and each way in which it is not good enough.

use base64::Engine as _;
use serde_json::{Value, json};

use super::*;
use crate::failure::{Failure, FailureClass};
use crate::providers::Providers;
use crate::providers::testing::{Script, assert_hostile_bodies_are_errors, iin, providers};

const CONTRACT: &[u8] = "Договор № 1: сумма 300 000,00 тенге".as_bytes();
const BIN: &str = "940140000385";

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// As NCANode says it of a good signature.
fn verified() -> Value {
    json!({"status": 200, "message": "OK", "valid": true, "signers": [{
        "certificates": [{
            "valid": true,
            "revocations": [
                {"revoked": false, "by": "OCSP", "revocationTime": null, "reason": null},
                {"revoked": false, "by": "CRL", "revocationTime": null, "reason": null},
            ],
            "notBefore": "2026-05-02T08:38:13.000+00:00", "notAfter": "2027-05-02T08:38:13.000+00:00",
            "keyUsage": "SIGN", "serialNumber": "3a5F01", "signAlg": "1.2.840.113549.1.1.11",
            "keyUser": ["INDIVIDUAL"], "publicKey": "", "signature": "",
            "subject": {"commonName": "x", "iin": iin().as_str(), "bin": null, "dn": "CN=x"},
            "issuer": {"commonName": "NCA", "iin": null, "bin": null, "dn": "CN=NCA"},
        }],
        "tsp": {"serialNumber": "1", "genTime": "2026-11-22T10:05:00.000+00:00", "policy": "1.2.398.3.3.2.6.4",
            "tsa": "CN=TSA", "tspHashAlgorithm": "SHA-256", "hash": "00"},
    }]})
}

fn extracted(content: &[u8]) -> Script {
    Script::json(200, &json!({"status": 200, "message": "OK", "data": STANDARD.encode(content)}))
}

async fn check(providers: &Providers, role: SignerRole<'_>) -> Result<SignatureCheck, ProviderError> {
    let (iin, content_sha256) = (iin(), sha256_hex(CONTRACT));
    let expected = ExpectedSignature {
        iin: &iin,
        role,
        content_sha256: &content_sha256,
        session_from: instant("2026-11-22T10:00:00Z"),
        session_until: instant("2026-11-22T10:15:00Z"),
    };
    providers.ncanode.verify("Y21z", &expected).await
}

#[tokio::test]
async fn accepts_the_expected_signature() {
    let (server, providers) = providers(Script::json(200, &verified()).then(extracted(CONTRACT))).await;
    let check = check(&providers, SignerRole::Individual).await.expect("a verdict");
    let accepted = SignatureVerdict::Accepted {
        certificate_serial: "3a5f01".to_owned(),
        tsp_time: instant("2026-11-22T10:05:00Z"),
    };
    assert_eq!(check.verdict, accepted);
    assert_eq!(check.verification.raw, verified().to_string().into_bytes());
    assert!(check.extraction.is_some_and(|answer| !answer.raw.is_empty()));
    let asked = server.requests();
    assert_eq!(asked[0].line, "POST /cms/verify HTTP/1.1");
    assert_eq!(asked[0].json(), json!({"cms": "Y21z", "revocationCheck": ["OCSP", "CRL"]}));
    assert_eq!(asked[1].line, "POST /cms/extract HTTP/1.1");
    assert_eq!(asked[1].json(), json!({"cms": "Y21z"}));
}

#[tokio::test]
async fn rejects_for_good_whatever_is_not_the_expected_signature() {
    use SignatureRejection as Why;
    type Breaking = fn(&mut Value);
    let cases: &[(&str, SignatureRejection, Breaking)] = &[
        ("no signer, yet valid", Why::SignerCount, |all| all["signers"] = json!([])),
        ("two signers", Why::SignerCount, |all| {
            let second = all["signers"][0].clone();
            all["signers"].as_array_mut().expect("a list").push(second);
        }),
        ("no certificate, yet valid", Why::CertificateMissing, |all| all["signers"][0]["certificates"] = json!([])),
        ("revoked by OCSP", Why::CertificateRevoked, |all| {
            all["valid"] = json!(false);
            certificate(all)["valid"] = json!(false);
            certificate(all)["revocations"][0]["revoked"] = json!(true);
        }),
        ("revoked by CRL, though all is said to be valid", Why::CertificateRevoked, |all| {
            certificate(all)["revocations"][1]["revoked"] = json!(true);
        }),
        ("revoked, and another source unreachable", Why::CertificateRevoked, |all| {
            unreachable_ocsp(all, "connect timed out");
            certificate(all)["revocations"][1]["revoked"] = json!(true);
        }),
        ("untrusted issuer", Why::IssuerUntrusted, |all| {
            unreachable_ocsp(all, "Cannot find root certificate in NCANode. Probably the certificate is not trusted");
        }),
        ("expired", Why::CertificateOutOfDate, |all| {
            invalid(all);
            certificate(all)["notAfter"] = json!("2026-11-01T00:00:00.000+00:00");
        }),
        ("not yet valid", Why::CertificateOutOfDate, |all| {
            invalid(all);
            certificate(all)["notBefore"] = json!("2026-12-01T00:00:00.000+00:00");
        }),
        ("expired, and OCSP unreachable", Why::CertificateOutOfDate, |all| {
            unreachable_ocsp(all, "connect timed out");
            certificate(all)["notAfter"] = json!("2026-11-01T00:00:00.000+00:00");
        }),
        ("the certificate's own signature", Why::CertificateInvalid, invalid),
        ("only a CRL reason, and CRL never makes invalid", Why::CertificateInvalid, |all| {
            invalid(all);
            certificate(all)["revocations"][1]["reason"] = json!("stale");
        }),
        ("the content was changed", Why::Tampered, |all| all["valid"] = json!(false)),
        ("a key for authentication", Why::KeyUsage, |all| certificate(all)["keyUsage"] = json!("AUTH")),
        ("a key for who knows what", Why::KeyUsage, |all| certificate(all)["keyUsage"] = json!("UNKNOWN")),
        ("an employee's key", Why::Role, |all| certificate(all)["keyUser"] = json!(["ORGANIZATION", "EMPLOYEE"])),
        ("no role", Why::Role, |all| certificate(all)["keyUser"] = json!([])),
        ("another person", Why::OtherPerson, |all| certificate(all)["subject"]["iin"] = json!("800416300257")),
        ("nobody", Why::OtherPerson, |all| certificate(all)["subject"]["iin"] = json!(null)),
        ("no time stamp", Why::TimestampMissing, |all| all["signers"][0]["tsp"] = json!(null)),
        ("signed before the session", Why::OutsideSession, |all| stamped(all, "2026-11-22T09:59:59.999+00:00")),
        ("signed after the session", Why::OutsideSession, |all| stamped(all, "2026-11-22T10:15:00.001+00:00")),
        ("in date now, but not when it was signed", Why::CertificateOutOfDate, |all| {
            certificate(all)["notBefore"] = json!("2026-11-22T10:10:00.000+00:00");
        }),
        ("a second certificate that is another's", Why::OtherPerson, |all| {
            let mut second = certificate(all).clone();
            second["subject"]["iin"] = json!("800416300257");
            all["signers"][0]["certificates"].as_array_mut().expect("a list").push(second);
        }),
    ];
    let (server, providers) = providers(Script::HangUp).await;
    for (name, why, breaking) in cases {
        let mut answer = verified();
        breaking(&mut answer);
        server.answer(Script::json(200, &answer).then(extracted(CONTRACT)));
        let check = check(&providers, SignerRole::Individual).await.expect(name);
        assert_eq!(check.verdict, SignatureVerdict::Rejected { code: *why }, "{name}");
        assert_eq!(check.verification.raw, answer.to_string().into_bytes(), "{name}: the evidence is kept");
    }
}

#[tokio::test]
async fn what_can_not_be_found_out_is_tried_again() {
    type Breaking = fn(&mut Value);
    let cases: &[(&str, Breaking)] = &[
        ("OCSP unreachable", |all| unreachable_ocsp(all, "java.net.SocketTimeoutException: connect timed out")),
        ("OCSP never asked, yet valid", |all| {
            certificate(all)["revocations"].as_array_mut().expect("a list").remove(0);
        }),
        ("no revocation checked, yet valid", |all| certificate(all)["revocations"] = json!([])),
        ("one of two certificates never asked about", |all| {
            let mut second = certificate(all).clone();
            second["revocations"] = json!([]);
            all["signers"][0]["certificates"].as_array_mut().expect("a list").push(second);
        }),
    ];
    let (server, providers) = providers(Script::HangUp).await;
    for (name, breaking) in cases {
        let mut answer = verified();
        breaking(&mut answer);
        server.answer(Script::json(200, &answer).then(extracted(CONTRACT)));
        let error = check(&providers, SignerRole::Individual).await.expect_err(name);
        assert_eq!(error.kind, ProviderErrorKind::Undetermined, "{name}");
        assert_eq!(Failure::from(error).class, FailureClass::Retry, "{name}");
    }
}

#[tokio::test]
async fn an_organisation_signs_by_its_head_or_by_who_may_sign() {
    let bin = Bin::parse(BIN).expect("a BIN");
    let (server, providers) = providers(Script::HangUp).await;
    let reject = |code| Some(SignatureVerdict::Rejected { code });
    for (key_user, subject_bin, rejection) in [
        (json!(["ORGANIZATION", "CEO"]), BIN, None),
        (json!(["ORGANIZATION", "CAN_SIGN"]), BIN, None),
        (json!(["ORGANIZATION", "CEO", "A_ROLE_OF_LATER"]), BIN, None),
        (json!(["ORGANIZATION", "CAN_SIGN_FINANCIAL"]), BIN, reject(SignatureRejection::Role)),
        (json!(["ORGANIZATION", "EMPLOYEE"]), BIN, reject(SignatureRejection::Role)),
        (json!(["INDIVIDUAL"]), BIN, reject(SignatureRejection::Role)),
        (json!(["CEO"]), BIN, reject(SignatureRejection::Role)),
        (json!(["ORGANIZATION", "CEO"]), "241240000127", reject(SignatureRejection::OtherOrganization)),
    ] {
        let mut answer = verified();
        certificate(&mut answer)["keyUser"] = key_user.clone();
        certificate(&mut answer)["subject"]["bin"] = json!(subject_bin);
        server.answer(Script::json(200, &answer).then(extracted(CONTRACT)));
        let verdict = check(&providers, SignerRole::Organization { bin: &bin }).await.expect("a verdict").verdict;
        let accepted = matches!(verdict, SignatureVerdict::Accepted { .. });
        assert_eq!(accepted, rejection.is_none(), "{key_user}");
        assert!(accepted || Some(verdict) == rejection, "{key_user}");
    }
}

#[tokio::test]
async fn the_document_is_compared_byte_for_byte() {
    let verified = || Script::json(200, &verified());
    let (server, providers) = providers(Script::HangUp).await;
    let refusal = Script::json(400, &json!({"status": 400, "message": "no content"}));
    for (name, script, code) in [
        ("another document", extracted(b"another"), SignatureRejection::OtherDocument),
        ("one byte more", extracted(&[CONTRACT, b"\n"].concat()), SignatureRejection::OtherDocument),
        ("detached", extracted(b""), SignatureRejection::OtherDocument),
        ("nothing inside", refusal, SignatureRejection::ContentMissing),
    ] {
        server.answer(verified().then(script));
        let check = check(&providers, SignerRole::Individual).await.expect(name);
        assert_eq!(check.verdict, SignatureVerdict::Rejected { code }, "{name}");
        assert!(check.extraction.is_some(), "{name}");
    }
    let odd = Script::json(200, &json!({"status": 200, "message": "OK", "data": "not base64"}));
    for (script, kind) in [
        (odd, ProviderErrorKind::Unreadable),
        (Script::json(500, &json!({"status": 500, "message": "x"})), ProviderErrorKind::Status(500)),
        (Script::Silence, ProviderErrorKind::TimedOut),
    ] {
        server.answer(verified().then(script));
        let checked = check(&providers, SignerRole::Individual).await;
        assert_eq!(checked.map_err(|error| (error.operation, error.kind)), Err(("extract", kind)));
    }
}

#[tokio::test]
async fn a_cms_that_can_not_be_read_is_rejected_and_an_answer_that_can_not_is_not() {
    let malformed = json!({"status": 400, "message": "bad CMS"});
    let (server, providers) = providers(Script::json(400, &malformed)).await;
    let refused = check(&providers, SignerRole::Individual).await.expect("a verdict");
    assert_eq!(refused.verdict, SignatureVerdict::Rejected { code: SignatureRejection::Malformed });
    assert_eq!(refused.verdict, rejected(SignatureRejection::Malformed));
    assert_eq!(SignatureRejection::Malformed.code(), "signature.malformed");

    for nobodys in [json!({"error": "proxy"}), json!({"status": 502, "message": "x"}), json!("<html>")] {
        server.answer(Script::json(400, &nobodys));
        let checked = check(&providers, SignerRole::Individual).await;
        assert!(checked.is_err_and(|error| error.kind != ProviderErrorKind::Undetermined), "{nobodys}");
        server.answer(Script::json(200, &verified()).then(Script::json(400, &nobodys)));
        assert!(check(&providers, SignerRole::Individual).await.is_err(), "{nobodys}");
    }

    let broken: &[fn(&mut Value)] = &[
        |all| all["status"] = json!(500),
        |all| all["valid"] = json!("true"),
        |all| certificate(all)["keyUsage"] = json!("BOTH"),
        |all| certificate(all)["revocations"][0]["by"] = json!("RUMOUR"),
        |all| drop(certificate(all).as_object_mut().expect("an object").remove("valid")),
        |all| drop(all["signers"][0].as_object_mut().expect("an object").remove("tsp")),
    ];
    for breaking in broken {
        let mut answer = verified();
        breaking(&mut answer);
        server.answer(Script::json(200, &answer).then(extracted(CONTRACT)));
        let checked = check(&providers, SignerRole::Individual).await;
        assert_eq!(checked.map_err(|error| error.kind), Err(ProviderErrorKind::Unreadable), "{answer}");
    }
    let call = async || check(&providers, SignerRole::Individual).await.map(drop);
    assert_hostile_bodies_are_errors(&server, &call).await;
}

fn certificate(answer: &mut Value) -> &mut Value {
    &mut answer["signers"][0]["certificates"][0]
}

fn invalid(answer: &mut Value) {
    answer["valid"] = json!(false);
    certificate(answer)["valid"] = json!(false);
}

fn unreachable_ocsp(answer: &mut Value, reason: &str) {
    invalid(answer);
    certificate(answer)["revocations"][0]["reason"] = json!(reason);
}

fn stamped(answer: &mut Value, instant: &str) {
    answer["signers"][0]["tsp"]["genTime"] = json!(instant);
}
