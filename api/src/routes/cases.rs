//! Reading cases, whatever their kind: a page of them, one with its duties, its story. Straight from PostgreSQL.
//! Never shows what is sealed.

pub(crate) mod act;
pub(crate) mod loans;
pub(crate) mod report;

use axum::Json;
use chrono::{DateTime, Utc};
use nesie_domain::case::{CaseKind, CaseStage};
use nesie_domain::ids::CaseId;
use nesie_storage::cases::{self, CaseRow};
use nesie_storage::{duties, timeline};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::cases::{find, links};
use crate::problem::Problem;
use crate::routes::duties::view::{self, DutyView};
use crate::routes::page::PageQuery;

/// The longest body about a case: documents in base64, or a list of thousands of clients.
pub(crate) const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Clients that one request names at most; more come with further requests.
pub(crate) const CLIENTS_MAX: usize = 2_000;

/// The most duties that the page of a case shows; `links.duties` leads to all of them.
const DUTIES_SHOWN: usize = 100;

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CaseQuery {
    /// How many entries at most, 1 to 200; 50 when absent.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only those in this stage.
    stage: Option<String>,
}

/// A page of cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cases {
    /// The cases, newest first.
    items: Vec<CaseLine>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// One case of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseLine {
    id: Uuid,
    /// The stage, by `stage` with its data.
    stage: Value,
    stage_at: DateTime<Utc>,
    /// What was reported, without personal data.
    summary: Value,
    received_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    links: Value,
}

/// A case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseView {
    #[serde(flatten)]
    line: CaseLine,
    kind: String,
    submitted_by: String,
    ruleset: String,
    /// The readings that bind it.
    policy: Value,
    /// How many duties are in each state.
    duty_counts: DutyCounts,
    /// The duties, the first to fall due first, at most 100.
    duties: Vec<DutyView>,
    /// What came with it: name, type and hash.
    documents: Vec<DocumentView>,
}

/// How many duties of a case are in each state.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct DutyCounts {
    /// Still to be done, `breached` ones too.
    open: u32,
    /// Open and past due.
    breached: u32,
    met: u32,
    met_late: u32,
    superseded: u32,
    cancelled: u32,
}

impl DutyCounts {
    fn count(&mut self, state: &str) {
        match state {
            "breached" => {
                self.open += 1;
                self.breached += 1;
            }
            "met" => self.met += 1,
            "met_late" => self.met_late += 1,
            "superseded" => self.superseded += 1,
            "cancelled" => self.cancelled += 1,
            _ => self.open += 1,
        }
    }
}

/// A document of a case.
#[derive(Serialize, ToSchema)]
pub(crate) struct DocumentView {
    id: Uuid,
    name: String,
    content_type: String,
    /// SHA-256 of the bytes as received.
    sha256: String,
    received_at: DateTime<Utc>,
}

/// The story of a case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseStory {
    /// The facts, oldest first.
    items: Vec<CaseFactView>,
}

/// One fact.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseFactView {
    /// What happened.
    kind: String,
    /// When.
    occurred_at: DateTime<Utc>,
    /// Ids, hashes and verdicts.
    details: Value,
}

fn line(case: &CaseRow) -> CaseLine {
    CaseLine {
        id: case.id.as_uuid(),
        stage: json!(case.stage),
        stage_at: case.stage_at,
        summary: case.summary.clone(),
        received_at: case.received_at,
        closed_at: case.closed_at,
        links: links(case.kind, case.id),
    }
}

/// A page of the cases of a kind.
pub(crate) async fn list(app: &App, kind: CaseKind, query: CaseQuery) -> Result<Json<Cases>, Problem> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor }.read();
    let page = Problem::and(check_stage(query.stage.as_deref()), page)?;
    let mut rows = cases::page(&app.pool, kind, query.stage.as_deref(), page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| (row.received_at, row.id.as_uuid()));
    Ok(Json(Cases { items: rows.iter().map(line).collect(), next }))
}

/// Refuses a name that no stage of a case has.
fn check_stage(stage: Option<&str>) -> Result<(), Problem> {
    if stage.is_none_or(|name| CaseStage::NAMES.contains(&name)) {
        return Ok(());
    }
    let message = format!("Допустимые значения: {}", CaseStage::NAMES.join(", "));
    Err(Problem::field("?stage", "stage.unknown", message))
}

/// One case of a kind, with its duties and documents.
pub(crate) async fn get(app: &App, kind: CaseKind, id: CaseId) -> Result<Json<CaseView>, Problem> {
    let case = find(app, kind, id).await?;
    let now = crate::time::now();
    let mut duties = duties::of_case(&app.pool, id).await?;
    let mut counts = DutyCounts::default();
    for duty in &duties {
        counts.count(view::state(duty, now));
    }
    duties.sort_by_key(|duty| (duty.due_at.is_none(), duty.due_at));
    let duties = duties.into_iter().take(DUTIES_SHOWN).map(|duty| view::duty(duty, now)).collect();
    let documents = cases::documents(&app.pool, id).await?.into_iter().map(|document| DocumentView {
        id: document.id.as_uuid(),
        name: document.name,
        content_type: document.content_type,
        sha256: document.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        received_at: document.received_at,
    });
    Ok(Json(CaseView {
        line: line(&case),
        kind: kind.as_str().to_owned(),
        submitted_by: case.submitted_by,
        ruleset: case.ruleset,
        policy: json!(case.policy),
        duty_counts: counts,
        duties,
        documents: documents.collect(),
    }))
}

/// The story of a case of a kind.
pub(crate) async fn story(app: &App, kind: CaseKind, id: CaseId) -> Result<Json<CaseStory>, Problem> {
    find(app, kind, id).await?;
    let facts = timeline::of_owner(&app.pool, id.into()).await?;
    let items = facts.into_iter().map(|fact| CaseFactView {
        kind: fact.kind,
        occurred_at: fact.occurred_at,
        details: fact.details,
    });
    Ok(Json(CaseStory { items: items.collect() }))
}

/// The three ways of reading the cases of a kind, as routes of their own: each kind has its own paths in the document.
macro_rules! reading_routes {
    ($kind:expr, $path:literal, $tag:literal) => {
        #[utoipa::path(get, path = $path, tag = $tag, params($crate::routes::cases::CaseQuery), responses((status = 200, body = $crate::routes::cases::Cases)))]
        /// Список дел
        pub(crate) async fn list(
            _allowed: $crate::auth::Allowed<$crate::auth::CaseReaders>,
            axum::extract::State(app): axum::extract::State<$crate::app::App>,
            $crate::parse::Parameters(query): $crate::parse::Parameters<$crate::routes::cases::CaseQuery>,
        ) -> Result<axum::Json<$crate::routes::cases::Cases>, $crate::problem::Problem> {
            $crate::routes::cases::list(&app, $kind, query).await
        }

        #[utoipa::path(get, path = concat!($path, "/{id}"), tag = $tag, params(("id" = String, Path)), responses((status = 200, body = $crate::routes::cases::CaseView)))]
        /// Дело со сроками и документами
        pub(crate) async fn get(
            _allowed: $crate::auth::Allowed<$crate::auth::CaseReaders>,
            axum::extract::State(app): axum::extract::State<$crate::app::App>,
            $crate::parse::Id(id): $crate::parse::Id<nesie_domain::ids::CaseId>,
        ) -> Result<axum::Json<$crate::routes::cases::CaseView>, $crate::problem::Problem> {
            $crate::routes::cases::get(&app, $kind, id).await
        }

        #[utoipa::path(get, path = concat!($path, "/{id}/timeline"), tag = $tag, params(("id" = String, Path)), responses((status = 200, body = $crate::routes::cases::CaseStory)))]
        /// История дела
        pub(crate) async fn story(
            _allowed: $crate::auth::Allowed<$crate::auth::CaseReaders>,
            axum::extract::State(app): axum::extract::State<$crate::app::App>,
            $crate::parse::Id(id): $crate::parse::Id<nesie_domain::ids::CaseId>,
        ) -> Result<axum::Json<$crate::routes::cases::CaseStory>, $crate::problem::Problem> {
            $crate::routes::cases::story(&app, $kind, id).await
        }
    };
}
pub(crate) use reading_routes;
