//! What the client asks of the accounting, and which answers it takes for none.
//! Never the sandbox: a scripted server answers, so that every hostile answer can be told.

use super::*;
use crate::providers::ProviderErrorKind;
use crate::providers::testing::{Script, Server, assert_hostile_answers_are_errors, providers};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn opens_a_loan() {
    let opened = json!({"loan_id": "loan-1", "loan_reference": "L-1"});
    let (server, providers) = providers(Script::json(200, &opened)).await;
    let day = |month| NaiveDate::from_ymd_opt(2026, month, 15).expect("a day");
    let instalments = [Instalment {
        number: 1,
        due_on: day(2),
        principal: Money::from_tiyn(30_000_000),
        interest: Money::from_tiyn(900_000),
        total: Money::from_tiyn(30_900_000),
        balance_after: Money::ZERO,
    }];
    let loan = NewLoan {
        loan_reference: "L-1",
        application_id: ApplicationId::from_uuid(Uuid::nil()),
        amount: Money::from_tiyn(30_000_000),
        annual_rate: Rate::parse("36.0").expect("a rate"),
        method: RepaymentMethod::Bullet,
        disbursed_on: day(1),
        instalments: &instalments,
    };
    assert_eq!(providers.accounting.open_loan("key-1", &loan).await.expect("a loan").value.loan_id, "loan-1");
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /loans HTTP/1.1");
    assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
    let body = json!({"loan_reference": "L-1", "application_id": Uuid::nil(), "amount": 30_000_000,
        "annual_rate": "36.0", "method": "bullet", "disbursed_on": "2026-01-15", "instalments":
        [{"number": 1, "due_on": "2026-02-15", "principal": 30_000_000, "interest": 900_000}]});
    assert_eq!(asked.json(), body);

    server.answer(Script::json(200, &json!({"loan_id": "loan-1", "loan_reference": "L-2"})));
    assert!(providers.accounting.open_loan("key-1", &loan).await.is_err(), "another loan");
    assert_hostile_answers_are_errors(&server, async || providers.accounting.open_loan("key-1", &loan).await.map(drop))
        .await;
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).expect("a day")
}

/// Each of these bodies is no answer.
async fn assert_unreadable(server: &Server, bodies: &[Value], call: impl AsyncFn() -> Result<(), ProviderError>) {
    for body in bodies {
        server.answer(Script::json(200, body));
        let error = call().await.expect_err(&body.to_string());
        assert_eq!(error.kind, ProviderErrorKind::Unreadable, "{body}");
    }
    for status in [404, 409] {
        server.answer(Script::json(status, &json!({"error": "x"})));
        assert_eq!(call().await.map_err(|error| error.kind), Err(ProviderErrorKind::Status(status)));
    }
    assert_hostile_answers_are_errors(server, call).await;
}

/// The same body with another value in one place.
fn but(body: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = body.clone();
    *changed.pointer_mut(pointer).expect("the place is there") = value;
    changed
}

#[tokio::test]
async fn suspends_accrual() {
    let answer = json!({"loan_reference": "L 1", "suspension_id": "s-1", "reversed": {"interest": 12, "penalty": 0}});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let suspension = Suspension { effective_from: day(3), penalty: true, document_reference: "doc-1" };
    let suspend = async || providers.accounting.suspend("key-1", "L 1", &suspension).await;
    let suspended = suspend().await.expect("suspended").value;
    assert_eq!(suspended.suspension_id, "s-1");
    assert_eq!((suspended.reversed_interest.tiyn(), suspended.reversed_penalty), (12, Money::ZERO));
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /loans/L%201/suspension HTTP/1.1");
    assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
    let body = json!({"effective_from": "2026-11-03", "penalty": true, "document_reference": "doc-1"});
    assert_eq!(asked.json(), body);
    let bad = [
        but(&answer, "/loan_reference", json!("L 2")),
        but(&answer, "/suspension_id", json!("")),
        but(&answer, "/reversed/interest", json!(-1)),
        but(&answer, "/reversed/penalty", json!(0.5)),
        but(&answer, "/reversed", json!(null)),
    ];
    assert_unreadable(&server, &bad, async || suspend().await.map(drop)).await;
}

#[tokio::test]
async fn resumes_accrual() {
    let answer = json!({"loan_reference": "L-1", "resumption_id": "r-1", "back_accrued": 250});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let resume = async |back_accrual| {
        let resumption = Resumption { effective_on: day(9), back_accrual };
        providers.accounting.resume("key-1", "L-1", &resumption).await
    };
    let resumed = resume(true).await.expect("resumed").value;
    assert_eq!(resumed, Resumed { resumption_id: "r-1".to_owned(), back_accrued: Money::from_tiyn(250) });
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /loans/L-1/resumption HTTP/1.1");
    assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
    assert_eq!(asked.json(), json!({"effective_on": "2026-11-09", "back_accrual": true}));
    assert!(resume(false).await.is_err(), "interest came back although none was to");
    server.answer(Script::json(200, &but(&answer, "/back_accrued", json!(0))));
    assert_eq!(resume(false).await.expect("resumed").value.back_accrued, Money::ZERO);
    let bad = [
        but(&answer, "/loan_reference", json!("L-2")),
        but(&answer, "/resumption_id", json!("")),
        but(&answer, "/back_accrued", json!(-1)),
        but(&answer, "/back_accrued", json!("250")),
    ];
    assert_unreadable(&server, &bad, async || resume(true).await.map(drop)).await;
}

#[tokio::test]
async fn writes_a_loan_off() {
    let answer = json!({"loan_reference": "L-1", "write_off_id": "w-1",
        "written_off": {"principal": 3, "interest": 2, "penalty": 1}});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let write_off = async || providers.accounting.write_off("key-1", "L-1", day(5)).await;
    let written_off = write_off().await.expect("written off").value;
    let parts = [written_off.principal, written_off.interest, written_off.penalty].map(Money::tiyn);
    assert_eq!((written_off.write_off_id.as_str(), parts), ("w-1", [3, 2, 1]));
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "POST /loans/L-1/write-off HTTP/1.1");
    assert!(asked.headers.contains("idempotency-key: key-1\r\n"));
    assert_eq!(asked.json(), json!({"on": "2026-11-05"}));
    let bad = [
        but(&answer, "/loan_reference", json!("L-2")),
        but(&answer, "/write_off_id", json!("")),
        but(&answer, "/written_off/principal", json!(-3)),
        but(&answer, "/written_off/penalty", json!(null)),
    ];
    assert_unreadable(&server, &bad, async || write_off().await.map(drop)).await;
}

#[tokio::test]
async fn reads_the_debt_on_a_day() {
    let answer = json!({"loan_reference": "L-1", "on": "2026-11-05", "principal": 3, "interest": 2, "penalty": 1,
        "accruing": false});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let balance = async || providers.accounting.balance("L-1", day(5)).await;
    let owed = balance().await.expect("a balance").value;
    assert_eq!([owed.principal, owed.interest, owed.penalty].map(Money::tiyn), [3, 2, 1]);
    assert!(!owed.accruing);
    assert_eq!(server.requests()[0].line, "GET /loans/L-1/balance?on=2026-11-05 HTTP/1.1");
    let bad = [
        but(&answer, "/loan_reference", json!("L-2")),
        but(&answer, "/on", json!("2026-11-06")),
        but(&answer, "/principal", json!(-3)),
        but(&answer, "/accruing", json!(null)),
    ];
    assert_unreadable(&server, &bad, async || balance().await.map(drop)).await;
}

#[tokio::test]
async fn reads_the_payments() {
    let payment = |id: &str| json!({"payment_id": id, "paid_on": "2026-11-05", "amount": 7, "collected": true});
    let answer = json!({"loan_reference": "L-1", "payments": [payment("p-1"), payment("p-2")]});
    let (server, providers) = providers(Script::json(200, &answer)).await;
    let payments = async || providers.accounting.payments("L-1").await;
    let made = payments().await.expect("payments").value;
    let first =
        MadePayment { payment_id: "p-1".to_owned(), paid_on: day(5), amount: Money::from_tiyn(7), collected: true };
    assert_eq!((made.len(), &made[0]), (2, &first));
    assert_eq!(server.requests()[0].line, "GET /loans/L-1/payments HTTP/1.1");
    server.answer(Script::json(200, &json!({"loan_reference": "L-1", "payments": []})));
    assert!(payments().await.expect("payments").value.is_empty());
    let bad = [
        but(&answer, "/loan_reference", json!("L-2")),
        but(&answer, "/payments/1/payment_id", json!("p-1")),
        but(&answer, "/payments/1/payment_id", json!("")),
        but(&answer, "/payments/0/amount", json!(0)),
        but(&answer, "/payments/0/amount", json!(-7)),
        but(&answer, "/payments/0/paid_on", json!("05.11.2026")),
        but(&answer, "/payments/0/collected", json!("yes")),
        but(&answer, "/payments", json!(null)),
    ];
    assert_unreadable(&server, &bad, async || payments().await.map(drop)).await;
}
