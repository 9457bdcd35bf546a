//! A fraud incident is reported. The same incident again is answered with the first case.

use nesie_domain::incident::IncidentKind;
use nesie_storage::bodies::cases::FraudReport;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{KIND, read_clients};
use crate::app::App;
use crate::cases::{self, Report};
use crate::parse::Fields;
use crate::problem::{Problem, internal};
use crate::routes::cases::report::report_route;

/// A fraud incident.
#[derive(Deserialize, ToSchema)]
#[schema(as = FraudIncident)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct FraudIncidentRequest {
    /// The lender's own number of the incident: the same one again is the same incident.
    #[schema(example = "INC-2026-17")]
    reference: String,
    /// `unauthorised_access`, `unauthorised_change`, `third_party_acts` or `other_fraud`.
    kind: String,
    /// When it was detected: the terms of 1 and 2 working days run from it.
    detected_at: chrono::DateTime<chrono::Utc>,
    /// What happened, in your own words.
    description: String,
    /// Who is affected, as far as it is known; more can be added while the case is open.
    clients: Option<Vec<AffectedClientRequest>>,
    /// What proves it: `name`, `content_type`, `content` (base64).
    documents: Option<Vec<Value>>,
}

/// A client whom an incident affects.
#[derive(Deserialize, ToSchema)]
#[schema(as = AffectedClient)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct AffectedClientRequest {
    /// Twelve digits.
    iin: String,
    /// `+7 7XX XXX XX XX`: the notice goes there.
    phone: String,
    /// The loans concerned, by the lender's own references.
    loans: Option<Vec<String>>,
    /// When it was established that the client is affected: the term to inform the client runs from it. Absent: the
    /// detection, or for a client who is added later, now.
    established_at: Option<chrono::DateTime<chrono::Utc>>,
}

report_route! {
    /// Сообщить об инциденте (пункт 13, часть первая)
    "/v1/fraud-incidents" by CaseReporters, FraudIncidentRequest, "Инцидент уже зарегистрирован", async |_: &App, body: &[u8], _| read(body)
}

fn read(body: &[u8]) -> Result<Report, Problem> {
    let mut fields = Fields::read(body)?;
    let reference = fields.label("/reference");
    let text = fields.text("/kind");
    let kind = text.and_then(|text| {
        let kind = IncidentKind::parse(&text);
        if kind.is_none() {
            let known = IncidentKind::ALL.map(IncidentKind::as_str).join(", ");
            fields.refuse("/kind", "incident.kind_unknown", format!("Допустимые значения: {known}"));
        }
        kind
    });
    let detected_at = fields.past_instant("/detected_at");
    let description = fields.words("/description");
    let clients = read_clients(&mut fields, false);
    if let (Some(detected_at), Some(clients)) = (detected_at, &clients) {
        for (at, client) in clients.iter().enumerate() {
            if client.established_at.is_some_and(|established| established < detected_at) {
                let message = "Клиент не может быть установлен раньше, чем обнаружен инцидент";
                fields.refuse(&format!("/clients/{at}/established_at"), "established_at.before_detection", message);
            }
        }
    }
    let documents = cases::read_documents(&mut fields, 0);
    let parsed = (|| Some((reference?, kind?, detected_at?, description?, clients?, documents?)))();
    let (reference, kind, detected_at, description, clients, documents) = fields.finish(parsed)?;
    let summary = json!({
        "reference": reference, "kind": kind, "detected_at": detected_at, "clients_reported": clients.len(),
    });
    let details = FraudReport { kind, detected_at, description, clients };
    let details = serde_json::to_value(&details).map_err(|error| internal(&error, "a report is no JSON"))?;
    Ok(Report { kind: KIND, natural_key: reference, details, summary, documents })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(body: &Value) -> Vec<(String, String)> {
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes()) else { panic!("not a 422") };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn every_bad_field_is_named() {
        let named = codes(&json!({
            "reference": " ", "kind": "theft", "detected_at": "2999-01-01T00:00:00Z", "clients": [
                {"iin": "1", "phone": "2", "established_at": "2019-12-31T00:00:00Z"}],
            "documents": [{"name": "a", "content_type": "pdf", "content": "%"}], "more": 1,
        }));
        for expected in [
            ("/reference", "label.length"),
            ("/kind", "incident.kind_unknown"),
            ("/detected_at", "instant.in_the_future"),
            ("/description", "required"),
            ("/clients/0/iin", "iin.format"),
            ("/clients/0/established_at", "instant.before_the_rules"),
            ("/documents/0/content_type", "document.content_type"),
            ("/more", "unknown_field"),
        ] {
            assert!(named.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{expected:?} in {named:?}");
        }
    }

    #[test]
    fn a_client_is_not_established_before_the_detection() {
        let named = codes(&json!({
            "reference": "INC-1", "kind": "other_fraud", "detected_at": "2026-11-20T10:00:00Z", "description": "x",
            "clients": [{"iin": "900101300811", "phone": "+77011234567", "established_at": "2026-11-20T09:00:00Z"}],
        }));
        let expected = ("/clients/0/established_at".to_owned(), "established_at.before_detection".to_owned());
        assert_eq!(named, [expected]);
    }

    #[test]
    fn the_summary_holds_no_person() {
        let body = json!({
            "reference": "INC-1", "kind": "other_fraud", "detected_at": "2026-11-20T10:00:00Z", "description": "x",
            "clients": [{"iin": "900101300811", "phone": "+77011234567", "loans": ["L-1"]}],
        });
        let report = read(body.to_string().as_bytes()).expect("a report");
        assert_eq!(report.natural_key, "INC-1");
        let summary = report.summary.to_string();
        assert!(!summary.contains("900101300811") && !summary.contains("7701"), "{summary}");
        assert_eq!(report.summary["clients_reported"], 1);
    }
}
