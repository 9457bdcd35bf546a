//! A verdict of non-receipt is reported. The same verdict on the same loan again is answered with the first case.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::iin::Iin;
use nesie_storage::bodies::write_offs::VerdictReport;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{KIND, read_established, read_verdict};
use crate::app::App;
use crate::cases::{self, Document, Report};
use crate::parse::Fields;
use crate::problem::{Problem, internal};
use crate::routes::cases::loans;
use crate::routes::cases::report::report_route;

/// A verdict that the client never received the microcredit.
#[derive(Deserialize, ToSchema)]
#[schema(as = WriteOff)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct WriteOffRequest {
    verdict: VerdictRequest,
    /// Twelve digits.
    iin: String,
    /// The lender's own reference of the loan.
    loan: String,
    /// Who, a lawyer of the lender, confirmed that the verdict finds it so.
    confirmed_by_lawyer: String,
    /// The verdict, at least: `name`, `content_type`, `content` (base64).
    documents: Vec<Value>,
}

/// The verdict.
#[derive(Deserialize, ToSchema)]
#[schema(as = Verdict)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct VerdictRequest {
    court: String,
    /// The number of the act.
    number: String,
    issued_on: NaiveDate,
    in_force_on: NaiveDate,
    /// When the lender received it.
    received_at: DateTime<Utc>,
    /// `true`: the verdict establishes that the client did not receive the microcredit.
    non_receipt_established: bool,
}

report_route! {
    /// Сообщить о приговоре, установившем неполучение микрокредита (пункт 13, часть четвертая)
    "/v1/write-offs" by ComplianceOnly, WriteOffRequest, "Приговор уже зарегистрирован", made
}

async fn made(app: &App, body: &[u8], _: DateTime<Utc>) -> Result<Report, Problem> {
    let (report, documents) = read(body)?;
    loans::of_person(app, &report.iin, std::slice::from_ref(&report.loan), |_| "/loan".to_owned()).await?;
    case_of(&report, documents)
}

fn read(body: &[u8]) -> Result<(VerdictReport, Vec<Document>), Problem> {
    let mut fields = Fields::read(body)?;
    let verdict = read_verdict(&mut fields, "/verdict");
    let received_at = fields.past_instant("/verdict/received_at");
    if let (Some(verdict), Some(received_at)) = (&verdict, received_at)
        && crate::time::day(received_at) < verdict.issued_on
    {
        let message = "Приговор не может быть получен раньше, чем вынесен";
        fields.refuse("/verdict/received_at", "verdict.received_before_issue", message);
    }
    let message = "Долг списывается, только если приговором установлено, что клиент не получал микрокредит";
    let pointer = "/verdict/non_receipt_established";
    let established = read_established(&mut fields, pointer, "verdict.non_receipt_not_established", message);
    let iin = fields.parsed("/iin", Iin::parse);
    let loan = fields.label("/loan");
    let confirmed_by_lawyer = fields.label("/confirmed_by_lawyer");
    let documents = cases::read_documents(&mut fields, 1);
    let parsed = (|| {
        established?;
        let report = VerdictReport {
            verdict: verdict?,
            received_at: received_at?,
            iin: iin?,
            loan: loan?,
            confirmed_by_lawyer: confirmed_by_lawyer?,
        };
        Some((report, documents?))
    })();
    fields.finish(parsed)
}

fn case_of(report: &VerdictReport, documents: Vec<Document>) -> Result<Report, Problem> {
    let verdict = &report.verdict;
    let natural_key = format!("{}|{}|{}", verdict.court.to_lowercase(), verdict.number.to_lowercase(), report.loan);
    let summary = json!({
        "loan": report.loan,
        "court": verdict.court,
        "number": verdict.number,
        "issued_on": verdict.issued_on,
        "in_force_on": verdict.in_force_on,
        "received_at": report.received_at,
    });
    let details = serde_json::to_value(report).map_err(|error| internal(&error, "a report is no JSON"))?;
    Ok(Report { kind: KIND, natural_key, details, summary, documents })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({
            "verdict": {"court": "Алмалинский районный суд", "number": "1-17/2026", "issued_on": "2026-10-01",
                "in_force_on": "2026-10-20", "received_at": "2026-10-21T09:00:00+05:00", "non_receipt_established": true},
            "iin": "900101300811", "loan": "MK-1", "confirmed_by_lawyer": "Юрист А. Б.",
            "documents": [{"name": "v.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjc="}],
        })
    }

    fn codes(body: &Value) -> Vec<(String, String)> {
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes()) else { panic!("not a 422") };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_verdict_is_read_and_its_summary_holds_no_person() {
        let Ok((report, documents)) = read(body().to_string().as_bytes()) else { panic!("a report") };
        let Ok(case) = case_of(&report, documents) else { panic!("a case") };
        assert_eq!(case.natural_key, "алмалинский районный суд|1-17/2026|MK-1");
        let summary = case.summary.to_string();
        assert!(!summary.contains("900101300811") && !summary.contains("Юрист"), "{summary}");
    }

    #[test]
    fn every_contradiction_is_named() {
        for (pointer, value, code) in [
            ("/verdict/issued_on", json!("2999-01-01"), "date.in_the_future"),
            ("/verdict/issued_on", json!("2019-12-31"), "date.before_the_rules"),
            ("/verdict/in_force_on", json!("2026-09-30"), "verdict.in_force_before_issue"),
            ("/verdict/received_at", json!("2026-09-30T09:00:00+05:00"), "verdict.received_before_issue"),
            ("/verdict/non_receipt_established", json!(false), "verdict.non_receipt_not_established"),
            ("/documents", json!([]), "type.list"),
            ("/confirmed_by_lawyer", json!(" "), "label.length"),
        ] {
            let mut changed = body();
            *changed.pointer_mut(pointer).expect("a field") = value;
            assert_eq!(codes(&changed), [(pointer.to_owned(), code.to_owned())]);
        }
    }
}
