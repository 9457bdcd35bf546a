//! The OpenAPI 3.1 document, made from the code: what the handlers do not say one by one is added here for all.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Content, ContentBuilder, PathItem, Ref, RefOr, Response, ResponseBuilder};

use crate::problem::{FieldError, ProblemDocument};

/// The media type of problems (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// The document's head.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nesie",
        description = "Предоставление микрокредитов электронным способом. Суммы и ставки передаются строками десятичных чисел, ставки в процентах годовых. Ошибки: application/problem+json со стабильным полем code.",
        license(name = "MIT", identifier = "MIT")
    ),
    components(schemas(ProblemDocument, FieldError)),
    security(("bearer" = [])),
    tags(
        (name = "applications", description = "Заявки: для систем кредитора, от имени клиента"),
        (name = "operations", description = "Остановленные шаги: для сотрудников"),
        (name = "governance", description = "Действия, которые решают два лица: для сотрудников"),
        (name = "compliance", description = "Вероятные совпадения с перечнями: для комплаенс-контроля"),
        (name = "cases", description = "Дела по пунктам 4, 5, 13 и 36 Правил и сроки по ним"),
        (name = "webhooks", description = "Уведомления о событиях: адреса, секреты, доставка, повторная отправка"),
        (name = "calendar", description = "Производственный календарь: счёт рабочих дней и версии"),
        (name = "duties", description = "Сроки по Правилам и их исполнение"),
        (name = "quotes", description = "Расчёты условий"),
        (name = "service", description = "Состояние сервиса и уведомления провайдеров")
    )
)]
struct Head;

/// The head, to which the router adds its routes.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Head::openapi();
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    document.components.get_or_insert_with(Components::new).add_security_scheme("bearer", scheme);
    document
}

/// The whole document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    complete(crate::routes::documented().into_openapi())
}

/// Adds the problems that every operation may answer.
pub(crate) fn complete(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let public = operation.security.is_some();
            let common: &[(&str, &str)] = if public {
                &[("default", "Ошибка")]
            } else {
                &[("401", "Нет действующего токена"), ("403", "Роли токена не позволяют"), ("default", "Ошибка")]
            };
            let responses = &mut operation.responses.responses;
            for (status, description) in common {
                let response = ResponseBuilder::new().description(*description).content(PROBLEM, problem()).build();
                responses.entry((*status).to_owned()).or_insert_with(|| response.into());
            }
            for (_, response) in responses.iter_mut().filter(|(status, _)| !status.starts_with('2')) {
                say_what_a_problem_is(response);
            }
        }
    }
    document
}

/// A handler names a problem by its media type alone; its shape is the same everywhere.
fn say_what_a_problem_is(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    if let Some(RefOr::T(content)) = response.content.get_mut(PROBLEM)
        && content.schema.is_none()
    {
        *content = problem();
    }
}

fn problem() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn every_answer_but_a_success_is_a_problem_of_one_shape() {
        let document = serde_json::to_value(super::document()).expect("JSON");
        assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
        let members = |value: &Value| value.as_object().expect("an object").clone();
        let mut seen = 0;
        for (path, item) in members(&document["paths"]) {
            // Beside its operations an item may have members of its own, which answer nothing.
            for (method, operation) in members(&item).into_iter().filter(|(_, member)| member["responses"].is_object())
            {
                for (status, response) in members(&operation["responses"]) {
                    // 304 says by itself that nothing has changed.
                    if status.starts_with('2') || status == "304" {
                        continue;
                    }
                    let schema = json!({ "$ref": "#/components/schemas/Problem" });
                    let expected = json!({ "application/problem+json": { "schema": schema } });
                    assert_eq!(response["content"], expected, "{method} {path} {status}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 40, "{seen}");
    }
}
