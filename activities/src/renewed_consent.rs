//! Consent once more after the cooling-off period (policy of domain.md §10, off by default).
//! Never taken for a consent to another contract: it counts by the contract's hash.

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_storage::agreement::offer::{Acknowledged, insert_acknowledgements};
use nesie_storage::bodies::Acknowledgements;
use nesie_storage::facts::Actor;
use nesie_storage::pool;
use nesie_workflows::contract::{ActInput, StepInput, Verdict};
use serde_json::json;

use crate::World;
use crate::agreement::act_key;
use crate::disbursement_method;
use crate::failure::Failure;
use crate::record::{StepFact, hex, next, stage_of, with_verdict};
use crate::signing::{after_cooling_off, frozen};
use crate::subject::{Start, open_act};

const STEP: &str = "ask_renewed_consent";
const KIND: &str = "renewed_consent";

/// The cooling-off period is over: consent is asked for once more.
pub(crate) async fn ask_renewed_consent(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    let verdict = next(Stage::AwaitingRenewedConsent);
    let fact = StepFact {
        application_id: input.application_id,
        key: STEP,
        kind: "renewed_consent_asked",
        details: with_verdict(json!({}), &verdict)?,
        at: input.at,
        actor: Actor::System,
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(transaction) = world.begin(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

/// The client confirmed his consent.
pub(crate) async fn record_renewed_consent(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let key = act_key(ActKind::RenewConsent, &input);
    let (subject, submitted) = match open_act::<_, Acknowledgements>(world, &input, key.as_str()).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(opened) => opened,
    };
    let contract = frozen(world, &subject).await?;
    let sha256 = hex(&contract.sha256);
    let given = submitted.body.acknowledged.iter().any(|one| one.kind == KIND && one.sha256 == sha256);
    let confirmed = disbursement_method::confirmed(world, &subject).await?;
    let after = after_cooling_off(world, &subject, &confirmed.destination, input.at);
    let verdict = next(if given { after.stage.clone() } else { Stage::AwaitingRenewedConsent });
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: if given { "consent_renewed" } else { "acknowledgement_incomplete" },
        details: with_verdict(json!({ "contract_sha256": sha256 }), &verdict)?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(verdict) };
    if given {
        let (id, submission) = (subject.id(), input.submission_id);
        let text = Acknowledged { kind: KIND, sha256: &contract.sha256 };
        insert_acknowledgements(&mut transaction, id, &[text], submission, input.at).await?;
        after.store(&mut transaction, &subject).await?;
    }
    pool::commit(transaction).await?;
    Ok(verdict)
}
