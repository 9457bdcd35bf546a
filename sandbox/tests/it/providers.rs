//! What each provider but the payments answers when nothing goes wrong, and what it does only once per key.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{IIN, World, read};

/// A list: its version, whether its checksum is right, its text.
async fn list(world: &World, category: u8) -> (String, bool, String) {
    let path = format!("/aml/xml_category_{category}/?status=acting");
    let response = world.request(Method::GET, &path).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().expect("a text").to_owned();
    assert_eq!(header("content-type"), "application/xml");
    let (version, sha256) = (header("x-list-version"), header("x-list-sha256"));
    let body = response.bytes().await.expect("a body");
    let computed: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    (version, sha256 == computed, String::from_utf8(body.to_vec()).expect("a text"))
}

#[tokio::test]
async fn both_lists_are_long_and_their_checksums_right() {
    let world = World::start().await;
    let (version, sound, financing) = list(&world, 1).await;
    assert!(sound && version == "2026-11-20.1");
    assert!(financing.matches("<person>").count() >= 2_000);
    assert!(financing.matches("<org_name_en>").count() >= 60);
    let (_, sound, participants) = list(&world, 2).await;
    assert!(sound);
    assert!(participants.matches("<org_iin>").count() >= 400);
    assert!(!participants.contains("<person>"));
    // The same seed publishes the same, whichever process does.
    assert_eq!(list(&World::start().await, 1).await.2, financing);
    assert_eq!(world.get("/aml/xml_category_1/").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_listed_person_is_a_new_version_with_its_own_checksum() {
    let world = World::start().await;
    let (before, _, _) = list(&world, 1).await;
    let person = json!({ "iin": IIN, "surname": "О'Коннор & сын", "given_name": "Ержан", "birth_date": "1990-01-01" });
    let (status, first) = world.put("/admin/aml/persons", &person).await;
    assert_eq!(status, StatusCode::OK);
    let (version, sound, text) = list(&world, 1).await;
    assert!(sound);
    assert!(version != before && first["version"] == version);
    assert!(text.contains(&format!("<iin>{IIN}</iin>")) && text.contains("<birthdate>01.01.1990</birthdate>"));
    assert!(text.contains("<lname>О&apos;Коннор &amp; сын</lname>"));
    let (_, second) = world.put("/admin/aml/persons", &person).await;
    assert_ne!(first, second);
    assert_eq!(list(&world, 2).await.0, before);
}

#[tokio::test]
async fn the_same_request_id_gets_the_same_report() {
    let world = World::start().await;
    let request = json!({ "request_id": "r-1", "iin": IIN });
    let (status, report) = world.post("/bureau/reports", &request).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(report["voluntary_refusal"], json!({ "status": "NONE", "since": null, "source": "egov" }));
    assert_eq!((&report["iin"], &report["overdue_days_current"]), (&json!(IIN), &json!(0)));
    world.put(&format!("/admin/persons/{IIN}"), &json!({ "voluntary_refusal": "UNKNOWN" })).await;
    assert_eq!(world.post("/bureau/reports", &request).await.1, report);
    let (_, anew) = world.post("/bureau/reports", &json!({ "request_id": "r-2", "iin": IIN })).await;
    assert_eq!(anew["voluntary_refusal"]["status"], "UNKNOWN");
    assert_eq!(world.entries(&format!("bureau?iin={IIN}")).await.len(), 2);
}

/// Asks twice under one key, once with another body; gives the answer. One effect is in the ledger.
async fn once_per_key(world: &World, path: &str, provider: &str, request: &Value, other: &Value) -> Value {
    assert_eq!(world.post(path, request).await.0, StatusCode::BAD_REQUEST, "no key");
    let (status, answer) = world.post_keyed(path, "key-1", request).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(world.post_keyed(path, "key-1", request).await.1, answer);
    assert_eq!(world.post_keyed(path, "key-1", other).await.0, StatusCode::CONFLICT);
    let entries = world.entries(provider).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["idempotency_key"], "key-1");
    answer
}

fn changed(request: &Value, field: &str, value: Value) -> Value {
    let mut changed = request.clone();
    changed[field] = value;
    changed
}

#[tokio::test]
async fn the_bureau_the_accounting_and_the_notices_act_once_per_key() {
    let world = World::start().await;
    let contract = json!({ "contract_reference": "c-1", "iin": IIN, "amount": 30_000_000, "granted_on": "2026-11-22",
        "annual_rate": "36.0", "term_days": null, "term_months": 12 });
    let other = changed(&contract, "amount", json!(1));
    let receipt = once_per_key(&world, "/bureau/contracts", "bureau", &contract, &other).await;
    assert!(receipt["receipt_id"].is_string() && receipt["contract_reference"] == "c-1");
    let both_terms = changed(&contract, "term_days", json!(30));
    assert_eq!(world.post_keyed("/bureau/contracts", "key-2", &both_terms).await.0, StatusCode::BAD_REQUEST);

    let loan = json!({ "loan_reference": "l-1", "application_id": "a-1", "amount": 100, "annual_rate": "36.0",
        "method": "annuity", "disbursed_on": "2026-11-22",
        "instalments": [{ "number": 1, "due_on": "2026-12-22", "principal": 100, "interest": 3 }] });
    let other = changed(&loan, "method", json!("bullet"));
    let opened = once_per_key(&world, "/accounting/loans", "accounting", &loan, &other).await;
    assert!(opened["loan_id"].is_string() && opened["loan_reference"] == "l-1");
    let short = changed(&loan, "amount", json!(101));
    assert_eq!(world.post_keyed("/accounting/loans", "key-2", &short).await.0, StatusCode::BAD_REQUEST);

    let message = json!({ "template": "granted", "phone": "+77010000000", "application_id": "a-1", "language": "ru" });
    let other = changed(&message, "template", json!("refused"));
    let accepted = once_per_key(&world, "/notifications/messages", "notifications", &message, &other).await;
    assert!(accepted["message_id"].is_string() && accepted["accepted_at"].is_string());
    let of_a_case = json!({ "template": "t", "phone": "+77010000000", "case_id": "c-1", "language": "ru" });
    assert_eq!(world.post_keyed("/notifications/messages", "key-2", &of_a_case).await.0, StatusCode::OK);
    assert_eq!(world.entries("notifications").await[1]["case_id"], "c-1");
    let of_both = changed(&of_a_case, "application_id", json!("a-1"));
    let of_nobody = json!({ "template": "t", "phone": "+77010000000", "language": "ru" });
    for bad in [of_both, of_nobody] {
        assert_eq!(world.post_keyed("/notifications/messages", "key-3", &bad).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_regulator_takes_a_letter_once_and_keeps_no_content() {
    let world = World::start().await;
    let sha256 =
        |content: &str| -> String { Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect() };
    let document = |content: &str| json!({ "name": "rules.pdf", "sha256": sha256(content), "content_base64": BASE64_STANDARD.encode(content) });
    let letter = json!({ "kind": "channel_notice", "reference": "case-1", "body": { "channel": "site" },
        "documents": [document("the rules of the channel")] });
    let other = changed(&letter, "documents", json!([document("other rules")]));
    let receipt = once_per_key(&world, "/regulator/letters", "regulator", &letter, &other).await;
    assert!(receipt["receipt_number"].is_string() && receipt["received_at"].is_string());
    let entry = &world.entries("regulator").await[0];
    assert_eq!(entry["receipt_number"], receipt["receipt_number"]);
    assert_eq!((&entry["kind"], &entry["reference"]), (&letter["kind"], &letter["reference"]));
    assert_eq!(entry["body"], letter["body"]);
    let kept = json!([{ "name": "rules.pdf", "sha256": sha256("the rules of the channel") }]);
    assert_eq!(entry["documents"], kept);

    let mut forged = document("the rules of the channel");
    forged["sha256"] = json!(sha256("other rules"));
    for bad in [
        changed(&letter, "documents", json!([])),
        changed(&letter, "documents", json!([forged])),
        changed(&letter, "documents", json!([document("")])),
        changed(&letter, "body", json!({})),
        changed(&letter, "body", json!("text")),
        changed(&letter, "reference", json!("")),
        changed(&letter, "kind", json!("greeting")),
    ] {
        assert_eq!(world.post_keyed("/regulator/letters", "key-2", &bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    let incident = json!({ "kind": "fraud_incident", "reference": "case-2", "body": { "a": 1 }, "documents": [] });
    assert_eq!(world.post_keyed("/regulator/letters", "key-2", &incident).await.0, StatusCode::OK);
    assert_eq!(world.entries("regulator").await.len(), 2);
}

#[tokio::test]
async fn coid_answers_the_arranged_score_and_the_same_to_the_same_key() {
    let world = World::start().await;
    let verify = async |key: &str| {
        let path =
            format!("/coid/identity/1.1.0/verify?iin={IIN}&vendor=oz&challenge_id=ch-1&movements=blink,turn_left");
        let request = world.request(Method::POST, &path).header("x-idempotency-key", key);
        read(request.header("content-type", "image/png").body("an image").send().await.expect("an answer")).await
    };
    let (status, first) = verify("k-1").await;
    let expected = json!({ "iin": IIN, "result": 0.99, "vendor": "oz", "x_idempotency_key": "k-1",
        "challenge_id": "ch-1", "liveness": true });
    assert_eq!((status, &first), (StatusCode::OK, &expected));
    let person = format!("/admin/persons/{IIN}");
    world.put(&person, &json!({ "biometric_score": 0.4, "liveness": false })).await;
    assert_eq!(verify("k-1").await.1, first);
    let (_, second) = verify("k-2").await;
    assert_eq!((&second["result"], &second["liveness"]), (&json!(0.4), &json!(false)));
    world.put(&person, &json!({ "has_reference_image": false })).await;
    assert_eq!(verify("k-3").await, (StatusCode::NOT_FOUND, json!({ "error": "not_found" })));
    assert_eq!(world.entries("coid").await.len(), 2);
}

#[tokio::test]
async fn the_register_of_proprietors_answers_about_everybody() {
    let world = World::start().await;
    let (status, record) = world.get(&format!("/proprietors/{IIN}")).await;
    assert_eq!((status, &record["registered"]), (StatusCode::OK, &json!(false)));
    assert!(record.get("registration_number").is_none() && record["record_id"].is_string());
    world.put(&format!("/admin/persons/{IIN}"), &json!({ "sole_proprietor": true })).await;
    let (_, record) = world.get(&format!("/proprietors/{IIN}")).await;
    assert_eq!((&record["registered"], &record["iin"]), (&json!(true), &json!(IIN)));
    assert!(record["registration_number"].is_string() && record["registered_on"].is_string());
    assert!(record["as_of"].is_string());
}

#[tokio::test]
async fn the_first_merchant_is_under_contract() {
    let world = World::start().await;
    let (status, merchant) = world.get("/merchants/M-0001").await;
    assert_eq!((status, &merchant["contract_active"]), (StatusCode::OK, &json!(true)));
    assert_eq!(world.get("/merchants/M-9999").await, (StatusCode::NOT_FOUND, json!({ "error": "not_found" })));
}

/// Signs with the given options and asks for verification; gives the answer.
async fn signed_and_verified(world: &World, options: Value) -> Value {
    let mut request = json!({ "iin": IIN, "data": BASE64_STANDARD.encode("contract") });
    request.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
    let (status, signed) = world.post("/admin/eds/sign", &request).await;
    assert_eq!(status, StatusCode::OK, "{signed}");
    let asked = json!({ "cms": signed["cms"], "revocationCheck": ["OCSP", "CRL"] });
    let (status, answer) = world.post("/ncanode/cms/verify", &asked).await;
    assert_eq!((status, &answer["status"], &answer["message"]), (StatusCode::OK, &json!(200), &json!("OK")));
    answer
}

#[tokio::test]
async fn a_good_signature_is_told_in_full() {
    let world = World::start().await;
    let answer = signed_and_verified(&world, json!({})).await;
    assert_eq!(answer["valid"], true);
    let certificate = &answer["signers"][0]["certificates"][0];
    assert_eq!((&certificate["valid"], &certificate["keyUsage"]), (&json!(true), &json!("SIGN")));
    assert_eq!(certificate["keyUser"], json!(["INDIVIDUAL"]));
    assert_eq!(certificate["subject"]["iin"], IIN);
    let by: Vec<_> = certificate["revocations"].as_array().expect("entries").iter().map(|entry| &entry["by"]).collect();
    assert_eq!(by, ["OCSP", "CRL"]);
    assert!(answer["signers"][0]["tsp"]["genTime"].as_str().expect("a time").ends_with("+00:00"));
    let fields = ["notBefore", "notAfter", "serialNumber", "signAlg", "publicKey", "signature", "issuer"];
    assert!(fields.iter().all(|field| !certificate[field].is_null()));
}

#[tokio::test]
async fn bad_signatures_are_told_as_ncanode_tells_them() {
    let world = World::start().await;
    let first = |answer: &Value| answer["signers"][0]["certificates"][0].clone();

    let tampered = signed_and_verified(&world, json!({ "tamper": true })).await;
    assert_eq!((&tampered["valid"], &first(&tampered)["valid"]), (&json!(false), &json!(true)));

    let revoked = signed_and_verified(&world, json!({ "revoked": true })).await;
    assert_eq!((&revoked["valid"], &first(&revoked)["revocations"][0]["revoked"]), (&json!(false), &json!(true)));

    let expired = signed_and_verified(&world, json!({ "expired": true })).await;
    assert_eq!((&expired["valid"], &first(&expired)["valid"]), (&json!(false), &json!(false)));

    let unavailable = signed_and_verified(&world, json!({ "ocsp_unavailable": true })).await;
    let entry = &first(&unavailable)["revocations"][0];
    assert_eq!((&unavailable["valid"], &entry["revoked"]), (&json!(false), &json!(false)));
    assert!(entry["reason"].is_string());

    world.put(&format!("/admin/persons/{IIN}"), &json!({ "revoked_certificate": true })).await;
    let revoked_meanwhile = signed_and_verified(&world, json!({})).await;
    assert_eq!(revoked_meanwhile["valid"], false);
}

#[tokio::test]
async fn the_weaknesses_of_ncanode_are_there() {
    let world = World::start().await;
    let bare = signed_and_verified(&world, json!({ "embed_certificate": false, "tsp": false })).await;
    assert_eq!((&bare["valid"], &bare["signers"][0]), (&json!(true), &json!({ "certificates": [], "tsp": null })));
    let unsigned = signed_and_verified(&world, json!({ "signers": 0 })).await;
    assert_eq!((&unsigned["valid"], &unsigned["signers"]), (&json!(true), &json!([])));
    let two = signed_and_verified(&world, json!({ "signers": 2 })).await;
    assert_eq!(two["signers"].as_array().expect("signers").len(), 2);
    let auth = signed_and_verified(&world, json!({ "key_usage": "AUTH" })).await;
    assert_eq!(auth["valid"], true);
    let organization = json!({ "role": "ORGANIZATION", "bin": "241240000127" });
    let organization = signed_and_verified(&world, organization).await;
    assert_eq!(organization["signers"][0]["certificates"][0]["subject"]["bin"], "241240000127");
    // Without being asked it does not look at revocation at all.
    let revoked = json!({ "iin": IIN, "data": "QQ==", "revoked": true });
    let cms = world.post("/admin/eds/sign", &revoked).await.1["cms"].clone();
    let (_, answer) = world.post("/ncanode/cms/verify", &json!({ "cms": cms, "data": "other" })).await;
    assert_eq!(answer["valid"], true);
}

#[tokio::test]
async fn content_is_extracted_and_detached_content_is_needed() {
    let world = World::start().await;
    let data = BASE64_STANDARD.encode("contract");
    let cms = world.post("/admin/eds/sign", &json!({ "iin": IIN, "data": data })).await.1["cms"].clone();
    let (_, extracted) = world.post("/ncanode/cms/extract", &json!({ "cms": cms })).await;
    assert_eq!(extracted, json!({ "status": 200, "message": "OK", "data": data }));

    let detached = json!({ "iin": IIN, "data": data, "detached": true });
    let cms = world.post("/admin/eds/sign", &detached).await.1["cms"].clone();
    let verify = |data: Value| json!({ "cms": cms, "data": data });
    assert_eq!(world.post("/ncanode/cms/verify", &verify(json!(data))).await.1["valid"], true);
    assert_eq!(world.post("/ncanode/cms/verify", &verify(json!("QQ=="))).await.1["valid"], false);
    assert_eq!(world.post("/ncanode/cms/verify", &verify(Value::Null)).await.0, StatusCode::BAD_REQUEST);
    let (status, body) = world.post("/ncanode/cms/verify", &json!({ "cms": "bm90IGEgQ01T" })).await;
    assert_eq!((status, &body["status"]), (StatusCode::BAD_REQUEST, &json!(400)));
}
