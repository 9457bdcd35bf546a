//! The client chooses one of the drafts (para 8(4), R-084).

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::ids::{ApplicationId, DraftId};
use nesie_storage::bodies::ScheduleChoice;
use nesie_storage::views::agreement::{self, Draft};
use nesie_workflows::origination::What;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;

/// The choice of a draft.
#[derive(Deserialize, ToSchema)]
#[schema(as = ScheduleChoice)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ScheduleChoiceRequest {
    draft_id: Uuid,
}

/// Выбрать график погашения
#[utoipa::path(
    put, path = "/v1/applications/{id}/schedule", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ScheduleChoiceRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Действие не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn choose_schedule(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("PUT /v1/applications/{id}/schedule");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let choice = read(&body)?;
    let (drafts, _) = agreement::schedules(&app.pool, id).await?;
    check(choice.draft_id, &drafts)?;
    act.send(What::Client { kind: ActKind::ChooseSchedule }, &choice, "").await
}

fn read(body: &[u8]) -> Result<ScheduleChoice, Problem> {
    let mut fields = Fields::read(body)?;
    let draft_id = fields.parsed("/draft_id", str::parse::<DraftId>);
    fields.finish(draft_id.map(|draft_id| ScheduleChoice { draft_id }))
}

/// Once there are drafts, only one of them that is within the limits can be chosen; before, the workflow refuses.
fn check(chosen: DraftId, drafts: &[Draft]) -> Result<(), Problem> {
    let Some(draft) = drafts.iter().find(|draft| draft.id == chosen) else {
        if drafts.is_empty() {
            return Ok(());
        }
        return Err(Problem::field("/draft_id", "draft.unknown", "Такого проекта графика у заявки нет"));
    };
    let within_limits = draft.breaches.as_array().is_some_and(Vec::is_empty);
    if within_limits {
        return Ok(());
    }
    Err(Problem::field("/draft_id", "draft.outside_limits", "Условия этого графика превышают установленные пределы"))
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_draft_must_be_one_of_the_applications_and_within_limits() {
        let draft = |number: u128, breaches: Value| Draft {
            id: DraftId::from_uuid(Uuid::from_u128(number)),
            method: "annuity".to_owned(),
            schedule: Value::Null,
            sha256: Vec::new(),
            annual_effective_rate: Some(Decimal::TEN),
            breaches,
        };
        let drafts = [draft(1, json!([])), draft(2, json!([{}]))];
        let code = |number: u128, drafts: &[Draft]| match check(DraftId::from_uuid(Uuid::from_u128(number)), drafts) {
            Ok(()) => String::new(),
            Err(Problem::Invalid(errors)) => errors[0].code.clone(),
            Err(other) => panic!("not a 422: {other:?}"),
        };
        assert_eq!(code(1, &drafts), "");
        assert_eq!(code(2, &drafts), "draft.outside_limits");
        assert_eq!(code(3, &drafts), "draft.unknown");
        assert_eq!(code(3, &[]), "");
        assert!(read(br#"{"draft_id":"7"}"#).is_err());
    }
}
