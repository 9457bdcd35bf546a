//! The contract: its exact text from what was chosen, frozen with its hash, and the challenge of the identification
//! (paras 7(3), 9; ). Never changed once it is frozen.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::calendar::local_date;
use nesie_domain::effective_rate::AnnualEffectiveRate;
use nesie_domain::ids::{ApplicationId, ContractId, DraftId};
use nesie_domain::person::Purpose;
use nesie_domain::quote::Quote;
use nesie_domain::schedule::Schedule;
use nesie_domain::term::Term;
use nesie_platform::protection::sha256;
use nesie_storage::agreement::contract::{self as rows, NewContract};
use nesie_storage::agreement::identification::insert_challenge;
use nesie_storage::agreement::offer;
use nesie_storage::bodies::{Destination, contract_place};
use nesie_storage::credit as reports;
use nesie_storage::facts::Actor;
use nesie_storage::{PgConnection, pool};
use nesie_workflows::contract::{StepInput, Verdict};
use serde_json::{Value, json};

use crate::World;
use crate::agreement::tries;
use crate::calls::Answered;
use crate::failure::Failure;
use crate::identification::{CONTRACT, new_challenge};
use crate::offer::method_ru;
use crate::providers::bureau::CreditReport;
use crate::record::{StepFact, derived_id, hex, next, refuse, stage_of, with_verdict};
use crate::subject::{Start, Subject, open_step};
use crate::{credit, disbursement_method, tried};

const STEP: &str = "freeze_contract";
const OCCASION: &str = "signing";

/// The schedule that the client chose, as of the day on which it is to be agreed, with its price of that day.
async fn chosen_on(world: &World, subject: &Subject, at: DateTime<Utc>) -> Result<(DraftId, Quote), Failure> {
    let draft = offer::chosen(&world.pool, subject.id()).await?;
    let draft = draft.ok_or_else(|| Failure::park("schedule.choice_missing"))?;
    Ok((draft.id, priced_on(subject, draft.schedule, at)?))
}

/// The schedule that was agreed, as of another day: its dates and interest count from there, and it has that day's price.
pub(crate) async fn agreed_on(world: &World, subject: &Subject, at: DateTime<Utc>) -> Result<Quote, Failure> {
    let agreed = rows::agreed(&world.pool, subject.id()).await?;
    priced_on(subject, agreed.ok_or_else(|| Failure::park("contract.missing"))?.schedule, at)
}

/// The schedule that was agreed: the loan's once there is one.
pub(crate) async fn agreed(world: &World, subject: &Subject) -> Result<Schedule, Failure> {
    let agreed = rows::agreed(&world.pool, subject.id()).await?;
    read(agreed.ok_or_else(|| Failure::park("contract.missing"))?.schedule)
}

fn priced_on(subject: &Subject, schedule: Value, at: DateTime<Utc>) -> Result<Quote, Failure> {
    let schedule = read(schedule)?.on(local_date(at)).map_err(|_| Failure::park("application.inconsistent"))?;
    Ok(Quote::of(&subject.policies, schedule))
}

fn read(schedule: Value) -> Result<Schedule, Failure> {
    serde_json::from_value(schedule).map_err(|_| Failure::park("record.unreadable"))
}

/// The contract's number, and the loan's: unique, and told without the database. The whole id, since the beginning of
/// one is only the millisecond in which the application was received.
pub(crate) fn number(id: ApplicationId) -> String {
    format!("N-{}", id.as_uuid().simple())
}

/// A fresh check of the voluntary refusal where policy wants one, then the frozen contract and its challenge.
pub(crate) async fn freeze_contract(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    let occasion = tried::occasion(input.at);
    let input = StepInput { at: tried::at(input.at), ..input };
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(subject) => subject,
    };
    let report = fresh_report(world, &subject, input.at, occasion).await?;
    if report.as_ref().is_some_and(|report| credit::has_voluntary_refusal(&report.value)) {
        let ground = RefusalGround::VoluntaryRefusal;
        return refused(
            world,
            &subject,
            input,
            report,
            ground,
            ("credit_report_received", json!({ "occasion": OCCASION })),
        )
        .await;
    }
    let (draft_id, quote) = chosen_on(world, &subject, input.at).await?;
    match quote.effective_rate.filter(|_| quote.within_limits()) {
        Some(effective_rate) => {
            let terms = Terms { draft_id, schedule: quote.schedule, effective_rate };
            freeze(world, &subject, input, report, terms).await
        }
        None => {
            let details = json!({ "draft_id": draft_id, "annual_effective_rate": quote.effective_rate });
            let ground = RefusalGround::TermsOutsideLimits;
            refused(world, &subject, input, report, ground, ("terms_outside_limits", details)).await
        }
    }
}

/// What is agreed.
struct Terms {
    draft_id: DraftId,
    schedule: Schedule,
    effective_rate: AnnualEffectiveRate,
}

/// A new report where the one of the assessment is no longer fresh by policy.
async fn fresh_report(
    world: &World,
    subject: &Subject,
    at: DateTime<Utc>,
    occasion: DateTime<Utc>,
) -> Result<Option<Answered<CreditReport>>, Failure> {
    let known = reports::get(&world.pool, subject.id(), "assessment").await?;
    let fresh_for = TimeDelta::hours(subject.policies.credit_report_fresh_hours().into());
    if known.is_some_and(|report| at - report.received_at <= fresh_for) {
        return Ok(None);
    }
    credit::report(world, subject, STEP, OCCASION, occasion).await.map(Some)
}

/// Nothing is agreed: the client refused microcredits for himself, or the terms have become too dear since they were shown.
async fn refused(
    world: &World,
    subject: &Subject,
    input: StepInput,
    report: Option<Answered<CreditReport>>,
    ground: RefusalGround,
    (kind, details): (&str, Value),
) -> Result<Verdict, Failure> {
    let verdict = refuse(ground);
    let fact = fact(input, kind, with_verdict(details, &verdict)?, &verdict);
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(verdict) };
    keep_report(world, &mut transaction, subject, report, &verdict, input.at).await?;
    pool::commit(transaction).await?;
    Ok(verdict)
}

async fn freeze(
    world: &World,
    subject: &Subject,
    input: StepInput,
    report: Option<Answered<CreditReport>>,
    terms: Terms,
) -> Result<Verdict, Failure> {
    let challenge = new_challenge(world, subject, CONTRACT, 1, input.at);
    let verdict = next(Stage::AwaitingIdentification {
        challenge_id: challenge.id,
        tries_left: tries(subject.policies.identification_attempts_maximum()),
    });
    let number = number(subject.id());
    let destination = disbursement_method::confirmed(world, subject).await?.destination;
    let content = text(subject, &number, &terms, &destination, input.at);
    let sha256 = sha256(content.as_bytes());
    let details = json!({ "number": number, "sha256": hex(&sha256), "draft_id": terms.draft_id });
    let fact = fact(input, "contract_frozen", with_verdict(details, &verdict)?, &verdict);
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(verdict) };
    keep_report(world, &mut transaction, subject, report, &verdict, input.at).await?;
    let new = NewContract {
        id: ContractId::from_uuid(derived_id(subject.id(), "contract")),
        number: &number,
        content_sealed: &world.protection.seal(&contract_place(subject.id()), content.as_bytes()),
        sha256: &sha256,
        draft_id: terms.draft_id,
        schedule: &json!(terms.schedule),
        annual_effective_rate: terms.effective_rate.percent(),
    };
    rows::insert(&mut transaction, subject.id(), &new, input.at).await?;
    insert_challenge(&mut transaction, subject.id(), &challenge).await?;
    pool::commit(transaction).await?;
    Ok(verdict)
}

fn fact<'a>(input: StepInput, kind: &'a str, details: Value, verdict: &'a Verdict) -> StepFact<'a> {
    StepFact {
        application_id: input.application_id,
        key: STEP,
        kind,
        details,
        at: input.at,
        actor: Actor::System,
        stage: stage_of(verdict),
        event: None,
    }
}

async fn keep_report(
    world: &World,
    connection: &mut PgConnection,
    subject: &Subject,
    report: Option<Answered<CreditReport>>,
    verdict: &Verdict,
    at: DateTime<Utc>,
) -> Result<(), Failure> {
    let Some(report) = report else { return Ok(()) };
    let evidence_id = report.received.keep(world, connection).await?;
    let row = credit::row(OCCASION, &report.value, None, json!(verdict), evidence_id, at);
    Ok(reports::insert(connection, subject.id(), &row).await?)
}

/// The contract's exact text. From the same rows and the same day always the same bytes follow.
fn text(subject: &Subject, number: &str, terms: &Terms, destination: &Destination, at: DateTime<Utc>) -> String {
    let Terms { schedule, effective_rate, .. } = terms;
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
    let _ = writeln!(text, "4. Годовая эффективная ставка вознаграждения (ГЭСВ): {effective_rate} %.");
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
    text.push_str(
        "12. График и ГЭСВ составлены на дату договора. Если деньги выданы в другой день, сроки платежей и вознаграждение \
         считаются со дня выдачи: по тому же методу, на ту же сумму, по той же ставке и на тот же срок. Если ГЭСВ на \
         этот день выше предельной, микрокредит не выдается.\n",
    );
    let _ = writeln!(
        text,
        "13. Договор заключается в электронной форме по Правилам № 217, редакция {}. График: SHA-256 {}.",
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
