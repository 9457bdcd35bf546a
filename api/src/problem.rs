//! Every refusal and failure of the API as an RFC 9457 problem: one enum, one match to status, code and Russian texts
//!
//! Never an internal: what went wrong inside is logged under the request's id.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nesie_domain::calendar::OutsideCalendar;
use nesie_storage::StorageError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// One field that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// JSON pointer into the body, or the name of a query parameter after `?`.
    #[schema(example = "/client/iin")]
    pub(crate) pointer: String,
    /// Stable code.
    #[schema(example = "iin.checksum")]
    pub(crate) code: String,
    /// What to put right, in Russian; never the value itself.
    pub(crate) message: String,
}

/// What an answer other than 2xx looks like (`application/problem+json`, RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// URL of the kind of problem.
    #[schema(example = "https://nesie.kz/problems/invalid_request")]
    pub(crate) r#type: String,
    /// What kind of problem it is, in Russian.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// Stable code.
    #[schema(example = "invalid_request")]
    pub(crate) code: String,
    /// What to do, in Russian.
    pub(crate) detail: String,
    /// The id under which the request was logged.
    pub(crate) request_id: String,
    /// The fields that are not as they must be.
    pub(crate) errors: Option<Vec<FieldError>>,
    /// What is expected instead: where an act came at the wrong stage, or a term leaves the calendar.
    pub(crate) expected: Option<Value>,
    /// Why a case refused an act: `code` and `detail`.
    pub(crate) refusal: Option<Value>,
}

/// What can be answered other than 2xx.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    /// No token, or one that does not hold.
    Unauthenticated,
    /// The token's roles do not allow it.
    Forbidden,
    /// A callback whose signature does not hold.
    SignatureMismatch,
    /// There is no such thing, or not for this caller.
    NotFound,
    /// No such method here.
    MethodNotAllowed,
    /// The body is not JSON.
    MalformedJson,
    /// The body is not said to be JSON.
    UnsupportedMediaType,
    /// The body is too large.
    TooLarge,
    /// `Idempotency-Key` is missing or malformed.
    IdempotencyKeyRequired,
    /// `Idempotency-Key` was used with another body.
    IdempotencyKeyReused,
    /// Fields are not as they must be.
    Invalid(Vec<FieldError>),
    /// The count leaves the days that the calendar knows.
    OutsideCalendar(OutsideCalendar),
    /// The act is not expected now; this is.
    ActNotExpected(Value),
    /// Who asked for a second person can not be that person.
    SamePerson,
    /// The request for a second person is decided.
    ApprovalNotPending,
    /// The request for a second person waited too long.
    ApprovalExpired,
    /// Another request for the same waits already.
    ApprovalWaits,
    /// The parked step can not be settled so.
    RemedyNotPossible,
    /// A case refused an act: nothing was changed.
    ActRefused {
        /// A stable code, such as `duty.not_open`.
        code: String,
        /// What the caller must know.
        detail: Option<String>,
    },
    /// An act that is not known to be done: repeat it with the same key.
    NotKnownToBeDone,
    /// Something that is needed does not answer.
    Unavailable,
    /// A failure of our own.
    Internal,
}

impl Problem {
    /// One refused field.
    pub(crate) fn field(pointer: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message: message.into() }])
    }

    /// The second of two readings of one request, or every field that either of them refuses.
    pub(crate) fn and<T>(one: Result<(), Self>, other: Result<T, Self>) -> Result<T, Self> {
        match (one, other) {
            (Err(Self::Invalid(mut errors)), Err(Self::Invalid(more))) => {
                errors.extend(more);
                Err(Self::Invalid(errors))
            }
            (Err(problem), _) => Err(problem),
            (Ok(()), other) => other,
        }
    }

    /// The one match from problem to status, stable code and texts.
    fn describe(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Требуется авторизация",
                "Передайте действующий токен в заголовке Authorization: Bearer.",
            ),
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "forbidden", "Недостаточно прав", "Роли токена не разрешают это действие.")
            }
            Self::SignatureMismatch => (
                StatusCode::UNAUTHORIZED,
                "signature_mismatch",
                "Подпись не подтверждена",
                "Подпись уведомления не соответствует его содержанию.",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "Не найдено", "Запрошенный объект не найден."),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Метод не поддерживается",
                "Для этого адреса такой метод не предусмотрен.",
            ),
            Self::MalformedJson => (
                StatusCode::BAD_REQUEST,
                "malformed_json",
                "Тело запроса не читается",
                "Тело запроса должно быть JSON.",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Тип содержимого не поддерживается",
                "Передайте Content-Type: application/json.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "Запрос слишком велик",
                "Размер тела запроса превышает допустимый.",
            ),
            Self::IdempotencyKeyRequired => (
                StatusCode::BAD_REQUEST,
                "idempotency_key_required",
                "Нужен ключ идемпотентности",
                "Передайте заголовок Idempotency-Key: от 1 до 128 видимых знаков ASCII.",
            ),
            Self::IdempotencyKeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "Ключ идемпотентности уже использован",
                "С этим ключом уже был передан запрос с другим телом. Для нового запроса нужен новый ключ.",
            ),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_request",
                "Запрос содержит ошибки",
                "Исправьте перечисленные поля и повторите запрос.",
            ),
            Self::OutsideCalendar(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "outside_calendar",
                "Срок выходит за пределы календаря",
                "Производственный календарь загружен не на все дни срока. Загруженные дни указаны в поле expected.",
            ),
            Self::ActNotExpected(_) => (
                StatusCode::CONFLICT,
                "act_not_expected",
                "Сейчас это действие не ожидается",
                "Состояние заявки не допускает это действие. Ожидаемое действие указано в поле expected.",
            ),
            Self::SamePerson => (
                StatusCode::FORBIDDEN,
                "same_person",
                "Нужно другое лицо",
                "Запрос не может быть решен тем, кто его создал, какими бы ни были его роли.",
            ),
            Self::ApprovalNotPending => (
                StatusCode::CONFLICT,
                "approval_not_pending",
                "Решение уже принято",
                "Запрос уже решен или его срок истек. Состояние показано в самом запросе.",
            ),
            Self::ApprovalExpired => (
                StatusCode::CONFLICT,
                "approval_expired",
                "Срок запроса истек",
                "Запрос не был решен вовремя. Создайте новый.",
            ),
            Self::ApprovalWaits => (
                StatusCode::CONFLICT,
                "approval_waits",
                "Другой запрос уже ожидает решения",
                "По этому шагу уже есть запрос. Дождитесь решения по нему.",
            ),
            Self::RemedyNotPossible => (
                StatusCode::CONFLICT,
                "remedy_not_possible",
                "Этот шаг так завершить нельзя",
                "Шаг уже решен или не допускает такого действия.",
            ),
            Self::ActRefused { .. } => (
                StatusCode::CONFLICT,
                "act_refused",
                "Действие отклонено",
                "Дело не может принять это действие; причина указана в поле refusal.",
            ),
            Self::NotKnownToBeDone => (
                StatusCode::SERVICE_UNAVAILABLE,
                "not_known_to_be_done",
                "Результат пока не известен",
                "Действие сохранено, но не подтверждено. Повторите запрос с тем же Idempotency-Key.",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Сервис временно недоступен",
                "Повторите запрос позже с тем же Idempotency-Key.",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Внутренняя ошибка",
                "Запрос не выполнен. Сообщите в поддержку идентификатор запроса.",
            ),
        }
    }

    /// The body without the request's id, which the outermost layer adds.
    pub(crate) fn body(&self) -> Value {
        let (status, code, title, detail) = self.describe();
        let mut body = json!({
            "type": format!("https://nesie.kz/problems/{code}"),
            "title": title,
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        });
        match self {
            Self::Invalid(errors) => body["errors"] = json!(errors),
            Self::ActNotExpected(expected) => body["expected"] = expected.clone(),
            Self::ActRefused { code, detail } => body["refusal"] = json!({ "code": code, "detail": detail }),
            Self::OutsideCalendar(known) => {
                body["expected"] = json!({ "first_day": known.first, "last_day": known.last });
            }
            _ => {}
        }
        body
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.describe().0
    }
}

/// The body of a problem on its way to the outermost layer, which adds the request's id.
#[derive(Clone)]
pub(crate) struct ProblemBody(pub(crate) Value);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = status.into_response();
        response.extensions_mut().insert(ProblemBody(self.body()));
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if self == Self::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<OutsideCalendar> for Problem {
    fn from(outside: OutsideCalendar) -> Self {
        Self::OutsideCalendar(outside)
    }
}

impl From<StorageError> for Problem {
    /// Logged here, once: nobody above sees more of it than a problem.
    fn from(error: StorageError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "storage failed");
        if error.is_unavailable() { Self::Unavailable } else { Self::Internal }
    }
}

/// A failure that cannot be the caller's.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static), what: &'static str) -> Problem {
    tracing::error!(error, what, "a request failed");
    Problem::Internal
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn each_problem_has_its_status_and_code() {
        let expected = [
            (Problem::Unauthenticated, 401, "unauthenticated"),
            (Problem::Forbidden, 403, "forbidden"),
            (Problem::SignatureMismatch, 401, "signature_mismatch"),
            (Problem::NotFound, 404, "not_found"),
            (Problem::MethodNotAllowed, 405, "method_not_allowed"),
            (Problem::MalformedJson, 400, "malformed_json"),
            (Problem::UnsupportedMediaType, 415, "unsupported_media_type"),
            (Problem::TooLarge, 413, "payload_too_large"),
            (Problem::IdempotencyKeyRequired, 400, "idempotency_key_required"),
            (Problem::IdempotencyKeyReused, 422, "idempotency_key_reused"),
            (Problem::Invalid(Vec::new()), 422, "invalid_request"),
            (
                Problem::OutsideCalendar(OutsideCalendar { first: NaiveDate::MIN, last: NaiveDate::MIN }),
                422,
                "outside_calendar",
            ),
            (Problem::ActNotExpected(Value::Null), 409, "act_not_expected"),
            (Problem::SamePerson, 403, "same_person"),
            (Problem::ApprovalNotPending, 409, "approval_not_pending"),
            (Problem::ApprovalExpired, 409, "approval_expired"),
            (Problem::ApprovalWaits, 409, "approval_waits"),
            (Problem::RemedyNotPossible, 409, "remedy_not_possible"),
            (Problem::NotKnownToBeDone, 503, "not_known_to_be_done"),
            (Problem::Unavailable, 503, "unavailable"),
            (Problem::Internal, 500, "internal"),
        ];
        for (problem, status, code) in expected {
            let body = problem.body();
            assert_eq!((body["status"].as_u64(), body["code"].as_str()), (Some(status), Some(code)));
            assert_eq!(body["type"], format!("https://nesie.kz/problems/{code}"));
            let waits = problem.into_response().headers().contains_key(header::RETRY_AFTER);
            assert_eq!(waits, status == 503, "{code}");
        }
    }

    #[test]
    fn a_storage_failure_tells_nothing_of_itself() {
        let problem = Problem::from(StorageError::Conflict { operation: "facts.record" });
        assert_eq!(problem, Problem::Internal);
        assert!(!problem.body().to_string().contains("facts"));
    }
}
