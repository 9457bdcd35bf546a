//! The story of an application as its readers may see it. Who may not learn of an AML list sees the kinds of facts and
//! the members of their details that are named here, and nothing else: never a verdict, a code, or what a list brought
//! about (AML law art. 11). A kind or a member that is new is not shown until it is named here.

use nesie_domain::application::Outcome;
use serde_json::{Map, Value, json};

use super::{NEUTRAL_GROUND, outcome};

/// The details of one fact, or nothing where the fact itself would tell of an AML list.
pub(crate) fn fact(kind: &str, details: Value, sees_aml: bool) -> Option<Value> {
    if sees_aml {
        return Some(details);
    }
    let shown = members(kind)?;
    let Value::Object(details) = details else { return Some(json!({})) };
    let mut told: Map<String, Value> = details.into_iter().filter(|(name, _)| shown.contains(&name.as_str())).collect();
    if let Some(ended) = told.get_mut("outcome") {
        *ended = neutral_outcome(ended);
    }
    Some(Value::Object(told))
}

/// Which members of a fact's details everybody may see; nothing for a kind that they may not see at all.
/// A parked step looks the same whatever parked it; screening and the decision on a match are not here.
fn members(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "credit_report_received" => &["occasion", "report_id"],
        "offer_drafted" => &["drafts", "disclosures"],
        "disclosures_acknowledged" | "acknowledgement_incomplete" => &["submission_id", "missing", "contract_sha256"],
        "schedule_chosen" | "schedule_not_available" => &["submission_id", "draft_id", "method", "sha256"],
        "disbursement_method_confirmed" | "disbursement_method_not_confirmed" => {
            &["method", "payment_profile", "check_id"]
        }
        "terms_outside_limits" => &["draft_id", "annual_effective_rate"],
        "contract_frozen" => &["number", "sha256", "draft_id"],
        "challenge_not_usable" => &["challenge_id"],
        "client_identified" | "identification_failed" => &["challenge_id", "purpose", "bound_to", "failure"],
        "contract_signed" | "signature_rejected" => &["contract_sha256", "rejection"],
        "consent_renewed" => &["contract_sha256"],
        "payment_reserved" => &["our_reference", "method", "payment_profile"],
        "payment_checked" | "payment_checked_again" => &["report_id", "check_id"],
        "money_transferred" | "transfer_rejected" => &["our_reference", "provider_reference"],
        "loan_recorded" => &["loan_reference", "accounting_id", "bureau_receipt"],
        "application_closed" => &["outcome"],
        "client_notified" => &["template", "message_id"],
        "renewed_consent_asked" | "step_parked" | "parked_step_decided" => &[],
        _ => return None,
    })
}

/// The outcome as everybody may see it. One that is not ours to read keeps its name alone.
fn neutral_outcome(stored: &Value) -> Value {
    if let Ok(known) = serde_json::from_value::<Outcome>(stored.clone()) {
        return outcome(Some(&known), false);
    }
    // The fact holds the neutral ground already, which is none of the domain's.
    if stored["outcome"] == "refused" {
        return json!({ "outcome": "refused", "ground": NEUTRAL_GROUND });
    }
    json!({ "outcome": stored["outcome"].as_str() })
}

#[cfg(test)]
mod tests {
    use nesie_domain::application::RefusalGround;

    use super::*;

    /// Facts as the steps write them, as service and operations see them.
    fn told(facts: &[(&str, Value)]) -> Vec<(String, Value)> {
        facts
            .iter()
            .filter_map(|(kind, details)| Some(((*kind).to_owned(), fact(kind, details.clone(), false)?)))
            .collect()
    }

    fn screened() -> (&'static str, Value) {
        (
            "client_screened",
            json!({ "lists": [{ "list": "terrorism_financing", "version": "7" }], "register_asked": false }),
        )
    }

    fn credit(verdict: &Value) -> (&'static str, Value) {
        ("credit_report_received", json!({ "occasion": "assessment", "report_id": "r-1", "verdict": verdict }))
    }

    fn not_granted() -> [(&'static str, Value); 2] {
        [
            ("application_closed", json!({ "outcome": { "outcome": "refused", "ground": "not_granted" } })),
            ("client_notified", json!({ "template": "not_granted", "message_id": "m-1" })),
        ]
    }

    fn parked(code: &str, step: &str) -> (&'static str, Value) {
        let id = "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10";
        ("step_parked", json!({ "parked_step_id": id, "step": step, "occasion": 1, "failure_code": code }))
    }

    #[test]
    fn a_list_just_before_the_payment_reads_like_an_account_that_is_the_clients_no_longer() {
        let checked = |lists_changed| {
            let details = json!({ "report_id": "r-2", "check_id": "c-2", "lists_changed": lists_changed,
                "annual_effective_rate": "42.8", "verdict": { "verdict": "refuse" } });
            ("payment_checked", details)
        };
        let [closed, notified] = not_granted();
        let listed = [checked(true), closed.clone(), notified.clone()];
        let lost = [checked(false), closed, notified];
        assert_eq!(told(&listed), told(&lost));
        for ground in [RefusalGround::TerrorismFinancingList, RefusalGround::OwnershipLost] {
            assert_eq!(outcome(Some(&Outcome::Refused { ground }), false)["ground"], NEUTRAL_GROUND);
        }
    }

    #[test]
    fn a_refusal_for_a_list_reads_like_one_for_an_unknown_income() {
        let [closed, notified] = not_granted();
        let listed = [screened(), credit(&json!({ "verdict": "eligible" })), closed.clone(), notified.clone()];
        let no_income =
            [screened(), credit(&json!({ "verdict": "refuse", "ground": "income_unknown" })), closed, notified];
        assert_eq!(told(&listed), told(&no_income));
        assert_eq!(told(&listed).len(), 3, "the rest of the story is told");
        assert!(!format!("{:?}", told(&listed)).contains("eligible"));
    }

    #[test]
    fn a_likely_match_that_waits_for_compliance_is_not_told() {
        let assessed = [credit(&json!({ "verdict": "eligible" }))];
        let match_id = "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10";
        let waits = [screened(), credit(&json!({ "verdict": "eligible" }))];
        let decided = [
            screened(),
            credit(&json!({ "verdict": "eligible" })),
            ("screening_decided", json!({ "match_id": match_id })),
        ];
        assert_eq!(told(&waits), told(&assessed));
        assert_eq!(told(&decided), told(&assessed));

        let checked = |lists_changed, verdict: Value| {
            [(
                "payment_checked",
                json!({ "report_id": "r", "check_id": "c", "lists_changed": lists_changed, "verdict": verdict }),
            )]
        };
        let list = checked(true, json!({ "verdict": "refuse" }));
        let none = checked(false, json!({ "verdict": "next", "stage": { "stage": "disbursing" } }));
        assert_eq!(told(&list), told(&none));
        let again =
            |holds: bool| [("payment_checked_again", json!({ "report_id": "r", "check_id": "c", "holds": holds }))];
        assert_eq!(told(&again(true)), told(&again(false)));
    }

    #[test]
    fn a_parked_step_looks_the_same_whatever_parked_it() {
        let by_list = told(&[parked("check.waits", "reserve_and_check")]);
        assert_eq!(by_list, told(&[parked("provider.timed_out", "fetch_credit_report")]));
        assert_eq!(by_list, [("step_parked".to_owned(), json!({}))]);
        let decided = |decision| [("parked_step_decided", json!({ "parked_step_id": "p", "decision": decision }))];
        assert_eq!(told(&decided("retry")), told(&decided("fail_and_compensate")));
    }

    #[test]
    fn what_is_not_named_is_not_told_and_compliance_sees_all() {
        for kind in ["client_screened", "screening_decided", "due_diligence_renewed", "a_kind_of_tomorrow"] {
            assert_eq!(fact(kind, json!({ "ground": "terrorism_financing_list" }), false), None, "{kind}");
            assert!(fact(kind, json!({ "ground": "terrorism_financing_list" }), true).is_some(), "{kind}");
        }
        let stored = json!({ "outcome": { "outcome": "refused", "ground": "confirmed_list_match" }, "matches": 1 });
        let neutral = json!({ "outcome": { "outcome": "refused", "ground": "not_granted" } });
        assert_eq!(fact("application_closed", stored.clone(), false), Some(neutral));
        assert_eq!(fact("application_closed", stored.clone(), true), Some(stored));
        let debt = json!({ "outcome": { "outcome": "refused", "ground": "debt_burden" } });
        assert_eq!(fact("application_closed", debt.clone(), false), Some(debt));
        let strange = json!({ "outcome": { "outcome": "tomorrow", "list": "terrorism" } });
        assert_eq!(fact("application_closed", strange, false), Some(json!({ "outcome": { "outcome": "tomorrow" } })));
    }
}
