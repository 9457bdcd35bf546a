//! The EDS over the frozen contract (paras 2(2), 9; ): it says who wills what is written there. Never accepted on the verifier's word alone: the rules stand in
//! `providers/ncanode/judgement.rs`; and never rejected because the verifier could not tell.

use chrono::TimeDelta;
use nesie_domain::act::ActKind;
use nesie_domain::application::{RefusalGround, Stage};
use nesie_storage::agreement::signature::{NewSignature, insert};
use nesie_storage::bodies::Signature;
use nesie_storage::pool;
use nesie_workflows::contract::{ActInput, Verdict};
use serde_json::json;

use crate::World;
use crate::agreement::act_key;
use crate::calls::{Answered, Call};
use crate::disbursement_method;
use crate::failure::Failure;
use crate::providers::Answer;
use crate::providers::ncanode::{ExpectedSignature, SignatureVerdict, SignerRole};
use crate::record::{StepFact, hex, next, refuse, stage_of, with_verdict};
use crate::signing::{after_signing, frozen};
use crate::subject::{Start, Subject, open_act};

const STEP: &str = "verify_signature";
/// How far the clocks of time-stamping authority and workflow may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(2);

/// The EDS over the frozen contract.
pub(crate) async fn verify_signature(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let key = act_key(ActKind::Sign, &input);
    let (subject, submitted) = match open_act::<_, Signature>(world, &input, key.as_str()).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(opened) => opened,
    };
    let Stage::AwaitingSignature { tries_left } = subject.application.stage else {
        return Err(Failure::park("application.stage_unexpected"));
    };
    let contract = frozen(world, &subject).await?;
    let expected = ExpectedSignature {
        iin: &subject.applicant.iin,
        role: SignerRole::Individual,
        content_sha256: &hex(&contract.sha256),
        session_from: contract.frozen_at - CLOCK_SKEW,
        session_until: input.at + CLOCK_SKEW,
    };
    let answered = verify(world, &subject, &submitted.body.cms, &expected, input).await?;
    let confirmed = disbursement_method::confirmed(world, &subject).await?;
    let mut after = after_signing(world, &subject, &confirmed.destination, input.at).await?;
    let (rejection, serial, tsp_time) = match answered.value {
        SignatureVerdict::Accepted { certificate_serial, tsp_time } => (None, Some(certificate_serial), Some(tsp_time)),
        SignatureVerdict::Rejected { code } => (Some(code.code()), None, None),
    };
    let verdict = match (&rejection, tries_left.saturating_sub(1)) {
        (None, _) => next(after.stage.clone()),
        (Some(_), 0) => refuse(RefusalGround::SignatureNotAccepted),
        (Some(_), tries_left) => next(Stage::AwaitingSignature { tries_left }),
    };
    let fact = StepFact {
        application_id: subject.id(),
        key: &key,
        kind: if rejection.is_none() { "contract_signed" } else { "signature_rejected" },
        details: with_verdict(json!({ "contract_sha256": hex(&contract.sha256), "rejection": rejection }), &verdict)?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    let under_way = after.take_turn();
    let Some(mut transaction) = world.begin_in(under_way, fact).await? else { return Ok(verdict) };
    let evidence_id = answered.received.keep(world, &mut transaction).await?;
    let new = NewSignature {
        submission_id: input.submission_id,
        rejection: rejection.as_deref(),
        contract_sha256: &contract.sha256,
        certificate_serial: serial.as_deref(),
        tsp_time,
        evidence_id: Some(evidence_id),
        verified_at: input.at,
    };
    insert(&mut transaction, subject.id(), &new).await?;
    if rejection.is_none() {
        after.store(&mut transaction, &subject).await?;
    }
    pool::commit(transaction).await?;
    Ok(verdict)
}

async fn verify(
    world: &World,
    subject: &Subject,
    cms: &str,
    expected: &ExpectedSignature<'_>,
    input: ActInput,
) -> Result<Answered<SignatureVerdict>, Failure> {
    let call = Call::new(subject.id(), STEP, ("ncanode", "verify"), input.submission_id, input.at);
    let exchange = async {
        let check = world.providers.ncanode.verify(cms, expected).await?;
        // What was taken out of the CMS is in the CMS, which is kept with the submission.
        let Answer { raw, content_type, .. } = check.verification;
        Ok(Answer { value: check.verdict, raw, content_type })
    };
    call.make(world, exchange).await
}
