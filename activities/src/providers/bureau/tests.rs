//! The bureau's client beside scripted answers: good ones, hostile ones, and what is asked.

use super::*;
use crate::providers::ProviderErrorKind;
use crate::providers::testing::{Script, assert_hostile_answers_are_errors, iin, providers};
use serde_json::{Value, json};

fn report() -> Value {
    json!({"report_id": "report-1", "created_at": "2026-11-22T10:00:00.000Z", "iin": iin().as_str(),
        "voluntary_refusal": {"status": "NONE", "since": null, "source": "egov"},
        "overdue_days_current": 0, "overdue_days_max_12m": 12,
        "monthly_payments": 4_500_000, "average_monthly_income": 60_000_000})
}

#[tokio::test]
async fn reads_a_report() {
    let (server, providers) = providers(Script::json(200, &report())).await;
    let answer = providers.bureau.report("request-1", &iin()).await.expect("a report");
    assert_eq!(answer.value.voluntary_refusal.status, VoluntaryRefusalStatus::None);
    assert_eq!(answer.value.monthly_payments, Money::from_tiyn(4_500_000));
    assert_eq!(answer.value.average_monthly_income, Some(Money::from_tiyn(60_000_000)));
    assert_eq!(answer.raw, report().to_string().into_bytes());
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /reports HTTP/1.1");
    assert_eq!(asked.json(), json!({"request_id": "request-1", "iin": iin().as_str()}));
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_unreadable() {
    let (server, providers) = providers(Script::HangUp).await;
    type Breaking = fn(&mut Value);
    let broken: &[(&str, Breaking)] = &[
        ("unknown status", |report| report["voluntary_refusal"]["status"] = json!("PENDING")),
        ("no status", |report| report["voluntary_refusal"] = json!({"since": null, "source": "egov"})),
        ("since left out", |report| report["voluntary_refusal"] = json!({"status": "NONE", "source": "egov"})),
        ("another person", |report| report["iin"] = json!("800416300257")),
        ("income left out", |report| {
            drop(report.as_object_mut().expect("an object").remove("average_monthly_income"));
        }),
        ("payments below zero", |report| report["monthly_payments"] = json!(-1)),
        ("payments not whole", |report| report["monthly_payments"] = json!(1.5)),
        ("overdue below zero", |report| report["overdue_days_current"] = json!(-1)),
    ];
    for (name, breaking) in broken {
        let mut report = report();
        breaking(&mut report);
        server.answer(Script::json(200, &report));
        let error = providers.bureau.report("request-1", &iin()).await.expect_err(name);
        assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{name}");
    }
    assert_hostile_answers_are_errors(&server, async || providers.bureau.report("r", &iin()).await.map(drop)).await;
}

#[tokio::test]
async fn reports_a_contract() {
    let receipt = json!({"receipt_id": "receipt-1", "contract_reference": "C-1"});
    let (server, providers) = providers(Script::json(200, &receipt)).await;
    let person = iin();
    let contract = ContractInformation {
        contract_reference: "C-1",
        iin: &person,
        amount: Money::from_tiyn(30_000_000),
        granted_on: NaiveDate::from_ymd_opt(2026, 1, 15).expect("a day"),
        annual_rate: Rate::parse("36.0").expect("a rate"),
        term: Term::Months(12),
    };
    let answer = providers.bureau.report_contract("key-1", &contract).await.expect("a receipt");
    assert_eq!(answer.value.receipt_id, "receipt-1");
    let asked = &server.requests()[0];
    assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
    let body = json!({"contract_reference": "C-1", "iin": person.as_str(), "amount": 30_000_000,
        "granted_on": "2026-01-15", "annual_rate": "36.0", "term_days": null, "term_months": 12});
    assert_eq!(asked.json(), body);

    server.answer(Script::json(200, &json!({"receipt_id": "receipt-1", "contract_reference": "C-2"})));
    assert!(providers.bureau.report_contract("key-1", &contract).await.is_err(), "another contract's receipt");
    assert_hostile_answers_are_errors(&server, async || {
        providers.bureau.report_contract("key-1", &contract).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn tells_what_changed_and_takes_only_an_acknowledgement_of_that_contract() {
    let answer = json!({"acknowledgement_id": "a-1", "contract_reference": "C-1"});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let (bureau, person) = (&providers.bureau, iin());
    let day = NaiveDate::from_ymd_opt(2026, 11, 24).expect("a day");
    let suspension = SuspensionOfInformation {
        contract_reference: "C-1",
        iin: &person,
        effective_from: day,
        document_reference: "doc-1",
    };
    let resumption =
        ResumptionOfInformation { contract_reference: "C-1", iin: &person, effective_on: day, overdue_days: 4 };
    let correction = Correction {
        contract_reference: "C-1",
        iin: &person,
        corrected_on: day,
        overdue_days: 0,
        principal: Money::ZERO,
        interest: Money::from_tiyn(2),
        penalty: Money::from_tiyn(1),
    };
    let tell = async |number: usize| match number {
        0 => bureau.suspend_information("key-1", &suspension).await,
        1 => bureau.resume_information("key-1", &resumption).await,
        _ => bureau.correct("key-1", &correction).await,
    };
    let sent = [
        ("suspensions", json!({"effective_from": "2026-11-24", "document_reference": "doc-1"})),
        ("resumptions", json!({"effective_on": "2026-11-24", "overdue_days": 4})),
        (
            "corrections",
            json!({"corrected_on": "2026-11-24", "overdue_days": 0, "principal": 0, "interest": 2, "penalty": 1}),
        ),
    ];
    for (number, (path, mut body)) in sent.into_iter().enumerate() {
        server.answer(Script::json(200, &answer));
        assert_eq!(tell(number).await.expect("acknowledged").value.acknowledgement_id, "a-1");
        let asked = server.requests().last().cloned().expect("a request");
        assert_eq!(asked.line, format!("POST /{path} HTTP/1.1"));
        assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
        body["contract_reference"] = json!("C-1");
        body["iin"] = json!(person.as_str());
        assert_eq!(asked.json(), body);
        for bad in [
            json!({"acknowledgement_id": "a-1", "contract_reference": "C-2"}),
            json!({"acknowledgement_id": "", "contract_reference": "C-1"}),
            json!({"contract_reference": "C-1"}),
        ] {
            server.answer(Script::json(200, &bad));
            let error = tell(number).await.expect_err("no acknowledgement");
            assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{path} {bad}");
        }
        assert_hostile_answers_are_errors(&server, async || tell(number).await.map(drop)).await;
    }
}
