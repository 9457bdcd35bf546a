//! The credit report: voluntary refusal, overdue, debt burden (para 8(8); R-088; limits of domain.md §4.2).
//! An unknown voluntary refusal is never taken for none: it is a failure that is tried again.

use chrono::{DateTime, Utc};
use nesie_domain::application::RefusalGround;
use nesie_domain::calendar::local_date;
use nesie_domain::ids::EvidenceId;
use nesie_domain::limits::{BorrowerRefusal, CreditFacts, DebtBurden, assess_borrower};
use nesie_domain::money::Money;
use nesie_domain::schedule::{RepaymentMethod, Schedule};
use nesie_domain::term::Term;
use nesie_storage::credit as rows;
use nesie_storage::facts::Actor;
use nesie_storage::pool;
use nesie_workflows::contract::{CreditVerdict, StepInput};
use serde_json::json;

use crate::World;
use crate::borrowed::with_what_is_borrowed;
use crate::calls::{Answered, Call};
use crate::failure::Failure;
use crate::providers::bureau::{CreditReport, VoluntaryRefusalStatus};
use crate::record::{StepFact, with_verdict};
use crate::subject::{Start, Subject, open_step};

const STEP: &str = "fetch_credit_report";

/// Voluntary refusal, overdue, debt burden.
pub(crate) async fn fetch_credit_report(world: &World, input: StepInput) -> Result<CreditVerdict, Failure> {
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(subject) => subject,
    };
    let answered = report(world, &subject, STEP, "assessment", input.at).await?;
    let (mut verdict, burden) = judge(&subject, &answered.value, input.at)?;
    let mut balances = Vec::new();
    if verdict == CreditVerdict::Eligible {
        let borrowed = with_what_is_borrowed(world, &subject, STEP, input.at).await?;
        if borrowed.above_the_limit {
            verdict = CreditVerdict::Refuse { ground: RefusalGround::TermsOutsideLimits };
        }
        balances = borrowed.received;
    }
    let details = json!({ "occasion": "assessment", "report_id": answered.value.report_id });
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: "credit_report_received",
        details: with_verdict(details, &verdict)?,
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        let evidence_id = answered.received.keep(world, &mut transaction).await?;
        for balance in balances {
            balance.keep(world, &mut transaction).await?;
        }
        let row = row("assessment", &answered.value, burden, json!(verdict), evidence_id, input.at);
        rows::insert(&mut transaction, subject.id(), &row).await?;
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

/// Asks the bureau for a report on the client. The same occasion at the same instant is the same request.
pub(crate) async fn report(
    world: &World,
    subject: &Subject,
    step: &'static str,
    occasion: &'static str,
    at: DateTime<Utc>,
) -> Result<Answered<CreditReport>, Failure> {
    // The bureau answers a request for ever with its first report. Tries of a step within minutes keep its
    // instant and repeat the request; a step that is taken again after parking has a new one, and needs what is true then.
    let intent = format!("{occasion}:{}", at.timestamp_millis());
    let call =
        Call::new(subject.id(), step, ("bureau", "report"), intent, at).after_undetermined().begin(world).await?;
    let key = call.key();
    let answered = call.end(world, world.providers.bureau.report(&key, &subject.applicant.iin)).await??;
    if answered.value.voluntary_refusal.status == VoluntaryRefusalStatus::Unknown {
        answered.received.keep_undetermined(world).await?;
        return Err(Failure::retry("bureau.voluntary_refusal_unknown").of("bureau"));
    }
    Ok(answered)
}

/// Whether the client has refused credit voluntarily (para 10, R-101). To be asked only of a report of [`report`].
pub(crate) fn has_voluntary_refusal(report: &CreditReport) -> bool {
    report.voluntary_refusal.status != VoluntaryRefusalStatus::None
}

/// The row of a report.
pub(crate) fn row(
    occasion: &str,
    report: &CreditReport,
    burden: Option<DebtBurden>,
    verdict: serde_json::Value,
    evidence_id: EvidenceId,
    at: DateTime<Utc>,
) -> rows::CreditReport {
    let days = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
    rows::CreditReport {
        occasion: occasion.to_owned(),
        report_id: report.report_id.clone(),
        voluntary_refusal: if has_voluntary_refusal(report) { "ACTIVE" } else { "NONE" }.to_owned(),
        overdue_days_current: days(report.overdue_days_current),
        overdue_days_max_12m: days(report.overdue_days_max_12m),
        debt_burden: burden.map(DebtBurden::ratio),
        verdict,
        evidence_id,
        received_at: at,
    }
}

fn judge(
    subject: &Subject,
    report: &CreditReport,
    at: DateTime<Utc>,
) -> Result<(CreditVerdict, Option<DebtBurden>), Failure> {
    let refused = |ground| Ok((CreditVerdict::Refuse { ground }, None));
    if has_voluntary_refusal(report) {
        return refused(RefusalGround::VoluntaryRefusal);
    }
    let facts = CreditFacts {
        overdue_days_current: report.overdue_days_current,
        overdue_days_max_12m: report.overdue_days_max_12m,
        monthly_payments: report.monthly_payments,
        average_monthly_income: report.average_monthly_income,
        new_monthly_payment: new_monthly_payment(subject, at)?,
    };
    match assess_borrower(&subject.policies, &facts) {
        Ok(burden) => Ok((CreditVerdict::Eligible, Some(burden))),
        Err(BorrowerRefusal::DebtBurden { .. }) => refused(RefusalGround::DebtBurden),
        Err(BorrowerRefusal::Overdue { .. }) => refused(RefusalGround::Overdue),
        Err(BorrowerRefusal::IncomeUnknown) => refused(RefusalGround::IncomeUnknown),
    }
}

/// What the new loan would add a month: all that is payable, spread over its months, by the method by which that is
/// most; so whichever method is chosen, the burden is no higher than was judged (docs/decisions/0010). A term in days has
/// months of thirty days, the last one begun counting whole.
fn new_monthly_payment(subject: &Subject, at: DateTime<Utc>) -> Result<Money, Failure> {
    let months = match subject.term {
        Term::Months(months) => i64::from(months),
        Term::Days(days) => i64::from(days.div_ceil(30)),
    };
    let mut most = 0;
    for method in RepaymentMethod::ALL {
        let schedule = Schedule::draft(*method, subject.amount, subject.rate, subject.term, local_date(at))
            .map_err(|_| Failure::park("application.inconsistent"))?;
        let payable = schedule.total_payable().tiyn();
        most = most.max(payable / months + i64::from(payable % months > 0));
    }
    Ok(Money::from_tiyn(most))
}
