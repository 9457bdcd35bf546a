//! One application over a database and a sandbox of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::Parser as _;
use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, SubmissionId};
use nesie_domain::iin::Iin;
use nesie_domain::person::{ClientKind, IdentityDocument, PersonName};
use nesie_domain::phone::Phone;
use nesie_platform::http::{HttpSettings, client};
use nesie_platform::protection::{Protection, sha256};
use nesie_sandbox::{Config, Sandbox, app};
use nesie_storage::applications::{self, NewApplication};
use nesie_storage::bodies::{Applicant, applicant_place, submission_place};
use nesie_storage::submissions::{self, NewSubmission};
use nesie_workflows::contract::{ActInput, CloseInput, StepInput};
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use uuid::Uuid;

use crate::World;
use crate::providers::{ProviderSettings, Providers};
use nesie_domain::calendar::local_date;

pub(super) const IIN: &str = "871008401427";
pub(super) const IBAN: &str = "KZ86125KZT5004100100";

/// What is applied for.
pub(super) struct Ask {
    pub(super) kind: ClientKind,
    pub(super) purpose: &'static str,
    pub(super) amount_tiyn: i64,
    pub(super) document_expires_on: NaiveDate,
    pub(super) politically_exposed: bool,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            kind: ClientKind::Individual,
            purpose: "consumer",
            amount_tiyn: 30_000_000,
            document_expires_on: NaiveDate::from_ymd_opt(2040, 1, 1).expect("a date"),
            politically_exposed: false,
        }
    }
}

/// One application, the world that works on it, and the outside.
pub(super) struct Scene {
    pub(super) world: World,
    /// The database as its owner: to look at rows, and to make writes fail.
    pub(super) owner: PgPool,
    pub(super) id: ApplicationId,
    sandbox: String,
    http: reqwest::Client,
    started_at: DateTime<Utc>,
    steps: AtomicI64,
}

impl Scene {
    /// A new application of these terms, over a single connection: a step that holds one while it waits for another would wait
    /// for ever beside enough of its like.
    pub(super) async fn new(owner: PgPool, ask: Ask) -> Self {
        Self::over(owner, ask, 1).await
    }

    /// The same over so many connections.
    pub(super) async fn over(owner: PgPool, ask: Ask, connections: u32) -> Self {
        nesie_storage::migrate::insert_policy(&mut owner.acquire().await.expect("a connection"))
            .await
            .expect("the limits are inserted");
        owner
            .execute(
                "INSERT INTO channels (code, name, kind, operations, active_from, source)
                 VALUES ('web', 'nesie.kz', 'web_resource'
                    , '{microcredit_account,microcredit_card,microcredit_merchant}', '2026-01-12', 'a test')",
            )
            .await
            .expect("an open channel");
        let sandbox = serve().await;
        let http = client(HttpSettings { connect_timeout_milliseconds: 1_000, timeout_milliseconds: 1_000 });
        let http = http.expect("a client");
        // As the processes connect: without DDL, and without the right to change a fact.
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute("SET ROLE nesie_app").await.map(drop) })
            })
            .connect_with((*owner.connect_options()).clone())
            .await
            .expect("the application role connects");
        let providers = Providers::new(&http, &settings(&sandbox));
        let world = World::new(pool, providers, Protection::new(&[7; 32], &[9; 32]), None, "test");
        let started_at = nesie_platform::clock::now();
        let id = ApplicationId::from_uuid(Uuid::from_u128(0x0a11));
        let scene = Self { world, owner, id, sandbox, http, started_at, steps: AtomicI64::new(0) };
        scene.apply(&ask).await;
        scene
    }

    /// The same scene, from which workflows can be reached; those of its application and cases do not run.
    pub(super) async fn with_temporal(self) -> Self {
        let client = nesie_platform::temporal::connect("nesie-activities-test").await.expect("Temporal answers");
        let Self { world, .. } = self;
        Self { world: world.with_temporal(client), ..self }
    }

    async fn apply(&self, ask: &Ask) {
        let applicant = Applicant {
            kind: ask.kind,
            iin: Iin::parse(IIN).expect("the control digit holds"),
            name: PersonName::parse("Жанбырбаев", "Ұлықпан", Some("Өтегенұлы")).expect("a name"),
            birth_date: NaiveDate::from_ymd_opt(1987, 10, 9),
            identity_document: IdentityDocument::parse("identity_card", "012345678", ask.document_expires_on)
                .expect("a document"),
            phone: Phone::parse("+77011234567").expect("a phone"),
            politically_exposed: ask.politically_exposed,
        };
        let plain = serde_json::to_vec(&applicant).expect("JSON");
        let today = local_date(self.started_at);
        let policy = nesie_storage::policy::set_on(&self.world.pool, today).await.expect("the limits of today");
        let new = NewApplication {
            id: self.id,
            submitted_by: "issuer|front",
            client_kind: ask.kind.as_str(),
            purpose: ask.purpose,
            channel: "web",
            amount_tiyn: ask.amount_tiyn,
            annual_rate: 36.into(),
            term_months: Some(12),
            term_days: None,
            applicant_sealed: &self.world.protection.seal(&applicant_place(self.id), &plain),
            iin_index: &self.world.protection.index("iin", applicant.iin.as_str()),
            phone_index: &self.world.protection.index("phone", applicant.phone.as_str()),
            ruleset: "2025-01-01",
            policy_version: "test",
            policy: &policy,
            build: "test",
            valid_for_seconds: 864_000,
            received_at: self.started_at,
            stage: &Stage::Assessing,
        };
        let mut connection = self.world.pool.acquire().await.expect("a connection");
        applications::insert(&mut connection, &new).await.expect("inserted");
    }

    /// Another application of the same client, as far as the first one is; its id.
    pub(super) async fn another_application(&self, number: u8, amount_tiyn: i64) -> String {
        let id = format!("00000000-0000-0000-0000-0000000000{number:02x}");
        let statement = format!(
            "INSERT INTO applications (id, submitted_by, client_kind, purpose, channel, amount_tiyn, annual_rate, term_months
                 , applicant_sealed, iin_index, phone_index, ruleset, policy_version, policy, build, valid_for_seconds
                 , received_at, stage, stage_at)
             SELECT '{id}', submitted_by, client_kind, purpose, channel, {amount_tiyn}, annual_rate, term_months
                 , applicant_sealed, iin_index, phone_index, ruleset, policy_version, policy, build, valid_for_seconds
                 , received_at, stage, stage_at
             FROM applications WHERE id = '{}'",
            self.id
        );
        self.execute(&statement).await;
        id
    }

    /// The workflow's time, a little later at every step.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.started_at + TimeDelta::milliseconds(self.steps.fetch_add(1, Ordering::Relaxed))
    }

    /// Lets time go by for the steps to come.
    pub(super) fn wait(&self, time: TimeDelta) {
        self.steps.fetch_add(time.num_milliseconds(), Ordering::Relaxed);
    }

    /// The input of a step that the system takes.
    pub(super) fn step(&self) -> StepInput {
        StepInput { application_id: self.id, at: self.now() }
    }

    /// The input of a closing.
    pub(super) fn close(&self, outcome: nesie_domain::application::Outcome) -> CloseInput {
        CloseInput { application_id: self.id, outcome, submission_id: None, at: self.now() }
    }

    /// Stores what a person sent; the input of the step that works on it.
    pub(super) async fn submit(&self, act: ActKind, body: Value) -> ActInput {
        let submission_id = SubmissionId::from_uuid(Uuid::now_v7());
        let plain = body.to_string();
        let new = NewSubmission {
            id: submission_id,
            application_id: self.id,
            act,
            body_sealed: &self.world.protection.seal(&submission_place(submission_id), plain.as_bytes()),
            body_sha256: &sha256(plain.as_bytes()),
            submitted_by: "issuer|front",
            received_at: self.now(),
        };
        let mut connection = self.world.pool.acquire().await.expect("a connection");
        submissions::insert(&mut connection, &new).await.expect("inserted");
        ActInput { application_id: self.id, submission_id, at: self.now() }
    }

    /// The stage that pages show.
    pub(super) async fn stage(&self) -> Stage {
        applications::get(&self.world.pool, self.id).await.expect("read").expect("there").stage
    }

    /// Waits until somebody waits for a lock in the database.
    pub(super) async fn until_somebody_waits(&self) {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = async { while self.value(waiting).await == "0" {} };
        tokio::time::timeout(Duration::from_secs(30), waits).await.expect("somebody waits");
    }

    /// One value of the database.
    pub(super) async fn value(&self, query: &str) -> String {
        let query = format!("SELECT coalesce(({query})::text, '')");
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&self.owner).await.expect("a value")
    }

    /// Does something as the owner.
    pub(super) async fn execute(&self, statement: &str) {
        self.owner.execute(AssertSqlSafe(statement.to_owned())).await.expect("done");
    }

    /// Every effect that a provider had.
    pub(super) async fn ledger(&self, provider: &str) -> Vec<Value> {
        let url = format!("{}/admin/ledger/{provider}", self.sandbox);
        let answer: Value = self.http.get(url).send().await.expect("an answer").json().await.expect("JSON");
        answer["entries"].as_array().expect("entries").clone()
    }

    /// Money movements.
    pub(super) async fn payouts(&self) -> usize {
        self.ledger("payments").await.iter().filter(|entry| entry["amount"].is_i64()).count()
    }

    /// How often an operation was called.
    pub(super) async fn calls(&self, provider: &str, operation: &str) -> usize {
        let url = format!("{}/admin/calls?provider={provider}", self.sandbox);
        let answer: Value = self.http.get(url).send().await.expect("an answer").json().await.expect("JSON");
        let calls = answer["calls"].as_array().expect("calls");
        calls.iter().filter(|call| call["operation"] == operation).count()
    }

    /// Arranges a fault.
    pub(super) async fn fault(&self, provider: &str, operation: &str, fault: Value, times: Option<u32>) {
        let body = json!({ "provider": provider, "operation": operation, "fault": fault, "times": times });
        self.post("faults", &body).await;
    }

    /// Ends all faults.
    pub(super) async fn mend(&self) {
        let url = format!("{}/admin/faults", self.sandbox);
        assert!(self.http.delete(url).send().await.expect("an answer").status().is_success());
    }

    /// What the providers know of the client.
    pub(super) async fn person(&self, fields: Value) {
        self.put(&format!("persons/{IIN}"), &fields).await;
    }

    pub(super) async fn put(&self, path: &str, body: &Value) {
        let url = format!("{}/admin/{path}", self.sandbox);
        let answer = self.http.put(url).json(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/admin/{path}", self.sandbox);
        let answer = self.http.post(url).json(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or(Value::Null)
    }

    /// The client pays on his loan, in the books.
    pub(super) async fn pay(&self, loan: &str, paid_on: NaiveDate, tiyn: i64, collected: bool) {
        let url = format!("{}/accounting/loans/{loan}/payments", self.sandbox);
        let body = json!({ "paid_on": paid_on, "amount": tiyn, "collected": collected });
        let payment = self.http.post(url).header("idempotency-key", Uuid::new_v4().to_string()).json(&body);
        let answer = payment.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Every row of every table, as one digest a table.
    pub(super) async fn rows(&self, besides: &[&str]) -> Vec<(String, String)> {
        let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&self.owner).await.expect("tables");
        let digest = |table: &String| {
            format!("SELECT '{table}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t")
        };
        let digests: Vec<_> = tables.iter().filter(|table| !besides.contains(&table.as_str())).map(digest).collect();
        let digests = AssertSqlSafe(digests.join(" UNION ALL ") + " ORDER BY 1");
        sqlx::query_as(digests).fetch_all(&self.owner).await.expect("digests")
    }

    /// Ends the scene: its connections would keep the database from being dropped.
    pub(super) async fn end(self) {
        self.world.pool.close().await;
    }
}

/// The sandbox on a free port; its URL.
async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let sandbox = Sandbox::try_new(Config::new(format!("{url}/oidc"))).expect("a sandbox");
    tokio::spawn(async move { axum::serve(listener, app(Arc::new(sandbox))).await });
    url
}

fn settings(sandbox: &str) -> ProviderSettings {
    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        settings: ProviderSettings,
    }
    let names = [
        "aml",
        "bureau",
        "coid",
        "ncanode",
        "proprietors",
        "payments",
        "merchants",
        "accounting",
        "notifications",
        "regulator",
        "mobile-operators",
        "egov-mobile",
    ];
    let arguments = names.map(|name| format!("--{name}-url={sandbox}/{name}"));
    Arguments::parse_from(std::iter::once("test".to_owned()).chain(arguments)).settings
}
