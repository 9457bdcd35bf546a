//! Personal data stands in the clear in no row, no log and nothing that Temporal keeps, however an application ends.
//! Never a search of what the API shows: whoever asks it has sent that, or may see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::PgPool;
use temporalio_client::UntypedWorkflow;
use uuid::Uuid;

use crate::harness::{Front, NewApplication, PATIENCE, Stack};
use crate::parking::parked;

/// A client whose names stand in no text of ours and on no list: wherever they are found, they came from an application.
const SURNAME: &str = "Ұзақбергенова";
const GIVEN_NAME: &str = "Шынаркүміс";
const PATRONYMIC: &str = "Ықыласбекқызы";
const DOCUMENT: &str = "N07463921";
/// Without the country's code or the trunk prefix: so it is found after `+7`, after `7` and after `8`.
const PHONE: &str = "7476390218";
const IBAN: &str = "KZ19125KZT5077318264";
const CARD_TOKEN: &str = "tok_5d0c7be1f4_a9";

/// The number that the publisher's list has too.
const LISTED: &str = "IIN on a list";
/// The client's numbers, each of an application.
const NUMBERS: [&str; 4] = ["IIN paid to an account", "IIN paid to a card", "IIN of a parked step", LISTED];
const NOTHING: [&str; 0] = [];

/// What must not be found, each with what it is.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn of(iins: &[String; 4]) -> Self {
        let numbers = NUMBERS.into_iter().zip(iins.iter().map(String::as_str));
        let rest = [
            ("surname", SURNAME),
            ("given name", GIVEN_NAME),
            ("patronymic", PATRONYMIC),
            ("document", DOCUMENT),
            ("phone", PHONE),
            ("IBAN", IBAN),
            ("card token", CARD_TOKEN),
        ];
        Self(numbers.chain(rest).map(|(name, secret)| (name, secret.to_lowercase())).collect())
    }

    /// Which of them stand in a text, in whatever case.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let text = text.to_lowercase();
        self.0.iter().filter(|(_, secret)| text.contains(secret)).map(|(name, _)| *name).collect()
    }
}

#[tokio::test]
async fn no_personal_data_stands_in_the_clear_in_a_row_in_a_log_or_in_temporal() {
    let stack = Stack::start().await;
    let site = stack.site().await;
    let iins = NUMBERS.map(|_| stack.somebody());
    let secrets = Secrets::of(&iins);
    let [to_account, to_card, to_the_books, listed] = &iins;
    let card = json!({"method": "card", "card_token": CARD_TOKEN});
    let ids = [
        granted(&stack, &site, to_account, account()).await,
        granted(&stack, &site, to_card, card).await,
        parked_at_the_books(&stack, &site, to_the_books).await,
        refused_by_a_list(&stack, &site, listed).await,
    ];
    // What is sought can be found: the contract that is shown has all of it but the phone.
    let shown = secrets.found_in(&site.contract(&ids[0]).await);
    assert_eq!(shown, [NUMBERS[0], "surname", "given name", "patronymic", "document", "IBAN"]);
    assert_eq!(secrets.found_in(&site.contract(&ids[1]).await).last(), Some(&"card token"));

    let database = stack.database().await;
    search_rows(&database, &secrets).await;
    search_logs(&stack, &secrets);
    for id in &ids {
        search_temporal(&stack, &format!("application/{id}"), id, &secrets).await;
    }

    kept_for_ever(&database, &ids[0]).await;
    let object = format!("application/{}", ids[0]);
    stack.proves(&["R-211", "R-212", "R-234"], &object, "client_identified", json!({"purpose": "contract"})).await;
    stack.proves("R-210", &object, "disclosures_acknowledged", json!({})).await;
}

fn account() -> Value {
    json!({"method": "account", "iban": IBAN, "payment_profile": "dedup"})
}

/// The client applies under one of the numbers.
async fn submitted(site: &Front, iin: &str) -> String {
    let application = NewApplication::of(iin)
        .with("/client/surname", json!(SURNAME))
        .with("/client/given_name", json!(GIVEN_NAME))
        .with("/client/patronymic", json!(PATRONYMIC))
        .with("/client/phone", json!(format!("+7{PHONE}")))
        .with("/client/identity_document/number", json!(DOCUMENT));
    site.submit(&application).await
}

async fn granted(stack: &Stack, site: &Front, iin: &str, method: Value) -> String {
    let id = submitted(site, iin).await;
    site.walk_to_money(&id, iin, method).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
    ended(stack, &id).await;
    id
}

/// Paid, and stopped at the books, whose answer can not be read.
async fn parked_at_the_books(stack: &Stack, site: &Front, iin: &str) -> String {
    stack.sandbox.fault("accounting", "open_loan", json!({"kind": "malformed"}), None).await;
    let id = submitted(site, iin).await;
    site.walk_to_money(&id, iin, account()).await;
    let step = parked(&stack.front("marat", "operations").await, &id).await;
    assert_eq!((&step["step"], &step["failure_code"]), (&json!("record_loan"), &json!("provider.unreadable")));
    id
}

/// The list knows the number under another name.
async fn refused_by_a_list(stack: &Stack, site: &Front, iin: &str) -> String {
    stack.sandbox.list_person(json!({"iin": iin, "surname": "Темиров", "given_name": "Ержан"})).await;
    stack.refresh_lists().await;
    let id = submitted(site, iin).await;
    assert_eq!(site.outcome(&id).await, json!({"outcome": "refused", "ground": "not_granted"}));
    ended(stack, &id).await;
    id
}

/// Waits for the end of the workflow: what it does beside the record of the outcome is then in its history.
async fn ended(stack: &Stack, id: &str) {
    let handle = stack.temporal().await.get_workflow_handle::<UntypedWorkflow>(format!("application/{id}"));
    let end = tokio::time::timeout(PATIENCE, handle.get_result(Default::default())).await;
    end.expect("the workflow ends").expect("it ends well");
}

/// No table has any of it, but for the publisher's list, which is public and names whom it names.
async fn search_rows(database: &PgPool, secrets: &Secrets) {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'",
    )
    .fetch_all(database)
    .await
    .expect("the tables are known");
    for table in ["contracts", "payments", "parked_steps", "due_diligence", "aml_list_entries"] {
        assert!(tables.iter().any(|known| known == table), "{table} of {tables:?}");
    }
    for table in tables {
        let statement = format!("SELECT t::text FROM {table} AS t");
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .fetch_all(database)
            .await
            .unwrap_or_else(|error| panic!("{table}: {error}"));
        let found = secrets.found_in(&rows.join("\n"));
        if table == "aml_list_entries" {
            assert_eq!(found, [LISTED], "{table}");
        } else {
            assert_eq!(found, NOTHING, "{table}");
        }
    }
}

fn search_logs(stack: &Stack, secrets: &Secrets) {
    let logs = stack.logs();
    for said in ["worker is ready", "/v1/applications/{id}/signature"] {
        assert!(logs.iter().any(|(_, log)| log.contains(said)), "no log says {said}");
    }
    for (name, log) in &logs {
        assert_eq!(secrets.found_in(log), NOTHING, "{name}:\n{log}");
    }
}

/// Nothing that Temporal keeps of a workflow has any of it: neither its history nor its description with memo, search
/// attributes and what is under way.
async fn search_temporal(stack: &Stack, workflow: &str, id: &str, secrets: &Secrets) {
    let history: Value = serde_json::from_slice(&stack.history(workflow).await).expect("a history is JSON");
    let handle = stack.temporal().await.get_workflow_handle::<UntypedWorkflow>(workflow.to_string());
    let description = handle.describe(Default::default()).await.expect("a workflow can be described");
    let description = serde_json::to_value(description.raw()).expect("a description is JSON");
    let mut kept = String::new();
    spell_out(&history, &mut kept);
    spell_out(&description, &mut kept);
    assert!(kept.contains(&format!("\"application_id\":\"{id}\"")), "{workflow}: payloads are read");
    assert!(kept.contains("NesieOutcome") || kept.contains("NesieParked"), "{workflow}: search attributes are read");
    assert_eq!(secrets.found_in(&kept), NOTHING, "{workflow}:\n{kept}");
}

/// Every name and word of a JSON, a line each, and what those mean that are base64, as the data of payloads is.
fn spell_out(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                into.push_str(name);
                into.push('\n');
                spell_out(field, into);
            }
        }
        Value::Array(items) => {
            for item in items {
                spell_out(item, into);
            }
        }
        Value::String(word) => {
            into.push_str(word);
            into.push('\n');
            let Ok(bytes) = STANDARD.decode(word) else { return };
            into.push_str(&String::from_utf8_lossy(&bytes));
            into.push('\n');
            if let Ok(inner) = serde_json::from_slice::<Value>(&bytes) {
                spell_out(&inner, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What the client gave and was shown is kept, and no process of ours can delete it.
async fn kept_for_ever(database: &PgPool, id: &str) {
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM evidence WHERE kind = 'coid.verify' AND application_id = $1")
            .bind(id.parse::<Uuid>().expect("a UUID"))
            .fetch_one(database)
            .await
            .expect("the evidence can be counted");
    assert_eq!(kept, 1, "the answer of the identification is kept");
    for table in ["submissions", "evidence", "contracts", "disclosures", "acknowledgements", "identifications"] {
        let statement = format!("DELETE FROM {table}");
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(database).await.expect_err("kept for ever");
        let code = refused.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{table}: {refused}");
    }
}
