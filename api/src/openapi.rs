//! The OpenAPI 3.1 document, made from the code: what the handlers do not say one by one is added here for all.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, HeaderBuilder, Object, PathItem, Ref, RefOr, Response, ResponseBuilder, Type,
};

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
            responses.entry("503".to_owned()).or_insert_with(|| try_again().into());
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

/// What every operation may answer while something that it needs does not: when to try again is said with it.
fn try_again() -> Response {
    let seconds = HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::Integer)))
        .description(Some("Через сколько секунд повторить запрос"))
        .build();
    ResponseBuilder::new()
        .description("Сервис недоступен или результат не известен: повторите запрос, действие с тем же Idempotency-Key")
        .header("Retry-After", seconds)
        .content(PROBLEM, problem())
        .build()
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

    fn members(value: &Value) -> serde_json::Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn document() -> Value {
        serde_json::to_value(super::document()).expect("JSON")
    }

    /// Every operation, under its method and path.
    fn operations(document: &Value) -> Vec<(String, Value)> {
        let mut operations = Vec::new();
        for (path, item) in members(&document["paths"]) {
            // Beside its operations an item may have members of its own, which answer nothing.
            let answering = members(&item).into_iter().filter(|(_, member)| member["responses"].is_object());
            operations.extend(answering.map(|(method, operation)| (format!("{method} {path}"), operation)));
        }
        operations
    }

    #[test]
    fn every_answer_but_a_success_is_a_problem_of_one_shape() {
        let document = document();
        assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
        let mut seen = 0;
        for (name, operation) in operations(&document) {
            for (status, response) in members(&operation["responses"]) {
                // 304 says by itself that nothing has changed.
                if status.starts_with('2') || status == "304" {
                    continue;
                }
                let schema = json!({ "$ref": "#/components/schemas/Problem" });
                let expected = json!({ "application/problem+json": { "schema": schema } });
                assert_eq!(response["content"], expected, "{name} {status}");
                seen += 1;
            }
            let again = &operation["responses"]["503"]["headers"]["Retry-After"];
            assert_eq!(again["schema"]["type"], "integer", "{name}");
            assert!(again["description"].is_string(), "{name}");
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn what_is_accepted_says_where_it_is_to_be_found() {
        let mut found = Vec::new();
        for (name, operation) in operations(&document()) {
            if operation["responses"]["202"]["headers"]["Location"]["description"].is_string() {
                found.push(name);
            }
        }
        let expected = [
            "post /v1/accrual-suspensions",
            "post /v1/applications",
            "post /v1/calendar/versions",
            "post /v1/channel-notices",
            "post /v1/data-leaks",
            "post /v1/fraud-incidents",
            "post /v1/parked-steps/{id}/completion",
            "post /v1/parked-steps/{id}/correction",
            "post /v1/write-offs",
        ];
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_body_has_a_shape_with_fields_of_its_own() {
        let document = document();
        for (name, operation) in operations(&document).into_iter().filter(|(_, one)| one["requestBody"].is_object()) {
            let shape = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let shape = shape.as_str().and_then(|shape| shape.strip_prefix("#/components/schemas/"));
            let schema = &document["components"]["schemas"][shape.unwrap_or_default()];
            // Sending a notice and opening a channel say nothing more.
            let nothing = name.ends_with("/sending") || name.ends_with("/activation");
            assert_eq!(schema["properties"].is_object(), !nothing, "{name}: {shape:?}");
            assert_eq!(schema["type"], "object", "{name}: {shape:?}");
        }
        let call = &document["components"]["schemas"]["VerificationCall"];
        assert_eq!(call["required"].as_array().map(Vec::len), Some(8), "{call}");
        assert!(call["properties"]["documents"].is_object(), "{call}");
    }
}
