//! A likely match with a list just before the payout: the step parks until compliance has decided on it (paras 8(1), 10;
//! docs/decisions/0028). Never a decision of its own: likeness refuses nobody and clears nobody.

use chrono::{DateTime, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::application::RefusalGround;
use nesie_domain::ids::{ApplicationId, ScreeningMatchId};
use nesie_domain::screening::{ListedPerson, Match, ScreeningResult};
use nesie_storage::bodies::Decision as DecisionBody;
use nesie_storage::facts::Actor;
use nesie_storage::lists::ListVersion;
use nesie_storage::screening::{Decision, NewMatch, ScreeningMatch};
use nesie_storage::{PgConnection, lists, pool, screening as rows};
use nesie_workflows::contract::{MATCH_BEFORE_PAYMENT, ResolveInput, Screening};
use serde_json::{Value, json};

use crate::World;
use crate::failure::Failure;
use crate::record::StepFact;
use crate::screening::{ASSESSMENT, CONFIRMED, FALSE_POSITIVE, PAYMENT, ground_of, lists_json, match_id, search};
use crate::subject::{Subject, Submitted};

/// What a search of the lists came to, what it found, and in which versions.
pub(crate) type Searched = (Screening, ScreeningResult, Vec<ListVersion>);

/// Searches the lists again where they have changed since the assessment. A likely match of whom compliance has not
/// already found that it is somebody else parks the step; one that it has confirmed refuses, whatever the lists say since.
pub(crate) async fn search_again(
    world: &World,
    subject: &Subject,
    at: DateTime<Utc>,
) -> Result<Option<Searched>, Failure> {
    let assessed = rows::due_diligence(&world.pool, subject.id(), ASSESSMENT).await?;
    let assessed = assessed.ok_or_else(|| Failure::park("due_diligence.missing"))?;
    let known = rows::matches(&world.pool, subject.id()).await?;
    let (found, versions) = search(world, subject).await?;
    if known.iter().any(|known| known.decision.as_deref() == Some(CONFIRMED)) {
        return Ok(Some((Screening::Refuse { ground: RefusalGround::ConfirmedListMatch }, found, versions)));
    }
    if assessed.list_versions == lists_json(&versions) {
        return Ok(None);
    }
    let screening = match &found {
        ScreeningResult::Clear => Screening::Clear,
        ScreeningResult::Exact { list, .. } => Screening::Refuse { ground: ground_of(*list) },
        ScreeningResult::Fuzzy { best } => {
            let now = persons(world, &lists_json(&versions), best).await?;
            if !are_cleared(world, &known, &now).await? {
                open(world, subject, &known, (best, &now), &versions, at).await?;
                return Err(Failure::park(MATCH_BEFORE_PAYMENT).of("aml"));
            }
            Screening::Clear
        }
    };
    Ok(Some((screening, found, versions)))
}

/// Whether compliance has found of each of these persons that the client is not he.
async fn are_cleared(world: &World, known: &[ScreeningMatch], now: &[ListedPerson]) -> Result<bool, Failure> {
    let mut cleared = Vec::new();
    for known in known.iter().filter(|known| known.decision.as_deref() == Some(FALSE_POSITIVE)) {
        cleared.extend(persons_of(world, known).await?);
    }
    Ok(are_among(now, &cleared))
}

/// Opens the match for compliance, once: a step that is tried again before the decision finds it open.
async fn open(
    world: &World,
    subject: &Subject,
    known: &[ScreeningMatch],
    (matches, persons): (&[Match], &[ListedPerson]),
    versions: &[ListVersion],
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut number = 1;
    for known in known.iter().filter(|known| known.occasion == PAYMENT) {
        number = known.number + 1;
        let same = known.decision.is_none() && {
            let before = persons_of(world, known).await?;
            are_among(persons, &before) && are_among(&before, persons)
        };
        if same {
            return Ok(());
        }
    }
    let id = match_id(subject.id(), &format!("{PAYMENT}|{number}"));
    let list_versions = lists_json(versions);
    let fact = StepFact {
        application_id: subject.id(),
        key: &format!("screening_match:{id}"),
        kind: "likely_match_found",
        details: json!({ "match_id": id, "lists": list_versions }),
        at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(()) };
    let matches = json!(matches);
    let new = NewMatch {
        id,
        application_id: subject.id(),
        occasion: PAYMENT,
        number,
        matches: &matches,
        list_versions: &list_versions,
        at,
    };
    rows::open_match(&mut transaction, &new).await?;
    Ok(pool::commit(transaction).await?)
}

/// Stores compliance's decision on a match, in the transaction in which the step that it parked is let go on.
pub(crate) async fn decide(
    world: &World,
    connection: &mut PgConnection,
    application_id: ApplicationId,
    id: ScreeningMatchId,
    submitted: &Submitted<DecisionBody>,
    input: &ResolveInput,
) -> Result<(), Failure> {
    let body = &submitted.body;
    let fact = StepFact {
        application_id,
        key: &format!("{}:{}", ActKind::DecideScreeningMatch.as_str(), input.submission_id),
        kind: "screening_decided",
        details: json!({ "match_id": id }),
        at: input.at,
        actor: submitted.actor_because(body.reason.clone()),
        stage: None,
        event: None,
    };
    world.record_in(connection, fact).await?;
    let decision =
        Decision { decision: &body.decision, decided_by: &submitted.submitted_by, reason: &body.reason, at: input.at };
    Ok(rows::decide_match(connection, application_id, id, &decision, Some(input.parked_step_id)).await?)
}

/// The persons that a stored match names.
async fn persons_of(world: &World, known: &ScreeningMatch) -> Result<Vec<ListedPerson>, Failure> {
    let matches: Vec<Match> =
        serde_json::from_value(known.matches.clone()).map_err(|_| Failure::park("record.unreadable"))?;
    persons(world, &known.list_versions, &matches).await
}

/// The persons that matches name, as these versions of the lists have them. Numbers may change from version to version,
/// so persons are compared, not their numbers.
async fn persons(world: &World, versions: &Value, matches: &[Match]) -> Result<Vec<ListedPerson>, Failure> {
    let mut persons = Vec::new();
    for list in versions.as_array().into_iter().flatten() {
        let category = matches.iter().map(|one| one.list).find(|one| list["category"] == one.as_str());
        let (Some(category), Some(version)) = (category, list["version"].as_str()) else { continue };
        let entries = lists::entries(&world.pool, category, version).await?;
        let named =
            |entry: &ListedPerson| matches.iter().any(|one| one.list == category && one.entry_id == entry.entry_id);
        persons.extend(entries.into_iter().filter(named));
    }
    // A match whose entry is gone can not be compared: it must not vanish from the comparison.
    if persons.len() == matches.len() { Ok(persons) } else { Err(Failure::retry("aml.lists_changed").of("aml")) }
}

fn are_among(some: &[ListedPerson], all: &[ListedPerson]) -> bool {
    some.iter().all(|person| all.iter().any(|other| same_person(person, other)))
}

fn same_person(one: &ListedPerson, other: &ListedPerson) -> bool {
    one.list == other.list && one.iin == other.iin && one.name == other.name && one.birth_date == other.birth_date
}
