//! The OpenAPI 3.1 document, made from the code: what the handlers do not say one by one is added here for all.

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, PathItem, Ref, ResponseBuilder};

use crate::problem::{FieldError, ProblemDocument};

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
        (name = "compliance", description = "Вероятные совпадения с перечнями: для комплаенс-контроля"),
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
            for (status, description) in common {
                let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
                let response = ResponseBuilder::new()
                    .description(*description)
                    .content("application/problem+json", content)
                    .build();
                operation.responses.responses.entry((*status).to_owned()).or_insert_with(|| response.into());
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post].into_iter().flatten()
}
