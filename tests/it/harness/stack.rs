//! A stack of one story: its own database, task queue, sandbox, worker and API.
//! PostgreSQL and Temporal are shared, unless the story is going to kill them.

use std::path::PathBuf;

use nesie_storage::PgPool;
use nesie_storage::pool::connect;
use nesie_workflows::aml_refresh::AmlRefresh;
use reqwest::{Method, StatusCode};
use serde_json::json;
use temporalio_client::{Client, ClientOptions, ConnectionOptions, UntypedWorkflow, WorkflowStartOptions};
use uuid::Uuid;

use super::process::{Process, free_port, variable};
use super::servers::OwnServers;
use super::{Front, NewApplication, Sandbox, account, iin};

/// What differs from the ordinary stack.
#[derive(Default)]
pub(crate) struct StackOptions {
    /// Servers that the story may kill.
    pub(crate) servers: Option<OwnServers>,
    /// Settings of the worker that differ.
    pub(crate) worker: Vec<(&'static str, &'static str)>,
    /// Whether the lender reports to a second credit bureau.
    pub(crate) second_bureau: bool,
    /// Whether the story begins without an open channel.
    pub(crate) no_channel: bool,
}

/// A loan that was granted: the client's number, and our reference of it.
pub(crate) struct Granted {
    pub(crate) iin: String,
    pub(crate) loan: String,
}

/// A running stack.
pub(crate) struct Stack {
    pub(crate) api_url: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) client: reqwest::Client,
    pub(crate) task_queue: String,
    pub(crate) servers: Option<OwnServers>,
    worker: Process,
    worker_url: String,
    environment: Vec<(String, String)>,
    worker_environment: Vec<(String, String)>,
    directory: PathBuf,
    application_database: String,
    _api: Process,
    _sandbox: Process,
}

impl Stack {
    /// What API and worker are told to name the build.
    pub(crate) const BUILD: &'static str = "build-of-the-stories";

    pub(crate) async fn start() -> Self {
        Self::start_with(StackOptions::default()).await
    }

    pub(crate) async fn start_with(options: StackOptions) -> Self {
        let name = format!("nesie_{}", Uuid::new_v4().simple());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&directory).expect("a directory for logs");
        let owner = options.servers.as_ref().map_or_else(|| variable("DATABASE_URL"), OwnServers::database_url);
        let temporal =
            options.servers.as_ref().map_or_else(|| variable("TEMPORAL_ADDRESS"), OwnServers::temporal_address);
        let (owner_url, application_database) = create_database(&owner, &name).await;
        let (sandbox_port, api_port, worker_port) = (free_port(), free_port(), free_port());
        let sandbox_url = format!("http://127.0.0.1:{sandbox_port}");
        let api_url = format!("http://127.0.0.1:{api_port}");
        let worker_url = format!("http://127.0.0.1:{worker_port}");
        let mut environment: Vec<(String, String)> = [
            ("NESIE_DATABASE_OWNER_URL", owner_url.as_str()),
            ("NESIE_DATABASE_URL", application_database.as_str()),
            ("NESIE_DATABASE_CONNECTIONS", "10"),
            ("TEMPORAL_ADDRESS", temporal.as_str()),
            ("NESIE_TASK_QUEUE", name.as_str()),
            ("NESIE_BUILD", Self::BUILD),
            ("NESIE_LISTEN", &format!("127.0.0.1:{api_port}")),
            ("NESIE_PUBLIC_URL", api_url.as_str()),
            ("NESIE_WORKER_LISTEN", &format!("127.0.0.1:{worker_port}")),
            ("NESIE_SANDBOX_LISTEN", &format!("127.0.0.1:{sandbox_port}")),
            ("NESIE_OIDC_ISSUER", &format!("{sandbox_url}/oidc")),
            ("NESIE_PAYMENTS_CALLBACK_SECRET", "a secret of the tests"),
            ("NESIE_WEBHOOKS_ALLOW_INTERNAL", "true"),
            ("NESIE_DATA_KEY", &"1a".repeat(32)),
            ("NESIE_INDEX_KEY", &"2b".repeat(32)),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .to_vec();
        for provider in [
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
        ] {
            let variable = format!("NESIE_{}_URL", provider.to_uppercase().replace('-', "_"));
            environment.push((variable, format!("{sandbox_url}/{provider}")));
        }
        if options.second_bureau {
            let second = format!("second-bureau={sandbox_url}/second-bureau");
            environment.push(("NESIE_FURTHER_BUREAUS".to_string(), second));
        }
        let mut worker_environment = environment.clone();
        // Short budgets: a story that parks a step need not wait minutes for it.
        let defaults = [
            ("NESIE_STEP_ATTEMPTS", "4"),
            ("NESIE_STEP_FIRST_PAUSE_MILLISECONDS", "200"),
            ("NESIE_STEP_LONGEST_PAUSE_MILLISECONDS", "1000"),
            ("NESIE_HTTP_TIMEOUT_MILLISECONDS", "1500"),
            ("NESIE_WEBHOOKS_FIRST_PAUSE_MILLISECONDS", "200"),
            ("NESIE_WEBHOOKS_TIMEOUT_MILLISECONDS", "1500"),
        ];
        worker_environment.extend(
            defaults.iter().chain(&options.worker).map(|(name, value)| ((*name).to_string(), (*value).to_string())),
        );

        Process::start("nesie-api", &["migrate"], &environment, &directory).succeed();
        let mut sandbox = Process::start("nesie-sandbox", &[], &environment, &directory);
        sandbox.ready(&format!("{sandbox_url}/healthz")).await;
        let mut worker = Process::start("nesie-worker", &[], &worker_environment, &directory);
        let mut api = Process::start("nesie-api", &[], &environment, &directory);
        worker.ready(&format!("{worker_url}/readyz")).await;
        api.ready(&format!("{api_url}/readyz")).await;

        let client = nesie_platform::http::client(nesie_platform::http::HttpSettings {
            connect_timeout_milliseconds: 2_000,
            timeout_milliseconds: 20_000,
        })
        .expect("a client");
        let stack = Self {
            sandbox: Sandbox::new(sandbox_url, client.clone()),
            api_url,
            client,
            task_queue: name,
            servers: options.servers,
            worker,
            worker_url,
            environment,
            worker_environment,
            directory,
            application_database,
            _api: api,
            _sandbox: sandbox,
        };
        if !options.no_channel {
            stack.open_channel("web", "web_resource").await;
        }
        stack
    }

    /// Opens a channel as compliance of a lender does whose notice was sent before this system existed (paras 4, 5).
    pub(crate) async fn open_channel(&self, code: &str, kind: &str) {
        let compliance = self.front("aigul", "compliance").await;
        let notice = super::notice(
            code,
            kind,
            json!({"sent_outside": {
                "sent_on": "2026-01-12", "receipt_number": "ЗТ-1", "received_at": "2026-01-12T10:00:00+05:00"
            }}),
        );
        let (status, answer) = compliance.send(Method::POST, "/v1/channel-notices", Some(notice)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        let path = format!("/v1/channel-notices/{}", answer["id"].as_str().expect("an id"));
        let (status, answer) = compliance.act(Method::POST, &format!("{path}/activation"), json!({})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        // Only then is another notice of the channel another one.
        compliance.case_at(&path, "closed").await;
    }

    /// A loan that is granted by bank transfer, for stories about what comes after it.
    pub(crate) async fn grant(&self) -> Granted {
        let (site, iin) = (self.site().await, self.somebody());
        let id = site.submit(&NewApplication::of(&iin)).await;
        site.walk_to_money(&id, &iin, account("dedup")).await;
        assert_eq!(site.outcome(&id).await, json!({"outcome": "granted"}));
        let loans = self.sandbox.ledger("accounting").await;
        let loan = loans.iter().find(|loan| loan["application_id"] == id.as_str()).expect("the loan is in the books");
        Granted { iin, loan: loan["loan_reference"].as_str().expect("a reference").to_string() }
    }

    /// A front end of the lender, with the given roles.
    pub(crate) async fn front(&self, subject: &str, roles: &str) -> Front {
        let token = self.sandbox.token(subject, roles).await;
        Front::new(self.api_url.clone(), self.client.clone(), self.sandbox.clone(), token)
    }

    /// The lender's own web site.
    pub(crate) async fn site(&self) -> Front {
        self.front("web-site", "service").await
    }

    /// Runs the workflow that the schedule starts, and waits for it: the lists are those that the publisher has now.
    pub(crate) async fn refresh_lists(&self) {
        let (client, id) = (self.temporal().await, format!("{}/refresh", self.task_queue));
        let options = WorkflowStartOptions::new(self.task_queue.clone(), id.clone()).build();
        let handle = client.start_workflow(AmlRefresh::run, (), options).await.expect("the refresh starts");
        handle.get_result(Default::default()).await.expect("the refresh succeeds");
        self.keep_history_of(&id, "aml-refresh").await;
    }

    /// A client of the stack's Temporal.
    pub(crate) async fn temporal(&self) -> Client {
        temporal(self.setting("TEMPORAL_ADDRESS")).await
    }

    /// Where `NESIE_KEEP_HISTORIES` is set: waits for the end of an application's workflow and keeps its history for
    /// replay. One that is there is released code's, and is never made again.
    pub(crate) async fn keep_history(&self, id: &str, name: &str) {
        self.keep_history_of(&format!("application/{id}"), name).await;
    }

    /// The same for any workflow.
    pub(crate) async fn keep_history_of(&self, workflow: &str, name: &str) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories").join(format!("{name}.json"));
        if std::env::var_os("NESIE_KEEP_HISTORIES").is_none() || file.exists() {
            return;
        }
        let handle = self.temporal().await.get_workflow_handle::<UntypedWorkflow>(workflow.to_string());
        handle.get_result(Default::default()).await.expect("the workflow ends");
        let history = self.history(workflow).await;
        std::fs::write(&file, history).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The history of a workflow as it is now.
    pub(crate) async fn history(&self, workflow: &str) -> Vec<u8> {
        let handle = self.temporal().await.get_workflow_handle::<UntypedWorkflow>(workflow.to_string());
        handle.fetch_history(Default::default()).to_json().await.expect("a history")
    }

    /// What API and worker have logged, by file: each of their processes, those that were killed too.
    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(&self.directory).expect("the folder of the logs").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("nesie-api-") || name.starts_with("nesie-worker-") {
                let log = std::fs::read(entry.path()).expect("a log can be read");
                logs.push((name, String::from_utf8_lossy(&log).into_owned()));
            }
        }
        logs
    }

    /// SIGKILL to the worker.
    pub(crate) fn kill_worker(&mut self) {
        self.worker.kill();
    }

    /// Starts the worker again.
    pub(crate) async fn restart_worker(&mut self) {
        self.worker = Process::start("nesie-worker", &[], &self.worker_environment, &self.directory);
        self.worker.ready(&format!("{}/readyz", self.worker_url)).await;
    }

    /// Whether the worker says that it is ready.
    pub(crate) async fn worker_is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.worker_url)).send().await.expect("the worker answers");
        answer.status().is_success()
    }

    /// Starts one more process of ours, which must not stay; what it said.
    pub(crate) fn refused_start(&self, program: &str, arguments: &[&str], with: &[(&str, &str)]) -> String {
        let mut environment = self.worker_environment.clone();
        environment.extend(with.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())));
        Process::start(program, arguments, &environment, &self.directory).fail()
    }

    /// The stack's database, as the application sees it: for what only a row can show.
    pub(crate) async fn database(&self) -> PgPool {
        connect(&self.application_database, "nesie-tests", 2).await.expect("the stack's database")
    }

    /// The same as its owner: to insert what only an owner may, and to hold a row against the processes.
    pub(crate) async fn owner(&self) -> PgPool {
        connect(self.setting("NESIE_DATABASE_OWNER_URL"), "nesie-tests", 2).await.expect("the owner's connection")
    }

    /// A new row of policy, in force from today on, as an owner of the database would insert it.
    pub(crate) async fn set_policy(&self, rule: &str, value: i64) {
        sqlx::query("INSERT INTO policy_rows (rule, value, effective_from, source) VALUES ($1, $2, $3, 'a test')")
            .bind(rule)
            .bind(nesie_domain::money::Money::from_tiyn(value * 100).to_decimal())
            .bind(nesie_platform::clock::now().date_naive())
            .execute(&self.owner().await)
            .await
            .expect("a row of policy");
    }

    /// Readings and ladders of cases, in force from today on, as an owner of the database would insert them.
    pub(crate) async fn set_case_policy(&self, value: serde_json::Value) {
        sqlx::query("INSERT INTO case_policies (effective_from, value, source) VALUES ($1, $2, 'a test')")
            .bind(nesie_domain::calendar::local_date(nesie_platform::clock::now()))
            .bind(value)
            .execute(&self.owner().await)
            .await
            .expect("a row of policy");
    }

    /// A setting of the stack.
    pub(crate) fn setting(&self, name: &str) -> &str {
        &self.environment.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("{name}")).1
    }

    /// A person whom nobody has seen before.
    pub(crate) fn somebody(&self) -> String {
        iin()
    }
}

async fn temporal(address: &str) -> Client {
    nesie_platform::http::install_tls_provider();
    let options = ConnectionOptions::new(reqwest::Url::parse(address).expect("Temporal's address"))
        .identity("nesie-tests".to_string())
        .build();
    Client::connect(options, ClientOptions::new("default").build()).await.expect("Temporal")
}

/// A database of the story's own. Returns the URL of its owner and that of the application role.
async fn create_database(owner: &str, name: &str) -> (String, String) {
    let pool = connect(owner, "nesie-tests", 1).await.expect("PostgreSQL's owner connection");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.expect("create database");
    pool.close().await;
    let (server, _) = owner.rsplit_once('/').expect("a URL with a database");
    let owner_url = format!("{server}/{name}");
    let host = server.rsplit_once('@').map_or(server, |(_, host)| host);
    (owner_url, format!("postgres://nesie_app@{host}/{name}"))
}
