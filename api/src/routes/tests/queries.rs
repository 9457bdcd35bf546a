//! The parameters of lists: each that can not be asked for is named, and `next` leads to every entry once.

use nesie_domain::approval::ApprovalKind;
use nesie_domain::case::CaseKind;
use nesie_domain::ids::{ApplicationId, ParkedStepId, ScreeningMatchId};
use nesie_storage::parked::{self, NewParkedStep};
use nesie_storage::screening::{self, NewMatch};
use uuid::Uuid;

use super::*;

fn document() -> Value {
    serde_json::to_value(crate::document()).expect("JSON")
}

/// Every documented route that reads a query, filled in, with the names of its parameters.
fn queried() -> Vec<(String, Vec<String>)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let mut queried = Vec::new();
    for (path, item) in paths {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let names = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let names: Vec<String> = names.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
        if !names.is_empty() {
            queried.push((filled(path), names));
        }
    }
    queried
}

/// What was refused: each parameter with its code.
fn refused(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let errors = answer.body["errors"].as_array().expect("errors");
    errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
}

fn named(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn every_list_names_the_parameter_that_it_refuses(pool: PgPool) {
    let api = Api::start(pool).await;
    let everything = token("somebody", &ROLES);
    let queried = queried();
    let pages = queried.iter().filter(|(_, names)| names.iter().any(|name| name == "limit")).count();
    assert!(pages >= 15, "{queried:?}");
    for (path, names) in queried {
        let unknown = api.get(&everything, &format!("{path}?no_such=1")).await;
        assert_eq!(refused(&unknown), [named("?no_such", "query.unknown")], "{path}");
        let name = &names[0];
        let repeated = api.get(&everything, &format!("{path}?{name}=1&{name}=2")).await;
        assert_eq!(refused(&repeated), [named(&format!("?{name}"), "query.repeated")], "{path}");
        if names.iter().any(|name| name == "limit") {
            let none = api.get(&everything, &format!("{path}?limit=0")).await;
            assert_eq!(refused(&none), [named("?limit", "limit.out_of_range")], "{path}");
        }
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_stage_that_no_case_has_is_named(pool: PgPool) {
    let api = Api::start(pool).await;
    let auditor = token("a", &["auditor"]);
    for path in CaseKind::ALL.map(crate::cases::path) {
        for name in ["%00", "nonsense", "", "assessing"] {
            let answer = api.get(&auditor, &format!("{path}?stage={name}")).await;
            assert_eq!(refused(&answer), [named("?stage", "stage.unknown")], "{path} {name}");
        }
        let both = api.get(&auditor, &format!("{path}?stage=nonsense&limit=0")).await;
        assert_eq!(refused(&both), [named("?stage", "stage.unknown"), named("?limit", "limit.out_of_range")]);
        for name in nesie_domain::case::CaseStage::NAMES {
            let answer = api.get(&auditor, &format!("{path}?stage={name}")).await;
            assert_eq!((answer.status, &answer.body["items"]), (StatusCode::OK, &json!([])), "{path} {name}");
        }
    }
}

#[test]
fn the_document_names_every_kind_of_request_for_a_second_person() {
    let document = document();
    let parameters = document["paths"]["/v1/approvals"]["get"]["parameters"].as_array().expect("parameters");
    let kind = parameters.iter().find(|parameter| parameter["name"] == "kind").expect("a kind");
    let words = kind["description"].as_str().expect("words");
    for kind in ApprovalKind::ALL {
        assert!(words.contains(&format!("`{}`", kind.as_str())), "{} in {words}", kind.as_str());
    }
}

/// Follows `next` to the end, an entry a page: the ids in the order in which they came.
async fn followed(api: &Api, token: &str, path: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while ids.len() < 10 {
        let page = api.get(token, &format!("{path}?limit=1{cursor}")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        let items = page.body["items"].as_array().expect("items");
        assert_eq!(items.len(), 1, "{path}: {}", page.body);
        ids.push(items[0]["id"].as_str().expect("an id").to_owned());
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ids
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn next_leads_to_every_entry_once(pool: PgPool) {
    let api = Api::start(pool).await;
    let (service, compliance) = (token("front", &["service"]), token("c", &["compliance"]));
    let mut applications = Vec::new();
    for key in ["key-1", "key-2", "key-3"] {
        let submitted = api.post(&service, "/v1/applications", key, &application()).await;
        applications.push(submitted.body["id"].as_str().expect("an id").to_owned());
    }
    // Entries of one instant: the ids alone tell them apart.
    let now = crate::time::now();
    let ids = [7, 8, 9].map(Uuid::from_u128);
    let mut connection = api.pool.acquire().await.expect("a connection");
    for (id, application) in ids.iter().zip(&applications) {
        let application_id: ApplicationId = application.parse().expect("a UUID");
        let step = NewParkedStep {
            id: ParkedStepId::from_uuid(*id),
            owner: application_id.into(),
            step: "fetch_credit_report",
            occasion: 1,
            provider: Some("bureau"),
            failure_code: "provider.timed_out",
            retry_is_safe: true,
            nothing_sent: false,
            explanation: "Бюро не ответило.",
            parked_at: now,
        };
        parked::insert(&mut connection, &step).await.expect("parked");
        let found = NewMatch {
            id: ScreeningMatchId::from_uuid(*id),
            application_id,
            occasion: "assessment",
            number: 1,
            matches: &json!([]),
            list_versions: &json!([]),
            at: now,
        };
        screening::open_match(&mut connection, &found).await.expect("opened");
    }
    let waiting = ids.map(|id| id.to_string());
    assert_eq!(followed(&api, &compliance, "/v1/parked-steps").await, waiting);
    assert_eq!(followed(&api, &compliance, "/v1/screening-matches").await, waiting);
    // The newest first.
    applications.reverse();
    assert_eq!(followed(&api, &service, "/v1/applications").await, applications);
}
