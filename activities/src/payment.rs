//! Money reserved under our own reference, and checked once more just before it moves (paras 9, 10;
//! design invariant 6). Never calls for a transfer: that is `transfer.rs`.

use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::ids::PaymentReference;
use nesie_storage::agreement::{identification, signature};
use nesie_storage::bodies::Destination;
use nesie_storage::facts::Actor;
use nesie_storage::money::{self, Payment, PaymentState};
use nesie_storage::{credit as reports, leaks, pool, screening as rows};
use nesie_workflows::contract::{Screening, StepInput, Verdict};
use serde_json::{Value, json};

use crate::World;
use crate::calls::{Answered, Call};
use crate::contract::agreed_on;
use crate::credit;
use crate::disbursement_method::{Checked, Confirmed, check, confirmed};
use crate::failure::Failure;
use crate::identification::{CONTRACT, PAYMENT as PAYMENT_PURPOSE, bound_to};
use crate::payment_match::{Searched, search_again};
use crate::providers::bureau::CreditReport;
use crate::record::{StepFact, next, refuse, stage_of, with_verdict};
use crate::screening::{PAYMENT, due_diligence, recorded};
use crate::signing::frozen;
use crate::subject::{Start, Subject, open_step};
use crate::tried;

const STEP: &str = "reserve_and_check";

/// Reserves under our own reference, then checks voluntary refusal, lists and ownership once more.
pub(crate) async fn reserve_and_check(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(shown) => return recorded_verdict(world, input, shown).await,
        Start::New(subject) => subject,
    };
    if leaks::is_flagged(&world.pool, subject.id()).await? {
        return hold(world, &subject, input).await;
    }
    let confirmed = confirmed(world, &subject).await?;
    reserve(world, &subject, &confirmed, input).await?;
    let checks = check_again(world, &subject, &confirmed, STEP, input).await?;
    let priced = agreed_on(world, &subject, input.at).await?;
    let too_dear = (!priced.within_limits()).then_some(RefusalGround::TermsOutsideLimits);
    let verdict = checks.objection().or(too_dear).map_or_else(|| next(Stage::Disbursing), refuse);
    let Checks { report, owned, lists } = checks;
    let shown = match verdict {
        // The timeline is the client's too: it does not say that a list was the ground.
        Verdict::Refuse { ground } if ground.is_confidential() => json!({ "verdict": "refuse" }),
        _ => json!(verdict),
    };
    let details = json!({
        "report_id": report.value.report_id,
        "check_id": owned.check_id,
        "lists_changed": lists.is_some(),
        "annual_effective_rate": priced.effective_rate,
    });
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: "payment_checked",
        details: with_verdict(details, &shown)?,
        at: input.at,
        actor: Actor::System,
        stage: stage_of(&verdict),
        event: None,
    };
    let Some(mut transaction) = world.begin(fact).await? else { return Ok(verdict) };
    let evidence_id = report.received.keep(world, &mut transaction).await?;
    owned.received.keep(world, &mut transaction).await?;
    let row = credit::row("payment", &report.value, None, shown, evidence_id, input.at);
    reports::insert(&mut transaction, subject.id(), &row).await?;
    if let Some((screening, found, versions)) = &lists {
        let diligence = due_diligence(&subject, PAYMENT, screening, Some(found), versions, input.at);
        rows::insert_due_diligence(&mut transaction, &diligence).await?;
    }
    pool::commit(transaction).await?;
    Ok(verdict)
}

/// A leak became known after the last question: back to its measures, with nothing reserved, or with what was reserved
/// kept as it is (para 36).
async fn hold(world: &World, subject: &Subject, input: StepInput) -> Result<Verdict, Failure> {
    let verdict = next(Stage::Processing { act: None });
    let key = format!("{STEP}:held:{}", input.at.timestamp_micros());
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: "payment_held",
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

/// Why money that is reserved must not be called for after all. Checks that are older than [`tried::ONE_OCCASION`] are made anew:
/// a transfer may be called for days after it was reserved, when a step was parked or no worker ran.
pub(crate) async fn objection(
    world: &World,
    subject: &Subject,
    confirmed: &Confirmed,
    step: &'static str,
    input: StepInput,
) -> Result<Option<RefusalGround>, Failure> {
    // Never sent to somebody who is held, however fresh the checks are; the retry after his verification goes on.
    if leaks::is_flagged(&world.pool, subject.id()).await? {
        return Err(Failure::park("client.leak_unverified"));
    }
    let checked = reports::get(&world.pool, subject.id(), "payment").await?;
    let checked = checked.ok_or_else(|| Failure::park("payment.unchecked"))?;
    let now = tried::at(input.at);
    if is_too_dear(world, subject, step, StepInput { at: now, ..input }).await? {
        return Ok(Some(RefusalGround::TermsOutsideLimits));
    }
    if now - checked.received_at <= tried::ONE_OCCASION {
        return Ok(None);
    }
    let input = StepInput { at: tried::occasion(input.at), ..input };
    // Another try of the very same step, moments later: every check has an id of its own, and would contradict the first.
    let key = format!("{step}:checked:{}", input.at.timestamp_millis());
    let known = nesie_storage::recorded::fact(&world.pool, subject.id(), &key).await?;
    if known.as_ref().is_some_and(|fact| fact.details["holds"] == json!(true)) {
        return Ok(None);
    }
    let checks = check_again(world, subject, confirmed, step, input).await?;
    let objection = checks.objection();
    if known.is_some() {
        return Ok(objection);
    }
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: "payment_checked_again",
        details: json!({ "report_id": checks.report.value.report_id, "check_id": checks.owned.check_id, "holds": objection.is_none() }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        checks.report.received.keep(world, &mut transaction).await?;
        checks.owned.received.keep(world, &mut transaction).await?;
        // Where the lists were still those of the assessment, its own record says so.
        if let Some((screening, found, versions)) = &checks.lists {
            let diligence = due_diligence(subject, &key, screening, Some(found), versions, input.at);
            rows::insert_due_diligence(&mut transaction, &diligence).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(objection)
}

/// Money that moves on another day than the contract's makes a loan of that day, and its price may have passed a cap: then it is
/// on record by how much.
async fn is_too_dear(world: &World, subject: &Subject, step: &'static str, input: StepInput) -> Result<bool, Failure> {
    let priced = agreed_on(world, subject, input.at).await?;
    if priced.within_limits() {
        return Ok(false);
    }
    let fact = StepFact {
        application_id: subject.id(),
        key: &format!("{step}:priced:{}", input.at.timestamp_millis()),
        kind: "terms_outside_limits",
        details: json!({ "annual_effective_rate": priced.effective_rate }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(transaction) = world.begin(fact).await? {
        pool::commit(transaction).await?;
    }
    Ok(true)
}

/// What is asked just before money moves: bureau, lists, ownership.
struct Checks {
    report: Answered<CreditReport>,
    owned: Checked,
    lists: Option<Searched>,
}

impl Checks {
    /// The first of the grounds that stand against the payment.
    fn objection(&self) -> Option<RefusalGround> {
        match &self.lists {
            _ if credit::has_voluntary_refusal(&self.report.value) => Some(RefusalGround::VoluntaryRefusal),
            Some((Screening::Refuse { ground }, ..)) => Some(*ground),
            _ if !self.owned.confirmed => Some(RefusalGround::OwnershipLost),
            _ => None,
        }
    }
}

async fn check_again(
    world: &World,
    subject: &Subject,
    confirmed: &Confirmed,
    step: &'static str,
    input: StepInput,
) -> Result<Checks, Failure> {
    // First, since it parks: nobody is asked about a client on whom compliance has yet to decide.
    let lists = search_again(world, subject, input.at).await?;
    let call = |operation| Call::new(subject.id(), step, operation, "ownership", input.at);
    let (report, owned) = futures::join!(
        credit::report(world, subject, step, "payment", input.at),
        check(world, &subject.applicant.iin, &confirmed.destination, confirmed.profile, call)
    );
    Ok(Checks { report: report?, owned: owned?, lists })
}

/// What was decided before. A list's ground stands in due diligence only.
async fn recorded_verdict(world: &World, input: StepInput, shown: Value) -> Result<Verdict, Failure> {
    if let Ok(verdict) = serde_json::from_value(shown) {
        return Ok(verdict);
    }
    match recorded(world, input.application_id, PAYMENT).await? {
        Some(Screening::Refuse { ground }) => Ok(refuse(ground)),
        // The other ground of this moment that nobody is told.
        Some(Screening::Clear) | None => Ok(refuse(RefusalGround::OwnershipLost)),
        Some(Screening::Match { .. }) => Err(Failure::park("record.unreadable")),
    }
}

/// Reserves: the reference is stored for ever, committed before anything else. From here on there is no withdrawal.
async fn reserve(world: &World, subject: &Subject, confirmed: &Confirmed, input: StepInput) -> Result<(), Failure> {
    let our_reference = PaymentReference::for_application(subject.id(), 0);
    let payment = Payment {
        our_reference,
        method: confirmed.destination.method().to_owned(),
        payment_profile: confirmed.profile.as_str().to_owned(),
        amount: subject.amount,
        state: PaymentState::Reserved,
        provider_reference: None,
        sent_at: None,
        confirmed_at: None,
    };
    require_agreement(world, subject, &confirmed.destination).await?;
    let fact = StepFact {
        application_id: subject.id(),
        key: "reserve_payment",
        kind: "payment_reserved",
        details: json!({ "our_reference": our_reference, "method": payment.method, "payment_profile": payment.payment_profile }),
        at: input.at,
        actor: Actor::System,
        stage: Some(&Stage::Disbursing),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        money::reserve(&mut transaction, subject.id(), &payment, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// No money is reserved for a contract that is not identified for and signed: the workflow sees to the order, and this
/// sees to it that a wrong order moves no money (para 9; ).
async fn require_agreement(world: &World, subject: &Subject, destination: &Destination) -> Result<(), Failure> {
    let contract = frozen(world, subject).await?;
    let mut agreed = signature::is_signed_or_exempt(&world.pool, subject.id(), &contract.sha256).await?;
    let mut purposes = vec![CONTRACT];
    if matches!(destination, Destination::Merchant { .. }) {
        purposes.push(PAYMENT_PURPOSE);
    }
    for purpose in purposes {
        let bound_to = bound_to(subject, purpose, &contract);
        agreed &= identification::has_passed(&world.pool, subject.id(), &bound_to).await?;
    }
    if agreed { Ok(()) } else { Err(Failure::park("payment.agreement_incomplete")) }
}
