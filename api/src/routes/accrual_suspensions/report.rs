//! A document of the criminal process is reported. The same document again is answered with the first case.

use chrono::{DateTime, NaiveDate, Utc};
use nesie_domain::iin::Iin;
use nesie_domain::suspension::HoldingDocument;
use nesie_storage::bodies::cases::SuspensionReport;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::KIND;
use crate::app::App;
use crate::cases::{self, Document, Report};
use crate::parse::Fields;
use crate::problem::{Problem, internal};
use crate::routes::cases::loans;
use crate::routes::cases::report::report_route;

/// Loans that one document names at most.
const LOANS_MAX: usize = 50;

/// A document on which loans are suspended.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccrualSuspension)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct AccrualSuspensionRequest {
    /// The document's particulars.
    document: HoldingDocumentRequest,
    /// When the lender received it: the terms of 3 working days run from it.
    received_at: DateTime<Utc>,
    /// The borrower, twelve digits.
    iin: String,
    /// The loans that it names, by the lender's own references.
    loans: Vec<String>,
    /// The document itself, at least one file: `name`, `content_type`, `content` (base64).
    documents: Vec<Value>,
}

/// The particulars of a document of the criminal process.
#[derive(Deserialize, ToSchema)]
#[schema(as = HoldingDocument)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct HoldingDocumentRequest {
    /// `representation_art200` or `victim_ruling_art71`.
    kind: String,
    number: String,
    issued_on: NaiveDate,
    /// The body that issued it.
    issuing_body: String,
    /// The officer who signed it.
    officer: String,
    /// The number of the criminal case (ЕРДР).
    criminal_case: String,
}

report_route! {
    /// Зарегистрировать представление или постановление (пункт 13, часть вторая)
    "/v1/accrual-suspensions" by ComplianceOnly, AccrualSuspensionRequest, "Документ уже зарегистрирован", made
}

async fn made(app: &App, body: &[u8], _: DateTime<Utc>) -> Result<Report, Problem> {
    let (report, documents) = read(body)?;
    loans::of_person(app, &report.iin, &report.loans, |at| format!("/loans/{at}")).await?;
    as_report(&report, documents)
}

fn read(body: &[u8]) -> Result<(SuspensionReport, Vec<Document>), Problem> {
    let mut fields = Fields::read(body)?;
    let kind = fields.text("/document/kind").and_then(|text| {
        let kind = HoldingDocument::parse(&text);
        if kind.is_none() {
            let known = HoldingDocument::ALL.map(HoldingDocument::as_str).join(", ");
            fields.refuse("/document/kind", "document.kind_unknown", format!("Допустимые значения: {known}"));
        }
        kind
    });
    let number = fields.label("/document/number");
    let issued_on = fields.past_date("/document/issued_on");
    let issuing_body = fields.label("/document/issuing_body");
    let officer = fields.label("/document/officer");
    let criminal_case = fields.label("/document/criminal_case");
    let received_at = fields.past_instant("/received_at");
    if issued_on.zip(received_at).is_some_and(|(issued_on, received_at)| issued_on > crate::time::day(received_at)) {
        let message = "Документ не может быть выдан позже получения";
        fields.refuse("/document/issued_on", "document.issued_after_receipt", message);
    }
    let iin = fields.parsed("/iin", Iin::parse);
    let loans = read_loans(&mut fields);
    let documents = cases::read_documents(&mut fields, 1);
    let parsed = (|| {
        let report = SuspensionReport {
            kind: kind?,
            number: number?,
            issued_on: issued_on?,
            issuing_body: issuing_body?,
            officer: officer?,
            criminal_case: criminal_case?,
            received_at: received_at?,
            iin: iin?,
            loans: loans?,
        };
        Some((report, documents?))
    })();
    fields.finish(parsed)
}

fn read_loans(fields: &mut Fields) -> Option<Vec<String>> {
    let count = fields.list("/loans", LOANS_MAX);
    let mut loans = Vec::with_capacity(count);
    for at in 0..count {
        let pointer = format!("/loans/{at}");
        let Some(loan) = fields.label(&pointer) else { continue };
        if loans.contains(&loan) {
            fields.refuse(&pointer, "loan.twice", "Этот микрокредит уже указан");
        }
        loans.push(loan);
    }
    Some(loans).filter(|loans| loans.len() == count && count > 0)
}

fn as_report(report: &SuspensionReport, documents: Vec<Document>) -> Result<Report, Problem> {
    let summary = json!({
        "document": report.kind, "issued_on": report.issued_on, "received_at": report.received_at, "loans": report.loans,
    });
    let natural_key = [report.kind.as_str(), &report.issuing_body, &report.number, &report.issued_on.to_string()];
    let natural_key = natural_key.join("|");
    let details = serde_json::to_value(report).map_err(|error| internal(&error, "a report is no JSON"))?;
    Ok(Report { kind: KIND, natural_key, details, summary, documents })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({
            "document": {
                "kind": "representation_art200", "number": "17-4/2026", "issued_on": "2026-11-20",
                "issuing_body": "УП Алмалинского района", "officer": "Следователь Т.", "criminal_case": "267500121000001",
            },
            "received_at": "2026-11-23T10:00:00+05:00", "iin": "900101300017", "loans": ["MC-1"],
            "documents": [{"name": "представление.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjc="}],
        })
    }

    fn named(body: &Value) -> Vec<(String, String)> {
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes()) else { panic!("not a 422: {body}") };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_document_is_read_and_its_summary_names_no_person() {
        let (report, documents) = read(body().to_string().as_bytes()).expect("a report");
        let report = as_report(&report, documents).expect("a report");
        assert_eq!(report.natural_key, "representation_art200|УП Алмалинского района|17-4/2026|2026-11-20");
        let summary = report.summary.to_string();
        assert!(!summary.contains("900101300017") && !summary.contains("Следователь"), "{summary}");
    }

    #[test]
    fn every_bad_field_is_named() {
        for (pointer, value, code) in [
            ("/document/kind", json!("letter"), "document.kind_unknown"),
            ("/document/number", json!(" "), "label.length"),
            ("/document/issued_on", json!("2026-11-24"), "document.issued_after_receipt"),
            ("/document/issued_on", json!("2019-12-31"), "date.before_the_rules"),
            ("/document/officer", json!(null), "required"),
            ("/document/criminal_case", json!(null), "required"),
            ("/received_at", json!("2999-01-01T00:00:00Z"), "instant.in_the_future"),
            ("/iin", json!("1"), "iin.format"),
            ("/loans", json!([]), "type.list"),
            ("/loans", json!(["MC-1", "MC-1"]), "loan.twice"),
            ("/documents", json!([]), "type.list"),
        ] {
            let mut bad = body();
            *bad.pointer_mut(pointer).expect("a field") = value;
            let named = named(&bad);
            let found = named.iter().any(|(at, known)| at.starts_with(pointer) && known == code);
            assert!(found, "{pointer} {code} in {named:?}");
        }
    }
}
