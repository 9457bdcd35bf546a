//! A parked transfer settled by two people: only on an approved request for exactly this, once, and never a second payout.

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_domain::approval::{ApprovalKind, ApprovalRule};
use nesie_domain::ids::{ApprovalId, ParkedStepId, SubmissionId};
use nesie_storage::approvals::{self, NewApproval};
use nesie_workflows::contract::{ParkInput, ParkedDecision, Remedy, ResolveInput, Transfer, Verdict};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::journey::Plan;
use super::scene::{Ask, Scene};
use crate::failure::Failure;
use crate::parking;

const STEP: ParkedStepId = ParkedStepId::from_uuid(Uuid::from_u128(5));
const APPROVAL: ApprovalId = ApprovalId::from_uuid(Uuid::from_u128(6));

/// A transfer that had its effect, of which the provider says nothing: parked.
async fn parked(pool: PgPool) -> Scene {
    let scene = Scene::new(pool, Ask::default()).await;
    let plan = Plan::to_account("plain");
    scene.reach_money(&plan).await;
    assert_eq!(scene.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
    scene.fault("payments", "transfer", json!({"kind": "status_after", "code": 500}), Some(1)).await;
    scene.fault("payments", "status", json!({"kind": "unknown_reference"}), None).await;
    scene.transfer().await.expect_err("no answer");
    scene.transfer().await.expect_err("not found");
    let input = ParkInput {
        owner: scene.id.into(),
        parked_step_id: STEP,
        step: "transfer_money".to_owned(),
        occasion: 1,
        provider: Some("payments".to_owned()),
        failure_code: "payment.not_found_without_deduplication".to_owned(),
        retry_is_safe: false,
        nothing_sent: false,
        may_fail: false,
        at: scene.now(),
    };
    parking::park_step(&scene.world, input).await.expect("parked");
    scene
}

/// Somebody proves, and asks for a second person.
async fn ask(scene: &Scene, proof: Value) -> SubmissionId {
    let mut body = json!({
        "reason": "банк подтвердил", "approval_id": APPROVAL, "description": "письмо банка", "money_moved": null,
        "provider_reference": null, "bureau_receipt": null, "document": null,
    });
    body.as_object_mut().expect("an object").extend(proof.as_object().expect("an object").clone());
    let submission_id = scene.submit(ActKind::DecideParkedStep, body).await.submission_id;
    let remedy = Remedy {
        owner: scene.id.into(),
        parked_step_id: STEP,
        submission_id,
        decision: ParkedDecision::CompleteByHand,
    };
    let new = NewApproval {
        id: APPROVAL,
        kind: ApprovalKind::CompleteByHand,
        owner: Some(scene.id.into()),
        object: "parked_step/5",
        proposal: &json!(remedy),
        proposal_sealed: None,
        difference: &json!({}),
        rule: &ApprovalRule::current(ApprovalKind::CompleteByHand),
        maker: "issuer|front",
        maker_reason: "банк подтвердил",
        at: scene.now(),
    };
    let mut connection = scene.world.pool.acquire().await.expect("a connection");
    assert!(approvals::insert(&mut connection, &new).await.expect("asked"));
    submission_id
}

async fn approve(scene: &Scene) {
    let mut connection = scene.world.pool.acquire().await.expect("a connection");
    let roles = ["approver".to_owned()];
    let decided = approvals::decide(&mut connection, APPROVAL, "issuer|aliya", &roles, true, "сверено", scene.now());
    let approved = nesie_domain::approval::ApprovalState::Approved;
    assert_eq!(decided.await.expect("decided"), approvals::DecideOutcome::Decided(approved));
}

async fn resolve(scene: &Scene, submission_id: SubmissionId) -> Result<(), Failure> {
    let (owner, at) = (scene.id.into(), scene.now());
    let decision = ParkedDecision::CompleteByHand;
    let input = ResolveInput { owner, parked_step_id: STEP, submission_id, decision, at };
    parking::resolve_parked_step(&scene.world, input).await
}

async fn state(scene: &Scene) -> String {
    scene.value("SELECT state FROM payments").await
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_proof_counts_only_once_two_people_agreed_to_exactly_this(pool: PgPool) {
    let scene = parked(pool).await;
    let submission_id = ask(&scene, json!({"money_moved": true, "provider_reference": "BANK-77"})).await;
    assert_eq!(resolve(&scene, submission_id).await.expect_err("one person").code, "approval.not_for_this");
    approve(&scene).await;
    let other = json!({
        "reason": "р", "approval_id": APPROVAL, "description": "д", "money_moved": true,
        "provider_reference": "OTHER", "bureau_receipt": null, "document": null,
    });
    let other = scene.submit(ActKind::DecideParkedStep, other).await.submission_id;
    assert_eq!(resolve(&scene, other).await.expect_err("another proof").code, "approval.not_for_this");
    assert_eq!(state(&scene).await, "unknown");

    resolve(&scene, submission_id).await.expect("recorded");
    resolve(&scene, submission_id).await.expect("a repeat");
    assert_eq!(state(&scene).await, "confirmed");
    assert_eq!(scene.value("SELECT provider_reference FROM payments").await, "BANK-77");
    assert_eq!(scene.stage().await, Stage::Recording);
    assert_eq!(scene.transfer().await, Ok(Transfer::Confirmed), "the next try finds it");
    assert_eq!((scene.calls("payments", "transfer").await, scene.payouts().await), (1, 1));
    let decided =
        scene.value("SELECT decision || ' ' || decided_by || ' ' || (approval_id IS NOT NULL) FROM parked_steps");
    assert_eq!(decided.await, "complete_by_hand issuer|aliya true");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_document_that_no_money_moved_ends_the_payment_and_is_kept_sealed(pool: PgPool) {
    let scene = parked(pool).await;
    let document = json!({"content": "0L3QtdGC", "content_type": "application/pdf"});
    let submission_id = ask(&scene, json!({"money_moved": false, "document": document})).await;
    approve(&scene).await;
    resolve(&scene, submission_id).await.expect("recorded");
    assert_eq!(state(&scene).await, "rejected");
    assert_eq!(scene.transfer().await, Ok(Transfer::Rejected), "the next try finds it");
    assert_eq!(scene.calls("payments", "transfer").await, 1, "and calls nobody");
    let kept = "SELECT count(*) FROM evidence WHERE kind = 'proof_by_hand' AND step = 'transfer_money'
                AND sha256 = sha256('\\xd0bdd0b5d182'::bytea) AND position('\\xd0bdd0b5d182'::bytea IN content_sealed) = 0";
    assert_eq!(scene.value(kept).await, "1");
    scene.end().await;
}
