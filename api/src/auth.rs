//! Who is calling and what they may do: bearer tokens of the configured issuer, roles, and extractors that a handler's
//! signature shows. Every denial is audited (R-112, R-200, R-201; design invariant 10). The actor comes from the token, never from a body.

mod keys;
mod roles;
mod token;
mod verified;

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, MatchedPath, OriginalUri};
use axum::http::header;
use axum::http::request::Parts;
use nesie_storage::audit;
use serde_json::json;
use uuid::Uuid;

pub(crate) use keys::Keys;
pub(crate) use roles::{
    Anybody, ApprovalDeciders, ApprovalReaders, CaseReaders, CaseReporters, ComplianceOnly, MatchReaders,
    OperationsOnly, ParkedReaders, Role, RoleSet, ServiceOnly, WebhookReaders,
};

use crate::app::App;
use crate::context::RequestId;
use crate::problem::Problem;
use token::TokenError;

/// Who is calling, from the token alone.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `issuer|subject`: the actor in every row.
    pub(crate) actor: String,
    /// The roles that we know.
    pub(crate) roles: Vec<Role>,
    /// The request's id.
    pub(crate) request_id: String,
}

impl Caller {
    /// Whether the caller has a role of staff, who see the applications of every submitter.
    pub(crate) fn is_staff(&self) -> bool {
        self.roles.iter().any(|role| *role != Role::Service)
    }

    /// Whether the caller may learn that an AML list is why something happened (AML law art. 11).
    pub(crate) fn sees_aml(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::Compliance | Role::Auditor))
    }

    /// The roles' names, for the audit log.
    pub(crate) fn role_names(&self) -> Vec<String> {
        self.roles.iter().map(|role| role.as_str().to_owned()).collect()
    }
}

/// A caller with one of the roles of `R`; a handler that takes one cannot be reached by anybody else.
pub(crate) struct Allowed<R> {
    pub(crate) caller: Caller,
    roles: PhantomData<R>,
}

impl<R: RoleSet> FromRequestParts<App> for Allowed<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let token = match bearer(parts) {
            Ok(token) => token,
            Err(reason) => return Err(deny(app, parts, None, &request_id, reason, Problem::Unauthenticated).await),
        };
        let (actor, roles) = match token::verify(&app.keys, token).await {
            Ok(verified) => verified,
            Err(TokenError::KeysUnavailable) => return Err(Problem::Unavailable),
            Err(TokenError::Refused(reason)) => {
                return Err(deny(app, parts, None, &request_id, reason, Problem::Unauthenticated).await);
            }
        };
        let caller = Caller { actor, roles, request_id };
        if caller.roles.iter().any(|role| R::ALLOWED.contains(role)) {
            return Ok(Self { caller, roles: PhantomData });
        }
        let request_id = caller.request_id.clone();
        Err(deny(app, parts, Some(&caller), &request_id, "role_missing", Problem::Forbidden).await)
    }
}

fn bearer(parts: &Parts) -> Result<&str, &'static str> {
    let value = parts.headers.get(header::AUTHORIZATION).ok_or("token_missing")?;
    let value = value.to_str().map_err(|_| "token_malformed")?;
    let (scheme, token) = value.split_once(' ').ok_or("token_malformed")?;
    if scheme.eq_ignore_ascii_case("bearer") && token.len() <= 8192 { Ok(token.trim()) } else { Err("token_malformed") }
}

/// Audits a denial. Where it cannot be audited the caller is still denied, and the log says so.
async fn deny(
    app: &App,
    parts: &Parts,
    caller: Option<&Caller>,
    request_id: &str,
    reason: &'static str,
    problem: Problem,
) -> Problem {
    let template = parts.extensions.get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
    let roles = caller.map(Caller::role_names).unwrap_or_default();
    let entry = audit::Entry {
        occurred_at: crate::time::now(),
        actor: caller.map_or("anonymous", |caller| &caller.actor),
        roles: &roles,
        action: &format!("{} {template}", parts.method),
        object: &object(template, path),
        reason,
        request_id: Some(request_id),
        details: json!({}),
    };
    if let Err(error) = audit::record_denial(&app.pool, &entry).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a denial was not audited");
    }
    problem
}

/// The path with ids only: whatever else a caller wrote into it is not kept.
fn object(template: &str, path: &str) -> String {
    let known: Vec<&str> = template.split('/').collect();
    path.split('/')
        .take(8)
        .map(|part| if known.contains(&part) || Uuid::parse_str(part).is_ok() { part } else { "-" })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audited_path_keeps_ids_and_nothing_else_of_the_callers() {
        let id = "6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10";
        let template = "/v1/applications/{id}/timeline";
        assert_eq!(
            object(template, &format!("/v1/applications/{id}/timeline")),
            format!("/v1/applications/{id}/timeline")
        );
        assert_eq!(object(template, "/v1/applications/900101300017/timeline"), "/v1/applications/-/timeline");
    }
}
