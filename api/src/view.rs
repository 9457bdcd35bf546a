//! What a caller sees of an application: stage, outcome, what is expected next and where. One place that keeps from
//! whoever is not compliance that an AML list is why something happened (AML law art. 11).

pub(crate) mod parked;
mod story;

use nesie_domain::act::{ActKind, Party};
use nesie_domain::application::{Expected, Outcome, Stage};
use nesie_domain::ids::ApplicationId;
use nesie_domain::money::Money;
use nesie_domain::rate::Rate;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub(crate) use story::fact;

use crate::problem::Problem;

/// The ground that stands in for one that must not be told.
const NEUTRAL_GROUND: &str = "not_granted";
/// What is awaited of compliance where no act on the application is (para 36(3)): it is recorded on the case of the leak.
const VERIFICATION_CALL: &str = "verification_call";

/// What is expected now, of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectedNow {
    /// The act; `None` where the system is at work, where the verification call is awaited, or where all is over.
    pub(crate) act: Option<ActKind>,
    /// Of whom.
    pub(crate) of: Party,
}

impl From<Expected> for ExpectedNow {
    fn from(expected: Expected) -> Self {
        Self { act: expected.act, of: expected.of }
    }
}

/// An instant by Almaty's clocks, beside the same in UTC.
pub(crate) use nesie_domain::calendar::almaty_text as almaty;

/// Links of an application.
pub(crate) fn links(id: ApplicationId) -> Value {
    let own = format!("/v1/applications/{id}");
    json!({
        "self": own,
        "timeline": format!("{own}/timeline"),
        "disclosures": format!("{own}/disclosures"),
        "schedules": format!("{own}/schedules"),
        "contract": format!("{own}/contract"),
    })
}

/// The stage as JSON. A wait for compliance looks like the work that goes on around it.
pub(crate) fn stage(stage: &Stage, contract_frozen: bool, sees_aml: bool) -> Value {
    let shown = match stage {
        Stage::AwaitingScreeningDecision { .. } if !sees_aml && contract_frozen => &Stage::Processing { act: None },
        Stage::AwaitingScreeningDecision { .. } if !sees_aml => &Stage::Assessing,
        other => other,
    };
    json!(shown)
}

/// The outcome as JSON; a ground that must not be told is the neutral one.
pub(crate) fn outcome(outcome: Option<&Outcome>, sees_aml: bool) -> Value {
    match outcome {
        Some(Outcome::Refused { ground }) if ground.is_confidential() && !sees_aml => {
            json!({ "outcome": "refused", "ground": NEUTRAL_GROUND })
        }
        other => json!(other),
    }
}

/// What is expected next as JSON, with where to send it; null where nothing is expected of anybody.
pub(crate) fn expected(id: ApplicationId, expected: ExpectedNow, sees_aml: bool) -> Value {
    let Some(act) = expected.act else {
        // The one wait for staff that no act ends; everybody may learn of it, since the stage's own name says it.
        let call = expected.of == Party::Compliance;
        return if call { json!({ "act": VERIFICATION_CALL, "of": expected.of }) } else { Value::Null };
    };
    if act == ActKind::DecideScreeningMatch && !sees_aml {
        return Value::Null;
    }
    let mut answer = json!({ "act": act, "of": expected.of });
    if let Some((method, path)) = endpoint(id, act) {
        answer["method"] = method.into();
        answer["path"] = path.into();
    }
    answer
}

/// Where an act of the client is sent; decisions of staff go to their own lists.
fn endpoint(id: ApplicationId, act: ActKind) -> Option<(&'static str, String)> {
    let own = |method, name: &str| Some((method, format!("/v1/applications/{id}/{name}")));
    match act {
        ActKind::Acknowledge | ActKind::RenewConsent => own("POST", "acknowledgements"),
        ActKind::ChooseSchedule => own("PUT", "schedule"),
        ActKind::ChooseDisbursementMethod => own("PUT", "disbursement-method"),
        ActKind::Identify | ActKind::IdentifyForPayment | ActKind::IdentifyAfterLeak => own("POST", "identification"),
        ActKind::Sign => own("POST", "signature"),
        ActKind::Withdraw => own("POST", "withdrawal"),
        ActKind::DecideScreeningMatch | ActKind::DecideParkedStep => None,
    }
}

/// Who is waited for: the client, or the lender, whatever he is at; nobody while the client's time to think it over runs,
/// and where all is over. It follows from what everybody sees, so it does not tell that compliance is awaited.
pub(crate) fn waiting_for(stage: &Stage) -> Option<&'static str> {
    match (stage, stage.expected().of) {
        (Stage::Closed | Stage::CoolingOff { .. }, _) => None,
        (_, Party::Client) => Some("client"),
        _ => Some("lender"),
    }
}

/// An amount as it is stored.
pub(crate) fn money(tiyn: i64) -> String {
    Money::from_tiyn(tiyn).to_string()
}

/// A rate as it is stored.
pub(crate) fn rate(percent: Decimal) -> Result<String, Problem> {
    Rate::from_percent(percent).map(|rate| rate.to_string()).map_err(|error| crate::problem::internal(&error, "rate"))
}

/// A hash as lower hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use nesie_domain::application::RefusalGround;
    use nesie_domain::ids::ScreeningMatchId;
    use uuid::Uuid;

    use super::*;

    const ID: ApplicationId = ApplicationId::from_uuid(Uuid::nil());

    #[test]
    fn only_compliance_and_audit_learn_of_a_list() {
        let waiting = Stage::AwaitingScreeningDecision { match_id: ScreeningMatchId::from_uuid(Uuid::nil()) };
        assert_eq!(stage(&waiting, false, false), json!({ "stage": "assessing" }));
        assert_eq!(stage(&waiting, true, false), json!({ "stage": "processing", "act": null }));
        assert_eq!(stage(&waiting, false, true)["stage"], "awaiting_screening_decision");
        assert_eq!(expected(ID, waiting.expected().into(), false), Value::Null);
        assert_eq!(expected(ID, waiting.expected().into(), true)["of"], "compliance");

        let refused = Outcome::Refused { ground: RefusalGround::TerrorismFinancingList };
        assert_eq!(outcome(Some(&refused), false)["ground"], "not_granted");
        assert_eq!(outcome(Some(&refused), true)["ground"], "terrorism_financing_list");
        let debt = Outcome::Refused { ground: RefusalGround::DebtBurden };
        assert_eq!(outcome(Some(&debt), false)["ground"], "debt_burden");

        let lender = waiting_for(&Stage::Assessing);
        assert_eq!(lender, Some("lender"));
        assert_eq!(waiting_for(&waiting), lender, "a wait for compliance looks like any other");
        assert_eq!(waiting_for(&Stage::AwaitingScheduleChoice), Some("client"));
        assert_eq!(waiting_for(&Stage::Closed), None);
    }

    #[test]
    fn what_is_expected_says_where_to_send_it() {
        let sign = expected(ID, Stage::AwaitingSignature { tries_left: 3 }.expected().into(), false);
        assert_eq!(
            sign,
            json!({ "act": "sign", "of": "client", "method": "POST", "path": format!("/v1/applications/{ID}/signature") })
        );
        assert_eq!(expected(ID, Stage::Closed.expected().into(), false), Value::Null);
    }

    #[test]
    fn everybody_learns_that_the_verification_call_is_awaited() {
        let call = json!({ "act": "verification_call", "of": "compliance" });
        for sees_aml in [false, true] {
            assert_eq!(expected(ID, Stage::AwaitingVerificationCall.expected().into(), sees_aml), call);
            assert_eq!(expected(ID, Stage::Assessing.expected().into(), sees_aml), Value::Null);
        }
        assert_eq!(waiting_for(&Stage::AwaitingVerificationCall), Some("lender"));
    }
}
