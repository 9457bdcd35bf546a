//! Operations ask for a second person on a parked step: its effect is proved by hand, or its input is corrected.
//! Nothing is done here: the request is stored, and the step stays parked until another person approves it.

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::act::ActKind;
use nesie_domain::approval::ApprovalKind;
use nesie_domain::ids::{ApprovalId, Owner, ParkedStepId, SubmissionId};
use nesie_domain::phone::Phone;
use nesie_domain::refund::RefundKind;
use nesie_storage::bodies::{self, Applicant, Correction, Proof, ProofDocument, applicant_place};
use nesie_storage::cases::CaseSubmission;
use nesie_storage::money::{self, PaymentState};
use nesie_storage::submissions::NewSubmission;
use nesie_storage::views::open_work::{self, ParkedStep};
use nesie_storage::{applications, refunds};
use nesie_workflows::contract::{ParkedDecision, Remedy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::acts::body_hash;
use crate::app::App;
use crate::approvals::{ApprovalAsked, Proposal, Request, Submission};
use crate::auth::{Allowed, Caller, OperationsOnly};
use crate::idempotency::IdempotencyKey;
use crate::parse::{Body, Fields, Id};
use crate::problem::{Problem, internal};
use crate::reason::read_reason;
use crate::view;

/// The step that pays an application out.
const TRANSFER: &str = "transfer_money";
const REFERENCE_CHARACTERS_MAX: usize = 128;
const DESCRIPTION_CHARACTERS_MAX: usize = 2000;
const DOCUMENT_TYPES: [&str; 3] = ["application/pdf", "image/png", "image/jpeg"];

/// A parked step is done, and this proves it.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ParkedStepCompletion {
    /// What proves it.
    proof: ParkedStepProof,
    /// Why, in your own words.
    reason: String,
}

/// What proves that a step is done, or, for a transfer or a refund, that no money moved.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ParkedStepProof {
    /// What is proved, and how it is known.
    description: String,
    /// For a transfer or a refund: whether the money moved. `true` needs the provider's reference, `false` a document.
    money_moved: Option<bool>,
    /// The provider's own reference: of the transfer, of the loan in accounting, of the message.
    provider_reference: Option<String>,
    /// For `record_loan`: the credit bureau's receipt.
    bureau_receipt: Option<String>,
    /// A document in base64.
    document: Option<String>,
    /// `application/pdf`, `image/png` or `image/jpeg`; with a document.
    document_type: Option<String>,
}

/// A parked step is to be tried again with corrected input.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape for the document; the body is read field by field")]
pub(crate) struct ParkedStepCorrection {
    /// For `notify_client`: the client's phone as it should have been.
    phone: String,
    /// Why, in your own words.
    reason: String,
}

/// Завершение остановленного шага вручную
#[utoipa::path(
    post, path = "/v1/parked-steps/{id}/completion", tag = "governance",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ParkedStepCompletion,
    responses((status = 202, body = ApprovalAsked, headers(("Location" = String, description = "Адрес запроса на решение вторым лицом"))), (status = 409, description = "Шаг так завершить нельзя", content_type = "application/problem+json"))
)]
pub(crate) async fn complete(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ParkedStepId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let step = open_work::parked_step(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let route = format!("POST /v1/parked-steps/{id}/completion");
    let request = match Request::open(&app, &allowed.caller, &key, route, &body).await? {
        Ok(request) => request,
        Err(answered) => return Ok(answered),
    };
    let kind = ApprovalKind::CompleteByHand;
    let Some(owner) = possible(&app, &step, ParkedDecision::CompleteByHand).await? else {
        return request.refuse(kind, &object(id), "remedy_not_possible", Problem::RemedyNotPossible).await;
    };
    let (asked, proof) = read_proof(&step.step, &body)?;
    let proof = Proof { approval_id: asked.approval_id, ..proof };
    // As for everybody: that a list of the AML law parked it is not told here either.
    let known = view::parked::shown(step.clone(), false).failure_code;
    let difference = json!({
        "step": step.step,
        "before": { "known": known },
        "after": {
            "money_moved": proof.money_moved,
            "provider_reference": proof.provider_reference,
            "bureau_receipt": proof.bureau_receipt,
            "document_sha256": proof.document.as_ref()
                .and_then(|document| STANDARD.decode(&document.content).ok())
                .map(|content| nesie_domain::hash::sha256_hex(&content)),
        },
    });
    let remedy = asked.remedy(owner, id, ParkedDecision::CompleteByHand);
    propose(&app, &allowed.caller, request, kind, &remedy, &asked, &proof, difference).await
}

/// Повтор остановленного шага с исправленными данными
#[utoipa::path(
    post, path = "/v1/parked-steps/{id}/correction", tag = "governance",
    params(("id" = String, Path), ("idempotency-key" = String, Header)), request_body = ParkedStepCorrection,
    responses((status = 202, body = ApprovalAsked, headers(("Location" = String, description = "Адрес запроса на решение вторым лицом"))), (status = 409, description = "Данные этого шага не исправляются", content_type = "application/problem+json"))
)]
pub(crate) async fn correct(
    allowed: Allowed<OperationsOnly>,
    key: IdempotencyKey,
    State(app): State<App>,
    Id(id): Id<ParkedStepId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let step = open_work::parked_step(&app.pool, id).await?.ok_or(Problem::NotFound)?;
    let route = format!("POST /v1/parked-steps/{id}/correction");
    let request = match Request::open(&app, &allowed.caller, &key, route, &body).await? {
        Ok(request) => request,
        Err(answered) => return Ok(answered),
    };
    let kind = ApprovalKind::RetryCorrected;
    let Some(Owner::Application(application_id)) = possible(&app, &step, ParkedDecision::RetryCorrected).await? else {
        return request.refuse(kind, &object(id), "remedy_not_possible", Problem::RemedyNotPossible).await;
    };
    let (asked, phone) = read_correction(&body)?;
    let application = applications::get(&app.pool, application_id).await?.ok_or(Problem::Internal)?;
    let plain = app.protection.open(&applicant_place(application_id), &application.applicant_sealed);
    let plain = plain.map_err(|error| internal(&error, "an applicant can not be opened"))?;
    let applicant: Applicant =
        serde_json::from_slice(&plain).map_err(|error| internal(&error, "an applicant can not be read"))?;
    let difference = json!({
        "step": step.step,
        "before": { "phone": masked(&applicant.phone) },
        "after": { "phone": masked(&phone) },
    });
    let correction = Correction { reason: asked.reason.clone(), approval_id: asked.approval_id, phone };
    let remedy = asked.remedy(application_id.into(), id, ParkedDecision::RetryCorrected);
    propose(&app, &allowed.caller, request, kind, &remedy, &asked, &correction, difference).await
}

/// Who asks for what, before anything is stored.
struct Asked {
    approval_id: ApprovalId,
    submission_id: SubmissionId,
    reason: String,
}

impl Asked {
    fn because(reason: String) -> Self {
        let [approval, submission] = [Uuid::now_v7(), Uuid::now_v7()];
        Self {
            approval_id: ApprovalId::from_uuid(approval),
            submission_id: SubmissionId::from_uuid(submission),
            reason,
        }
    }

    fn remedy(&self, owner: Owner, parked_step_id: ParkedStepId, decision: ParkedDecision) -> Remedy {
        Remedy { owner, parked_step_id, submission_id: self.submission_id, decision }
    }
}

/// Whose step it is, where it waits and can be settled so. Money that was never sent can not be proved.
async fn possible(app: &App, step: &ParkedStep, decision: ParkedDecision) -> Result<Option<Owner>, Problem> {
    if step.decided || !ParkedDecision::possible_on(&step.step, step.nothing_sent).contains(&decision) {
        return Ok(None);
    }
    let provable = match (step.owner, RefundKind::parse(&step.step)) {
        (Owner::Application(id), _) if step.step == TRANSFER => {
            let state = money::payment(&app.pool, id).await?.map(|payment| payment.state);
            matches!(state, Some(PaymentState::Sent | PaymentState::Unknown))
        }
        (Owner::Case(id), Some(kind)) => refunds::in_doubt(&app.pool, id, kind).await?.is_some(),
        (Owner::Application(_), _) => true,
        (Owner::Case(_), None) => false,
    };
    Ok(provable.then_some(step.owner))
}

/// Whether a step moves money, so that its proof says whether it moved.
fn moves_money(step: &str) -> bool {
    step == TRANSFER || RefundKind::parse(step).is_some()
}

#[expect(clippy::too_many_arguments, reason = "the parts of one proposal")]
async fn propose(
    app: &App,
    caller: &Caller,
    request: Request<'_>,
    kind: ApprovalKind,
    remedy: &Remedy,
    asked: &Asked,
    submission: &impl Serialize,
    difference: Value,
) -> Result<Response, Problem> {
    let plain = serde_json::to_vec(submission).map_err(|error| internal(&error, "a submission is no JSON"))?;
    let sealed = app.protection.seal(&bodies::submission_place(remedy.submission_id), &plain);
    let (id, received_at, sha256) = (remedy.submission_id, crate::time::now(), body_hash(app, &plain));
    let submission = match remedy.owner {
        Owner::Application(application_id) => Submission::OfApplication(NewSubmission {
            id,
            application_id,
            act: ActKind::DecideParkedStep,
            body_sealed: &sealed,
            body_sha256: &sha256,
            submitted_by: &caller.actor,
            received_at,
        }),
        Owner::Case(case_id) => Submission::OfCase(CaseSubmission {
            id,
            case_id,
            act: ActKind::DecideParkedStep.as_str().to_owned(),
            body_sealed: sealed.clone(),
            body_sha256: sha256.to_vec(),
            submitted_by: caller.actor.clone(),
            roles: caller.role_names(),
            reason: asked.reason.clone(),
            received_at,
            answer: None,
        }),
    };
    let proposal = Proposal {
        id: asked.approval_id,
        kind,
        owner: Some(remedy.owner),
        object: &object(remedy.parked_step_id),
        proposal: json!(remedy),
        sealed: None,
        difference,
        reason: &asked.reason,
    };
    request.propose(proposal, Some(submission)).await
}

fn object(id: ParkedStepId) -> String {
    format!("parked_step/{id}")
}

/// Enough to tell two numbers apart by one's own knowledge, not enough to call one.
fn masked(phone: &Phone) -> String {
    let text = phone.as_str();
    format!("+7 *** *** ** {}", &text[text.len() - 2..])
}

fn read_proof(step: &str, body: &[u8]) -> Result<(Asked, Proof), Problem> {
    let mut fields = Fields::read(body)?;
    let description = limited(&mut fields, "/proof/description", DESCRIPTION_CHARACTERS_MAX, true);
    let money_moved = if moves_money(step) { fields.boolean("/proof/money_moved") } else { None };
    let needs_reference = step == "record_loan" || money_moved == Some(true);
    let provider_reference =
        limited(&mut fields, "/proof/provider_reference", REFERENCE_CHARACTERS_MAX, needs_reference);
    let bureau_receipt = if step == "record_loan" {
        limited(&mut fields, "/proof/bureau_receipt", REFERENCE_CHARACTERS_MAX, true)
    } else {
        None
    };
    let document = read_document(&mut fields, money_moved == Some(false));
    let reason = read_reason(&mut fields);
    let read = description.zip(reason).map(|(description, reason)| {
        let asked = Asked::because(reason.clone());
        let approval_id = asked.approval_id;
        let proof =
            Proof { reason, approval_id, description, money_moved, provider_reference, bureau_receipt, document };
        (asked, proof)
    });
    fields.finish(read)
}

fn read_document(fields: &mut Fields, required: bool) -> Option<ProofDocument> {
    if !required && !fields.has("/proof/document") {
        return None;
    }
    let content = fields.text("/proof/document");
    let content_type = fields.text("/proof/document_type");
    let (content, content_type) = content.zip(content_type)?;
    if !DOCUMENT_TYPES.contains(&content_type.as_str()) {
        let known = DOCUMENT_TYPES.join(", ");
        fields.refuse("/proof/document_type", "document_type.unknown", format!("Допустимые значения: {known}"));
        return None;
    }
    if !STANDARD.decode(&content).is_ok_and(|bytes| !bytes.is_empty()) {
        fields.refuse("/proof/document", "document.base64", "Документ передается в base64");
        return None;
    }
    Some(ProofDocument { content, content_type })
}

fn limited(fields: &mut Fields, pointer: &str, maximum: usize, required: bool) -> Option<String> {
    let text = if required { fields.text(pointer) } else { fields.optional_text(pointer) }?.trim().to_owned();
    if text.is_empty() || text.chars().count() > maximum {
        fields.refuse(pointer, "text.length", format!("От 1 до {maximum} знаков"));
        return None;
    }
    Some(text)
}

fn read_correction(body: &[u8]) -> Result<(Asked, Phone), Problem> {
    let mut fields = Fields::read(body)?;
    let phone = fields.parsed("/phone", Phone::parse);
    let reason = read_reason(&mut fields);
    fields.finish(phone.zip(reason).map(|(phone, reason)| (Asked::because(reason), phone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(step: &str, body: &Value) -> Vec<String> {
        match read_proof(step, body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
            Err(problem) => panic!("{problem:?}"),
        }
    }

    #[test]
    fn each_step_asks_for_its_own_proof() {
        let proof = |more: Value| {
            let mut proof = json!({"description": "выписка банка"});
            proof.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            json!({"proof": proof, "reason": "банк подтвердил"})
        };
        assert_eq!(pointers("transfer_money", &proof(json!({}))), ["/proof/money_moved"]);
        assert_eq!(pointers("transfer_money", &proof(json!({"money_moved": true}))), ["/proof/provider_reference"]);
        let denied = pointers("transfer_money", &proof(json!({"money_moved": false})));
        assert_eq!(denied, ["/proof/document", "/proof/document_type"], "that no money moved needs a document");
        let paper = json!({"money_moved": false, "document": "JVBERg==", "document_type": "application/pdf"});
        assert!(pointers("transfer_money", &proof(paper)).is_empty());
        assert!(
            pointers("transfer_money", &proof(json!({"money_moved": true, "provider_reference": "p-1"}))).is_empty()
        );
        for refund in ["refund_collected", "refund_paid"] {
            assert_eq!(pointers(refund, &proof(json!({}))), ["/proof/money_moved"], "{refund}");
        }
        let loan = pointers("record_loan", &proof(json!({})));
        assert_eq!(loan, ["/proof/provider_reference", "/proof/bureau_receipt"]);
        let loan = pointers(
            "record_loan",
            &proof(json!({"provider_reference": "L-1", "bureau_receipt": "R-1", "money_moved": true})),
        );
        assert_eq!(loan, ["/proof/money_moved"], "an unknown field");
        assert!(pointers("notify_client", &proof(json!({}))).is_empty());
        let bad = proof(json!({"document": "не base64", "document_type": "application/pdf"}));
        assert_eq!(pointers("notify_client", &bad), ["/proof/document"]);
    }

    #[test]
    fn a_phone_is_shown_by_its_end_only() {
        let phone = Phone::parse("+77011234567").expect("a phone");
        assert_eq!(masked(&phone), "+7 *** *** ** 67");
    }
}
