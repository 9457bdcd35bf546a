//! The offer: drafts of schedules by all methods and the disclosures that go with them, in one transaction
//! (para 8(2)–8(5); ). Never a price that is not in the drafts.

use std::fmt::Write as _;

use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::calendar::local_date;
use nesie_domain::effective_rate::AnnualEffectiveRate;
use nesie_domain::ids::{ApplicationId, DraftId};
use nesie_domain::quote::{Quote, quote};
use nesie_domain::schedule::RepaymentMethod;
use nesie_platform::protection::sha256;
use nesie_storage::agreement::offer::{NewDisclosure, NewDraft, insert_disclosures, insert_drafts};
use nesie_storage::facts::Actor;
use nesie_storage::policy::{self, Text};
use nesie_storage::pool;
use nesie_workflows::contract::{StepInput, Verdict};
use serde_json::{Value, json};

use crate::World;
use crate::failure::Failure;
use crate::record::{StepFact, derived_id, hex, next, refuse, stage_of, with_verdict};
use crate::subject::{Start, open_step};

const STEP: &str = "draft_offer";
/// The version of the wording of the payments' disclosure.
const PAYMENTS_TEXT_VERSION: &str = "2026-01";

/// A text to be shown, with its hash.
struct Disclosure {
    kind: &'static str,
    version: String,
    content: String,
    sha256: [u8; 32],
}

/// Disclosures and drafts by all methods.
pub(crate) async fn draft_offer(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(subject) => subject,
    };
    let on = local_date(input.at);
    let quotes = quote(&subject.policies, subject.amount, subject.rate, subject.term, on)
        .map_err(|_| Failure::park("application.inconsistent"))?;
    let within_limits = quotes.iter().any(Quote::within_limits);
    let disclosures = disclosures(policy::texts_on(&world.pool, on).await?, &quotes)?;
    let verdict =
        if within_limits { next(Stage::AwaitingAcknowledgement) } else { refuse(RefusalGround::TermsOutsideLimits) };
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: "offer_drafted",
        details: with_verdict(details(subject.id(), &quotes, &disclosures), &verdict)?,
        at: input.at,
        actor: Actor::System,
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        let shown: Vec<NewDisclosure<'_>> = disclosures.iter().map(Disclosure::row).collect();
        insert_disclosures(&mut transaction, subject.id(), &shown, input.at).await?;
        let drafts: Vec<NewDraft> = quotes.iter().map(|quote| draft(subject.id(), quote)).collect();
        insert_drafts(&mut transaction, subject.id(), &drafts, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

impl Disclosure {
    fn row(&self) -> NewDisclosure<'_> {
        NewDisclosure { kind: self.kind, version: &self.version, sha256: &self.sha256, content: &self.content }
    }
}

fn draft(id: ApplicationId, quote: &Quote) -> NewDraft {
    let method = quote.schedule.method;
    NewDraft {
        id: draft_id(id, method),
        method: method.as_str(),
        schedule: json!(quote.schedule),
        sha256: sha256(&quote.schedule.canonical_bytes()),
        annual_effective_rate: quote.effective_rate.map(AnnualEffectiveRate::percent),
        breaches: json!(quote.breaches),
    }
}

fn draft_id(id: ApplicationId, method: RepaymentMethod) -> DraftId {
    DraftId::from_uuid(derived_id(id, &format!("draft|{method}")))
}

fn details(id: ApplicationId, quotes: &[Quote], disclosures: &[Disclosure]) -> Value {
    let draft = |quote: &Quote| {
        json!({
            "draft_id": draft_id(id, quote.schedule.method),
            "method": quote.schedule.method,
            "sha256": quote.schedule.sha256_hex(),
            "annual_effective_rate": quote.effective_rate,
            "within_limits": quote.within_limits(),
        })
    };
    let shown = |disclosure: &Disclosure| json!({ "kind": disclosure.kind, "version": disclosure.version, "sha256": hex(&disclosure.sha256) });
    json!({
        "drafts": quotes.iter().map(draft).collect::<Vec<_>>(),
        "disclosures": disclosures.iter().map(shown).collect::<Vec<_>>(),
    })
}

/// Rules and rights in the edition of the day, payments from the drafts themselves.
fn disclosures(texts: Vec<Text>, quotes: &[Quote]) -> Result<Vec<Disclosure>, Failure> {
    let mut disclosures = vec![disclosure("payments", PAYMENTS_TEXT_VERSION.to_owned(), payments_text(quotes))];
    for text in texts {
        let kind = match text.kind.as_str() {
            "rules" => "rules",
            "rights" => "rights",
            _ => continue,
        };
        disclosures.push(disclosure(kind, text.version, text.content));
    }
    // Nothing is offered without the texts that must be shown first.
    if disclosures.len() == 3 { Ok(disclosures) } else { Err(Failure::park("disclosure.text_missing")) }
}

fn disclosure(kind: &'static str, version: String, content: String) -> Disclosure {
    let sha256 = sha256(content.as_bytes());
    Disclosure { kind, version, content, sha256 }
}

/// All payments and transfers for obtaining, servicing and repaying the microcredit.
fn payments_text(quotes: &[Quote]) -> String {
    let mut text = String::from(
        "Платежи и переводы, связанные с получением, обслуживанием и погашением микрокредита.\n\
         Комиссии за выдачу, обслуживание и погашение не взимаются; за досрочное погашение неустойки нет.\n",
    );
    if let Some(Quote { schedule, .. }) = quotes.first() {
        let _ = writeln!(text, "Сумма: {} тенге. Ставка вознаграждения: {} % годовых.", schedule.amount, schedule.rate);
    }
    for Quote { schedule, effective_rate, .. } in quotes {
        let effective = effective_rate.map_or_else(|| "не вычисляется".to_owned(), |rate| format!("{rate} %"));
        let _ = writeln!(
            text,
            "{}: ГЭСВ {effective}, платежей {}, вознаграждение {} тенге, всего к возврату {} тенге, наибольший платеж {} тенге.",
            method_ru(schedule.method),
            schedule.instalments.len(),
            schedule.total_interest(),
            schedule.total_payable(),
            schedule.largest_instalment(),
        );
    }
    text
}

/// The method's name as the client reads it.
pub(crate) const fn method_ru(method: RepaymentMethod) -> &'static str {
    match method {
        RepaymentMethod::Annuity => "Метод аннуитетных платежей",
        RepaymentMethod::Differentiated => "Метод дифференцированных платежей",
        RepaymentMethod::Bullet => "Погашение одним платежом в конце срока",
    }
}
