//! The contract: its exact text from what was chosen, frozen with its hash, and the challenge of the identification
//! (paras 7(3), 9; ). Never changed once it is frozen.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::calendar::local_date;
use nesie_domain::ids::{ApplicationId, ContractId, DraftId};
use nesie_domain::person::Purpose;
use nesie_domain::schedule::Schedule;
use nesie_domain::term::Term;
use nesie_platform::protection::sha256;
use nesie_storage::agreement::contract::{NewContract, insert};
use nesie_storage::agreement::identification::insert_challenge;
use nesie_storage::agreement::offer;
use nesie_storage::bodies::Destination;
use nesie_storage::credit as reports;
use nesie_storage::facts::Actor;
use nesie_storage::pool;
use nesie_workflows::contract::{StepInput, Verdict};
use rust_decimal::Decimal;
use serde_json::json;

use crate::World;
use crate::agreement::tries;
use crate::calls::Answered;
use crate::failure::Failure;
use crate::identification::{CONTRACT, new_challenge};
use crate::offer::method_ru;
use crate::providers::bureau::CreditReport;
use crate::record::{StepFact, derived_id, hex, next, refuse, stage_of, with_verdict};
use crate::subject::{Start, Subject, open_step};
use crate::{credit, disbursement_method};

const STEP: &str = "freeze_contract";
const OCCASION: &str = "signing";

/// The schedule that the client chose, with its price.
pub(crate) struct Chosen {
    pub(crate) draft_id: DraftId,
    pub(crate) schedule: Schedule,
    pub(crate) effective_rate: Decimal,
}

/// The schedule that the client chose.
pub(crate) async fn chosen(world: &World, subject: &Subject) -> Result<Chosen, Failure> {
    let draft = offer::chosen(&world.pool, subject.id()).await?;
    let draft = draft.ok_or_else(|| Failure::park("schedule.choice_missing"))?;
    let unreadable = || Failure::park("record.unreadable");
    Ok(Chosen {
        draft_id: draft.id,
        schedule: serde_json::from_value(draft.schedule).map_err(|_| unreadable())?,
        effective_rate: draft.annual_effective_rate.ok_or_else(unreadable)?,
    })
}

/// The contract's number, and the loan's: unique, and told without the database. The whole id, since the beginning of
/// one is only the millisecond in which the application was received.
pub(crate) fn number(id: ApplicationId) -> String {
    format!("N-{}", id.as_uuid().simple())
}

/// A fresh check of the voluntary refusal where policy wants one, then the frozen contract and its challenge.
pub(crate) async fn freeze_contract(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(subject) => subject,
    };
    let report = fresh_report(world, &subject, input.at).await?;
    if report.as_ref().is_some_and(|report| credit::has_voluntary_refusal(&report.value)) {
        let verdict = refuse(RefusalGround::VoluntaryRefusal);
        return record(world, &subject, input, report, verdict, None).await;
    }
    let challenge = new_challenge(world, &subject, CONTRACT, 1, input.at);
    let stage = Stage::AwaitingIdentification {
        challenge_id: challenge.id,
        tries_left: tries(subject.policies.identification_attempts_maximum()),
    };
    record(world, &subject, input, report, next(stage), Some(challenge)).await
}

/// A new report where the one of the assessment is no longer fresh by policy.
async fn fresh_report(
    world: &World,
    subject: &Subject,
    at: DateTime<Utc>,
) -> Result<Option<Answered<CreditReport>>, Failure> {
    let known = reports::get(&world.pool, subject.id(), "assessment").await?;
    let fresh_for = TimeDelta::hours(subject.policies.credit_report_fresh_hours().into());
    if known.is_some_and(|report| at - report.received_at <= fresh_for) {
        return Ok(None);
    }
    credit::report(world, subject, STEP, OCCASION, at).await.map(Some)
}

async fn record(
    world: &World,
    subject: &Subject,
    input: StepInput,
    report: Option<Answered<CreditReport>>,
    verdict: Verdict,
    challenge: Option<nesie_storage::agreement::identification::Challenge>,
) -> Result<Verdict, Failure> {
    let number = number(subject.id());
    let chosen = chosen(world, subject).await?;
    let destination = disbursement_method::confirmed(world, subject).await?.destination;
    let content = text(subject, &number, &chosen, &destination, input.at);
    let sha256 = sha256(content.as_bytes());
    let frozen = challenge.is_some();
    let details = if frozen {
        json!({ "number": number, "sha256": hex(&sha256), "draft_id": chosen.draft_id })
    } else {
        json!({ "occasion": OCCASION })
    };
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: if frozen { "contract_frozen" } else { "credit_report_received" },
        details: with_verdict(details, &verdict)?,
        at: input.at,
        actor: Actor::System,
        stage: stage_of(&verdict),
        event: None,
    };
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(verdict) };
    if let Some(report) = report {
        let evidence_id = report.received.keep(world, &mut transaction).await?;
        let row = credit::row(OCCASION, &report.value, None, json!(verdict), evidence_id, input.at);
        reports::insert(&mut transaction, subject.id(), &row).await?;
    }
    if let Some(challenge) = challenge {
        let id = ContractId::from_uuid(derived_id(subject.id(), "contract"));
        let new = NewContract { id, number: &number, content: &content, sha256: &sha256, draft_id: chosen.draft_id };
        insert(&mut transaction, subject.id(), &new, input.at).await?;
        insert_challenge(&mut transaction, subject.id(), &challenge).await?;
    }
    pool::commit(transaction).await?;
    Ok(verdict)
}

/// The contract's exact text. From the same rows and the same day always the same bytes follow.
fn text(subject: &Subject, number: &str, chosen: &Chosen, destination: &Destination, at: DateTime<Utc>) -> String {
    let Chosen { schedule, effective_rate, .. } = chosen;
    let applicant = &subject.applicant;
    let mut text = format!("ДОГОВОР О ПРЕДОСТАВЛЕНИИ МИКРОКРЕДИТА № {number}\nДата: {}\n\n", local_date(at));
    let _ = writeln!(
        text,
        "1. Стороны. Организация, осуществляющая микрофинансовую деятельность (Кредитор), и {} (Заемщик), ИИН {}, документ № {}, действителен до {}.",
        applicant.name.full(),
        applicant.iin.as_str(),
        applicant.identity_document.number.as_str(),
        applicant.identity_document.expires_on,
    );
    let _ = writeln!(text, "2. Сумма микрокредита: {} тенге.", schedule.amount);
    let _ = writeln!(text, "3. Ставка вознаграждения: {} % годовых.", schedule.rate);
    let _ = writeln!(text, "4. Годовая эффективная ставка вознаграждения (ГЭСВ): {effective_rate:.1} %.");
    let _ = writeln!(text, "5. Срок: {}.", term_ru(schedule.term));
    let _ = writeln!(text, "6. Метод погашения: {}.", method_ru(schedule.method));
    let _ = writeln!(text, "7. Цель: {}.", purpose_ru(&subject.application.purpose));
    let _ = writeln!(text, "8. Выдача: {}.", destination_ru(destination));
    text.push_str("9. Комиссии не взимаются. Досрочное погашение возможно в любое время без неустойки.\n");
    text.push_str("10. График погашения (номер; дата; основной долг; вознаграждение; платеж; остаток):\n");
    for one in &schedule.instalments {
        let _ = writeln!(
            text,
            "{}; {}; {}; {}; {}; {}",
            one.number, one.due_on, one.principal, one.interest, one.total, one.balance_after
        );
    }
    let _ = writeln!(
        text,
        "11. Всего вознаграждения: {} тенге. Всего к возврату: {} тенге.",
        schedule.total_interest(),
        schedule.total_payable()
    );
    let _ = writeln!(
        text,
        "12. Договор заключается в электронной форме по Правилам № 217, редакция {}. График: SHA-256 {}.",
        subject.application.ruleset,
        schedule.sha256_hex()
    );
    text
}

fn term_ru(term: Term) -> String {
    match term {
        Term::Months(months) => format!("{months} мес."),
        Term::Days(days) => format!("{days} дн."),
    }
}

fn purpose_ru(purpose: &str) -> &'static str {
    match Purpose::parse(purpose) {
        Ok(Purpose::Business) => "предпринимательская деятельность",
        Ok(Purpose::Consumer) | Err(_) => "потребительская",
    }
}

fn destination_ru(destination: &Destination) -> String {
    match destination {
        Destination::Account { iban } => format!("переводом на банковский счет Заемщика {}", iban.as_str()),
        Destination::Card { card_token } => {
            format!("переводом на платежную карту Заемщика (токен {})", card_token.as_str())
        }
        Destination::Merchant { merchant_id } => {
            format!("по заявлению Заемщика переводом продавцу товаров, работ, услуг (код {merchant_id})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn applications_of_one_millisecond_have_contracts_of_their_own() {
        let ids = ["01a2055b-9f1d-7000-8000-000000000001", "01a2055b-9f1d-7000-8000-000000000002"];
        let [one, two] = ids.map(|id| number(ApplicationId::from_uuid(Uuid::parse_str(id).expect("an id"))));
        assert_ne!(one, two);
    }
}
