//! A leak of personal data is reported. The same report again is answered with the first case.

use nesie_storage::bodies::cases::LeakReport;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{KIND, read_clients};
use crate::app::App;
use crate::cases::{self, Report};
use crate::parse::Fields;
use crate::problem::{Problem, internal};
use crate::routes::cases::report::report_route;

/// A leak of personal data.
#[derive(Deserialize, ToSchema)]
#[schema(as = DataLeak)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct DataLeakRequest {
    /// The lender's own number of the report: the same one again is the same report.
    #[schema(example = "LEAK-2026-3")]
    reference: String,
    /// Where the information came from.
    source: String,
    /// When you learned of the leak.
    learned_at: chrono::DateTime<chrono::Utc>,
    /// What is known, in your own words.
    description: String,
    /// Whose data it is, 1 to 2000; more can be added while the case is open.
    clients: Vec<LeakedClientRequest>,
    /// What proves it: `name`, `content_type`, `content` (base64).
    documents: Option<Vec<Value>>,
}

/// A client whose data was leaked.
#[derive(Deserialize, ToSchema)]
#[schema(as = LeakedClient)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct LeakedClientRequest {
    /// Twelve digits.
    iin: String,
}

report_route! {
    /// Сообщить о распространении персональных данных (пункт 36)
    "/v1/data-leaks" by CaseReporters, DataLeakRequest, "Сообщение уже зарегистрировано", async |_: &App, body: &[u8], _| read(body)
}

fn read(body: &[u8]) -> Result<Report, Problem> {
    let mut fields = Fields::read(body)?;
    let reference = fields.label("/reference");
    let source = fields.words("/source");
    let learned_at = fields.past_instant("/learned_at");
    let description = fields.words("/description");
    let clients = read_clients(&mut fields);
    let documents = cases::read_documents(&mut fields, 0);
    let parsed = (|| Some((reference?, source?, learned_at?, description?, clients?, documents?)))();
    let (reference, source, learned_at, description, clients, documents) = fields.finish(parsed)?;
    let summary = json!({ "reference": reference, "learned_at": learned_at, "clients_reported": clients.len() });
    let details = LeakReport { source, learned_at, description, clients };
    let details = serde_json::to_value(&details).map_err(|error| internal(&error, "a report is no JSON"))?;
    Ok(Report { kind: KIND, natural_key: reference, details, summary, documents })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named() {
        let body = json!({
            "reference": " ", "source": "", "learned_at": "2999-01-01T00:00:00Z", "clients": [{"iin": "1"}], "more": 1,
        });
        let Err(Problem::Invalid(errors)) = read(body.to_string().as_bytes()) else { panic!("not a 422") };
        let named: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_str())).collect();
        for expected in [
            ("/reference", "label.length"),
            ("/source", "text.length"),
            ("/learned_at", "instant.in_the_future"),
            ("/description", "required"),
            ("/clients/0/iin", "iin.format"),
            ("/more", "unknown_field"),
        ] {
            assert!(named.contains(&expected), "{expected:?} in {named:?}");
        }
        let nobody = json!({
            "reference": "L-1", "source": "СМИ", "learned_at": "2026-11-20T10:00:00Z", "description": "x", "clients": [],
        });
        assert!(read(nobody.to_string().as_bytes()).is_err(), "a leak names at least one client");
    }

    #[test]
    fn the_summary_holds_no_person_and_no_words() {
        let body = json!({
            "reference": "L-1", "source": "канал", "learned_at": "2026-11-20T10:00:00Z", "description": "слова",
            "clients": [{"iin": "900101300811"}],
        });
        let report = read(body.to_string().as_bytes()).expect("a report");
        let summary = report.summary.to_string();
        assert!(!summary.contains("900101300811") && !summary.contains("канал"), "{summary}");
        assert_eq!(report.natural_key, "L-1");
    }
}
