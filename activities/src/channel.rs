//! Notices of channels to the regulator (paras 4, 5; ): taken up, and sent once.
//! Never opens a channel: compliance does, see `channel/acts.rs`; its term is `channel/term.rs`.

mod acts;
mod term;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use nesie_domain::calendar::{almaty_instant, local_date};
use nesie_domain::case::CaseStage;
use nesie_domain::channel::{NoticeKind, NoticeSubject};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, EvidenceId, SubmissionId};
use nesie_storage::bodies::ChannelNoticeDetails;
use nesie_storage::cases::{self, CaseRow, document_place};
use nesie_storage::channels::{self, NoticeVersion, Receipt};
use nesie_storage::facts::Actor;
use nesie_storage::{PgConnection, pool, recorded};
use nesie_workflows::contract::CaseStep;
use serde_json::{Value, json};

pub(crate) use acts::record_channel_acts;
pub(crate) use term::{count_notice_term, recount_terms, tell_of_term};

use crate::World;
use crate::calls::Call;
use crate::case::{CaseSubject, actor, submissions};
use crate::duties::{self, Opening, current_calendar};
use crate::failure::Failure;
use crate::providers::regulator::{Letter, LetterDocument, LetterKind};
use crate::record::{CaseFact, hex};

const OPEN: &str = "open_channel_notice";
const SEND: &str = "send_notice";
/// The fact that compliance said to send; there is one a notice.
const WORD_TO_SEND: &str = "send_notice:word";

/// The duty that the sending of a notice meets.
fn duty_of(subject: &NoticeSubject) -> DutyKind {
    match subject.notice {
        NoticeKind::Opening => DutyKind::NotifyOfOpening,
        NoticeKind::Change => DutyKind::NotifyOfChange,
    }
}

/// The start of a planned day in Almaty: the instant back from which the term runs.
fn anchor(planned_on: NaiveDate) -> Result<DateTime<Utc>, Failure> {
    almaty_instant(planned_on, NaiveTime::MIN).ok_or_else(|| Failure::park("channel_notice.planned_day"))
}

async fn case_of(world: &World, id: CaseId) -> Result<CaseRow, Failure> {
    cases::get(&world.pool, id).await?.ok_or_else(|| Failure::park("case.missing"))
}

async fn version_of(world: &World, id: CaseId) -> Result<NoticeVersion, Failure> {
    let version = channels::latest_version(&world.pool, id).await?;
    version.ok_or_else(|| Failure::park("channel_notice.version_missing"))
}

/// Takes up a notice as its first version; opens the duty to send it in time where a day is planned.
pub(crate) async fn open_channel_notice(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let CaseSubject { case, details } = CaseSubject::<ChannelNoticeDetails>::load(world, input.case_id).await?;
    let ChannelNoticeDetails { subject, contents, document_ids, sent_outside } = details;
    let stage = if sent_outside.is_some() { CaseStage::Handling } else { CaseStage::Draft };
    let by = || Actor::Person { subject: case.submitted_by.clone(), roles: Vec::new(), reason: String::new() };
    let fact = CaseFact {
        case_id: input.case_id,
        key: OPEN,
        kind: if sent_outside.is_some() { "channel_notice_sent_outside" } else { "channel_notice_drafted" },
        details: json!({
            "notice": subject.notice, "code": subject.code, "kind": subject.kind, "version": 1,
            "operations": contents.operations, "planned_on": contents.planned_on, "document_ids": document_ids,
            "sent_outside": sent_outside,
        }),
        at: input.at,
        actor: by(),
        stage: Some(&stage),
        event: Some("channel_notice.opened"),
    };
    let calendar = current_calendar(world).await?;
    let Some(mut transaction) = world.begin_case(fact).await? else { return Ok(stage) };
    let planned_on = contents.planned_on;
    let duty = duty_of(&subject);
    let version =
        NoticeVersion { version: 1, subject, contents, document_ids, submission_id: None, recorded_at: input.at };
    channels::insert_version(&mut transaction, input.case_id, &version).await?;
    if let Some(planned_on) = planned_on {
        let opening =
            Opening { case_id: input.case_id, kind: duty, subject: "", anchor_at: anchor(planned_on)?, at: input.at };
        duties::open(world, &mut transaction, &calendar, &case.policy, opening).await?;
    }
    if let Some(sent) = sent_outside {
        let receipt = Receipt {
            version: 1,
            sent_outside: true,
            receipt_number: sent.receipt_number,
            received_at: sent.received_at,
            counted_from: sent.sent_on,
            evidence_id: None,
            recorded_at: input.at,
        };
        channels::insert_receipt(&mut transaction, input.case_id, &receipt).await?;
        let evidence = evidence_of(&receipt);
        meet(world, &mut transaction, input.case_id, duty, by(), &evidence, sent.received_at).await?;
    }
    pool::commit(transaction).await?;
    Ok(stage)
}

/// What proves that the regulator was notified.
fn evidence_of(receipt: &Receipt) -> Value {
    json!({
        "receipt_number": receipt.receipt_number, "received_at": receipt.received_at, "version": receipt.version,
        "sent_outside": receipt.sent_outside, "evidence_id": receipt.evidence_id,
    })
}

/// Meets the duty where there is one: it exists only where a day is planned.
async fn meet(
    world: &World,
    connection: &mut PgConnection,
    case_id: CaseId,
    duty: DutyKind,
    by: Actor,
    evidence: &Value,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    duties::meet(world, connection, case_id, duty, "", by, evidence, at).await.map(drop)
}

/// Sends the notice to the regulator and keeps the receipt. One that the regulator has is not sent again.
pub(crate) async fn send_notice(world: &World, input: CaseStep) -> Result<CaseStage, Failure> {
    let stage = CaseStage::Handling;
    if channels::receipt(&world.pool, input.case_id).await?.is_some() {
        return Ok(stage);
    }
    let case = case_of(world, input.case_id).await?;
    let version = version_of(world, input.case_id).await?;
    let by = who_said_to_send(world, input.case_id).await?;
    let sent = submit(world, &input, &version).await?;
    // Of our sending and the regulator's receipt the later one: the full term lies after both.
    let notified_at = case.stage_at.max(sent.value.received_at);
    let fact = CaseFact {
        case_id: input.case_id,
        key: SEND,
        kind: "channel_notice_sent",
        details: json!({
            "version": version.version, "receipt_number": sent.value.receipt_number,
            "received_at": sent.value.received_at, "counted_from": local_date(notified_at),
        }),
        at: input.at,
        actor: by.clone(),
        stage: None,
        event: Some("channel_notice.sent"),
    };
    let Some(mut transaction) = world.begin_case(fact).await? else { return Ok(stage) };
    let evidence_id: EvidenceId = sent.received.keep(world, &mut transaction).await?;
    let receipt = Receipt {
        version: version.version,
        sent_outside: false,
        receipt_number: sent.value.receipt_number,
        received_at: sent.value.received_at,
        counted_from: local_date(notified_at),
        evidence_id: Some(evidence_id),
        recorded_at: input.at,
    };
    channels::insert_receipt(&mut transaction, input.case_id, &receipt).await?;
    let (duty, evidence) = (duty_of(&version.subject), evidence_of(&receipt));
    meet(world, &mut transaction, input.case_id, duty, by, &evidence, notified_at).await?;
    pool::commit(transaction).await?;
    Ok(stage)
}

/// Hands the letter with its documents to the regulator's channel, under a key of the case and the version.
async fn submit(
    world: &World,
    input: &CaseStep,
    version: &NoticeVersion,
) -> Result<crate::calls::Answered<crate::providers::regulator::Receipt>, Failure> {
    let attached = channels::attachments(&world.pool, input.case_id, &version.document_ids).await?;
    let mut opened = Vec::with_capacity(attached.len());
    for document in &attached {
        let place = document_place(document.id);
        let content = world.protection.open(&place, &document.content_sealed);
        let content = content.map_err(|_| Failure::park("protection.can_not_open"))?;
        opened.push((document.name.as_str(), hex(&document.sha256), content));
    }
    let documents: Vec<LetterDocument<'_>> =
        opened.iter().map(|(name, sha256_hex, content)| LetterDocument { name, sha256_hex, content }).collect();
    let NoticeVersion { subject, contents, .. } = version;
    let body = json!({
        "notice": subject.notice, "code": subject.code, "kind": subject.kind, "name": contents.name,
        "operations": contents.operations, "security_procedures": contents.security_procedures,
        "planned_on": contents.planned_on,
    });
    let letter = Letter {
        kind: match subject.notice {
            NoticeKind::Opening => LetterKind::ChannelNotice,
            NoticeKind::Change => LetterKind::ChannelChange,
        },
        reference: input.case_id,
        body: &body,
        documents: &documents,
    };
    let call = Call::new(input.case_id, SEND, ("regulator", "submit"), version.version, input.at);
    let key = call.key.clone();
    call.make(world, world.providers.regulator.submit(&key, &letter)).await
}

async fn who_said_to_send(world: &World, case_id: CaseId) -> Result<Actor, Failure> {
    let missing = || Failure::park("channel_notice.word_missing");
    let word = recorded::fact(&world.pool, case_id, WORD_TO_SEND).await?.ok_or_else(missing)?;
    let id: SubmissionId = serde_json::from_value(word.details["submission_id"].clone()).map_err(|_| missing())?;
    let found = submissions::<Value>(world, case_id, &[id]).await?;
    found.first().map(|(submission, _)| actor(submission)).ok_or_else(missing)
}
