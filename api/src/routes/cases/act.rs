//! Acts on a case, whatever its kind: recognised, read, stored, decided by the case's workflow.
//! Never a decision: a refusal is the workflow's, and says why.

use axum::response::Response;
use nesie_domain::case::CaseKind;
use nesie_domain::ids::CaseId;
use nesie_storage::cases::CaseRow;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::cases::{self, ActOnCase, Document, Opened};
use crate::idempotency::IdempotencyKey;
use crate::parse::Fields;
use crate::problem::{Problem, internal};

/// A document that proves or explains something.
#[derive(Deserialize, ToSchema)]
#[schema(as = CaseDocument)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct DocumentRequest {
    /// Its name, 1 to 200 characters.
    name: String,
    /// Its MIME type.
    #[schema(example = "application/pdf")]
    content_type: String,
    /// Its bytes in base64; never none.
    content: String,
}

/// An act that says nothing but why.
#[derive(Deserialize, ToSchema)]
#[schema(as = CaseReason)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ReasonRequest {
    /// Why, in your own words.
    reason: String,
}

/// An act that says nothing: an empty object.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseNothing)]
pub(crate) struct Nothing {}

/// What the body of an act says.
pub(crate) struct Said {
    body: Result<Value, serde_json::Error>,
    reason: String,
    documents: Vec<Document>,
}

impl Said {
    /// An act with the body that its step reads.
    pub(crate) fn act(body: &impl Serialize) -> Self {
        Self { body: serde_json::to_value(body), reason: String::new(), documents: Vec::new() }
    }

    /// With the documents that prove it.
    pub(crate) fn with(self, documents: Vec<Document>) -> Self {
        Self { documents, ..self }
    }

    /// With the reason in the person's words.
    pub(crate) fn because(self, reason: String) -> Self {
        Self { reason, ..self }
    }
}

/// Which act, on which case, under which route.
pub(crate) struct Acted<'a> {
    pub(crate) kind: CaseKind,
    pub(crate) id: CaseId,
    pub(crate) method: &'a str,
    /// The path with `{id}` in the place of the case.
    pub(crate) path: &'a str,
    /// The act's stable name.
    pub(crate) name: &'static str,
}

/// The one way of every act.
pub(crate) async fn act(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    acted: Acted<'_>,
    body: &[u8],
    read: impl FnOnce(&mut Fields, &CaseRow) -> Option<Said>,
) -> Result<Response, Problem> {
    let case = cases::find(app, acted.kind, acted.id).await?;
    let path = acted.path.replace("{id}", &acted.id.to_string());
    let route = format!("{} {path}", acted.method.to_uppercase());
    let pending = match cases::open(app, caller, key, route, body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(pending) => pending,
    };
    let mut fields = Fields::read(body)?;
    let read = read(&mut fields, &case);
    let Said { body, reason, documents } = fields.finish(read)?;
    let body = body.map_err(|error| internal(&error, "an act is no JSON"))?;
    pending.act(&case, ActOnCase { act: acted.name, body, reason, documents }).await
}

/// The route of an act: its words for the document, its path, who may do it, the shape of its body, its stable name, and how
/// its body is read.
macro_rules! act_route {
    (
        $(#[$words:meta])*
        $handler:ident: $method:ident $path:literal by $roles:ident saying $shape:ident, $kind:expr, $name:expr, $read:expr
    ) => {
        #[utoipa::path(
            $method, path = $path, tag = "cases", request_body = $shape,
            params(("id" = String, Path), ("idempotency-key" = String, Header)),
            responses((status = 200, body = $crate::cases::CaseActDone), (status = 409, description = "Действие отклонено; причина в refusal", content_type = "application/problem+json"))
        )]
        $(#[$words])*
        pub(crate) async fn $handler(
            allowed: $crate::auth::Allowed<$crate::auth::$roles>,
            key: $crate::idempotency::IdempotencyKey,
            axum::extract::State(app): axum::extract::State<$crate::app::App>,
            $crate::parse::Id(id): $crate::parse::Id<nesie_domain::ids::CaseId>,
            $crate::parse::Body(body): $crate::parse::Body,
        ) -> Result<axum::response::Response, $crate::problem::Problem> {
            let (method, path) = (stringify!($method), $path);
            let acted = $crate::routes::cases::act::Acted { kind: $kind, id, method, path, name: $name };
            $crate::routes::cases::act::act(&app, &allowed.caller, &key, acted, &body, $read).await
        }
    };
}
pub(crate) use act_route;
