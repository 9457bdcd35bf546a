//! A fraud incident, step by step, each through the harness: clients informed once, the regulator told once.

use std::time::SystemTime;

use chrono::{NaiveDateTime, TimeDelta};
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iin::Iin;
use nesie_domain::incident::IncidentKind;
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::{AffectedClient, FraudAct, FraudReport};
use nesie_storage::incidents;
use nesie_workflows::contract::{CaseAnswer, Informed};
use serde_json::json;
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar};
use super::idempotence::{Before, Care, take};
use super::scene::IIN;
use crate::failure::FailureClass;
use crate::fraud::{inform_clients, open_incident, record_fraud_acts};
use crate::tried;

const OTHERS: [&str; 2] = ["960229300014", "060115500019"];

fn client(iin: &str) -> AffectedClient {
    AffectedClient {
        iin: Iin::parse(iin).expect("the control digit holds"),
        phone: Phone::parse("+77011234567").expect("a phone"),
        loans: Vec::new(),
        established_at: None,
    }
}

async fn opened(pool: PgPool) -> Case {
    let scene = scene_with_calendar(pool).await;
    let report = FraudReport {
        kind: IncidentKind::ThirdPartyActs,
        detected_at: scene.now(),
        description: "Чужой телефон".to_owned(),
        clients: vec![client(IIN)],
    };
    let case = Case::new(scene, CaseKind::FraudIncident, &report).await;
    let stage = take(&case.scene, Care::Thorough, "open_incident", Before::Committed, &[], async || {
        open_incident(&case.scene.world, case.step()).await
    });
    assert_eq!(stage.await, CaseStage::Handling);
    assert_eq!(case.watch().await, 3, "the client, the regulator, the measures");
    case
}

impl Case {
    async fn fraud_act(&self, act: FraudAct, providers: &[(&str, &str)]) -> (CaseAnswer, CaseStage) {
        let run = async |acts| record_fraud_acts(&self.scene.world, acts).await;
        self.act("record_fraud_acts", &act, providers, run).await
    }

    /// Informs whom it still has to; how many are left.
    async fn inform(&self, asked: &[(&str, &str)]) -> u32 {
        // How many it were, a repeat can not say again.
        take(&self.scene, Care::Thorough, "inform_clients", Before::Committed, asked, async || {
            Ok(inform_clients(&self.scene.world, self.step()).await?.left)
        })
        .await
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn each_step_of_an_incident_is_done_once(pool: PgPool) {
    let case = opened(pool).await;
    let scene = &case.scene;
    let handled = (CaseAnswer::DONE, CaseStage::Handling);
    assert_eq!(case.inform(&[("notifications", "message")]).await, 0);
    assert_eq!(scene.ledger("notifications").await.len(), 1, "one notice");

    assert_eq!(case.fraud_act(FraudAct::AddClients { clients: vec![client(OTHERS[0])] }, &[]).await, handled);
    let client_id = scene.value("SELECT subject FROM duties WHERE kind = 'inform_client' AND state = 'open'").await;
    let informed = FraudAct::RecordClientInformed {
        client_id: client_id.parse().expect("an id"),
        informed_at: scene.now(),
        means: "лично".to_owned(),
        documents: Vec::new(),
    };
    assert_eq!(case.fraud_act(informed, &[]).await, handled);
    assert_eq!(case.inform(&[]).await, 0);
    assert_eq!(scene.ledger("notifications").await.len(), 1, "who was told in person gets no notice");

    let letter = FraudAct::NotifyRegulator { text: "Сообщаем".to_owned(), documents: Vec::new() };
    assert_eq!(case.fraud_act(letter, &[("regulator", "submit")]).await, handled);
    assert_eq!(scene.ledger("regulator").await.len(), 1, "one letter");
    let early = CaseAnswer::Refused { code: "case.duties_open".to_owned(), detail: Some("duties_open:1".to_owned()) };
    assert_eq!(case.fraud_act(FraudAct::Close, &[]).await, (early, CaseStage::Handling));
    let denied =
        "SELECT string_agg(concat_ws(' ', actor, roles[1], action, reason), ', ') FROM audit WHERE NOT allowed";
    assert_eq!(scene.value(denied).await, "issuer|aigul compliance close case.duties_open");
    let measure =
        FraudAct::RecordMeasure {
            description: "Заблокирован".to_owned(), done_at: scene.now(), documents: Vec::new()
        };
    assert_eq!(case.fraud_act(measure, &[]).await, handled);
    assert_eq!(case.fraud_act(FraudAct::CompleteMeasures, &[]).await, handled);
    let closed = CaseStage::Closed { outcome: CaseOutcome::Completed };
    assert_eq!(case.fraud_act(FraudAct::Close, &[]).await, (CaseAnswer::DONE, closed));
    assert_eq!(case.watch().await, 0);
    case.close(CaseOutcome::Completed).await;
    assert_eq!(scene.value("SELECT string_agg(DISTINCT state, ' ') FROM duties").await, "met");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_incident_that_was_none_is_withdrawn_once(pool: PgPool) {
    let case = opened(pool).await;
    let (asked, stage) = case.fraud_act(FraudAct::Withdraw, &[]).await;
    assert_eq!(stage, CaseStage::Handling);
    case.approve(&asked).await;
    case.withdraw(Before::Nothing, &[]).await;
    assert_eq!(case.inform(&[]).await, 0);
    assert_eq!(case.scene.ledger("notifications").await.len(), 0, "nobody is told any more");
    assert_eq!(case.scene.value("SELECT string_agg(DISTINCT state, ' ') FROM duties").await, "cancelled");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_client_who_can_not_be_informed_holds_nobody_up_and_comes_last(pool: PgPool) {
    let case = opened(pool).await;
    let (scene, world) = (&case.scene, &case.scene.world);
    let refused = json!({"kind": "status", "code": 422});
    scene.fault("notifications", "message", refused.clone(), Some(1)).await;
    let failure = inform_clients(world, case.step()).await.expect_err("the only one is refused");
    assert_eq!((failure.class, failure.code), (FailureClass::Park, "provider.request_refused"));
    let others = FraudAct::AddClients { clients: OTHERS.map(client).to_vec() };
    assert_eq!(case.fraud_act(others, &[]).await.0, CaseAnswer::DONE);
    let (next, all) = incidents::to_inform(&world.pool, case.id, 2).await.expect("read");
    let first = world.protection.index("iin", IIN);
    assert!(all == 3 && next.iter().all(|client| client.person.iin_index != first), "the others come first");

    scene.fault("notifications", "message", refused, Some(1)).await;
    assert_eq!(inform_clients(world, case.step()).await, Ok(Informed { informed: 2, left: 1 }));
    assert_eq!(case.inform(&[]).await, 0);
    assert_eq!(scene.ledger("notifications").await.len(), 3, "each once");
    case.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_duty_that_a_later_try_meets_is_met_when_it_was_met(pool: PgPool) {
    let case = opened(pool).await;
    let due = case.scene.value("SELECT due_at AT TIME ZONE 'UTC' FROM duties WHERE kind = 'inform_client'").await;
    let due = NaiveDateTime::parse_from_str(&due, "%Y-%m-%d %H:%M:%S").expect("an instant").and_utc();
    // Asked for in time; the worker was gone until the day was over.
    let asked = case.step();
    let began = SystemTime::from(due + TimeDelta::hours(2));
    let informed = tried::from(Some(began), inform_clients(&case.scene.world, asked)).await;
    assert_eq!(informed, Ok(Informed { informed: 1, left: 0 }));
    let ended = "SELECT state || ' ' || (ended_at - due_at) FROM duties WHERE kind = 'inform_client'";
    assert_eq!(case.scene.value(ended).await, "met_late 02:00:00");
    case.scene.end().await;
}
