//! A fraud incident, step by step, each through the harness: clients informed once, the regulator told once.

use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::iin::Iin;
use nesie_domain::incident::IncidentKind;
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::{AffectedClient, FraudAct, FraudReport};
use nesie_workflows::contract::CaseAnswer;
use sqlx::PgPool;

use super::cases::{Case, scene_with_calendar};
use super::idempotence::{Before, Care, take};
use super::scene::IIN;
use crate::fraud::{inform_clients, open_incident, record_fraud_acts};

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
        clients: vec![client(IIN), client(OTHERS[0])],
    };
    let case = Case::new(scene, CaseKind::FraudIncident, &report).await;
    let stage = take(&case.scene, Care::Thorough, "open_incident", Before::Committed, &[], async || {
        open_incident(&case.scene.world, case.step()).await
    });
    assert_eq!(stage.await, CaseStage::Handling);
    assert_eq!(case.watch().await, 4, "two clients, the regulator, the measures");
    case
}

impl Case {
    async fn fraud_act(&self, act: FraudAct, providers: &[(&str, &str)]) -> (CaseAnswer, CaseStage) {
        let run = async |acts| record_fraud_acts(&self.scene.world, acts).await;
        self.act("record_fraud_acts", &act, providers, run).await
    }

    /// Informs whom it still has to; how many are left.
    async fn inform(&self, asked: &[(&str, &str)]) -> u32 {
        // One client's failure holds no other up, so what was done for the other stays; how many it were, a repeat can not
        // say again.
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
    assert_eq!(scene.ledger("notifications").await.len(), 2, "one notice a client");

    assert_eq!(case.fraud_act(FraudAct::AddClients { clients: vec![client(OTHERS[1])] }, &[]).await, handled);
    let client_id = scene.value("SELECT subject FROM duties WHERE kind = 'inform_client' AND state = 'open'").await;
    let informed = FraudAct::RecordClientInformed {
        client_id: client_id.parse().expect("an id"),
        informed_at: scene.now(),
        means: "лично".to_owned(),
        documents: Vec::new(),
    };
    assert_eq!(case.fraud_act(informed, &[]).await, handled);
    assert_eq!(case.inform(&[]).await, 0);
    assert_eq!(scene.ledger("notifications").await.len(), 2, "who was told in person gets no notice");

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
