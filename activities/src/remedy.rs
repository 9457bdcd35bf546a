//! What two people decided on a parked step: its effect proved and recorded, or its input corrected
//! (docs/decisions/0021). Never without an approved request for exactly this, and never a call to a provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::application::Stage;
use nesie_domain::approval::ApprovalState;
use nesie_domain::ids::{ApplicationId, ApprovalId, CaseId, EvidenceId, Owner, SubmissionId};
use nesie_domain::phone::Phone;
use nesie_domain::refund::RefundKind;
use nesie_platform::protection::sha256;
use nesie_storage::approvals::{self, Approval};
use nesie_storage::bodies::{Correction, Proof};
use nesie_storage::evidence::{self, NewEvidence};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::money::{self, Loan, PaymentState};
use nesie_storage::parked;
use nesie_storage::screening::Decision;
use nesie_storage::views::open_work;
use nesie_storage::{PgConnection, applications, notices, pool, refunds};
use nesie_workflows::contract::{ParkedDecision, Remedy, ResolveInput};
use serde_json::{Value, json};

use crate::World;
use crate::case::submitted;
use crate::closing::{notice_key, template};
use crate::contract::number;
use crate::duties;
use crate::failure::Failure;
use crate::loan::lent;
use crate::record::{derived_id, hex};
use crate::subject::{Subject, Submitted};
use crate::transfer::RefundTry;

/// Stores the decision of two people, and what was proved with it.
pub(crate) async fn resolve(world: &World, input: &ResolveInput) -> Result<(), Failure> {
    let step = open_work::parked_step(&world.pool, input.parked_step_id).await?;
    let step = step.ok_or_else(|| Failure::park("parked_step.missing"))?.step;
    if input.decision == ParkedDecision::RetryCorrected {
        let correction = submitted::<Correction>(world, input.owner, input.submission_id).await?.body;
        let approval = approved(world, input, correction.approval_id).await?;
        return decided(world, input, &approval, None).await;
    }
    let proof = submitted::<Proof>(world, input.owner, input.submission_id).await?.body;
    let approval = approved(world, input, proof.approval_id).await?;
    let proved = Proved { step: &step, proof: &proof, approval: &approval, input };
    decided(world, input, &approval, Some(proved)).await
}

/// The request that two people decided, read again: the workflow's word alone moves nothing.
async fn approved(world: &World, input: &ResolveInput, id: ApprovalId) -> Result<Approval, Failure> {
    let approval = approvals::get(&world.pool, id).await?.ok_or_else(|| Failure::park("approval.missing"))?;
    let asked = Remedy {
        owner: input.owner,
        parked_step_id: input.parked_step_id,
        submission_id: input.submission_id,
        decision: input.decision,
    };
    let same = serde_json::from_value::<Remedy>(approval.proposal.clone()).is_ok_and(|proposed| proposed == asked);
    if same && approval.state == ApprovalState::Approved {
        Ok(approval)
    } else {
        Err(Failure::park("approval.not_for_this"))
    }
}

/// The decision as a fact of the second person's; the first one's stands in the audit as the request.
async fn decided(
    world: &World,
    input: &ResolveInput,
    approval: &Approval,
    proved: Option<Proved<'_>>,
) -> Result<(), Failure> {
    let by = approval.decided_by.clone().unwrap_or_default();
    let reason = approval.decision_reason.clone().unwrap_or_default();
    let fact = Fact {
        owner: input.owner,
        fact_key: &format!("parked:{}:decision", input.parked_step_id),
        kind: "parked_step_decided",
        details: json!({
            "parked_step_id": input.parked_step_id,
            "decision": input.decision.as_str(),
            "approval_id": approval.id,
        }),
        at: input.at,
        actor: Actor::Person { subject: by.clone(), roles: Vec::new(), reason: reason.clone() },
        build: world.build,
        moves: Move::Stays,
        event: None,
    };
    let Some(mut transaction) = world.begin_with(fact).await? else { return Ok(()) };
    let decision = Decision { decision: input.decision.as_str(), decided_by: &by, reason: &reason, at: input.at };
    parked::decide_by_two(&mut transaction, input.owner, input.parked_step_id, &decision, approval.id).await?;
    if let Some(proved) = proved {
        proved.keep_document(world, &mut transaction).await?;
        proved.record(world, &mut transaction).await?;
    }
    Ok(pool::commit(transaction).await?)
}

/// A step whose effect was proved.
struct Proved<'a> {
    step: &'a str,
    proof: &'a Proof,
    approval: &'a Approval,
    input: &'a ResolveInput,
}

impl Proved<'_> {
    /// Records the effect under the step's own key: its next try finds it, and does nothing.
    async fn record(&self, world: &World, connection: &mut PgConnection) -> Result<(), Failure> {
        match (self.input.owner, self.step, RefundKind::parse(self.step)) {
            (Owner::Application(id), "transfer_money", _) => self.record_transfer(world, connection, id).await,
            (Owner::Application(id), "record_loan", _) => self.record_loan(world, connection, id).await,
            (Owner::Application(id), "notify_client", _) => self.record_notice(world, connection, id).await,
            (Owner::Case(id), _, Some(kind)) => self.record_refund(world, connection, id, kind).await,
            _ => Err(Failure::park("remedy.not_possible")),
        }
    }

    async fn record_transfer(
        &self,
        world: &World,
        connection: &mut PgConnection,
        id: ApplicationId,
    ) -> Result<(), Failure> {
        let payment = money::payment(&mut *connection, id).await?.ok_or_else(|| Failure::park("payment.missing"))?;
        if !matches!(payment.state, PaymentState::Sent | PaymentState::Unknown) {
            // The provider's own word came first; the next try follows that.
            return Ok(());
        }
        let reference = self.proof.provider_reference.as_deref();
        let details = json!({
            "our_reference": payment.our_reference,
            "provider_reference": reference,
            "approval_id": self.approval.id,
        });
        match (self.proof.money_moved, reference) {
            (Some(true), Some(reference)) => {
                let moves = Move::Application { stage: &Stage::Recording, outcome: None };
                let event = Some("payment.confirmed");
                self.fact(world, connection, "transfer:confirmed", "money_transferred", details, moves, event).await?;
                Ok(money::mark_confirmed(connection, payment.our_reference, reference, self.input.at).await?)
            }
            (Some(false), reference) => {
                let key = "transfer:rejected";
                self.fact(world, connection, key, "transfer_rejected", details, Move::Stays, None).await?;
                Ok(money::mark_rejected(connection, payment.our_reference, reference, self.input.at).await?)
            }
            _ => Err(Failure::park("remedy.incomplete")),
        }
    }

    /// A refund, under the keys of its own try: its duty is met where the money moved, and another account is wanted where
    /// it did not.
    async fn record_refund(
        &self,
        world: &World,
        connection: &mut PgConnection,
        case_id: CaseId,
        kind: RefundKind,
    ) -> Result<(), Failure> {
        // Nothing in doubt: the provider's own word came first; the next try follows that.
        let Some(refund) = refunds::in_doubt(&mut *connection, case_id, kind).await? else { return Ok(()) };
        let (ours, this) = (refund.payment.our_reference, RefundTry::of(kind, &refund));
        let reference = self.proof.provider_reference.as_deref();
        let details = json!({
            "refund": kind,
            "our_reference": ours,
            "provider_reference": reference,
            "approval_id": self.approval.id,
        });
        let at = self.input.at;
        match (self.proof.money_moved, reference) {
            (Some(true), Some(reference)) => {
                let (key, event) = (this.fact_key("confirmed"), Some("case.refund_confirmed"));
                let mut evidence = details.clone();
                evidence["amount"] = json!(refund.payment.amount);
                self.fact(world, connection, &key, "refund_confirmed", details, Move::Stays, event).await?;
                money::mark_confirmed(connection, ours, reference, at).await?;
                let (duty, about, actor) = (kind.duty(), refund.round.subject(), self.maker());
                duties::meet(world, connection, case_id, duty, &about, actor, &evidence, at).await?;
                Ok(())
            }
            (Some(false), reference) => {
                let (key, event) = (this.fact_key("rejected"), Some("case.refund_rejected"));
                self.fact(world, connection, &key, "refund_rejected", details, Move::Stays, event).await?;
                Ok(money::mark_rejected(connection, ours, reference, at).await?)
            }
            _ => Err(Failure::park("remedy.incomplete")),
        }
    }

    async fn record_loan(
        &self,
        world: &World,
        connection: &mut PgConnection,
        id: ApplicationId,
    ) -> Result<(), Failure> {
        let (Some(accounting_id), Some(bureau_receipt)) =
            (self.proof.provider_reference.clone(), self.proof.bureau_receipt.clone())
        else {
            return Err(Failure::park("remedy.incomplete"));
        };
        let lent = lent(world, &Subject::load(world, id).await?).await?;
        let loan = Loan {
            loan_reference: number(id),
            accounting_id,
            bureau_receipt,
            schedule: json!(lent.schedule),
            annual_effective_rate: lent.annual_effective_rate,
        };
        let details = json!({
            "loan_reference": loan.loan_reference,
            "accounting_id": loan.accounting_id,
            "bureau_receipt": loan.bureau_receipt,
            "approval_id": self.approval.id,
        });
        self.fact(world, connection, "record_loan", "loan_recorded", details, Move::Stays, None).await?;
        Ok(money::insert_loan(connection, id, &loan, self.input.at).await?)
    }

    async fn record_notice(
        &self,
        world: &World,
        connection: &mut PgConnection,
        id: ApplicationId,
    ) -> Result<(), Failure> {
        let application = applications::get(&mut *connection, id).await?;
        // The notice goes out beside the record of the end, which may be a moment behind.
        let outcome = application.and_then(|application| application.outcome);
        let template = template(&outcome.ok_or_else(|| Failure::retry("application.not_closed"))?);
        let by_hand = format!("approval/{}", self.approval.id);
        let message_id = self.proof.provider_reference.as_deref().unwrap_or(&by_hand);
        let details = json!({ "template": template, "message_id": message_id, "approval_id": self.approval.id });
        self.fact(world, connection, &notice_key(template), "client_notified", details, Move::Stays, None).await?;
        Ok(notices::insert(connection, id, template, message_id, self.input.at).await?)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one fact")]
    async fn fact(
        &self,
        world: &World,
        connection: &mut PgConnection,
        fact_key: &str,
        kind: &str,
        details: Value,
        moves: Move<'_>,
        event: Option<&str>,
    ) -> Result<(), Failure> {
        let fact = Fact {
            owner: self.input.owner,
            fact_key,
            kind,
            details,
            at: self.input.at,
            actor: self.maker(),
            build: world.build,
            moves,
            event,
        };
        facts::record(connection, fact).await?;
        Ok(())
    }

    /// Who proved it.
    fn maker(&self) -> Actor {
        Actor::Person {
            subject: self.approval.maker.clone(),
            roles: Vec::new(),
            reason: self.approval.maker_reason.clone(),
        }
    }

    /// The document that proves it, sealed, as evidence of the step.
    async fn keep_document(&self, world: &World, connection: &mut PgConnection) -> Result<(), Failure> {
        let Some(document) = &self.proof.document else { return Ok(()) };
        let content = STANDARD.decode(&document.content).map_err(|_| Failure::park("remedy.unreadable_document"))?;
        let sha256 = sha256(&content);
        let kind = "proof_by_hand";
        let thing = format!("evidence|{}|{kind}|{}", self.step, hex(&sha256));
        let id = EvidenceId::from_uuid(derived_id(self.input.owner, &thing));
        let new = NewEvidence {
            id,
            owner: self.input.owner,
            step: self.step,
            kind,
            content_type: &document.content_type,
            content_sealed: &world.protection.seal(&format!("evidence|{id}"), &content),
            sha256: &sha256,
            recorded_at: self.input.at,
        };
        Ok(evidence::insert(connection, &new).await?)
    }
}

/// The phone that two people corrected for the notice, with what it was submitted by.
pub(crate) async fn corrected_phone(
    world: &World,
    application_id: ApplicationId,
    step: &str,
) -> Result<Option<(SubmissionId, Phone)>, Failure> {
    let Some(id) = parked::correction(&world.pool, application_id, step).await? else { return Ok(None) };
    let correction = Submitted::<Correction>::load(world, application_id, id).await?.body;
    Ok(Some((id, correction.phone)))
}
