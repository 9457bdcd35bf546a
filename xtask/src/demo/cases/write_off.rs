//! A court finds that a client is the victim: the debt is written off by two people, each bureau corrected, what was
//! paid and collected refunded (para 13 ¶4–5; ).

use anyhow::Result;
use serde_json::json;

use super::Told;
use super::scene::{Scene, document};
use crate::demo::identity::iban;

/// What the client paid, and what was collected from the client, in tiyn.
const PAYMENTS: [(i64, bool); 2] = [(1_500_000, false), (700_000, true)];

/// Tells it.
pub(super) fn tell(scene: &Scene) -> Result<Told> {
    let granted = scene.granted("differentiated-to-account")?;
    let today = scene.today()?;
    for (amount, collected) in PAYMENTS {
        let payment = json!({ "paid_on": today, "amount": amount, "collected": collected });
        scene.run.sandbox.pay(&granted.loan, &format!("{}:{amount}", granted.loan), &payment)?;
    }
    let body = json!({
        "verdict": {
            "court": "Алмалинский районный суд № 2 г. Алматы", "number": scene.name("1-ПР"), "issued_on": today,
            "in_force_on": today, "received_at": scene.ago(60)?, "non_receipt_established": true,
        },
        "iin": granted.iin, "loan": granted.loan, "confirmed_by_lawyer": "Юрист Ахметова Ж. К.",
        "documents": [document("приговор.pdf")],
    });
    let case = scene.report("write-offs", &body)?;
    scene.until("the duties are open", || {
        let view = scene.run.compliance.get(&case.path)?;
        Ok((view["duty_counts"]["open"].as_u64() > Some(0)).then_some(()))
    })?;
    let asked = scene.done("POST", &case.at("decision"), &json!({ "reason": "приговор вступил в силу" }))?;
    scene.approve(&asked)?;
    let account = iban(&format!("R{:06}000001", scene.run.number));
    // Decided and corrected; the refunds wait for an account.
    scene.met(&case, 2)?;
    let refund = json!({ "iban": account, "payment_profile": "dedup" });
    scene.done("POST", &case.at("refund-account"), &refund)?;
    scene.at_stage(&case, "written_off")?;
    let kinds = ["decide_write_off", "correct_credit_history", "refund_collected", "refund_paid"];
    Ok(Told { case, duties: kinds.map(|kind| (kind, "met")).to_vec() })
}
