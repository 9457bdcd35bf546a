//! The measures before a flagged client's next operation (para 36, R-221 to R-223): identification, phone, call.
//! Never takes a base that can not tell for a match, and never lets a client go on while one measure is missing.

use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::ids::ApplicationId;
use nesie_storage::facts::Actor;
use nesie_storage::leaks::{self, InForce};
use nesie_storage::{agreement::identification as challenges, locks, pool};
use nesie_workflows::contract::{StepInput, Verdict};
use serde_json::json;

use super::clear;
use crate::World;
use crate::agreement::tries;
use crate::calls::{Answered, Call};
use crate::failure::Failure;
use crate::identification::{LEAK, new_challenge};
use crate::providers::phones::{PhoneMatch, PhoneRecord};
use crate::record::{StepFact, next, refuse, stage_of, with_verdict};
use crate::subject::Subject;
use crate::wake;

const STEP: &str = "verify_after_leak";
const OPERATORS: &str = "mobile-operators";
const EGOV: &str = "egov-mobile";

/// Whether a flag is in force on the client. Records nothing.
pub(crate) async fn check_leak_flag(world: &World, input: StepInput) -> Result<bool, Failure> {
    Ok(leaks::is_flagged(&world.pool, input.application_id).await?)
}

/// The next of the measures, by the rows as they are now.
pub(crate) async fn verify_after_leak(world: &World, input: StepInput) -> Result<Verdict, Failure> {
    // Asked again and again as measures come in: each asking is an occasion of its own.
    let key = format!("{STEP}:{}", input.at.timestamp_micros());
    if let Some(verdict) = world.recorded(input.application_id, &key).await? {
        wake_others(world, input.application_id, &verdict).await?;
        return Ok(verdict);
    }
    let flags = leaks::in_force(&world.pool, input.application_id).await?;
    let subject = Subject::load(world, input.application_id).await?;
    let waits =
        matches!(subject.application.stage, Stage::AwaitingLeakVerification { .. } | Stage::AwaitingVerificationCall);
    if flags.is_empty() && !waits {
        return Ok(next(Stage::Processing { act: None }));
    }
    let asking = Asking { world, subject: &subject, key: &key, input };
    if let Some(flag) = flags.iter().find(|flag| !flag.identified) {
        return asking.ask_for_identification(flag).await;
    }
    if flags.iter().any(|flag| !flag.phone_checked) {
        return asking.check_phone(&flags).await;
    }
    asking.settle(&flags, None).await
}

/// Whatever else the client has open looks again once nothing is missing for him: it may await the very call that is there now.
/// On a repeat too: the try before may have died between its record and the waking.
async fn wake_others(world: &World, id: ApplicationId, verdict: &Verdict) -> Result<(), Failure> {
    if *verdict != next(Stage::Processing { act: None }) {
        return Ok(());
    }
    let iin_index = leaks::iin_index(&world.pool, id).await?;
    for other in leaks::open_applications(&world.pool, &iin_index).await? {
        if other != id {
            wake::client_verified(world, other).await?;
        }
    }
    Ok(())
}

/// One asking of one application.
struct Asking<'a> {
    world: &'a World,
    subject: &'a Subject,
    key: &'a str,
    input: StepInput,
}

/// An answer of a base that names whose the phone is.
type Checked = (&'static str, Answered<PhoneRecord>);

impl Asking<'_> {
    fn fact<'a>(
        &'a self,
        kind: &'a str,
        verdict: &'a Verdict,
        details: serde_json::Value,
    ) -> Result<StepFact<'a>, Failure> {
        Ok(StepFact {
            application_id: self.subject.id(),
            key: self.key,
            kind,
            details: with_verdict(details, verdict)?,
            at: self.input.at,
            actor: Actor::System,
            stage: stage_of(verdict),
            event: None,
        })
    }

    /// A one-time challenge that is bound to the flag.
    async fn ask_for_identification(&self, flag: &InForce) -> Result<Verdict, Failure> {
        let Self { world, subject, input, .. } = self;
        let before = challenges::newest_challenge(&world.pool, subject.id(), LEAK).await?;
        let number = before.map_or(1, |challenge| challenge.number + 1);
        let mut challenge = new_challenge(world, subject, LEAK, number, input.at);
        challenge.flag_id = Some(flag.id);
        let tries_left = tries(subject.policies.identification_attempts_maximum());
        let verdict = next(Stage::AwaitingLeakVerification { challenge_id: challenge.id, tries_left });
        let details = json!({ "client_id": flag.id, "case_id": flag.case_id, "challenge_id": challenge.id });
        if let Some(mut transaction) = world.begin(self.fact("client_held", &verdict, details)?).await? {
            challenges::insert_challenge(&mut transaction, subject.id(), &challenge).await?;
            pool::commit(transaction).await?;
        }
        Ok(verdict)
    }

    /// The operators' base first, and that of eGov mobile where it can not tell.
    async fn check_phone(&self, flags: &[InForce]) -> Result<Verdict, Failure> {
        let (source, answered) = self.ask_bases().await?;
        if answered.value.result == PhoneMatch::Match {
            return self.settle(flags, Some((source, answered))).await;
        }
        let verdict = refuse(RefusalGround::PhoneNotConfirmed);
        let details = json!({ "source": source, "result": answered.value.result });
        if let Some(mut transaction) = self.world.begin(self.fact("phone_not_confirmed", &verdict, details)?).await? {
            answered.received.keep(self.world, &mut transaction).await?;
            pool::commit(transaction).await?;
        }
        Ok(verdict)
    }

    async fn ask_bases(&self) -> Result<Checked, Failure> {
        let Self { world, subject, input, .. } = self;
        let (iin, phone) = (&subject.applicant.iin, &subject.applicant.phone);
        for (source, base) in [(OPERATORS, &world.providers.mobile_operators), (EGOV, &world.providers.egov_mobile)] {
            let call = Call::new(subject.id(), STEP, (source, "check"), source, input.at);
            let answered = call.make(world, base.check(iin, phone)).await?;
            if answered.value.result != PhoneMatch::Unknown {
                return Ok((source, answered));
            }
            answered.received.keep_undetermined(world).await?;
        }
        Err(Failure::retry("phones.unknown").of(EGOV))
    }

    /// Everything that is the system's is done: the flags go if the call is there too, else compliance is awaited.
    async fn settle(&self, flags: &[InForce], checked: Option<Checked>) -> Result<Verdict, Failure> {
        let Self { world, subject, input, key } = self;
        let id = subject.id();
        let mut transaction = pool::begin(&world.pool).await?;
        let iin_index = leaks::iin_index(&mut *transaction, id).await?;
        // A call that is being recorded is seen, or sees what is checked here.
        locks::client(&mut transaction, &iin_index).await?;
        let mut evidence = json!(null);
        if let Some((source, answered)) = &checked {
            let evidence_id = answered.received.keep(world, &mut transaction).await?;
            leaks::phone_checked(&mut transaction, id, source, evidence_id, input.at).await?;
            evidence = json!({ "source": source, "evidence_id": evidence_id });
        }
        let cleared = clear(world, &mut transaction, &iin_index, input.at).await?;
        // Read in the same transaction, after the change: a measure that another brought in meanwhile is seen.
        let left = leaks::in_force(&mut *transaction, id).await?;
        let verdict = if left.is_empty() {
            next(Stage::Processing { act: None })
        } else if left.iter().all(|flag| flag.identified && flag.phone_checked) {
            next(Stage::AwaitingVerificationCall)
        } else {
            // A flag was set just now, or another number was checked: the next try takes it up.
            pool::commit(transaction).await?;
            return Err(Failure::retry("leak.changed_meanwhile"));
        };
        let kind = if left.is_empty() { "leak_verified" } else { "verification_call_awaited" };
        let held: Vec<_> = flags.iter().map(|flag| flag.id).collect();
        let details = json!({ "client_ids": held, "phone": evidence, "cleared": cleared });
        let fact = self.fact(kind, &verdict, details)?;
        world.record_in(&mut transaction, StepFact { key, ..fact }).await?;
        pool::commit(transaction).await?;
        wake_others(world, id, &verdict).await?;
        Ok(verdict)
    }
}
