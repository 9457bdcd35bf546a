//! Whose money moves: what a payout and a refund each check before, and under which facts each is recorded.
//! Never a call for a transfer, and never a state: those are the engine's, which both share.

use chrono::{DateTime, Utc};
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::ids::{EvidenceId, Owner};
use nesie_domain::iin::Iin;
use nesie_domain::refund::{RefundKind, RefundRound};
use nesie_storage::bodies::Destination;
use nesie_storage::facts::Actor;
use nesie_storage::money::Payment;
use nesie_storage::refunds::Refund;
use nesie_storage::{PgConnection, Postgres, Transaction};
use nesie_workflows::contract::{CaseStep, StepInput};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::calls::Call;
use crate::disbursement_method::confirmed;
use crate::duties;
use crate::failure::Failure;
use crate::payment::objection;
use crate::record::{CaseFact, StepFact};
use crate::subject::Subject;
use crate::tried;
use crate::write_off;

const PAYOUT: &str = "transfer_money";

/// Whose money moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moving {
    /// The payout of an application.
    Payout(StepInput),
    /// A refund of a write-off.
    Refund { input: CaseStep, refund: RefundTry },
}

/// One try of a refund.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefundTry {
    pub(crate) kind: RefundKind,
    pub(crate) round: RefundRound,
    /// Which try of it, and to which of the client's accounts.
    pub(crate) generation: u32,
    pub(crate) account_id: Uuid,
}

impl RefundTry {
    pub(crate) fn of(kind: RefundKind, refund: &Refund) -> Self {
        let Refund { round, generation, account_id, payment: _ } = *refund;
        Self { kind, round, generation, account_id }
    }

    /// The key of a fact of this try; those of the first round are released without it.
    pub(crate) fn fact_key(&self, what: &str) -> String {
        let (kind, generation) = (self.kind.as_str(), self.generation);
        match self.round {
            RefundRound::FIRST => format!("{kind}:{generation}:{what}"),
            RefundRound(round) => format!("{kind}:round-{round}:{generation}:{what}"),
        }
    }
}

/// Where the money goes, and to whom.
pub(crate) struct Ready {
    pub(crate) destination: Destination,
    pub(crate) holder: Iin,
}

/// Whether the provider may be called.
pub(crate) enum Permit {
    Go(Ready),
    Stop(RefusalGround),
}

impl Moving {
    /// Why the provider must not be called, or what it is called with.
    pub(super) async fn permit(&self, world: &World, payment: &Payment) -> Result<Permit, Failure> {
        match *self {
            Self::Payout(input) => {
                let subject = Subject::load(world, input.application_id).await?;
                let confirmed = confirmed(world, &subject).await?;
                Ok(match objection(world, &subject, &confirmed, PAYOUT, input).await? {
                    Some(ground) => Permit::Stop(ground),
                    None => {
                        Permit::Go(Ready { destination: confirmed.destination, holder: subject.applicant.iin.clone() })
                    }
                })
            }
            Self::Refund { input, refund } => write_off::permit(world, input, payment, &refund).await,
        }
    }

    /// When this try of it began.
    pub(super) fn at(&self) -> DateTime<Utc> {
        tried::at(match self {
            Self::Payout(input) => input.at,
            Self::Refund { input, .. } => input.at,
        })
    }

    pub(super) fn call(&self, payment: &Payment, operation: &'static str) -> Call {
        let (owner, step) = match self {
            Self::Payout(input) => (Owner::from(input.application_id), PAYOUT),
            Self::Refund { input, refund } => (input.case_id.into(), refund.kind.as_str()),
        };
        Call::under(payment.our_reference.to_string(), owner, step, ("payments", operation), self.at())
    }

    pub(super) async fn begin_sent(&self, world: &World, payment: &Payment) -> Begins {
        let details = json!({ "our_reference": payment.our_reference });
        match self {
            Self::Payout(input) => world.begin(payout(*input, "transfer:sent", "transfer_sent", details)).await,
            Self::Refund { .. } => self.begin_refund(world, "sent", details, None).await,
        }
    }

    pub(super) async fn begin_confirmed(&self, world: &World, payment: &Payment, provider: &str) -> Begins {
        let details = json!({ "our_reference": payment.our_reference, "provider_reference": provider });
        match self {
            Self::Payout(input) => {
                let fact = payout(*input, "transfer:confirmed", "money_transferred", details);
                let confirmed = StepFact { stage: Some(&Stage::Recording), event: Some("payment.confirmed"), ..fact };
                world.begin(confirmed).await
            }
            Self::Refund { .. } => self.begin_refund(world, "confirmed", details, Some("case.refund_confirmed")).await,
        }
    }

    pub(super) async fn begin_rejected(&self, world: &World, payment: &Payment, provider: &str) -> Begins {
        let details = json!({ "our_reference": payment.our_reference, "provider_reference": provider });
        match self {
            Self::Payout(input) => world.begin(payout(*input, "transfer:rejected", "transfer_rejected", details)).await,
            Self::Refund { .. } => self.begin_refund(world, "rejected", details, Some("case.refund_rejected")).await,
        }
    }

    /// What follows from the confirmation, in its transaction: a refund meets its duty.
    pub(super) async fn confirmed(
        &self,
        world: &World,
        connection: &mut PgConnection,
        payment: &Payment,
        provider: &str,
        evidence_id: EvidenceId,
    ) -> Result<(), Failure> {
        let Self::Refund { input, refund } = self else { return Ok(()) };
        let evidence = json!({
            "our_reference": payment.our_reference,
            "provider_reference": provider,
            "amount": payment.amount,
            "evidence_id": evidence_id,
        });
        let (case_id, actor) = (input.case_id, Actor::System);
        let (duty, about) = (refund.kind.duty(), refund.round.subject());
        duties::meet(world, connection, case_id, duty, &about, actor, &evidence, self.at()).await?;
        Ok(())
    }

    /// Begins the transaction of a refund's fact: its key names kind, round and try.
    async fn begin_refund(&self, world: &World, what: &str, mut details: Value, event: Option<&str>) -> Begins {
        let Self::Refund { input, refund } = self else {
            return Err(Failure::park("payment.not_a_refund"));
        };
        details["refund"] = json!(refund.kind);
        let fact = CaseFact {
            case_id: input.case_id,
            key: &refund.fact_key(what),
            kind: &format!("refund_{what}"),
            details,
            at: self.at(),
            actor: Actor::System,
            stage: None,
            event,
        };
        world.begin_case(fact).await
    }
}

/// The transaction of a fact; `None` where another attempt recorded the very same before.
type Begins = Result<Option<Transaction<'static, Postgres>>, Failure>;

fn payout<'a>(input: StepInput, key: &'a str, kind: &'a str, details: Value) -> StepFact<'a> {
    StepFact {
        application_id: input.application_id,
        key,
        kind,
        details,
        at: tried::at(input.at),
        actor: Actor::System,
        stage: None,
        event: None,
    }
}
