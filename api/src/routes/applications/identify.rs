//! The client's image for biometric identification against a one-time challenge (para 9, 35; ).

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_domain::ids::{ApplicationId, ChallengeId};
use nesie_storage::audit;
use nesie_storage::bodies::Identification;
use nesie_storage::views::agreement;
use nesie_workflows::origination::What;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts::{self, ActAccepted, Opened, entry};
use crate::app::App;
use crate::auth::{Allowed, Caller, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::Problem;

const IMAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The code of a challenge that the application does not have.
const UNKNOWN: &str = "challenge.unknown";

/// An image that answers a challenge.
#[derive(Deserialize, ToSchema)]
#[schema(as = Identification)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct IdentificationRequest {
    /// The challenge that `expected` names.
    challenge_id: Uuid,
    /// The image in base64, at most 2 MiB decoded.
    image: String,
    /// `image/png` or `image/jpeg`.
    image_type: String,
}

/// Пройти биометрическую идентификацию
#[utoipa::path(
    post, path = "/v1/applications/{id}/identification", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = IdentificationRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Действие не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn identify(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/applications/{id}/identification");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let identification = read(&body)?;
    let challenge = agreement::challenge(&app.pool, id, identification.challenge_id).await?;
    let Some(kind) = kind(challenge.map(|challenge| challenge.purpose).as_deref(), act.stage()) else {
        return Err(unknown(&app, &allowed.caller, id, identification.challenge_id).await?);
    };
    act.send(What::Client { kind }, &identification, "").await
}

/// Which identification the challenge was made for. A challenge that is not this application's is none where one is
/// awaited; elsewhere the workflow says what is expected.
fn kind(purpose: Option<&str>, stage: &Stage) -> Option<ActKind> {
    match (purpose, stage) {
        (Some("payment"), _) => Some(ActKind::IdentifyForPayment),
        (Some("leak"), _) => Some(ActKind::IdentifyAfterLeak),
        (Some(_), _) => Some(ActKind::Identify),
        (
            None,
            Stage::AwaitingIdentification { .. }
            | Stage::AwaitingPaymentIdentification { .. }
            | Stage::AwaitingLeakVerification { .. },
        ) => None,
        (None, _) => Some(ActKind::Identify),
    }
}

/// An image for a challenge of nobody's, or of somebody else's, is audited as a denial; nothing else is stored.
async fn unknown(app: &App, caller: &Caller, id: ApplicationId, challenge_id: ChallengeId) -> Result<Problem, Problem> {
    let (object, roles) = (audit::application_object(id), caller.role_names());
    let details = json!({ "challenge_id": challenge_id });
    let denial = entry(caller, &roles, ActKind::Identify.as_str(), &object, UNKNOWN, details);
    audit::record_denial(&app.pool, &denial).await?;
    Ok(Problem::field("/challenge_id", UNKNOWN, "Такого задания у заявки нет: возьмите его из поля expected"))
}

fn read(body: &[u8]) -> Result<Identification, Problem> {
    let mut fields = Fields::read(body)?;
    let challenge_id = fields.parsed("/challenge_id", str::parse::<ChallengeId>);
    let image_type = fields.text("/image_type");
    let image = fields.text("/image");
    let known = image_type.as_deref().filter(|kind| matches!(*kind, "image/png" | "image/jpeg"));
    if image_type.is_some() && known.is_none() {
        fields.refuse("/image_type", "image_type.unknown", "Допустимые значения: image/png, image/jpeg");
    }
    match image.as_ref().map(|image| STANDARD.decode(image)) {
        None => {}
        Some(Err(_)) => fields.refuse("/image", "image.base64", "Изображение передаётся в base64"),
        Some(Ok(bytes)) if bytes.len() > IMAGE_BYTES_MAX => {
            fields.refuse("/image", "image.too_large", "Изображение не больше 2 МиБ");
        }
        Some(Ok(bytes)) if known.is_some_and(|kind| !starts_as(&bytes, kind)) => {
            fields.refuse("/image", "image.other_type", "Содержимое не соответствует image_type");
        }
        Some(Ok(_)) => {}
    }
    let read = challenge_id.zip(image).zip(image_type);
    fields.finish(read.map(|((challenge_id, image), image_type)| Identification { challenge_id, image, image_type }))
}

/// Whether the bytes begin as files of that type do.
fn starts_as(bytes: &[u8], kind: &str) -> bool {
    match kind {
        "image/png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        _ => bytes.starts_with(b"\xff\xd8\xff"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(image: &str, image_type: &str) -> Vec<String> {
        let body = json!({"challenge_id": Uuid::nil(), "image": image, "image_type": image_type});
        match read(body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.code).collect(),
            Err(other) => panic!("not a 422: {other:?}"),
        }
    }

    #[test]
    fn an_image_must_be_what_it_is_said_to_be() {
        let png = STANDARD.encode(b"\x89PNG\r\n\x1a\nrest");
        assert!(codes(&png, "image/png").is_empty());
        assert_eq!(codes(&png, "image/jpeg"), ["image.other_type"]);
        assert_eq!(codes(&png, "image/gif"), ["image_type.unknown"]);
        assert_eq!(codes("not base64!", "image/png"), ["image.base64"]);
        assert_eq!(codes("not base64!", "image/gif"), ["image_type.unknown", "image.base64"], "each is named");
        let large = STANDARD.encode([b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; IMAGE_BYTES_MAX]].concat());
        assert_eq!(codes(&large, "image/png"), ["image.too_large"]);
    }

    #[test]
    fn the_challenge_says_which_identification_it_is() {
        let challenge_id = ChallengeId::from_uuid(Uuid::nil());
        let awaiting = Stage::AwaitingIdentification { challenge_id, tries_left: 1 };
        assert_eq!(kind(Some("contract"), &awaiting), Some(ActKind::Identify));
        assert_eq!(kind(Some("payment"), &awaiting), Some(ActKind::IdentifyForPayment));
        assert_eq!(kind(Some("leak"), &awaiting), Some(ActKind::IdentifyAfterLeak));
        assert_eq!(kind(None, &awaiting), None);
        assert_eq!(kind(None, &Stage::Assessing), Some(ActKind::Identify));
    }
}
