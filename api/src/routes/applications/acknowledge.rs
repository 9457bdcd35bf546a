//! The client acknowledges rules, payments and rights by the hashes of what he was shown, or renews
//! his consent to the frozen contract by its hash.

use axum::extract::State;
use axum::response::Response;
use nesie_domain::act::ActKind;
use nesie_domain::ids::ApplicationId;
use nesie_storage::bodies::{Acknowledgement, Acknowledgements};
use nesie_storage::views::agreement;
use nesie_workflows::origination::What;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::{self, ActAccepted, Opened};
use crate::app::App;
use crate::auth::{Allowed, ServiceOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{FieldError, Problem};
use crate::view;

const RENEWED_CONSENT: &str = "renewed_consent";
const DISCLOSED: [&str; 3] = ["rules", "payments", "rights"];

/// What the client acknowledges: all three texts, or `renewed_consent` alone.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Acknowledgements)]
pub(crate) struct AcknowledgementsRequest {
    acknowledged: Vec<AcknowledgementRequest>,
}

/// One acknowledged text.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Acknowledgement)]
pub(crate) struct AcknowledgementRequest {
    /// `rules`, `payments`, `rights`, or `renewed_consent` for the frozen contract.
    kind: String,
    /// SHA-256 of the text, lower hexadecimal.
    sha256: String,
}

/// Подтвердить ознакомление
#[utoipa::path(
    post, path = "/v1/applications/{id}/acknowledgements", tag = "applications",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = AcknowledgementsRequest,
    responses((status = 200, body = ActAccepted), (status = 409, description = "Действие не ожидается", content_type = "application/problem+json"))
)]
pub(crate) async fn acknowledge(
    allowed: Allowed<ServiceOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ApplicationId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let route = format!("POST /v1/applications/{id}/acknowledgements");
    let act = match acts::open(&app, &allowed.caller, &key, route, id, &body).await? {
        Opened::Answered(response) => return Ok(response),
        Opened::Pending(act) => act,
    };
    let (kind, acknowledged) = read(&body)?;
    check(&acknowledged, &shown(&app, id, kind).await?)?;
    act.send(What::Client { kind }, &acknowledged, "").await
}

/// Kind and hash of what was shown; empty while nothing was, which the workflow then refuses.
async fn shown(app: &App, id: ApplicationId, kind: ActKind) -> Result<Vec<(String, String)>, Problem> {
    if kind == ActKind::RenewConsent {
        let contract =
            agreement::contract(&app.pool, id, |place, sealed| app.protection.open(place, sealed).ok()).await?;
        return Ok(contract
            .map(|contract| (RENEWED_CONSENT.to_owned(), view::hex(&contract.sha256)))
            .into_iter()
            .collect());
    }
    let texts = agreement::disclosures(&app.pool, id).await?;
    Ok(texts.into_iter().map(|text| (text.kind, view::hex(&text.sha256))).collect())
}

fn read(body: &[u8]) -> Result<(ActKind, Acknowledgements), Problem> {
    let mut fields = Fields::read(body)?;
    let mut acknowledged = Vec::new();
    for entry in 0..fields.list("/acknowledged", DISCLOSED.len()) {
        let (at_kind, at_hash) = (format!("/acknowledged/{entry}/kind"), format!("/acknowledged/{entry}/sha256"));
        let kind = fields.text(&at_kind);
        if kind.as_deref().is_some_and(|kind| !DISCLOSED.contains(&kind) && kind != RENEWED_CONSENT) {
            fields.refuse(
                &at_kind,
                "acknowledgement.kind_unknown",
                "Допустимые значения: rules, payments, rights, renewed_consent",
            );
        }
        let sha256 = fields.text(&at_hash);
        let hexadecimal =
            |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if sha256.as_deref().is_some_and(|text| !hexadecimal(text)) {
            fields.refuse(&at_hash, "sha256.format", "SHA-256: 64 шестнадцатеричные цифры в нижнем регистре");
        }
        acknowledged.extend(kind.zip(sha256).map(|(kind, sha256)| Acknowledgement { kind, sha256 }));
    }
    let renewed = acknowledged.iter().any(|entry| entry.kind == RENEWED_CONSENT);
    let mut kinds: Vec<&str> = acknowledged.iter().map(|entry| entry.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let complete = if renewed { acknowledged.len() == 1 } else { kinds.len() == DISCLOSED.len() };
    if !complete {
        let message = "Нужны все три подтверждения: rules, payments, rights; renewed_consent передаётся отдельно";
        fields.refuse("/acknowledged", "acknowledgement.incomplete", message);
    }
    let kind = if renewed { ActKind::RenewConsent } else { ActKind::Acknowledge };
    fields.finish(Some((kind, Acknowledgements { acknowledged })))
}

/// Each acknowledged hash must be of what this client was shown.
fn check(acknowledged: &Acknowledgements, shown: &[(String, String)]) -> Result<(), Problem> {
    let differs =
        |entry: &Acknowledgement| shown.iter().any(|(kind, sha256)| *kind == entry.kind && *sha256 != entry.sha256);
    let errors: Vec<FieldError> = acknowledged
        .acknowledged
        .iter()
        .enumerate()
        .filter(|(_, entry)| differs(entry))
        .map(|(at, _)| FieldError {
            pointer: format!("/acknowledged/{at}/sha256"),
            code: "acknowledgement.other_text".to_owned(),
            message: "Клиенту был показан другой текст: подтвердите текст по ссылке disclosures или contract"
                .to_owned(),
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(entries: &[(&str, &str)]) -> Vec<u8> {
        let acknowledged = entries
            .iter()
            .map(|(kind, sha256)| AcknowledgementRequest { kind: (*kind).to_owned(), sha256: (*sha256).to_owned() })
            .collect();
        serde_json::to_vec(&AcknowledgementsRequest { acknowledged }).expect("JSON")
    }

    #[test]
    fn all_three_or_renewed_consent_alone() {
        let hash = "ab".repeat(32);
        let all = body(&[("rules", &hash), ("payments", &hash), ("rights", &hash)]);
        assert_eq!(read(&all).expect("read").0, ActKind::Acknowledge);
        assert_eq!(read(&body(&[(RENEWED_CONSENT, &hash)])).expect("read").0, ActKind::RenewConsent);
        for incomplete in [
            body(&[("rules", &hash)]),
            body(&[("rules", &hash), ("rules", &hash), ("rights", &hash)]),
            body(&[(RENEWED_CONSENT, &hash), ("rules", &hash)]),
            body(&[("rules", "AB"), ("payments", &hash), ("rights", &hash)]),
            body(&[]),
        ] {
            assert!(matches!(read(&incomplete), Err(Problem::Invalid(_))));
        }
    }

    #[test]
    fn another_text_than_the_one_shown_is_named() {
        let (shown, other) = ("ab".repeat(32), "cd".repeat(32));
        let (_, acknowledged) =
            read(&body(&[("rules", &shown), ("payments", &other), ("rights", &shown)])).expect("read");
        let texts = DISCLOSED.map(|kind| (kind.to_owned(), shown.clone()));
        let Err(Problem::Invalid(errors)) = check(&acknowledged, &texts) else { panic!("refused") };
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].pointer, "/acknowledged/1/sha256");
        assert_eq!(check(&acknowledged, &[]), Ok(()), "nothing shown yet: the workflow says what is expected");
    }
}
