//! The loan once the money moved: opened in accounting and told to the credit bureau, side by side (law art. 4).
//! Never before the transfer is confirmed.

use chrono::NaiveDate;
use nesie_domain::calendar::local_date;
use nesie_domain::schedule::Schedule;
use nesie_storage::facts::Actor;
use nesie_storage::money::{self, Loan, PaymentState};
use nesie_storage::pool;
use nesie_workflows::contract::StepInput;
use rust_decimal::Decimal;
use serde_json::json;

use crate::World;
use crate::calls::Call;
use crate::contract::{agreed_on, number};
use crate::failure::Failure;
use crate::providers::accounting::NewLoan;
use crate::providers::bureau::ContractInformation;
use crate::record::StepFact;
use crate::subject::{Start, Subject, open_step};

const STEP: &str = "record_loan";

/// What was lent: the contract's schedule as of the day on which the provider was called for the money, with that day's
/// annual effective rate. For that day the price was checked; that the money moved may have been learnt days later.
pub(crate) struct Lent {
    pub(crate) on: NaiveDate,
    pub(crate) schedule: Schedule,
    pub(crate) annual_effective_rate: Decimal,
}

/// What was lent to a client whose payment is confirmed.
pub(crate) async fn lent(world: &World, subject: &Subject) -> Result<Lent, Failure> {
    let payment = money::payment(&world.pool, subject.id()).await?;
    let sent_at = payment
        .filter(|payment| payment.state == PaymentState::Confirmed)
        .and_then(|payment| payment.sent_at)
        .ok_or_else(|| Failure::park("payment.not_confirmed"))?;
    let quote = agreed_on(world, subject, sent_at).await?;
    let annual_effective_rate =
        quote.effective_rate.ok_or_else(|| Failure::park("application.inconsistent"))?.percent();
    Ok(Lent { on: local_date(sent_at), schedule: quote.schedule, annual_effective_rate })
}

/// Loan accounting and the credit bureau, side by side.
pub(crate) async fn record_loan(world: &World, input: StepInput) -> Result<(), Failure> {
    let subject = match open_step(world, input.application_id, STEP).await? {
        Start::Recorded(()) => return Ok(()),
        Start::New(subject) => subject,
    };
    let Lent { on: granted_on, schedule, annual_effective_rate } = lent(world, &subject).await?;
    let loan_reference = number(subject.id());
    let new_loan = NewLoan {
        loan_reference: &loan_reference,
        application_id: subject.id(),
        amount: schedule.amount,
        annual_rate: schedule.rate,
        method: schedule.method,
        disbursed_on: granted_on,
        instalments: &schedule.instalments,
    };
    let information = ContractInformation {
        contract_reference: &loan_reference,
        iin: &subject.applicant.iin,
        amount: schedule.amount,
        granted_on,
        annual_rate: schedule.rate,
        term: schedule.term,
    };
    let opening = Call::new(subject.id(), STEP, ("accounting", "open_loan"), "accounting", input.at);
    let reporting = Call::new(subject.id(), STEP, ("bureau", "contract"), "bureau", input.at);
    let (opening_key, reporting_key) = (opening.key.clone(), reporting.key.clone());
    let (opened, reported) = futures::join!(
        opening.make(world, world.providers.accounting.open_loan(&opening_key, &new_loan)),
        reporting.make(world, world.providers.bureau.report_contract(&reporting_key, &information))
    );
    let (opened, reported) = (opened?, reported?);
    let loan = Loan {
        loan_reference,
        accounting_id: opened.value.loan_id,
        bureau_receipt: reported.value.receipt_id,
        schedule: json!(schedule),
        annual_effective_rate,
    };
    let fact = StepFact {
        application_id: subject.id(),
        key: STEP,
        kind: "loan_recorded",
        details: json!({
            "loan_reference": loan.loan_reference,
            "accounting_id": loan.accounting_id,
            "bureau_receipt": loan.bureau_receipt,
        }),
        at: input.at,
        actor: Actor::System,
        stage: None,
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        opened.received.keep(world, &mut transaction).await?;
        reported.received.keep(world, &mut transaction).await?;
        money::insert_loan(&mut transaction, subject.id(), &loan, input.at).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}
