//! What the client acknowledged and chose of the offer (para 8(2)–8(5); ).
//! Never more than was shown: an acknowledgement counts by the hash of the very text.

use std::collections::BTreeMap;

use nesie_domain::act::ActKind;
use nesie_domain::application::Stage;
use nesie_storage::agreement::offer::{Acknowledged, insert_acknowledgements, insert_choice};
use nesie_storage::bodies::{Acknowledgements, ScheduleChoice};
use nesie_storage::{pool, views};
use nesie_workflows::contract::{ActInput, Verdict};
use serde_json::json;

use crate::World;
use crate::failure::Failure;
use crate::record::{StepFact, hex, next, stage_of, with_verdict};
use crate::subject::{Start, open_act};

/// The fact's key of an act: what one submission brought about.
pub(crate) fn act_key(act: ActKind, input: &ActInput) -> String {
    format!("{}:{}", act.as_str(), input.submission_id)
}

/// Rules, payments and rights acknowledged, each by the hash of what was shown.
pub(crate) async fn record_acknowledgement(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let key = act_key(ActKind::Acknowledge, &input);
    let submitted = match open_act::<_, Acknowledgements>(world, &input, key.as_str()).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New((_, submitted)) => submitted,
    };
    let shown = views::agreement::disclosures(&world.pool, input.application_id).await?;
    let acknowledged: BTreeMap<&str, &str> =
        submitted.body.acknowledged.iter().map(|one| (one.kind.as_str(), one.sha256.as_str())).collect();
    let missing: Vec<&str> = shown
        .iter()
        .filter(|text| acknowledged.get(text.kind.as_str()) != Some(&hex(&text.sha256).as_str()))
        .map(|text| text.kind.as_str())
        .collect();
    let complete = !shown.is_empty() && missing.is_empty();
    let verdict = next(if complete { Stage::AwaitingScheduleChoice } else { Stage::AwaitingAcknowledgement });
    let fact = StepFact {
        application_id: input.application_id,
        key: &key,
        kind: if complete { "disclosures_acknowledged" } else { "acknowledgement_incomplete" },
        details: with_verdict(json!({ "submission_id": input.submission_id, "missing": missing }), &verdict)?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        if complete {
            let texts: Vec<Acknowledged<'_>> =
                shown.iter().map(|text| Acknowledged { kind: &text.kind, sha256: &text.sha256 }).collect();
            let (id, submission) = (input.application_id, input.submission_id);
            insert_acknowledgements(&mut transaction, id, &texts, submission, input.at).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

/// One draft chosen; one that was not offered leaves the choice open.
pub(crate) async fn record_schedule_choice(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let key = act_key(ActKind::ChooseSchedule, &input);
    let (subject, submitted) = match open_act::<_, ScheduleChoice>(world, &input, key.as_str()).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(opened) => opened,
    };
    let draft_id = submitted.body.draft_id;
    let (drafts, _) = views::agreement::schedules(&world.pool, input.application_id).await?;
    let chosen = drafts
        .iter()
        .find(|draft| draft.id == draft_id && draft.breaches == json!([]) && draft.annual_effective_rate.is_some());
    let verdict = next(if chosen.is_some() {
        Stage::AwaitingDisbursementMethod { tries_left: tries(subject.policies.ownership_attempts_maximum()) }
    } else {
        Stage::AwaitingScheduleChoice
    });
    let details = json!({
        "submission_id": input.submission_id,
        "draft_id": draft_id,
        "method": chosen.map(|draft| &draft.method),
        "sha256": chosen.map(|draft| hex(&draft.sha256)),
    });
    let fact = StepFact {
        application_id: input.application_id,
        key: &key,
        kind: if chosen.is_some() { "schedule_chosen" } else { "schedule_not_available" },
        details: with_verdict(details, &verdict)?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        if chosen.is_some() {
            let (id, submission) = (input.application_id, input.submission_id);
            insert_choice(&mut transaction, id, draft_id, submission, input.at).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

/// How often policy lets a client try; at least once.
pub(crate) fn tries(maximum: u32) -> u8 {
    u8::try_from(maximum).unwrap_or(u8::MAX).max(1)
}
