//! Biometric identification against a one-time challenge, for the contract, for a payment to a merchant,
//! or after a leak of the client's data (paras 9, 35, 36; ). Never the same challenge twice, never without liveness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::act::ActKind;
use nesie_domain::application::{RefusalGround, Stage};
use nesie_domain::challenge::movements_from_seed;
use nesie_domain::ids::{ChallengeId, PaymentReference};
use nesie_domain::paragraph::Paragraph;
use nesie_domain::person::{ClientKind, Purpose};
use nesie_storage::agreement::identification::{self as rows, Challenge, NewIdentification};
use nesie_storage::agreement::signature::insert_exemption;
use nesie_storage::bodies::Identification;
use nesie_storage::views::agreement::Contract;
use nesie_storage::{leaks, pool, screening};
use nesie_workflows::contract::{ActInput, Verdict};
use rust_decimal::Decimal;
use serde_json::json;

use crate::World;
use crate::agreement::{act_key, tries};
use crate::calls::{Answered, Call};
use crate::disbursement_method;
use crate::failure::Failure;
use crate::providers::coid::{CoidReply, Comparison, ImageType};
use crate::record::{StepFact, derived_id, hex, next, refuse, stage_of, with_verdict};
use crate::signing::{After, after_signing, frozen};
use crate::subject::{Start, Subject, Submitted, open_act};

const STEP: &str = "identify_client";
/// Who makes the images with the movements, as ЦОИД knows him.
const VENDOR: &str = "nesie";
/// The purpose of a challenge for the contract.
pub(crate) const CONTRACT: &str = "contract";
/// The purpose of a challenge for a payment to a merchant.
pub(crate) const PAYMENT: &str = "payment";
/// The purpose of a challenge after a leak of the client's data.
pub(crate) const LEAK: &str = "leak";

/// A challenge that follows from application, purpose and number by our secret key: a repeat issues the same one, and
/// nobody without the key can tell its movements beforehand.
pub(crate) fn new_challenge(
    world: &World,
    subject: &Subject,
    purpose: &str,
    number: i32,
    at: DateTime<Utc>,
) -> Challenge {
    let id = ChallengeId::from_uuid(derived_id(subject.id(), &format!("challenge|{purpose}|{number}")));
    let seed = world.protection.index("challenge", &id.to_string());
    let lifetime = TimeDelta::minutes(subject.policies.challenge_lifetime_minutes().into());
    Challenge {
        id,
        purpose: purpose.to_owned(),
        number,
        movements: movements_from_seed(&seed).iter().map(|movement| movement.as_str().to_owned()).collect(),
        issued_at: at,
        expires_at: at + lifetime,
        used_by: None,
        flag_id: None,
    }
}

/// The challenge after one, for the same thing.
fn another(world: &World, subject: &Subject, challenge: &Challenge, at: DateTime<Utc>) -> Challenge {
    let another = new_challenge(world, subject, &challenge.purpose, challenge.number + 1, at);
    Challenge { flag_id: challenge.flag_id, ..another }
}

/// What the stage asks for.
struct Asked {
    act: ActKind,
    purpose: &'static str,
    challenge_id: ChallengeId,
    tries_left: u8,
}

impl Asked {
    fn of(stage: &Stage) -> Result<Self, Failure> {
        match *stage {
            Stage::AwaitingIdentification { challenge_id, tries_left } => {
                Ok(Self { act: ActKind::Identify, purpose: CONTRACT, challenge_id, tries_left })
            }
            Stage::AwaitingPaymentIdentification { challenge_id, tries_left } => {
                Ok(Self { act: ActKind::IdentifyForPayment, purpose: PAYMENT, challenge_id, tries_left })
            }
            Stage::AwaitingLeakVerification { challenge_id, tries_left } => {
                Ok(Self { act: ActKind::IdentifyAfterLeak, purpose: LEAK, challenge_id, tries_left })
            }
            _ => Err(Failure::park("application.stage_unexpected")),
        }
    }

    /// The same stage again, with another challenge.
    fn again(&self, challenge: &Challenge, tries_left: u8) -> Stage {
        let challenge_id = challenge.id;
        match self.purpose {
            CONTRACT => Stage::AwaitingIdentification { challenge_id, tries_left },
            LEAK => Stage::AwaitingLeakVerification { challenge_id, tries_left },
            _ => Stage::AwaitingPaymentIdentification { challenge_id, tries_left },
        }
    }
}

/// What the image came to, against what policy asks for.
struct Judged {
    score: Option<Decimal>,
    liveness: Option<bool>,
    threshold: Decimal,
    failure: Option<&'static str>,
}

/// Biometric identification against the one-time challenge of the stage.
pub(crate) async fn identify_client(world: &World, input: ActInput) -> Result<Verdict, Failure> {
    let acts = [ActKind::Identify, ActKind::IdentifyForPayment, ActKind::IdentifyAfterLeak];
    let keys = acts.map(|act| act_key(act, &input));
    let (subject, submitted) = match open_act::<_, Identification>(world, &input, &keys).await? {
        Start::Recorded(verdict) => return Ok(verdict),
        Start::New(opened) => opened,
    };
    let asked = Asked::of(&subject.application.stage)?;
    let challenge = rows::newest_challenge(&world.pool, subject.id(), asked.purpose).await?;
    let challenge = challenge.ok_or_else(|| Failure::park("challenge.missing"))?;
    let usable = challenge.id == asked.challenge_id
        && submitted.body.challenge_id == challenge.id
        && challenge.used_by.is_none()
        && challenge.expires_at > input.at;
    if !usable {
        return ask_again(world, &subject, &asked, &challenge, &submitted, input).await;
    }
    let answered = compare(world, &subject, &challenge, &submitted.body, input).await?;
    let judged = judge(&subject, &answered.value);
    record(world, &subject, &asked, &challenge, &submitted, input, answered, judged).await
}

/// A challenge that is unknown, used or too old costs no try: another one is issued.
async fn ask_again(
    world: &World,
    subject: &Subject,
    asked: &Asked,
    challenge: &Challenge,
    submitted: &Submitted<Identification>,
    input: ActInput,
) -> Result<Verdict, Failure> {
    let another = another(world, subject, challenge, input.at);
    let verdict = next(asked.again(&another, asked.tries_left));
    let fact = StepFact {
        application_id: subject.id(),
        key: &act_key(asked.act, &input),
        kind: "challenge_not_usable",
        details: with_verdict(json!({ "challenge_id": challenge.id }), &verdict)?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&verdict),
        event: None,
    };
    if let Some(mut transaction) = world.begin(fact).await? {
        rows::insert_challenge(&mut transaction, subject.id(), &another).await?;
        pool::commit(transaction).await?;
    }
    Ok(verdict)
}

async fn compare(
    world: &World,
    subject: &Subject,
    challenge: &Challenge,
    body: &Identification,
    input: ActInput,
) -> Result<Answered<CoidReply>, Failure> {
    let unreadable = || Failure::park("submission.unreadable");
    let image = STANDARD.decode(&body.image).map_err(|_| unreadable())?;
    let image_type = ImageType::parse(&body.image_type).ok_or_else(unreadable)?;
    let call = Call::new(subject.id(), STEP, ("coid", "verify"), input.submission_id, input.at);
    let key = call.key.clone();
    let movements: Vec<&str> = challenge.movements.iter().map(String::as_str).collect();
    let challenge_id = challenge.id.to_string();
    let comparison = Comparison {
        idempotency_key: &key,
        iin: &subject.applicant.iin,
        vendor: VENDOR,
        challenge_id: &challenge_id,
        movements: &movements,
        image: &image,
        image_type,
    };
    call.make(world, world.providers.coid.verify(&comparison)).await
}

fn judge(subject: &Subject, reply: &CoidReply) -> Judged {
    let threshold = subject.policies.biometric_score_minimum();
    match *reply {
        CoidReply::NoReferenceImage => {
            Judged { score: None, liveness: None, threshold, failure: Some("identification.no_reference_image") }
        }
        CoidReply::Compared { score, liveness } => {
            let failure = match (liveness, score >= threshold) {
                (false, _) => Some("identification.not_live"),
                (true, false) => Some("identification.score_too_low"),
                (true, true) => None,
            };
            Judged { score: Some(score), liveness: Some(liveness), threshold, failure }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "all that one identification is recorded from, once")]
async fn record(
    world: &World,
    subject: &Subject,
    asked: &Asked,
    challenge: &Challenge,
    submitted: &Submitted<Identification>,
    input: ActInput,
    answered: Answered<CoidReply>,
    judged: Judged,
) -> Result<Verdict, Failure> {
    let bound_to = match challenge.flag_id {
        Some(flag_id) => flag_id.to_string(),
        None => bound_to(subject, asked.purpose, &frozen(world, subject).await?),
    };
    let mut follows = match judged.failure {
        None => passed(world, subject, asked, input.at).await?,
        Some(_) => Follows::failed(world, subject, asked, challenge, input.at),
    };
    let fact = StepFact {
        application_id: subject.id(),
        key: &act_key(asked.act, &input),
        kind: if judged.failure.is_none() { "client_identified" } else { "identification_failed" },
        details: with_verdict(
            json!({ "challenge_id": challenge.id, "purpose": asked.purpose, "bound_to": bound_to, "failure": judged.failure }),
            &follows.verdict,
        )?,
        at: input.at,
        actor: submitted.actor(),
        stage: stage_of(&follows.verdict),
        event: None,
    };
    let under_way = follows.exempt.as_mut().and_then(|(_, after)| after.take_turn());
    let Some(mut transaction) = world.begin_in(under_way, fact).await? else { return Ok(follows.verdict) };
    answered.received.keep(world, &mut transaction).await?;
    rows::use_challenge(&mut transaction, challenge.id, input.submission_id).await?;
    let new = NewIdentification {
        challenge_id: challenge.id,
        submission_id: input.submission_id,
        vendor: VENDOR,
        score: judged.score,
        threshold: judged.threshold,
        liveness: judged.liveness,
        failure: judged.failure,
        bound_to: &bound_to,
        identified_at: input.at,
    };
    rows::insert_identification(&mut transaction, subject.id(), &new).await?;
    if asked.purpose == LEAK && judged.failure.is_none() {
        leaks::identified(&mut transaction, subject.id(), challenge.id, input.at).await?;
    }
    if let Some(another) = &follows.another {
        rows::insert_challenge(&mut transaction, subject.id(), another).await?;
    }
    if let Some((record_id, after)) = &follows.exempt {
        let paragraph = Paragraph::P9.to_string();
        insert_exemption(&mut transaction, subject.id(), &paragraph, record_id, input.at).await?;
        after.store(&mut transaction, subject).await?;
    }
    pool::commit(transaction).await?;
    Ok(follows.verdict)
}

/// What an identification is for: the contract's hash, or our payment reference.
pub(crate) fn bound_to(subject: &Subject, purpose: &str, contract: &Contract) -> String {
    if purpose == CONTRACT {
        return hex(&contract.sha256);
    }
    PaymentReference::for_application(subject.id(), 0).to_string()
}

/// What follows from an identification.
struct Follows {
    verdict: Verdict,
    /// Another challenge, where the client may try again.
    another: Option<Challenge>,
    /// The register's record that exempts from the EDS, with what follows the signature.
    exempt: Option<(String, After)>,
}

impl Follows {
    fn failed(world: &World, subject: &Subject, asked: &Asked, challenge: &Challenge, at: DateTime<Utc>) -> Self {
        let tries_left = asked.tries_left.saturating_sub(1);
        if tries_left == 0 {
            let verdict = refuse(RefusalGround::IdentificationFailed);
            return Self { verdict, another: None, exempt: None };
        }
        let another = another(world, subject, challenge, at);
        let verdict = next(asked.again(&another, tries_left));
        Self { verdict, another: Some(another), exempt: None }
    }

    fn passed(stage: Stage) -> Self {
        Self { verdict: next(stage), another: None, exempt: None }
    }
}

async fn passed(world: &World, subject: &Subject, asked: &Asked, at: DateTime<Utc>) -> Result<Follows, Failure> {
    if asked.purpose != CONTRACT {
        return Ok(Follows::passed(Stage::Processing { act: None }));
    }
    if let Some(record_id) = exemption(world, subject).await? {
        let confirmed = disbursement_method::confirmed(world, subject).await?;
        let after = after_signing(world, subject, &confirmed.destination, at).await?;
        let verdict = next(after.stage.clone());
        return Ok(Follows { verdict, another: None, exempt: Some((record_id, after)) });
    }
    let tries_left = tries(subject.policies.identification_attempts_maximum());
    Ok(Follows::passed(Stage::AwaitingSignature { tries_left }))
}

/// The register's record by which no EDS is needed: a sole proprietor, for business, on stored evidence (R-092, A4).
async fn exemption(world: &World, subject: &Subject) -> Result<Option<String>, Failure> {
    let business = subject.application.purpose == Purpose::Business.as_str();
    if subject.applicant.kind != ClientKind::SoleProprietor || !business {
        return Ok(None);
    }
    let check = screening::sole_proprietor_check(&world.pool, subject.id()).await?;
    Ok(check.filter(|check| check.registered).map(|check| check.record_id))
}
