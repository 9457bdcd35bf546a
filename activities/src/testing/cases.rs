//! One case over the scene: what was reported of it, what compliance does on it, and its second person.

use chrono::{DateTime, Utc};
use nesie_domain::approval::ApprovalState;
use nesie_domain::case::{CaseKind, CaseOutcome, CasePolicy, CaseStage};
use nesie_domain::ids::{ApprovalId, CaseId, SubmissionId};
use nesie_platform::protection::sha256;
use nesie_storage::approvals::{self, DecideOutcome};
use nesie_storage::bodies::submission_place;
use nesie_storage::cases::{self, CaseSubmission, NewCase, details_place};
use nesie_workflows::contract::{CaseActs, CaseActsDone, CaseAnswer, CaseEnd, CaseStep};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::idempotence::{Before, Care, take};
use super::scene::{Ask, Scene};
use crate::case::close_case;
use crate::duties::watch_duties;
use crate::failure::Failure;
use crate::withdrawal::withdraw_case;

/// A case, and the scene that it is worked on in.
pub(super) struct Case {
    pub(super) scene: Scene,
    pub(super) id: CaseId,
}

/// A scene with the calendar that cases count by.
pub(super) async fn scene_with_calendar(pool: PgPool) -> Scene {
    scene_with_calendar_over(pool, 1).await
}

/// The same over so many connections.
pub(super) async fn scene_with_calendar_over(pool: PgPool, connections: u32) -> Scene {
    nesie_storage::migrate::migrate_with(&pool).await.expect("the calendar is shipped");
    Scene::over(pool, Ask::default(), connections).await
}

impl Case {
    /// A case of which this was reported; no step of it was taken.
    pub(super) async fn new(scene: Scene, kind: CaseKind, details: &impl Serialize) -> Self {
        let id = CaseId::from_uuid(Uuid::now_v7());
        let details = serde_json::to_vec(details).expect("JSON");
        let natural_key = id.to_string();
        let new = NewCase {
            id,
            kind,
            submitted_by: "issuer|aigul",
            natural_key: natural_key.as_bytes(),
            content_index: b"content",
            details_sealed: &scene.world.protection.seal(&details_place(id), &details),
            summary: &json!({}),
            policy: &CasePolicy::default(),
            ruleset: "2025-01-01",
            build: "test",
            received_at: scene.now(),
        };
        let mut connection = scene.world.pool.acquire().await.expect("a connection");
        cases::insert(&mut connection, &new).await.expect("a case");
        Self { scene, id }
    }

    pub(super) fn step(&self) -> CaseStep {
        CaseStep { case_id: self.id, at: self.scene.now() }
    }

    /// An act of compliance that its step decides, with all care; its answer, and where the case stands then.
    pub(super) async fn act(
        &self,
        name: &str,
        act: &impl Serialize,
        providers: &[(&str, &str)],
        run: impl AsyncFn(CaseActs) -> Result<CaseActsDone, Failure>,
    ) -> (CaseAnswer, CaseStage) {
        self.act_at(name, act, self.scene.now(), providers, run).await
    }

    /// As [`Self::act`], at an instant of its own.
    pub(super) async fn act_at(
        &self,
        name: &str,
        act: &impl Serialize,
        at: DateTime<Utc>,
        providers: &[(&str, &str)],
        run: impl AsyncFn(CaseActs) -> Result<CaseActsDone, Failure>,
    ) -> (CaseAnswer, CaseStage) {
        let id = self.submit(act, at).await;
        let done = take(&self.scene, Care::Thorough, name, Before::Nothing, providers, async || {
            run(CaseActs { case_id: self.id, submission_ids: vec![id], at }).await
        });
        let CaseActsDone { answers, stage } = done.await;
        (answers.into_iter().next().expect("an answer"), stage)
    }

    async fn submit(&self, act: &impl Serialize, at: DateTime<Utc>) -> SubmissionId {
        let id = SubmissionId::from_uuid(Uuid::now_v7());
        let body = serde_json::to_value(act).expect("JSON");
        let plain = body.to_string();
        let new = CaseSubmission {
            id,
            case_id: self.id,
            act: body["act"].as_str().expect("the name of the act").to_owned(),
            body_sealed: self.scene.world.protection.seal(&submission_place(id), plain.as_bytes()),
            body_sha256: sha256(plain.as_bytes()).to_vec(),
            submitted_by: "issuer|aigul".to_owned(),
            roles: vec!["compliance".to_owned()],
            reason: "проверено".to_owned(),
            received_at: at,
            answer: None,
        };
        let mut connection = self.scene.world.pool.acquire().await.expect("a connection");
        cases::insert_submission(&mut connection, &new).await.expect("a submission");
        id
    }

    /// The second person agrees to what an act asked for.
    pub(super) async fn approve(&self, answer: &CaseAnswer) {
        let CaseAnswer::Done { made: Some(id) } = answer else { panic!("nobody is asked: {answer:?}") };
        let mut connection = self.scene.world.pool.acquire().await.expect("a connection");
        let roles = ["approver".to_owned()];
        let id = ApprovalId::from_uuid(*id);
        let at = self.scene.now();
        let decided = approvals::decide(&mut connection, id, "issuer|aliya", &roles, true, "сверено", at).await;
        assert_eq!(decided.expect("decided"), DecideOutcome::Decided(ApprovalState::Approved));
    }

    /// Looks at the duties while some are open; how many are.
    pub(super) async fn watch(&self) -> u32 {
        let wake = take(&self.scene, Care::Thorough, "watch_duties", Before::Nothing, &[], async || {
            watch_duties(&self.scene.world, self.step()).await
        });
        wake.await.open
    }

    /// What two people agreed to withdraw, withdrawn; the providers that are asked on the way.
    pub(super) async fn withdraw(&self, before: Before, providers: &[(&str, &str)]) {
        let input = self.step();
        let stage = take(&self.scene, Care::Thorough, "withdraw_case", before, providers, async || {
            withdraw_case(&self.scene.world, input).await
        });
        assert_eq!(stage.await, CaseStage::Closed { outcome: CaseOutcome::Withdrawn });
        self.close(CaseOutcome::Withdrawn).await;
        assert_eq!(self.scene.value("SELECT count(*) FROM duties WHERE state = 'open'").await, "0");
    }

    /// The end.
    pub(super) async fn close(&self, outcome: CaseOutcome) {
        take(&self.scene, Care::Thorough, "close_case", Before::Nothing, &[], async || {
            close_case(&self.scene.world, CaseEnd { case_id: self.id, outcome, at: self.scene.now() }).await
        })
        .await;
        assert_eq!(self.stage().await, CaseStage::Closed { outcome });
    }

    /// The stage that pages show.
    pub(super) async fn stage(&self) -> CaseStage {
        cases::get(&self.scene.world.pool, self.id).await.expect("read").expect("there").stage
    }
}
