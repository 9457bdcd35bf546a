//! Parked steps as their readers may see them, and which decision on one is expected. Who may not learn of an AML list
//! does not learn that one parked a step (AML law art. 11). Never decides: the workflow's handler is the guard.

use nesie_domain::act::{ActKind, Party};
use nesie_storage::views::open_work::ParkedStep;
use nesie_workflows::contract::{MATCH_BEFORE_PAYMENT, ParkedDecision};
use nesie_workflows::origination::What;
use serde_json::{Value, json};

/// The code that stands in for one that tells of a list; the story of an application uses it as well.
const NEUTRAL_CODE: &str = "check.waits";
const NEUTRAL_EXPLANATION: &str = "Проверка еще не завершена. Повтор безопасен: он пойдет под теми же ключами.";

/// The step as it may be shown.
pub(crate) fn shown(mut step: ParkedStep, sees_aml: bool) -> ParkedStep {
    let tells = step.failure_code.starts_with("aml.") || step.provider.as_deref() == Some("aml");
    if tells && !sees_aml {
        NEUTRAL_CODE.clone_into(&mut step.failure_code);
        NEUTRAL_EXPLANATION.clone_into(&mut step.explanation);
        step.provider = None;
        // The same for all of them, as the explanation says.
        step.retry_is_safe = true;
    }
    step
}

/// The decision that is expected on a parked step, and where to send it. Who may learn of a list learns that compliance
/// is awaited where a likely match parked it; its match stands in compliance's own list.
pub(crate) fn expected(step: &ParkedStep, sees_aml: bool) -> Value {
    if sees_aml && step.failure_code == MATCH_BEFORE_PAYMENT {
        return json!({
            "act": ActKind::DecideScreeningMatch,
            "of": Party::Compliance,
            "parked_step_id": step.id,
        });
    }
    json!({
        "act": ActKind::DecideParkedStep,
        "of": Party::Operations,
        "method": "POST",
        "path": format!("/v1/parked-steps/{}/decision", step.id),
        "parked_step_id": step.id,
        "decisions": decisions(step, false),
        "with_second_person": decisions(step, true),
    })
}

/// What one person may decide alone, or what needs a second one and has a route of its own.
fn decisions(step: &ParkedStep, two_people: bool) -> Vec<ParkedDecision> {
    let possible = ParkedDecision::possible_on(&step.step, step.nothing_sent).iter().copied();
    possible.filter(|decision| decision.needs_two_people() == two_people).collect()
}

/// Of the steps that wait, the one that staff are told of when the workflow refused an act. A decision that would have
/// been accepted was refused because the step is decided on already: it waits no more, though its row may say so.
pub(crate) fn after_refusal(open: &[ParkedStep], refused: What) -> Option<&ParkedStep> {
    let What::DecideParkedStep { parked_step_id, decision } = refused else { return open.first() };
    match open.iter().find(|step| step.id == parked_step_id) {
        Some(step) if !ParkedDecision::possible_on(&step.step, step.nothing_sent).contains(&decision) => Some(step),
        _ => open.iter().find(|step| step.id != parked_step_id),
    }
}

#[cfg(test)]
mod tests {
    use nesie_domain::ids::{ApplicationId, ParkedStepId};
    use uuid::Uuid;

    use super::*;

    fn step(number: u128, name: &str, provider: &str, code: &str) -> ParkedStep {
        ParkedStep {
            id: ParkedStepId::from_uuid(Uuid::from_u128(number)),
            owner: ApplicationId::from_uuid(Uuid::nil()).into(),
            step: name.to_owned(),
            provider: Some(provider.to_owned()),
            failure_code: code.to_owned(),
            retry_is_safe: code != "aml.lists_missing",
            nothing_sent: false,
            explanation: "появилось вероятное совпадение".to_owned(),
            parked_at: chrono::DateTime::UNIX_EPOCH,
            decided: false,
        }
    }

    #[test]
    fn only_compliance_and_audit_learn_that_a_list_parked_a_step() {
        for code in ["aml.match_before_payment", "aml.lists_missing", "aml.tomorrow"] {
            let parked = shown(step(1, "reserve_and_check", "aml", code), false);
            assert_eq!(
                (parked.failure_code.as_str(), parked.provider, parked.retry_is_safe),
                ("check.waits", None, true)
            );
            assert!(!parked.explanation.contains("совпадение"), "{}", parked.explanation);
            assert_eq!(shown(step(1, "reserve_and_check", "aml", code), true).failure_code, code);
        }
        let bureau = shown(step(1, "fetch_credit_report", "bureau", "provider.timed_out"), false);
        assert_eq!((bureau.failure_code.as_str(), bureau.provider.as_deref()), ("provider.timed_out", Some("bureau")));
    }

    #[test]
    fn what_is_expected_names_the_decisions_that_would_be_accepted() {
        let transfer = step(1, "transfer_money", "payments", "provider.timed_out");
        let report = step(2, "fetch_credit_report", "bureau", "provider.timed_out");
        let answer = expected(&transfer, true);
        assert_eq!(answer["decisions"], json!(["retry"]));
        assert_eq!(answer["with_second_person"], json!(["complete_by_hand"]));
        assert_eq!((&answer["act"], &answer["of"]), (&json!("decide_parked_step"), &json!("operations")));
        assert_eq!(answer["path"], format!("/v1/parked-steps/{}/decision", transfer.id));
        assert_eq!(expected(&report, true)["decisions"], json!(["retry", "fail_and_compensate"]));
        let by_match = step(3, "reserve_and_check", "aml", MATCH_BEFORE_PAYMENT);
        assert_eq!(expected(&by_match, true)["of"], json!("compliance"));
        let (told, other) = (expected(&by_match, false), step(3, "reserve_and_check", "bureau", "provider.timed_out"));
        assert_eq!(told, expected(&other, false), "operations are told the same whatever parked it");

        let decide = |step: &ParkedStep, decision| What::DecideParkedStep { parked_step_id: step.id, decision };
        let open = [transfer.clone(), report.clone()];
        let named = |refused| after_refusal(&open, refused).map(|step| step.id);
        assert_eq!(named(decide(&transfer, ParkedDecision::FailAndCompensate)), Some(transfer.id));
        assert_eq!(named(decide(&transfer, ParkedDecision::Retry)), Some(report.id), "decided already");
        assert_eq!(named(decide(&report, ParkedDecision::FailAndCompensate)), Some(transfer.id), "decided already");
        assert_eq!(named(What::Client { kind: ActKind::Withdraw }), Some(transfer.id));
        assert!(after_refusal(&open[..1], decide(&transfer, ParkedDecision::Retry)).is_none());
    }
}
