//! Due diligence before anything is offered: channel, document, register of sole proprietors, AML lists
//! (paras 3, 4, 8(1), 10; ). Never tells a confidential ground to the timeline, which the client sees.

use chrono::{DateTime, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::calendar::local_date;
use nesie_domain::ids::{ApplicationId, ScreeningMatchId};
use nesie_domain::iin::IinWarning;
use nesie_domain::person::ClientKind;
use nesie_domain::screening::{ListCategory, ScreeningResult, Subject as Screened, screen};
use nesie_storage::bodies::Decision as DecisionBody;
use nesie_storage::facts::Actor;
use nesie_storage::lists::ListVersion;
use nesie_storage::screening::{Decision, DueDiligence, NewMatch, ScreeningMatch, SoleProprietorCheck};
use nesie_storage::{PgConnection, policy, pool, screening as rows};
use nesie_workflows::contract::{ActInput, Screening, StepInput, Verdict};
use serde_json::{Value, json};

use crate::World;
use crate::calls::{Answered, Call};
use crate::failure::Failure;
use crate::providers::proprietors::ProprietorRecord;
use crate::record::{StepFact, derived_id, hex, next, refuse};
use crate::subject::{Subject, Submitted};

const STEP: &str = "screen_client";
/// The occasion of the first screening.
pub(crate) const ASSESSMENT: &str = "assessment";
/// The occasion of the screening just before money moves.
pub(crate) const PAYMENT: &str = "payment";
/// Compliance's decisions on a likely match.
pub(crate) const FALSE_POSITIVE: &str = "false_positive";
pub(crate) const CONFIRMED: &str = "confirmed";

/// What due diligence looked at.
struct Examined {
    screening: Screening,
    found: Option<ScreeningResult>,
    lists: Vec<ListVersion>,
    register: Option<Answered<ProprietorRecord>>,
}

/// Channel open? Then due diligence: document, register of sole proprietors, lists with their versions.
pub(crate) async fn screen_client(world: &World, input: StepInput) -> Result<Screening, Failure> {
    if let Some(screening) = recorded(world, input.application_id, ASSESSMENT).await? {
        return Ok(screening);
    }
    let subject = Subject::load(world, input.application_id).await?;
    let examined = examine(world, &subject, input.at).await?;
    let stage = match &examined.screening {
        Screening::Match { match_id } => Some(Stage::AwaitingScreeningDecision { match_id: *match_id }),
        Screening::Clear | Screening::Refuse { .. } => None,
    };
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: "client_screened",
        // Neither ground nor match: both would tip the client off (AML law art. 11).
        details: json!({ "lists": lists_json(&examined.lists), "register_asked": examined.register.is_some() }),
        at: input.at,
        actor: Actor::System,
        stage: stage.as_ref(),
        event: None,
    };
    let Some(mut transaction) = world.begin(fact).await? else {
        let raced = recorded(world, input.application_id, ASSESSMENT).await?;
        return raced.ok_or_else(|| Failure::park("record.unreadable"));
    };
    store(world, &mut transaction, &subject, &examined, input.at).await?;
    pool::commit(transaction).await?;
    Ok(examined.screening)
}

async fn examine(world: &World, subject: &Subject, at: DateTime<Utc>) -> Result<Examined, Failure> {
    let refused = |ground, register| Examined {
        screening: Screening::Refuse { ground },
        found: None,
        lists: Vec::new(),
        register,
    };
    if !channel_lends(world, subject, at).await? {
        return Ok(refused(RefusalGround::ChannelClosed, None));
    }
    if !subject.applicant.identity_document.valid_on(local_date(at)) {
        return Ok(refused(RefusalGround::DueDiligenceImpossible, None));
    }
    let register = match subject.applicant.kind {
        ClientKind::Individual => None,
        ClientKind::SoleProprietor => {
            let call = Call::new(subject.id(), STEP, ("proprietors", "lookup"), "register", at);
            Some(call.make(world, world.providers.proprietors.lookup(&subject.applicant.iin)).await?)
        }
    };
    if register.as_ref().is_some_and(|answer| answer.value.registration.is_none()) {
        return Ok(refused(RefusalGround::NotSoleProprietor, register));
    }
    let (found, lists) = search(world, subject).await?;
    let screening = match &found {
        ScreeningResult::Clear => Screening::Clear,
        ScreeningResult::Exact { list, .. } => Screening::Refuse { ground: ground_of(*list) },
        ScreeningResult::Fuzzy { .. } => Screening::Match { match_id: match_id(subject.id(), ASSESSMENT) },
    };
    Ok(Examined { screening, found: Some(found), lists, register })
}

/// Whether the channel is open and lends at all; the method of disbursement is checked when it is chosen.
async fn channel_lends(world: &World, subject: &Subject, at: DateTime<Utc>) -> Result<bool, Failure> {
    let channel = policy::channel(&world.pool, &subject.application.channel).await?;
    Ok(channel.is_some_and(|channel| channel.active_from <= at && !channel.operations.is_empty()))
}

async fn store(
    world: &World,
    connection: &mut PgConnection,
    subject: &Subject,
    examined: &Examined,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    if let Some(register) = &examined.register {
        let evidence_id = register.received.keep(world, connection).await?;
        let check = SoleProprietorCheck {
            registered: register.value.registration.is_some(),
            record_id: register.value.record_id.clone(),
            evidence_id,
            checked_at: at,
        };
        rows::insert_sole_proprietor_check(connection, subject.id(), &check).await?;
    }
    let diligence =
        due_diligence(subject, ASSESSMENT, &examined.screening, examined.found.as_ref(), &examined.lists, at);
    rows::insert_due_diligence(connection, &diligence).await?;
    if let (Screening::Match { match_id }, Some(ScreeningResult::Fuzzy { best })) =
        (&examined.screening, &examined.found)
    {
        let new = NewMatch {
            id: *match_id,
            application_id: subject.id(),
            occasion: ASSESSMENT,
            number: 1,
            matches: &json!(best),
            list_versions: &diligence.list_versions,
            at,
        };
        rows::open_match(connection, &new).await?;
    }
    Ok(())
}

/// The row of one screening, with the version and checksum of each list.
pub(crate) fn due_diligence(
    subject: &Subject,
    occasion: &str,
    screening: &Screening,
    found: Option<&ScreeningResult>,
    lists: &[ListVersion],
    at: DateTime<Utc>,
) -> DueDiligence {
    let applicant = &subject.applicant;
    let politically_exposed = applicant.politically_exposed;
    // No reason to refuse, but whoever looks into it later sees that it was odd.
    let warnings =
        applicant.birth_date.map_or_else(|| applicant.iin.warnings(), |date| applicant.iin.warnings_against(date));
    let warnings: Vec<&str> = warnings.iter().map(IinWarning::code).collect();
    DueDiligence {
        application_id: subject.id(),
        occasion: occasion.to_owned(),
        verdict: json!({ "screening": screening, "found": found, "iin_warnings": warnings }),
        risk_level: if politically_exposed { "high" } else { "standard" }.to_owned(),
        politically_exposed,
        list_versions: lists_json(lists),
        decided_at: at,
    }
}

/// The screening that was recorded on an occasion.
pub(crate) async fn recorded(world: &World, id: ApplicationId, occasion: &str) -> Result<Option<Screening>, Failure> {
    let Some(row) = rows::due_diligence(&world.pool, id, occasion).await? else { return Ok(None) };
    let screening = row.verdict.get("screening").cloned().unwrap_or_default();
    serde_json::from_value(screening).map(Some).map_err(|_| Failure::park("record.unreadable"))
}

/// Searches the lists in use for the client.
pub(crate) async fn search(world: &World, subject: &Subject) -> Result<(ScreeningResult, Vec<ListVersion>), Failure> {
    let (lists, entries) = world.prepared_lists.current(&world.pool).await?;
    let applicant = &subject.applicant;
    let screened = Screened::new(applicant.iin.clone(), &applicant.name, applicant.birth_date);
    let threshold = subject.policies.screening_fuzzy_minimum_percent();
    Ok((screen(&screened, &entries, threshold), lists))
}

/// The ground that an exact match with a list is (para 10).
pub(crate) const fn ground_of(list: ListCategory) -> RefusalGround {
    match list {
        ListCategory::Financing | ListCategory::Proliferation => RefusalGround::TerrorismFinancingList,
        ListCategory::Participants => RefusalGround::TerrorismParticipantsList,
    }
}

/// The lists as they stand in results.
pub(crate) fn lists_json(lists: &[ListVersion]) -> Value {
    lists
        .iter()
        .map(|list| json!({ "category": list.category, "version": list.version, "sha256": hex(&list.sha256) }))
        .collect()
}

/// The id of a match: the same for the same application and what it was found on.
pub(crate) fn match_id(id: ApplicationId, occasion: &str) -> ScreeningMatchId {
    ScreeningMatchId::from_uuid(derived_id(id, &format!("screening_match|{occasion}")))
}

/// Stores a compliance officer's decision on a likely match.
pub(crate) async fn record_screening_decision(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let known = rows::matches(&world.pool, input.application_id).await?;
    let open = known
        .into_iter()
        .find(|known| known.occasion == ASSESSMENT)
        .ok_or_else(|| Failure::park("screening.match_missing"))?;
    if let Some(verdict) = decided(&open)? {
        return Ok(verdict);
    }
    let submitted = Submitted::<DecisionBody>::load(world, input.application_id, input.submission_id).await?;
    let body = &submitted.body;
    let verdict = verdict_of(&body.decision)?;
    // Compliance goes on from where the match had stopped it; a confirmed match ends at its closing.
    let stage = (verdict == go_on()).then_some(Stage::Processing { act: None });
    let fact = StepFact {
        application_id: input.application_id,
        key: &format!("{}:{}", ActKind::DecideScreeningMatch.as_str(), input.submission_id),
        kind: "screening_decided",
        details: json!({ "match_id": open.id }),
        at: input.at,
        actor: submitted.actor_because(body.reason.clone()),
        stage: stage.as_ref(),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        let decision = Decision {
            decision: &body.decision,
            decided_by: &submitted.submitted_by,
            reason: &body.reason,
            at: input.at,
        };
        rows::decide_match(&mut transaction, input.application_id, open.id, &decision, None).await?;
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

fn decided(row: &ScreeningMatch) -> Result<Option<Verdict>, Failure> {
    row.decision.as_deref().map(verdict_of).transpose()
}

fn verdict_of(decision: &str) -> Result<Verdict, Failure> {
    match decision {
        FALSE_POSITIVE => Ok(go_on()),
        CONFIRMED => Ok(refuse(RefusalGround::ConfirmedListMatch)),
        _ => Err(Failure::park("submission.unreadable")),
    }
}

fn go_on() -> Verdict {
    next(Stage::Processing { act: None })
}
