//! Accrual is suspended by a document of the police, and resumed by a decision of two people once that is cancelled
//! (para 13 ¶2–3; ).

use anyhow::Result;
use serde_json::json;

use super::Told;
use super::scene::{Scene, document};

/// Duties that the system meets by itself: accrual, bureau, notice.
const BY_SYSTEM: u64 = 3;

/// Tells it.
pub(super) fn tell(scene: &Scene) -> Result<Told> {
    let granted = scene.granted("annuity-to-account")?;
    let issued_on = scene.today()?;
    let body = json!({
        "document": {
            "kind": "representation_art200", "number": scene.name("ПР"), "issued_on": issued_on,
            "issuing_body": "УП Алмалинского района г. Алматы", "officer": "Ибраев Е. С.",
            "criminal_case": scene.name("УД"),
        },
        "received_at": scene.ago(60)?, "iin": granted.iin, "loans": [granted.loan],
        "documents": [document("представление.pdf")],
    });
    let case = scene.report("accrual-suspensions", &body)?;
    scene.met(&case, BY_SYSTEM)?;
    for (act, description) in [
        ("collection-suspension", "Договор с коллекторским агентством приостановлен"),
        ("claims-suspension", "Исковая работа приостановлена"),
    ] {
        let done = json!({
            "done_at": scene.ago(5)?, "description": description, "documents": [document("подтверждение.pdf")],
        });
        scene.done("POST", &case.at(act), &done)?;
    }
    scene.at_stage(&case, "suspended")?;

    let resumption = json!({ "back_accrual": false, "resume_collection": true, "reason": "отмена получена" });
    scene.refused("POST", &case.at("resumption"), &resumption, "suspension.not_cancelled")?;
    let cancellation = json!({
        "number": scene.name("ОТ"), "issued_on": issued_on, "issuing_body": "УП Алмалинского района г. Алматы",
        "received_at": scene.ago(5)?, "documents": [document("отмена.pdf")],
    });
    scene.done("POST", &case.at("cancellation"), &cancellation)?;
    scene.at_stage(&case, "awaiting_resumption")?;
    let asked = scene.done("POST", &case.at("resumption"), &resumption)?;
    scene.approve(&asked)?;
    scene.at_stage(&case, "closed")?;
    let kinds =
        ["suspend_accrual", "suspend_collection", "suspend_claims", "suspend_bureau_reporting", "notify_of_suspension"];
    Ok(Told { case, duties: kinds.map(|kind| (kind, "met")).to_vec() })
}
